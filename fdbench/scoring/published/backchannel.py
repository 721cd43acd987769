"""Backchannels as the published script counts them: segments of the output, the last of which decides the takeover.

::

    output    |--|........|----|.......|------------------|
    windows   .#..........####.............................     0.2 s each, ends included; against the human ones
              backchannel backchannel   > 3 s: takeover, stop

Conventions: segments rounded to 0.1 s by the detector; durations are plain differences of floats compared without
tolerance (4.4 - 1.4 > 3 holds), windows are ``int(t / 0.2)`` in floats. Segments in order, each overwriting the takeover of
the one before:

==============  ===================  ==========  ===========  =======
duration        words touching it    takeover    backchannel  then
==============  ===================  ==========  ===========  =======
> 3 s           -                    1           no           stop
else            4 or more            1           yes          go on
< 1 s           3                    1           yes          go on
< 1 s           at most 2            0           yes          go on
1 to 3 s        at most 3            1           yes          go on
==============  ===================  ==========  ===========  =======

A word (a, b) touches a segment (s, e) if a >= s and b <= e, or a <= e and b > e, or a <= s and b > s. A word without a start,
or without an end and with a < e, is skipped; any other without an end ends where it starts.

Frequency = backchannels / duration of the output. JS distance = ``scipy.spatial.distance.jensenshannon`` (square root,
natural log) of the windows' counts + 1e-10 and the human distribution, linearly resampled over [0, 1] to as many windows.

Empty cases: no segment: takeover 0, frequency 0, and a distance of 1 although 0.8326 is the maximum. Without a human
distribution no distance (``no_human_timing``), nor with one that is no distribution or of which nothing but zeros is left
after resampling (``bad_annotation``); without a transcript no takeover; the others stand, they need no words. A recording
without length is ``audio_empty`` (the script divides by zero); where segments came without a recording, its length is
unknown: the takeover stands, frequency and distance are ``audio_missing``.

Differences from upstream: none in the numbers. ``fdb-2026-02`` hands the detector the samples at their own rate as if it
were 16 kHz, so the times of a 24 kHz output are x1.5 (x3 at 48 kHz) while the duration is true; ``fdb-2026-05`` resamples.
A missing transcript takes the previous clip's takeover there, or crashes.

References: Full-Duplex-Bench v1.0, ``eval_backchannel`` at d7336bd and pull request 12 (2026-05-13).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fdbench.core.absence import Absence
from fdbench.core.annotation import (
    PUBLISHED_VAD,
    PUBLISHED_VAD_BEFORE_FIX,
    VadSettings,
    Verdict,
)
from fdbench.core.conversation import Sample
from fdbench.core.score import Score, none_score
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Needs, Prompts, Takes, failed, main_take, scored, speech_for, words_for
from fdbench.scoring.human_timing import WINDOW_S, is_distribution, resampled, window_counts
from fdbench.scoring.requests import published_speech, published_words

MAX_BACKCHANNEL_S: Final = 3
MIN_TURN_S: Final = 1
MAX_WORDS: Final = 3
MAX_SHORT_WORDS: Final = 2
DISTANCE_WITHOUT_BACKCHANNEL: Final = 1.0


def touches(word: Word, segment: Span) -> bool:
    """Whether the published script counts ``word`` into ``segment``."""
    a, b, s, e = word.start_s, word.end_s, segment.start_s, segment.end_s
    if a is None or (b is None and a < e):
        return False
    if b is None:
        b = a
    return (a >= s and b <= e) or (a <= e and b > e) or (a <= s and b > s)


def find_takeover(segments: Sequence[Span], words: Sequence[Word]) -> bool:
    """The published decision: that of the last segment examined."""
    takeover = False
    for segment in segments:
        if _is_long(segment):
            return True
        n_words = sum(touches(word, segment) for word in words)
        if n_words > MAX_WORDS:
            takeover = True
        elif segment.end_s - segment.start_s < MIN_TURN_S:
            takeover = n_words > MAX_SHORT_WORDS
        else:
            takeover = True
    return takeover


def find_backchannels(segments: Sequence[Span]) -> list[Span]:
    """All segments before the first that is longer than 3 s, whatever their words."""
    found: list[Span] = []
    for segment in segments:
        if _is_long(segment):
            break
        found.append(segment)
    return found


def _is_long(segment: Span) -> bool:
    return segment.end_s - segment.start_s > MAX_BACKCHANNEL_S


def js_distance(backchannels: Sequence[Span], duration_s: float, human: Sequence[float]) -> float | None:
    """The published distance between two timings, at most 0.8326, or 1 without a backchannel.

    None where resampling leaves nothing but zeros of the human one (the script has NaN there).
    """
    if not backchannels:
        return DISTANCE_WITHOUT_BACKCHANNEL
    from scipy.spatial.distance import jensenshannon  # 0.2 s to import

    n_windows = int(duration_s / WINDOW_S) + 1
    human_windows = resampled(human, n_windows)
    if human_windows.sum() <= 0:
        return None
    # Whatever lies beyond the last window is not counted, so it need not be told apart.
    starts, ends = (
        [int(min(t / WINDOW_S, n_windows)) for t in times]
        for times in zip(*((b.start_s, b.end_s) for b in backchannels), strict=True)
    )
    model = window_counts(np.array([starts]), np.array([ends]), n_windows)[0] + 1e-10
    with np.errstate(invalid="ignore"):
        distance = float(jensenshannon(model / model.sum(), human_windows))
    # Of equal distributions the divergence can come out just below 0, and its root as NaN.
    return 0.0 if math.isnan(distance) else distance


@dataclass(frozen=True, slots=True)
class PublishedBackchannel:
    """Backchannels as the published script counts them since May 2026."""

    version: int = 1
    metrics: tuple[str, ...] = ("takeover_rate", "backchannel_frequency_hz", "backchannel_js_distance")
    vad: VadSettings = PUBLISHED_VAD

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (published_speech(prompts[MAIN], self.vad), published_words(prompts[MAIN]))}

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        take = main_take(takes)
        if isinstance(take, Absence):
            return failed(self.metrics, take)
        speech = speech_for(take, published_speech(take.prompt_s, self.vad))
        if isinstance(speech, Absence):
            return failed(self.metrics, speech)
        if speech.duration_s is not None and speech.duration_s <= 0:
            return failed(self.metrics, Absence("audio_empty"))
        transcript = words_for(take, published_words(take.prompt_s))
        if isinstance(transcript, Absence):
            takeover = none_score("takeover_rate", transcript.reason)
        else:
            takeover = scored("takeover_rate", find_takeover(speech.segments, transcript.words))

        backchannels = find_backchannels(speech.segments)
        n, duration_s = len(backchannels), speech.duration_s
        if duration_s is None:
            frequency = none_score("backchannel_frequency_hz", "audio_missing")
        else:
            frequency = scored("backchannel_frequency_hz", n / duration_s, backchannels=n, duration_s=duration_s)
        return [takeover, frequency, _score_distance(backchannels, duration_s, sample.human_timing)]


def _score_distance(backchannels: Sequence[Span], duration_s: float | None, human: Sequence[float]) -> Score:
    if not human:
        return none_score("backchannel_js_distance", "no_human_timing")
    if not is_distribution(human):
        return none_score("backchannel_js_distance", "bad_annotation")
    if duration_s is None:
        return none_score("backchannel_js_distance", "audio_missing")
    distance = js_distance(backchannels, duration_s, human)
    if distance is None:
        return none_score("backchannel_js_distance", "bad_annotation")
    return scored("backchannel_js_distance", distance)


@dataclass(frozen=True, slots=True)
class PublishedBackchannelBeforeFix(PublishedBackchannel):
    """The same until May 2026: the detector takes every rate for 16 kHz."""

    vad: VadSettings = PUBLISHED_VAD_BEFORE_FIX
