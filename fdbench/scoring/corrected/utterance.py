"""Who spoke when, and was it a backchannel or a takeover: the ``fdbench`` reading of segments and words.

::

    segments    |--|  |---|      |----|               |-|
    bursts      |---------|      |----|               |-|      gaps < 0.2 s closed
    utterances  |---------------------|               |-|      gaps < 1.0 s closed
                 takeover (1.0 s or more,              backchannel (shorter than 1.0 s,
                 or 3 words and more)                  at most 2 words)

Conventions: seconds on the prompt's timeline; the detector decides when, words only say what, so a word never creates or
moves an onset. A word belongs to the utterance in which its middle lies; it lies under a burst that it overlaps. Lengths and
gaps that are a limit up to 1 ns, the rounding of differences of decimal times, are not under it.

==============  ==============  ===========
utterance       words in it     kind
==============  ==============  ===========
< 1.0 s         at most 2       backchannel
< 1.0 s         3 or more       takeover
>= 1.0 s        any             takeover
==============  ==============  ===========

Empty cases: no segments is no utterance. Bursts without a word under them are counted (``wordless``) and kept: they are
sound that the recogniser could not read, and a short one is a backchannel. Words without both times, or with an end
before their start, decide nothing and are counted (``untimed_words``). Segments may overlap and come in any order.

Differences from upstream:

1. Onsets and lengths come from the detector; upstream's come from word times, which with Whisper lie anywhere in a
   silence (CANDOR pause handling: takeover rate 0.856 with one Whisper, 0.111 with another engine, on the same audio).
2. One takeover decides; upstream lets the last segment overwrite it (7 of the 120 backchannel goldens: 1 becomes 0).
3. A backchannel has at most 2 words; upstream's rule admits 3 in pauses, turns and interruptions, 2 in backchannels.
4. A region is either a backchannel or a takeover; upstream's of 1 to 3 s is both.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from fdbench.core.span import ROUNDING_S, Span, merged
from fdbench.core.speech import Word

BURST_GAP_S: Final = 0.2
"""Shorter gaps lie inside a burst (a stop consonant, not a pause)."""
UTTERANCE_GAP_S: Final = 1.0
"""Shorter gaps lie inside an utterance."""
MIN_TAKEOVER_S: Final = 1.0
MAX_BACKCHANNEL_WORDS: Final = 2


@dataclass(frozen=True, slots=True)
class Utterance:
    """Bursts that belong together, and how many words were recognised in them."""

    span: Span
    n_words: int

    @property
    def is_backchannel(self) -> bool:
        return self.span.duration_s < MIN_TAKEOVER_S - ROUNDING_S and self.n_words <= MAX_BACKCHANNEL_WORDS

    @property
    def is_takeover(self) -> bool:
        return not self.is_backchannel


def find_bursts(segments: Iterable[Span]) -> tuple[Span, ...]:
    """Segments in order of time with gaps under 0.2 s closed."""
    return merged(segments, BURST_GAP_S)


def find_utterances(bursts: Iterable[Span], words: Iterable[Word]) -> tuple[Utterance, ...]:
    """Bursts with gaps under 1.0 s closed, each with the number of words whose middle lies in it."""
    middles_s = sorted((start_s + end_s) / 2 for start_s, end_s in timed(words))
    return tuple(
        Utterance(span, bisect_left(middles_s, span.end_s) - bisect_left(middles_s, span.start_s))
        for span in merged(bursts, UTTERANCE_GAP_S)
    )


def text_in(utterances: Sequence[Utterance], words: Iterable[Word]) -> str:
    """What is said in the utterances: the words whose middle lies in one of them, in the recogniser's order."""
    return " ".join(
        word.text
        for word in words
        if word.span is not None
        and any(each.span.start_s <= (word.span.start_s + word.span.end_s) / 2 < each.span.end_s for each in utterances)
    )


def timed(words: Iterable[Word]) -> list[tuple[float, float]]:
    """Start and end of the words that have both in order, in order of time."""
    return sorted(
        (word.start_s, word.end_s)
        for word in words
        if word.start_s is not None and word.end_s is not None and -math.inf < word.start_s <= word.end_s < math.inf
    )


def _count_wordless(bursts: Sequence[Span], times_s: Sequence[tuple[float, float]]) -> int:
    starts_s = [start_s for start_s, _ in times_s]
    latest_end_s = list(accumulate((end_s for _, end_s in times_s), max))

    def is_under_a_word(burst: Span) -> bool:
        n_begun = bisect_left(starts_s, burst.end_s)
        return n_begun > 0 and latest_end_s[n_begun - 1] > burst.start_s

    return sum(not is_under_a_word(burst) for burst in bursts)


def diagnose(bursts: Sequence[Span], words: Sequence[Word], dropped_words: int) -> dict[str, float]:
    """Counts that say how far detector and recogniser agree; they go with the takeover score."""
    times_s = timed(words)
    return {
        "bursts": len(bursts),
        "wordless": _count_wordless(bursts, times_s),
        "untimed_words": len(words) - len(times_s),
        "dropped_words": dropped_words,
    }
