"""Was the model interrupted, and did it yield? Only times decide: see ``interruption`` for the rules and the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from fdbench.core.span import ROUNDING_S, Span
from fdbench.scoring.corrected.lost_time import TERMINAL_OVERLAP_S
from fdbench.scoring.corrected.utterance import UTTERANCE_GAP_S

ONSET_TOLERANCE_S: Final = 0.1
"""A burst that starts this soon after an instant is going on at it; one that ends this close to the end was cut there."""
MIN_HEARD_S: Final = 1.5
"""Whether a model yields to a shorter interruption is not judged, and to any it has at least so long."""
MIN_STOP_S: Final = 1.0
"""A silence that begins in the last second of the interruption, or after it, lasts at least so long."""
MIN_DOUBTFUL_STOP_S: Final = 0.5

Gate = Literal["not_exercised", "talked_through", "yielded", "unknown", "unseen"]


@dataclass(frozen=True, slots=True)
class InterruptionOutcome:
    """What the model did with the floor when it was interrupted.

    Attributes:
        gate: Which one it fell through; ``unknown`` where the recording ends before it could be seen, ``unseen`` where it ends
            before the interruption.
        stop_latency_s: Only if it yielded.
        after: Bursts among which the answer is looked for; empty if it talked through.
        deadline_s: When it had to have fallen silent, s after the interruption's start.
        is_undecided: It talked through but for a silence of 0.5 to 1.0 s at the end of the interruption.
        is_judged: The interruption is long enough for yielding to be judged.
    """

    gate: Gate
    stop_latency_s: float | None
    after: tuple[Span, ...]
    deadline_s: float
    is_undecided: bool = False
    is_judged: bool = True


def heard_interruption(annotated: Span, user: Sequence[Span]) -> Span | None:
    """From where the user is first heard inside the annotated span to its end; None where nobody is.

    Args:
        annotated: The data's interruption.
        user: The user's bursts, in order of time.
    """
    inside = next((part for burst in user if (part := burst.clipped(annotated)) is not None), None)
    return None if inside is None else Span(inside.start_s, annotated.end_s)


def interruption_outcome(bursts: Sequence[Span], interruption: Span, recorded_s: float | None) -> InterruptionOutcome:
    """Gates: exercised at all, talked through, or yielded.

    Args:
        bursts: The model's, in order of time.
        interruption: The user's, from where it is heard (``heard_interruption``).
        recorded_s: Where the recording ends; None where nobody knows, which is taken for long after the last burst.

    Example:
        >>> interruption_outcome([Span(0.5, 3.4), Span(6.0, 8.0)], Span(3.0, 5.0), 12.0).gate
        'yielded'
    """
    start_s, end_s = interruption.start_s, interruption.end_s
    deadline_s = max(interruption.duration_s, MIN_HEARD_S)
    is_judged = interruption.duration_s >= MIN_HEARD_S - ROUNDING_S

    def outcome(gate: Gate, stop_s: float | None, after: Sequence[Span], is_undecided: bool = False) -> InterruptionOutcome:
        latency_s = None if stop_s is None else stop_s - start_s
        return InterruptionOutcome(gate, latency_s, tuple(after), deadline_s, is_undecided, is_judged)

    if not _is_speaking_at(bursts, start_s):
        is_unseen = recorded_s is not None and recorded_s < start_s + ONSET_TOLERANCE_S
        return outcome("unseen" if is_unseen else "not_exercised", None, [b for b in bursts if b.start_s >= start_s])
    silences = _silences(bursts, start_s, start_s + deadline_s, recorded_s)
    stop = next((each for each in silences if each.is_stop_at(end_s)), None)
    if stop is not None:
        return outcome("yielded", stop.start_s, [b for b in bursts if b.start_s >= stop.start_s])
    is_going = recorded_s is not None and recorded_s < start_s + deadline_s - ROUNDING_S
    if is_going or any(each.may_become_stop_at(end_s) for each in silences):
        return outcome("unknown", None, ())
    return outcome("talked_through", None, (), any(each.is_doubtful_at(end_s) for each in silences))


def after_what_was_going_on(bursts: Sequence[Span], start_s: float) -> tuple[Span, ...]:
    """The bursts behind the first silence of 1.0 s that begins at or after ``start_s``."""
    after = [burst for burst in bursts if burst.end_s > start_s]
    for index, (before, burst) in enumerate(pairwise(after), 1):
        if burst.start_s - before.end_s >= UTTERANCE_GAP_S - ROUNDING_S:
            return tuple(after[index:])
    return ()


@dataclass(frozen=True, slots=True)
class _Silence:
    """Of the model, behind a burst.

    Attributes:
        resumed_s: Where it speaks again; None where it does not.
        known_s: How long the silence is known to be.
    """

    start_s: float
    resumed_s: float | None
    known_s: float

    def begins_late(self, end_s: float) -> bool:
        return self.start_s > end_s - MIN_STOP_S + ROUNDING_S

    def is_stop_at(self, end_s: float) -> bool:
        known_until_s = self.start_s + self.known_s
        is_long = not self.begins_late(end_s) or self.known_s >= MIN_STOP_S - ROUNDING_S
        return is_long and known_until_s >= end_s - TERMINAL_OVERLAP_S - ROUNDING_S

    def may_become_stop_at(self, end_s: float) -> bool:
        """The recording ends in it."""
        return self.resumed_s is None and not self.is_stop_at(end_s)

    def is_doubtful_at(self, end_s: float) -> bool:
        return self.begins_late(end_s) and self.known_s >= MIN_DOUBTFUL_STOP_S - ROUNDING_S


def _is_speaking_at(bursts: Sequence[Span], t_s: float) -> bool:
    return any(b.contains(t_s) or 0 <= b.start_s - t_s <= ONSET_TOLERANCE_S + ROUNDING_S for b in bursts)


def _silences(bursts: Sequence[Span], from_s: float, to_s: float, recorded_s: float | None) -> list[_Silence]:
    """Those that begin from ``from_s`` to ``to_s``; a burst that the recording's end cut off has none behind it."""
    found = []
    for index, burst in enumerate(bursts):
        if not from_s - ROUNDING_S <= burst.end_s <= to_s + ROUNDING_S:
            continue
        if index + 1 < len(bursts):
            resumed_s = bursts[index + 1].start_s
            found.append(_Silence(burst.end_s, resumed_s, resumed_s - burst.end_s))
        elif recorded_s is None:
            found.append(_Silence(burst.end_s, None, float("inf")))
        elif recorded_s - burst.end_s > ONSET_TOLERANCE_S + ROUNDING_S:
            found.append(_Silence(burst.end_s, None, recorded_s - burst.end_s))
    return found
