"""A call: who talks with whom about what, how far either side has come, when it is over, and what it gave.

One slot's clock, with frames of 3 ticks for the user and 4 for the model, both in virtual time::

    time    0     3  4     6     8  9          12
    user    |--u0--|--u1--|--u2--|--u3--|              frame u_j is said at j*3, having heard the model up to then
    model   |........|---m0---|---m1---|               frame m_k is said at (k+1)*4, having heard the user up to then

A side hears a frame when that frame is over, and not before the other side and itself are known up to there. So nobody hears
the future, the echo of one's own voice is there without delay, and whoever is due first can always hear. The user's side of a
call in virtual time leads by one frame: what it says first is heard at time 0. The model's reply to a frame is placed where
that frame ends, the earliest moment at which it could have been heard (causal placement).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from fdbench.adapter.base import Brief, Port
from fdbench.call.path import Path
from fdbench.call.tape import Tape
from fdbench.core.conversation import CallLog, FailedCall, Take
from fdbench.core.event import Event
from fdbench.core.sound import Samples
from fdbench.core.span import Span
from fdbench.core.take_id import MAIN

LONGEST_S: Final = 3600.0
"""A call in which the user's side never says that it has nothing more to say ends here."""


@dataclass(frozen=True, slots=True)
class Ending:
    """When a call is over once the user has nothing more to say.

    Attributes:
        silence_s: Whoever is listened to has been silent for this long since then.
        limit_s: This long has passed, whatever anybody does.
    """

    silence_s: float = 2.0
    limit_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Invitation:
    """A take and each side's brief. Made when a slot is free, so only open calls hold audio."""

    take: Take
    user: Brief
    model: Brief


@dataclass(slots=True)
class Side:
    """One side of one call.

    Attributes:
        tape: What it says.
        until_s: When, on the call's clock, it has nothing more to say; None = it does not tell, and is listened to.
        is_deaf: It hears nothing: all that it says is known.
        is_live: It lives on the wall clock, at the other end of a connection.
        n_heard: Frames that it has heard; begins at -1 where it leads.
        last_loud_s: Where its last frame above silence ends.
        events: What it told about itself, on the call's clock.
        heard: The frames that it heard, where something stands between the two sides.
        ahead: Frames that it is going to hear, the next one last, where these are known.
        hangs_up_after: So many frames that it has heard; a tape ends.
        heard_samples: Where it is on tape, of which not all was heard: how much of what it heard counts; 0 = every frame.
        fault: Why it cannot go on.
    """

    slot: int
    tape: Tape
    says_hz: int
    frame_ticks: int
    ready: Callable[[], bool] = field(default=lambda: True)
    until_s: float | None = None
    is_deaf: bool = False
    is_live: bool = False
    n_heard: int = 0
    last_loud_s: float = 0.0
    events: list[Event] = field(default_factory=list)
    heard: list[Samples] | None = None
    path: Path | None = None
    ahead: list[Samples] = field(default_factory=list)
    hangs_up_after: float = math.inf
    heard_samples: int = 0
    fault: FailedCall | None = None

    @property
    def due(self) -> int:
        """When, in ticks, the next frame that it hears is over."""
        return (self.n_heard + 1) * self.frame_ticks

    def known_s(self, tick_rate: int) -> float:
        """Up to when it is known what it says."""
        return (self.n_heard + 1) * self.frame_ticks / tick_rate

    def silent_s(self, now_s: float, since_s: float) -> float:
        """For how long it has been silent; counted from ``since_s`` at the earliest."""
        return now_s - max(since_s, self.last_loud_s)

    def quiet_s(self, now_s: float) -> float:
        """For how long nothing has been heard of it."""
        return now_s - self.last_loud_s

    def as_sent(self, event: Event, lead_in_s: float) -> Event:
        """An event of what it heard, where it could hear it."""
        return event

    def told(self) -> list[Event]:
        """What it told about itself, once the call is over."""
        return self.events

    def cautions(self) -> tuple[str, ...]:
        """What a reader of the call's numbers has to know."""
        return ()

    def stored_log(self) -> CallLog | None:
        """The log of a side on the wall clock."""
        return None


