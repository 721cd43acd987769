"""What was heard before, from the answers on disk alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fdbench.audio.levels import levels_from_start
from fdbench.core.absence import Absence
from fdbench.core.annotation import (
    Annotations,
    DetectedSpeech,
    LevelsRequest,
    Prosody,
    ProsodyRequest,
    Request,
    SpeechRequest,
    WordsRequest,
)
from fdbench.core.speech import Transcript
from fdbench.hear.believed import believe_recognised
from fdbench.hear.cache import AnnotationCache
from fdbench.hear.engines import SILERO, WEBRTC, vad_signature
from fdbench.hear.prosody import prosody_signature, why_unmeasured
from fdbench.hear.rules import VERSION_BEFORE_SIGNED
from fdbench.hear.stage import TakeAudio


def recall(
    take: TakeAudio, requests: Sequence[Request], signatures: Mapping[str, str], cache: AnnotationCache
) -> Annotations | None:
    """What engines said about a take before, also engines that are not installed here; None where an answer is not stored.

    Args:
        signatures: Of the recogniser (``asr``), of the detector (``vad``), the version of the rules (``hear``), and of what
            measured voices (``prosody``), if that is not what does so here.
    """
    hear = int(signatures.get("hear", VERSION_BEFORE_SIGNED))
    speech: dict[SpeechRequest, DetectedSpeech] = {}
    words: dict[WordsRequest, Transcript] = {}
    levels: dict[LevelsRequest, tuple[float, ...]] = {}
    prosody: dict[ProsodyRequest, Prosody] = {}
    missing: dict[Request, Absence] = {}
    detector = {"vad": signatures.get("vad", "")}
    is_silero = not detector["vad"].startswith(WEBRTC)  # which alone says where a recogniser listens
    for request in requests:
        digest = take.digest(request.channel) or ""
        if isinstance(request, LevelsRequest):  # no engine has a part in them
            if digest:
                levels[request] = levels_from_start(take.load(request.channel), request.window_s)
            continue
        if isinstance(request, SpeechRequest):
            detected = cache.find(digest, request, detector, hear)
            if detected is None:
                return None
            speech[request] = detected
            continue
        listeners = {"asr": signatures.get("asr", ""), **(detector if is_silero else {"vad": vad_signature(SILERO)})}
        if isinstance(request, ProsodyRequest):
            measured = cache.find(
                digest, request, {**listeners, "prosody": signatures.get("prosody") or prosody_signature()}, hear
            )
            if measured is None:
                return None
            prosody[request] = measured
            if why := why_unmeasured(measured):
                missing[request] = why
        else:
            recognised = cache.find(digest, request, listeners, hear)
            if recognised is None:
                return None
            words[request] = believe_recognised(recognised)
    return Annotations(speech=speech, words=words, levels=levels, prosody=prosody, missing=missing)
