"""Where a recording is cut in two at an overlap, so that no word is cut: what was said before it ended, and after.

::

    overlap    .....|==========|                     |
    words      |so|  |i| |think| |we| |go|           |
                               ^ in a word: at the word's start
    overlap    .....|======|   .                     |
    words      |so|        .   |we| |go|             |
                               ^ in a gap: at the next word's start
    overlap    .....|=====================|          |
    words      |so| |i| |think|           .          |
                              ^ past the last word: at that word's end; without any word, at the overlap's end

A word belongs to what lies before if it ends by the cut, else to what lies after. It does not contain the instant at which it
ends: where an overlap ends with a word, the cut is at the next one.

Times that are null: a word with one time lies at it, a word with none takes no part. The words of a recording are taken as far
as they are believed (``core.plausible``), and those have both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from fdbench.core.span import Span
from fdbench.core.speech import Word


def split_at_overlap(words: Iterable[Word], overlap_end_s: float, recorded_s: float | None = None) -> float:
    """Where the recording is cut, s on the clock of the words.

    Args:
        words: In any order.
        overlap_end_s: When the overlap ends.
        recorded_s: Length of the recording, in which the cut then lies; None where nobody knows.

    Raises:
        ValueError: The overlap's end is not finite.
    """
    if not math.isfinite(overlap_end_s):
        raise ValueError(f"an overlap ends at a finite time, got {overlap_end_s} s")
    spans = sorted(span for _, span in _timed(words))
    going_on = next((span for span in spans if span.end_s > overlap_end_s or span.start_s >= overlap_end_s), None)
    last_s = max((span.end_s for span in spans), default=overlap_end_s)
    split_s = last_s if going_on is None else going_on.start_s
    return split_s if recorded_s is None else min(max(split_s, 0.0), recorded_s)


def words_around(words: Iterable[Word], split_s: float) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """The words that end by the cut, and the others."""
    timed = list(_timed(words))
    before = tuple(word for word, span in timed if span.end_s <= split_s)
    return before, tuple(word for word, span in timed if span.end_s > split_s)


def words_per_minute(words: Iterable[Word]) -> float:
    """How many, by the time from the first one's start to the last one's end; 0 where that is none."""
    spans = [span for _, span in _timed(words)]
    if not spans:
        return 0.0
    took_s = max(span.end_s for span in spans) - min(span.start_s for span in spans)
    return len(spans) / (took_s / 60) if took_s > 0 else 0.0


def _timed(words: Iterable[Word]) -> Iterable[tuple[Word, Span]]:
    for word in words:
        known_s = word.start_s if word.start_s is not None else word.end_s
        if known_s is not None:
            yield word, word.span or Span(known_s, known_s)