class Leg(Protocol):
    """One side of up to ``slots`` calls, as the driver sees it; which kind of ``Side`` it makes is its own business.

    Attributes:
        needs_wall: Whether it lives on the wall clock.
        is_deaf: Whether it hears nothing in any of its calls.
    """

    hears: Port
    says: Port
    slots: int
    needs_wall: bool
    is_deaf: bool

    def open(self, slot: int, brief: Brief, frame_ticks: int) -> Any:
        """Begin a conversation in a free slot: its ``Side``, or the ``FailedCall`` that came of it."""

    def hear(self, sides: Sequence[Any], audio: npt.NDArray[np.float32], tick_rate: int) -> None:
        """Hand each side its next frame, float32, shape ``(len(sides), hears.frame_samples)``; what it says is on its tape."""

    def close(self, side: Any) -> None:
        """End a conversation, finished or not."""


@dataclass(slots=True)
class Call:
    """A call going on.

    Attributes:
        tick_rate: Of its clock, in Hz: every frame of either side is a whole number of ticks.
        first_frame_that_may_end: Before it the call is not over for certain, and nobody need look closer.
    """

    invitation: Invitation
    user: Side
    model: Side
    tick_rate: int
    ending: Ending
    was_ready: bool = False
    first_frame_that_may_end: float = 0

    def __post_init__(self) -> None:
        if not math.isinf(self.model.hangs_up_after):
            self.first_frame_that_may_end = self.model.hangs_up_after
        elif self.user.is_deaf and self.user.until_s is not None:  # what it says is known, and so is when that is over
            self.first_frame_that_may_end = int(self.user.until_s * self.tick_rate / self.model.frame_ticks) - 2

    def is_ready(self) -> bool:
        """Whether both sides have opened; one that fails at it has, with a fault."""
        if not self.was_ready:
            self.was_ready = self.user.ready() and self.model.ready()
        return self.was_ready

    @property
    def slot(self) -> int:
        return self.model.slot

    @property
    def fault(self) -> FailedCall | None:
        return self.user.fault or self.model.fault

    @property
    def live_sides(self) -> list[Any]:
        """Those that live on the wall clock."""
        return [side for side in (self.user, self.model) if side.is_live]

    def other(self, side: Side) -> Side:
        return self.user if side is self.model else self.model

    @property
    def now_s(self) -> float:
        """Up to when it is known what both say."""
        model_s = self.model.known_s(self.tick_rate)
        return model_s if self.user.is_deaf else min(model_s, self.user.known_s(self.tick_rate))

    def is_known_for(self, side: Side) -> bool:
        """Whether all that a side's next frame is made of has been said."""
        other = self.other(side)
        said = other.tape.known >= -(-side.due * other.says_hz // self.tick_rate)
        return said and (side.path is None or side.tape.known >= -(-side.due * side.says_hz // self.tick_rate))

    @property
    def asked_about(self) -> list[Span]:
        """Where, on the call's clock, something happens on the user's side that the scores ask about."""
        take, lead_in_s, until_s = self.invitation.take, self.invitation.user.lead_in_s, self.user.until_s
        annotated = take.sample.events if take.stimulus == MAIN else ()
        spans = [event.span for event in self.user.told()] or [event.span.shifted(lead_in_s) for event in annotated]
        return [*spans, *([Span(until_s, until_s)] if until_s is not None and math.isfinite(until_s) else [])]

    @property
    def end_s(self) -> float:
        """How long the call was when it ended: up to where each side was heard by the other."""
        spoken = [side.known_s(self.tick_rate) for side in (self.user, self.model) if not side.is_deaf]
        heard = [
            side.n_heard * side.frame_ticks / self.tick_rate for side in (self.user, self.model) if self.other(side).is_deaf
        ]
        return min(spoken + heard)

    def is_over(self) -> bool:
        if self.model.n_heard < self.first_frame_that_may_end:
            return False
        if self.model.n_heard >= self.model.hangs_up_after:
            return True
        now_s, until_s = self.now_s, self.user.until_s or 0.0
        if now_s < until_s:
            return not self.user.is_deaf and now_s >= LONGEST_S
        if now_s - until_s >= self.ending.limit_s:
            return True
        listened_to = [side for side in (self.user, self.model) if side.until_s is None]
        return all(side.silent_s(now_s, until_s) >= self.ending.silence_s for side in listened_to)
