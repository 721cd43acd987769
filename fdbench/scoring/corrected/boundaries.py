"""Does the model know where turns end: its takeovers as claims "you are done", against the annotated ends.

::

    user        |----------|      |-------|              |-----|
    ends                   ^              ^                    ^
    takeovers        x       x                  x    x
                     early   on time            late continued      missed: the last end

Conventions: seconds; limits hold up to 1 ns. In order of time each end takes the first free onset in [end - 0.3, end + 1.0].

============  ==============================================================================================
on time       an onset that an end has taken
early         another, with no end before it, or the user has spoken since the last end before it: a user segment
              begins before the onset and ends more than 0.25 s after that end
late          another, the first after an end that has no onset
continued     another, after an end that has its onset; not counted
missed        an end with neither an onset on time nor a late one
============  ==============================================================================================

precision = (on time + late) / (on time + late + early): of the claims, how many were true. recall = on time / ends. F1 is their
harmonic mean. Corpus: sums first (``+``). Turn-taking and pause sets belong together: pauses are where precision is lost.
The band begins where people's turns overlap at their ends and ends after listeners notice a gap (0.7 s); recall is given at
``TOLERANCES_S``.

Empty cases: no claim: precision and F1 are None, recall 0; no end: recall and F1 are None.

References: Heldner & Edlund 2010, Journal of Phonetics 38:555; Roberts, Francis & Morgan 2006 (gaps that listeners notice).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fdbench.core.span import ROUNDING_S, Span
from fdbench.scoring.corrected.lost_time import TERMINAL_OVERLAP_S

LATEST_S: Final = 1.0
TOLERANCES_S: Final = (0.5, LATEST_S, 2.0)
"""How long after an end an onset may be on time."""
SPOKEN_SINCE_S: Final = 0.25
"""A segment that ends this little after an annotated end is the end of that turn."""


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Counts of onsets, and of ends that were missed; ``+`` sums them over clips."""

    on_time: int = 0
    late: int = 0
    early: int = 0
    continued: int = 0
    missed: int = 0

    def __add__(self, other: Boundaries) -> Boundaries:
        return Boundaries(
            self.on_time + other.on_time,
            self.late + other.late,
            self.early + other.early,
            self.continued + other.continued,
            self.missed + other.missed,
        )

    @property
    def precision(self) -> float | None:
        claims = self.on_time + self.late + self.early
        return (self.on_time + self.late) / claims if claims else None

    @property
    def recall(self) -> float | None:
        ends = self.on_time + self.late + self.missed
        return self.on_time / ends if ends else None

    @property
    def f1(self) -> float | None:
        if self.precision is None or self.recall is None:
            return None
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def find_boundaries(
    turn_ends_s: Iterable[float], takeover_onsets_s: Iterable[float], user: Sequence[Span], latest_s: float = LATEST_S
) -> Boundaries:
    """The counts of a clip.

    Args:
        turn_ends_s: Where the user's turns end, of a context and of an interruption, too; in any order.
        takeover_onsets_s: Where the model's takeovers begin (``fdbench.find_takeovers``); in any order.
        user: Segments of the user's speech.
        latest_s: How long after an end an onset is on time.

    Example:
        >>> find_boundaries([5.0], [2.0, 5.2], [Span(0, 5)]).precision
        0.5
    """
    ends_s, onsets_s = sorted(turn_ends_s), sorted(takeover_onsets_s)
    has_onset = [False] * len(ends_s)
    free = list(range(len(onsets_s)))
    for index, end_s in enumerate(ends_s):
        first_s, last_s = end_s - TERMINAL_OVERLAP_S - ROUNDING_S, end_s + latest_s + ROUNDING_S
        taken = next((each for each in free if first_s <= onsets_s[each] <= last_s), None)
        if taken is not None:
            free.remove(taken)
            has_onset[index] = True
    on_time = sum(has_onset)
    late = early = continued = 0
    for onset_s in (onsets_s[each] for each in free):
        last = sum(end_s <= onset_s + ROUNDING_S for end_s in ends_s) - 1
        if last < 0 or _has_spoken_since(ends_s[last], onset_s, user):
            early += 1
        elif has_onset[last]:
            continued += 1
        else:
            has_onset[last] = True
            late += 1
    return Boundaries(on_time, late, early, continued, has_onset.count(False))


def _has_spoken_since(end_s: float, onset_s: float, user: Sequence[Span]) -> bool:
    return any(each.start_s < onset_s - ROUNDING_S and each.end_s > end_s + SPOKEN_SINCE_S + ROUNDING_S for each in user)
