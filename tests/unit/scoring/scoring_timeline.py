"""Conversations drawn as text: one character is 0.1 s, ``#`` is speech, and ``^`` marks an instant.

The model's words are spread evenly under its speech, one per 0.3 s, unless a test says otherwise: "mm" where it is shorter than
1.0 s, which is a listed phrase, else "w", which is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, DetectedSpeech, LevelsRequest, Request, SpeechRequest, Verdict, WordsRequest
from fdbench.core.conversation import Sample
from fdbench.core.event import Event
from fdbench.core.score import Score
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import NO_JUDGE, Scorer

STEP_S = 0.1


def spans(line: str) -> tuple[Span, ...]:
    """``"..###."`` is one span from 0.2 to 0.5 s."""
    return tuple(Span(round(m.start() * STEP_S, 3), round(m.end() * STEP_S, 3)) for m in re.finditer("#+", line))


def mark_s(line: str) -> float:
    """``"...^"`` is 0.3 s."""
    return round(line.index("^") * STEP_S, 3)


def words_under(segments: Iterable[Span], each_s: float = 0.3) -> tuple[Word, ...]:
    words = []
    for segment in segments:
        n = max(1, round(segment.duration_s / each_s))
        step_s = segment.duration_s / n
        text = "mm" if segment.duration_s < 1.0 else "w"
        words += [Word(text, segment.start_s + i * step_s, segment.start_s + (i + 1) * step_s) for i in range(n)]
    return tuple(words)


def sample(*events: Event, id: str = "clip", transcript: Transcript | None = None, human: Sequence[float] = ()) -> Sample:
    return Sample(id, "test/task", {}, events, transcript, tuple(human))


def hear(
    scorer: Scorer,
    clip: Sample,
    model: Sequence[Span],
    user: Sequence[Span] | None = None,
    words: Sequence[Word] | None = None,
    prompt_s: float | None = 30.0,
    recorded_s: float | None = 40.0,
    missing: dict[str, str] | None = None,
) -> Annotations:
    """Answers to everything the scorer needs, except what ``missing`` names ("speech", "words") or ``user`` None leaves out.

    ``recorded_s`` None: the model's segments were given without a recording.
    """
    speech: dict[SpeechRequest, DetectedSpeech] = {}
    said: dict[WordsRequest, Transcript] = {}
    levels: dict[LevelsRequest, tuple[float, ...]] = {}
    lacking: dict[Request, Absence] = {}
    missing = missing or {}
    for request in scorer.needs(clip, {MAIN: prompt_s}).get(MAIN, ()):
        if isinstance(request, LevelsRequest):
            if recorded_s:
                levels[request] = (-math.inf,) * round(recorded_s / 0.1)
        elif isinstance(request, WordsRequest):
            if "words" in missing:
                lacking[request] = Absence(missing["words"])
            else:
                said[request] = Transcript(tuple(words) if words is not None else words_under(model), "given")
        elif request.channel == "model":
            if "speech" in missing:
                lacking[request] = Absence(missing["speech"])
            else:
                speech[request] = DetectedSpeech(tuple(model), recorded_s, "given")
        elif user is None:
            lacking[request] = Absence("audio_missing")
        else:
            speech[request] = DetectedSpeech(tuple(user), prompt_s or recorded_s or 0.0, "given")
    return Annotations(prompt_s, recorded_s, speech=speech, words=said, levels=levels, missing=lacking)


def by_metric(scorer: Scorer, clip: Sample, take: Annotations, verdict: Verdict | Absence = NO_JUDGE) -> dict[str, Score]:
    scores = scorer.score(clip, {MAIN: take}, verdict)
    assert tuple(score.metric for score in scores) == scorer.metrics
    return {score.metric: score for score in scores}


def outcome(score: Score) -> float | str | None:
    """The value, or the reason why there is none."""
    return score.reason if score.value is None else round(score.value, 6)
