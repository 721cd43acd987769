"""How often does the model take the turn where it could: in silences inside the user's turn, and after its end?

::

    user       |------|......|-------|.............|----]......     a silence of 0.2 s and more is an opportunity
    annotated                        ^turn end          ^turn end   shift: a turn ends within 0.25 s of where it begins
    kind              |-hold-|       |----shift----|    |-shift-    hold: none does, and the user speaks again
    model          |---|                 |----|
                   taken: some takeover begins in [start - 0.25 s, end)

Conventions: seconds; the user's segments with gaps under 0.2 s closed (bursts); limits hold up to 1 ns. An opportunity lasts to
the user's next burst, or to the end of the recording. A silence at the end without an annotated turn end is none. Two rates:
taken holds / holds (people: few) and taken shifts / shifts (people: most), with clustered Wilson's interval. The aim is not 0
but what people do at the same kind of moment (``fdbench.newcombe_difference``).

Not for v1's data, whose pauses were chosen because the listener did not speak, and whose turn ends because somebody did: there
people's hold rate is 0 and their shift rate is 1 by construction.

Empty cases: no opportunity of a kind: None. No user speech: no opportunity.

References: Sacks, Schegloff & Jefferson 1974, Language 50:696 (transition-relevance places); Newcombe 1998.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from fdbench.core.span import ROUNDING_S, Span
from fdbench.scoring.corrected.utterance import BURST_GAP_S, find_bursts
from fdbench.stats.wilson import Rate, clustered_wilson

Moment = Literal["hold", "shift"]

END_TOLERANCE_S: Final = 0.25
"""A silence that begins this close to an annotated end begins at it; a takeover this much before a silence takes it."""


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A silence of the user.

    Attributes:
        moment: ``hold``: the user goes on. ``shift``: the user's turn is over.
        span: From where the user falls silent to where the user speaks again, or to the recording's end.
        is_taken: A takeover of the model begins in it, or up to 0.25 s before.
    """

    moment: Moment
    span: Span
    is_taken: bool


def find_opportunities(
    user: Iterable[Span], turn_ends_s: Sequence[float], recorded_s: float, takeover_onsets_s: Sequence[float]
) -> tuple[Opportunity, ...]:
    """The opportunities of a conversation, in order of time.

    Args:
        user: Segments of the user's speech, s, in any order.
        turn_ends_s: Where the user's turns end, as annotated.
        recorded_s: Where the recording ends.
        takeover_onsets_s: Where the model's takeovers begin (``fdbench.find_takeovers``).

    Example:
        >>> [found] = find_opportunities([Span(0, 2), Span(3, 5)], [], 9.0, [2.4])
        >>> found.moment, found.is_taken
        ('hold', True)
    """
    bursts = find_bursts(user)
    silences = [Span(earlier.end_s, later.start_s) for earlier, later in pairwise(bursts)]
    n_inside = len(silences)
    if bursts and recorded_s - bursts[-1].end_s >= BURST_GAP_S - ROUNDING_S:
        silences.append(Span(bursts[-1].end_s, recorded_s))
    found = []
    for index, silence in enumerate(silences):
        ends_turn = any(abs(end_s - silence.start_s) <= END_TOLERANCE_S + ROUNDING_S for end_s in turn_ends_s)
        if ends_turn or index < n_inside:
            found.append(Opportunity("shift" if ends_turn else "hold", silence, _is_taken(silence, takeover_onsets_s)))
    return tuple(found)


def taken_rate(conversations: Iterable[Sequence[Opportunity]], moment: Moment) -> Rate | None:
    """The share of opportunities of a kind that were taken, over conversations; None where there is none."""
    of_kind = [[each.is_taken for each in found if each.moment == moment] for found in conversations]
    return clustered_wilson((sum(taken), len(taken)) for taken in of_kind)


def _is_taken(silence: Span, onsets_s: Sequence[float]) -> bool:
    earliest_s = silence.start_s - END_TOLERANCE_S - ROUNDING_S
    return any(earliest_s <= onset_s < silence.end_s - ROUNDING_S for onset_s in onsets_s)
