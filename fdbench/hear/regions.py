"""What a recogniser is given to hear: stretches of speech, joined and padded, never silence alone.

::

    speech    ..|----|.|------|..........|---|....     gap < max_gap_s: one region
    regions   .|================|.......|=====|...     widened by pad_s, but never into a neighbour
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from fdbench.core.sound import Audio, Samples
from fdbench.core.span import Span, merged
from fdbench.core.speech import Word
from fdbench.io.wav import resampled

ASR_RATE: Final = 16_000
_REMEMBERED: Final = 32
_FRAME: Final = 320


class RegionHearing:
    """Takes a recogniser through the regions of a recording.

    What is heard in a region depends on the region alone, so the last few are remembered: protocols that crop a
    recording differently hear most of it once.

    Args:
        words_in: Recognises 16 kHz samples; times count from their first.
        pad_s, max_gap_s: As in ``regions_of``.
        max_s: No longer piece is handed to the recogniser; a longer stretch is cut where it is quietest.
    """

    def __init__(
        self, words_in: Callable[[Samples], list[Word]], *, pad_s: float, max_gap_s: float, max_s: float = math.inf
    ) -> None:
        self._words_in = words_in
        self._pad_s, self._max_gap_s, self._max_s = pad_s, max_gap_s, max_s
        self._heard: OrderedDict[bytes, list[Word]] = OrderedDict()

    def transcribe(self, audio: Audio, speech: tuple[Span, ...]) -> tuple[Word, ...]:
        """The words of all regions, timed from the first sample of ``audio``, none reaching beyond its region."""
        heard = resampled(audio, ASR_RATE)
        words: list[Word] = []
        limits = {"pad_s": self._pad_s, "max_gap_s": self._max_gap_s, "max_s": self._max_s}
        for region in regions_of(speech, heard.duration_s, **limits):
            for first, last in _split(
                heard.samples, round(region.start_s * ASR_RATE), round(region.end_s * ASR_RATE), self._max_s
            ):
                for word in self._remembered(heard.samples[first:last]):
                    placed, end_s = word.shifted(first / ASR_RATE), last / ASR_RATE
                    words.append(Word(word.text, _at_most(placed.start_s, end_s), _at_most(placed.end_s, end_s)))
        return tuple(words)

    def _remembered(self, piece: Samples) -> list[Word]:
        key = hashlib.sha256(piece.tobytes()).digest()
        if key not in self._heard:
            self._heard[key] = self._words_in(piece)
            if len(self._heard) > _REMEMBERED:
                self._heard.popitem(last=False)
        return self._heard[key]


def _split(samples: Samples, first: int, last: int, max_s: float) -> Iterator[tuple[int, int]]:
    """Cut a stretch that is too long where it is quietest, in the last third of what may stay together.

    Cuts depend on what lies before them only, so a cropped recording is cut alike up to where the crop is felt.
    """
    while (last - first) / ASR_RATE > max_s:
        longest = round(max_s * ASR_RATE)
        earliest = first + 2 * longest // 3
        n_frames = (first + longest - earliest) // _FRAME
        frames = samples[earliest : earliest + n_frames * _FRAME].reshape(n_frames, _FRAME)
        cut = earliest + int(np.argmin(np.einsum("ij,ij->i", frames, frames))) * _FRAME + _FRAME // 2
        yield first, cut
        first = cut
    yield first, last


def _at_most(time_s: float | None, limit_s: float) -> float | None:
    return None if time_s is None else min(time_s, limit_s)


def regions_of(
    speech: Iterable[Span], duration_s: float, *, pad_s: float, max_gap_s: float, max_s: float = math.inf
) -> tuple[Span, ...]:
    """Regions in order of time, disjoint, inside ``[0, duration_s)``.

    Args:
        speech: Seconds from the first sample.
        duration_s: Length of the audio.
        pad_s: Regions are widened by this much; where two are closer than two pads, each gets half of what is between them.
        max_gap_s: Stretches closer than this share a region, as long as it does not become longer than ``max_s``.
        max_s: A single longer stretch stays whole.
    """
    joined: list[Span] = []
    for span in merged(speech):
        if joined and span.start_s - joined[-1].end_s < max_gap_s and span.end_s - joined[-1].start_s + 2 * pad_s <= max_s:
            joined[-1] = Span(joined[-1].start_s, span.end_s)
        else:
            joined.append(span)
    # One boundary for both neighbours: computed from either side, rounding could let them overlap.
    middles_s = [(left.end_s + right.start_s) / 2 for left, right in pairwise(joined)]
    padded: list[Span] = []
    for span, before_s, after_s in zip(joined, [0.0, *middles_s], [*middles_s, duration_s], strict=False):
        start_s, end_s = max(span.start_s - pad_s, before_s), min(span.end_s + pad_s, after_s, duration_s)
        if start_s < end_s:
            padded.append(Span(start_s, end_s))
    return tuple(padded)
