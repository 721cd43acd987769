"""What is wrong with a run as a whole, which no number of a single sample shows: a line for each thing, none where all is well.

Of a run whose model never says a word, pauses are handled perfectly. Such a line is grave: it makes numbers meaningless.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fdbench.audio.levels import levels_from_start
from fdbench.core.annotation import Annotations, DetectedSpeech, SpeechRequest, WordsRequest
from fdbench.core.behaviour import BEHAVIOURS
from fdbench.core.sound import Track
from fdbench.core.sound_beside import LOUD_DBFS, WINDOW_S, count_sound_beside_speech
from fdbench.core.take_id import MAIN
from fdbench.errors import DataError
from fdbench.hear.engines import NONE as NOBODY
from fdbench.stages.cases import Case
from fdbench.stages.score import HeardTakes

MOST_NOISE: Final = 0.25
"""Share of a recording that may be sound and no speech."""
FULL_SCALE: Final = 0.999
MOST_CLIPPED: Final = 0.001
MOST_SQUARE: Final = 0.2
"""Share of samples at full scale: beyond the first it is heard, beyond the second the recording is a square wave."""
MOST_WORDLESS: Final = 0.2
MIN_ALIKE: Final = 2
"""From so many samples on, replies that are all equal say something."""
MIN_SILENT: Final = 3
MIN_WORDLESS: Final = 5
"""From so many calls on, that none has what is wanted is no chance."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        is_grave: Whether it makes numbers meaningless.
    """

    line: str
    is_grave: bool = False


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is known of one reply.

    Attributes:
        name: Of the call, as lines name it.
        sample: Whose call it is: a clean twin's is the same sample's.
        spoke: None where nobody looked for speech.
        words: None where nobody listened for words.
        noise: Share of the recording, from t = 0, that is sound and no speech.
        clipped: Share of samples at full scale.
    """

    name: str
    sample: str
    is_wanted: bool
    digest: str
    spoke: bool | None = None
    words: int | None = None
    dropped: int = 0
    noise: float = 0.0
    clipped: float = 0.0


def observed(heard: Iterable[tuple[Case, HeardTakes]], vitals: list[Vitals]) -> Iterator[tuple[Case, HeardTakes]]:
    """The same cases, as they come; what is known of each one's replies is added to ``vitals``."""
    for case, takes in heard:
        for stimulus, answers in takes.items():
            vitals += _vitals_of(case, stimulus, answers)
        yield case, takes


def _vitals_of(case: Case, stimulus: str, heard: Annotations) -> Iterator[Vitals]:
    audio = case.recorded[stimulus].audio
    try:
        digest, track = audio.digest("model") or "", audio.load("model")
    except DataError:
        return  # the sample itself says so
    speech = [answer for request, answer in heard.speech.items() if _is_whole(request) and request.vad.rate == "16k"]
    words = [answer for request, answer in heard.words.items() if _is_whole(request) and answer.engine != NOBODY]
    samples = np.abs(track.audio.samples)
    behaviour = BEHAVIOURS.get(case.behaviour)
    sample = f"{case.sample.task} {case.sample.id}"
    yield Vitals(
        name=sample if stimulus == MAIN else f"{sample} {stimulus}",
        sample=sample,
        is_wanted=behaviour is not None and behaviour.takeover_is_wanted,
        digest=digest,
        spoke=any(answer.segments for answer in speech) if speech else None,
        words=max(len(answer.words) for answer in words) if words else None,
        dropped=max((answer.dropped for answer in words), default=0),
        noise=_noise_in(track, speech) if speech else 0.0,
        clipped=float((samples >= FULL_SCALE).mean()) if len(samples) else 0.0,
    )


def _is_whole(request: SpeechRequest | WordsRequest) -> bool:
    return request.channel == "model" and request.span is None


def _noise_in(track: Track, speech: Sequence[DetectedSpeech]) -> float:
    levels = levels_from_start(track, WINDOW_S)
    segments = (segment for answer in speech for segment in answer.segments)
    return count_sound_beside_speech(levels, segments) / len(levels) if levels else 0.0


def findings_of(cases: Sequence[Case], vitals: Sequence[Vitals]) -> tuple[Finding, ...]:
    """What is wrong, in a fixed order, whatever the order in which replies were heard."""
    vitals = sorted(vitals, key=lambda each: each.name)
    return (*_failures(cases), *_silence(vitals), *_sound(vitals), *_alike(vitals), *_words(vitals))


def _failures(cases: Sequence[Case]) -> Iterator[Finding]:
    reasons = {take.reason for case in cases for take in case.absences.values()}
    n = sum(MAIN in case.absences for case in cases)
    if n == len(cases) >= MIN_ALIKE and len(reasons) == 1 and "not_called" not in reasons:
        yield Finding(f"all {n} calls failed the same way: {reasons.pop()}", is_grave=True)


def _silence(vitals: Sequence[Vitals]) -> Iterator[Finding]:
    asked = [each for each in vitals if each.spoke is not None]
    if asked and not any(each.spoke or each.words for each in asked):
        is_grave = len(asked) >= MIN_SILENT and any(each.is_wanted for each in asked)
        yield Finding(f"the model never spoke in {len(asked)} of {len(asked)} calls", is_grave)


def _sound(vitals: Sequence[Vitals]) -> Iterator[Finding]:
    n = len(vitals)
    noisy = [each for each in vitals if each.noise > MOST_NOISE]
    if noisy:
        first = f"{noisy[0].name}, {noisy[0].noise:.0%} of it"
        yield Finding(f"sound above {LOUD_DBFS:g} dBFS that is no speech in {len(noisy)} of {n} replies (first: {first})")
    square = [each for each in vitals if each.clipped > MOST_SQUARE]
    clipped = [each for each in vitals if MOST_CLIPPED < each.clipped <= MOST_SQUARE]
    if square:
        what = f"{len(square)} of {n} replies are at full scale most of the time, as integers taken for floats are"
        yield Finding(f"{what} (first: {square[0].name})", is_grave=2 * len(square) > n)
    if clipped:
        yield Finding(f"{len(clipped)} of {n} replies are clipped (first: {clipped[0].name}, {clipped[0].clipped:.1%} of it)")


def _alike(vitals: Sequence[Vitals]) -> Iterator[Finding]:
    samples, digests = {each.sample for each in vitals}, {each.digest for each in vitals}
    if len(samples) >= MIN_ALIKE and len(digests) == 1 and any(each.spoke for each in vitals):
        yield Finding(f"all {len(vitals)} replies are the same recording", is_grave=True)


def _words(vitals: Sequence[Vitals]) -> Iterator[Finding]:
    spoken = [each for each in vitals if each.spoke and each.words is not None]
    wordless = [each for each in spoken if not each.words]
    if wordless and len(wordless) > MOST_WORDLESS * len(spoken):
        is_grave = len(wordless) == len(spoken) >= MIN_WORDLESS
        yield Finding(f"no word was heard in {len(wordless)} of {len(spoken)} replies with speech", is_grave)
    dropped = sum(each.dropped for each in vitals)
    if dropped:
        n = sum(each.dropped > 0 for each in vitals)
        yield Finding(f"{dropped} words were dropped, in {n} of {len(vitals)} replies, as no sound lies under them")
