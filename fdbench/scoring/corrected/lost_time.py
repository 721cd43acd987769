"""What the user loses, in seconds per turn: the headline of ``fdbench``, with its parts.

::

    user       |------turn------|...............|------turn------|.......
    model      .......|--|.............|-----------------|...............
               break 1 s        |-wait-|        |talked  |
                      |talked                    over, to the turn's end - 0.3 s

Conventions: seconds on the prompt's timeline; limits hold up to 1 ns. ``asks`` = the turn asks for a reply.

===========  ==========================================================================================================
wait         of each turn that asks: from its end to the first moment of a takeover that began at or after the turn's start
             (0 if one is going on at the end); at most 5 s, and at most to the user's next turn
talked over  seconds of takeover speech (bursts) inside [start, end - 0.3] of any turn
breaks       takeovers that begin inside [start, end - 0.3) of any turn; 1 s each
===========  ==========================================================================================================

Every way of being wrong costs what it costs the user. Backchannels cost nothing and earn nothing. How long the recording went
on plays no part: a reply that is not there costs 5 s. Not covered: sound that the detector does not call speech
(``noise``), and what is said (a filler ends the wait; so the same is given with short replies not ending it).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fdbench.core.span import ROUNDING_S, Span

MAX_WAIT_S: Final = 5.0
"""A reply that comes later is taken for one that never does."""
TERMINAL_OVERLAP_S: Final = 0.3
"""People begin their turn this much before the other's ends, and nobody calls it interrupting."""
BREAK_S: Final = 1.0
"""What a break costs."""


@dataclass(frozen=True, slots=True)
class UserTurn:
    """A turn of the user, pauses inside it included.

    Attributes:
        asks: It asks for a reply.
    """

    span: Span
    asks: bool


@dataclass(frozen=True, slots=True)
class Takeover:
    """An utterance of the model that takes the turn.

    Attributes:
        span: Of the whole utterance.
        bursts: When it is heard.
        ends_wait: It is a reply to somebody who waits for one.
    """

    span: Span
    bursts: tuple[Span, ...]
    ends_wait: bool = True


@dataclass(frozen=True, slots=True)
class LostTime:
    """What was lost over all turns of a clip, in s; ``breaks`` is a count."""

    wait_s: float
    talked_over_s: float
    breaks: int
    turns: int

    @property
    def lost_s(self) -> float:
        return self.wait_s + self.talked_over_s + BREAK_S * self.breaks

    @property
    def lost_s_per_turn(self) -> float:
        """Seconds; of no turn, none are lost."""
        return self.lost_s / self.turns if self.turns else 0.0


def lost_time(turns: Sequence[UserTurn], takeovers: Sequence[Takeover]) -> LostTime:
    """What the user loses.

    Args:
        turns: The user's, in order of time.
        takeovers: The model's, in any order.

    Example:
        >>> lost_time([UserTurn(Span(0, 5), True)], [Takeover(Span(3, 8), (Span(3, 8),))]).lost_s
        2.7
    """
    return LostTime(
        wait_s=sum(wait_s for wait_s in waits_of(turns, takeovers) if wait_s is not None),
        talked_over_s=sum(_talked_over_s(turn, takeover) for turn in turns for takeover in takeovers),
        breaks=sum(_is_break(turn, takeover) for turn in turns for takeover in takeovers),
        turns=len(turns),
    )


def waits_of(turns: Sequence[UserTurn], takeovers: Sequence[Takeover]) -> list[float | None]:
    """How long is waited after each turn, s; None for one that asks for nothing."""
    return [_wait_s(index, turns, takeovers) if turn.asks else None for index, turn in enumerate(turns)]


def is_broken(turn: UserTurn, takeovers: Iterable[Takeover]) -> bool:
    """Whether the model breaks into a turn at least once."""
    return any(_is_break(turn, takeover) for takeover in takeovers)


def _wait_s(index: int, turns: Sequence[UserTurn], takeovers: Sequence[Takeover]) -> float:
    turn = turns[index].span
    next_s = turns[index + 1].span.start_s - turn.end_s if index + 1 < len(turns) else MAX_WAIT_S
    most_s = max(0.0, min(MAX_WAIT_S, next_s))
    waits_s = [
        max(0.0, takeover.span.start_s - turn.end_s)
        for takeover in takeovers
        if takeover.ends_wait
        and takeover.span.start_s >= turn.start_s - ROUNDING_S
        and takeover.span.end_s > turn.end_s + ROUNDING_S
    ]
    return min([*waits_s, most_s])


def _talked_over_s(turn: UserTurn, takeover: Takeover) -> float:
    end_s = turn.span.end_s - TERMINAL_OVERLAP_S
    if end_s <= turn.span.start_s:
        return 0.0
    parts = (burst.clipped(Span(turn.span.start_s, end_s)) for burst in takeover.bursts)
    return sum(part.duration_s for part in parts if part is not None)


def _is_break(turn: UserTurn, takeover: Takeover) -> bool:
    begins_s = takeover.span.start_s
    return turn.span.start_s - ROUNDING_S <= begins_s < turn.span.end_s - TERMINAL_OVERLAP_S - ROUNDING_S
