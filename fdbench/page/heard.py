"""What a run has stored of what was heard in its calls, in the form in which scorers saw it. Nothing is heard here.

What is not stored is missing with the reason that a scorer would give, so that a page is drawn of whatever there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, DetectedSpeech, Request, SpeechRequest, WordsRequest
from fdbench.core.metric import CORRECTED
from fdbench.core.speech import Transcript
from fdbench.errors import DataError
from fdbench.hear.believed import believe_recognised
from fdbench.hear.cache import AnnotationCache
from fdbench.scoring.requests import MODEL_SPEECH, MODEL_WORDS, user_speech
from fdbench.stages.cases import Case, RecordedTake
from fdbench.stages.score import requests_of
from fdbench.store.manifest import Scored

NOBODY = "none"


def heard_takes(case: Case, scored: Scored, cache: AnnotationCache) -> dict[str, Annotations | Absence]:
    """By stimulus, what is stored of each take as one scoring heard it, or why there is no take.

    Args:
        case: Placed as the scoring had it.
    """
    found: dict[str, Annotations | Absence] = dict(case.absences)
    wanted = requests_of(case, (scored.protocol,), asks=True)
    for stimulus, take in case.recorded.items():
        user: tuple[Request, ...] = (user_speech(take.known_prompt_s), SpeechRequest("user"), WordsRequest("user"))
        requests = dict.fromkeys((MODEL_SPEECH, MODEL_WORDS, *user, *wanted.get(stimulus, ())))
        found[stimulus] = _heard(take, tuple(requests), scored, cache)
    return found


def _heard(take: RecordedTake, requests: tuple[Request, ...], scored: Scored, cache: AnnotationCache) -> Annotations:
    speech: dict[SpeechRequest, DetectedSpeech] = {}
    words: dict[WordsRequest, Transcript] = {}
    missing: dict[Request, Absence] = {}
    for request in requests:
        if isinstance(request, SpeechRequest):
            segments = _stored(take, request, {"vad": scored.engines.get("vad", "")}, scored.engines, cache)
            if isinstance(segments, DetectedSpeech):
                speech[request] = segments
            else:
                missing[request] = Absence("segments_missing")
        elif isinstance(request, WordsRequest):
            asr = scored.engines.get("asr", NOBODY)
            facts = {"asr": asr, "vad": scored.engines.get("vad", "")}
            transcript = Transcript((), NOBODY) if asr == NOBODY else _stored(take, request, facts, scored.engines, cache)
            if isinstance(transcript, Transcript):
                words[request] = believe_recognised(transcript) if scored.protocol in CORRECTED else transcript
            else:
                missing[request] = Absence("transcript_missing")
    return replace(
        Annotations(speech=speech, words=words, missing=missing),
        prompt_s=take.known_prompt_s,
        recorded_s=take.recorded_s,
        right_censored=take.right_censored,
        model_events=take.model_events,
    )


def _stored(
    take: RecordedTake,
    request: SpeechRequest | WordsRequest,
    engines: Mapping[str, str],
    signatures: Mapping[str, str],
    cache: AnnotationCache,
) -> DetectedSpeech | Transcript | None:
    try:
        digest = take.audio.digest(request.channel)
    except DataError:
        return None
    hear = signatures.get("hear", "")
    if digest is None or not hear.isdecimal():
        return None
    return cache.find(digest, request, engines, int(hear))
