"""Who spoke when, and was it a backchannel or a takeover: the ``fdbench`` reading of segments and words.

::

    segments    |--|  |---|      |----|               |-|
    bursts      |---------|      |----|               |-|      gaps < 0.2 s closed
    utterances  |---------------------|               |-|      gaps < 1.0 s closed
                 takeover (1.0 s or more,              backchannel (shorter than 1.0 s,
                 or 3 words and more)                  at most 2 words)

Conventions: seconds on the prompt's timeline; the detector decides when, words only say what, so a word never creates or
moves an onset. A word belongs to the utterance (and to the burst) in which its middle lies; it lies under a burst that it
overlaps. Lengths and gaps that are a limit up to 1 ns, the rounding of differences of decimal times, are not under it.

==============  ==========================================  ====================================
utterance       words in it                                 kind
==============  ==========================================  ====================================
< 1.0 s         none, or at most 2 that are listed phrases  backchannel
< 1.0 s         any other                                   takeover, counted (``short_worded``)
>= 1.0 s        any                                         takeover
==============  ==========================================  ====================================

A takeover is a reply: what earns credit after the turn ("Paris.") costs in a pause. The list is that of ``phrases``.
A burst has *content* if it has words that are not listed phrases only, or no words and lasts 1.0 s.

Empty cases: no segments is no utterance. Bursts without a word under them are counted (``wordless``) and kept: they are
sound that the recogniser could not read, and a short one is a backchannel. Words without both times, or with an end
before their start, decide nothing and are counted (``untimed_words``). Segments may overlap and come in any order.

Differences from upstream:

1. Onsets and lengths come from the detector; upstream's come from word times, which with Whisper lie anywhere in a
   silence (CANDOR pause handling: takeover rate 0.856 with one Whisper, 0.111 with another engine, on the same audio).
2. One takeover decides; upstream lets the last segment overwrite it (7 of the 120 backchannel goldens: 1 becomes 0).
3. A backchannel is what listeners say; upstream's is any 3 words in pauses, turns and interruptions, any 2 in backchannels.
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
from fdbench.scoring.corrected.phrases import is_listed

BURST_GAP_S: Final = 0.2
"""Shorter gaps lie inside a burst (a stop consonant, not a pause)."""
UTTERANCE_GAP_S: Final = 1.0
"""Shorter gaps lie inside an utterance."""
MIN_TAKEOVER_S: Final = 1.0
MAX_BACKCHANNEL_WORDS: Final = 2


@dataclass(frozen=True, slots=True)
class SpokenBurst:
    """A burst and the words whose middle lies in it, in order of time."""

    span: Span
    words: tuple[str, ...] = ()

    @property
    def has_content(self) -> bool:
        return not is_listed(self.words) if self.words else not is_short(self.span)


@dataclass(frozen=True, slots=True)
class Utterance:
    """Bursts that belong together, and the words recognised in them, in order of time."""

    span: Span
    words: tuple[str, ...] = ()
    bursts: tuple[SpokenBurst, ...] = ()

    @property
    def is_backchannel(self) -> bool:
        return is_short(self.span) and len(self.words) <= MAX_BACKCHANNEL_WORDS and is_listed(self.words)

    @property
    def is_takeover(self) -> bool:
        return not self.is_backchannel

    @property
    def is_short_worded(self) -> bool:
        """Only its words made it a takeover."""
        return is_short(self.span) and self.is_takeover


def is_short(span: Span) -> bool:
    """Shorter than any utterance is that takes the turn whatever is said in it."""
    return span.duration_s < MIN_TAKEOVER_S - ROUNDING_S


def find_bursts(segments: Iterable[Span]) -> tuple[Span, ...]:
    """Segments in order of time with gaps under 0.2 s closed."""
    return merged(segments, BURST_GAP_S)


def find_utterances(bursts: Iterable[Span], words: Iterable[Word]) -> tuple[Utterance, ...]:
    """Bursts with gaps under 1.0 s closed, each with the words whose middle lies in it."""
    bursts = merged(bursts)
    said = sorted((span.middle_s, word.text) for word in words if (span := _time_of(word)) is not None)
    middles_s = [middle_s for middle_s, _ in said]

    def words_in(span: Span) -> tuple[str, ...]:
        return tuple(text for _, text in said[bisect_left(middles_s, span.start_s) : bisect_left(middles_s, span.end_s)])

    return tuple(
        Utterance(
            span,
            words_in(span),
            tuple(
                SpokenBurst(each, words_in(each))
                for each in bursts
                if span.start_s <= each.start_s and each.end_s <= span.end_s
            ),
        )
        for span in merged(bursts, UTTERANCE_GAP_S)
    )


def text_in(utterances: Sequence[Utterance], words: Iterable[Word]) -> str:
    """What is said in the utterances: the words whose middle lies in one of them, in the recogniser's order."""
    return " ".join(
        word.text
        for word in words
        if (time := _time_of(word)) is not None and any(each.span.contains(time.middle_s) for each in utterances)
    )


def timed(words: Iterable[Word]) -> list[tuple[float, float]]:
    """Start and end of the words that have both in order, in order of time."""
    return sorted((span.start_s, span.end_s) for word in words if (span := _time_of(word)) is not None)


def _time_of(word: Word) -> Span | None:
    is_finite = all(time_s is not None and math.isfinite(time_s) for time_s in (word.start_s, word.end_s))
    return word.span if is_finite else None


def _count_wordless(bursts: Sequence[Span], times_s: Sequence[tuple[float, float]]) -> int:
    starts_s = [start_s for start_s, _ in times_s]
    latest_end_s = list(accumulate((end_s for _, end_s in times_s), max))

    def is_under_a_word(burst: Span) -> bool:
        n_begun = bisect_left(starts_s, burst.end_s)
        return n_begun > 0 and latest_end_s[n_begun - 1] > burst.start_s

    return sum(not is_under_a_word(burst) for burst in bursts)


def diagnose(utterances: Sequence[Utterance], words: Sequence[Word], dropped_words: int) -> dict[str, float]:
    """Counts that say how far detector and recogniser agree; they go with the takeover score."""
    bursts = [burst.span for utterance in utterances for burst in utterance.bursts]
    times_s = timed(words)
    return {
        "bursts": len(bursts),
        "wordless": _count_wordless(bursts, times_s),
        "short_worded": sum(utterance.is_short_worded for utterance in utterances),
        "untimed_words": len(words) - len(times_s),
        "dropped_words": dropped_words,
    }
