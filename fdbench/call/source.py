"""Where recordings come from: calls in virtual time or on the wall clock, a folder (``recordings.py``)."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from fdbench.adapter.base import VirtualParty
from fdbench.adapter.live import LiveParty
from fdbench.call.clock import seed_for
from fdbench.call.live_call import MOST_LATE_S, Timeouts
from fdbench.call.lockstep import Ending, Invitation, Lockstep
from fdbench.call.player import PromptPlayer
from fdbench.call.realtime import WallClock
from fdbench.call.session_log import spent_in
from fdbench.core.conversation import Brief, FailedCall, Recording, Sample, Take
from fdbench.errors import FdbenchError


class Source(Protocol):
    """Anything that turns takes into recordings."""

    def collect(self, takes: Iterable[Take]) -> Iterator[tuple[Take, Recording | FailedCall]]:
        """Yield each take with its recording, or with why there is none, in any order."""

    def release(self) -> None:
        """Let go of whatever is held; called once, when nothing more is to be collected."""


@dataclass(slots=True)
class Budget:
    """What calls with a paid or slow server may take, and what they have taken. May be used by several threads.

    Attributes:
        max_cost: In the currency of the price that the user gave; None = whatever it is.
        max_minutes: Of conversation, all together.
        most_late_s: By which a frame may leave late (``Timeouts``).
        price_of: What so many minutes of conversation may cost; None where nobody knows.
        cost, minutes: Spent by calls that have ended.
        n_left: Calls that were not made because of it.
    """

    max_cost: float | None = None
    max_minutes: float | None = None
    most_late_s: float = MOST_LATE_S
    price_of: Callable[[float], float | None] = lambda minutes: None
    cost: float = 0.0
    minutes: float = 0.0
    n_left: int = 0
    _held: dict[str, tuple[float, float]] = field(default_factory=dict)
    _dearest: float = 0.0
    _is_stopped: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def begin(self, name: str, most_minutes: float) -> bool:
        """Set aside what a call may take; waits for others to end where only what they have set aside is in the way.

        Returns:
            Whether it may be begun.
        """
        with self._changed:
            while not self._is_stopped:
                most_cost = max(self.price_of(most_minutes) or 0.0, self._dearest)
                held_minutes = sum(minutes for minutes, _ in self._held.values())
                held_cost = sum(cost for _, cost in self._held.values())
                if self._fits(self.minutes + held_minutes + most_minutes, self.cost + held_cost + most_cost):
                    self._held[name] = (most_minutes, most_cost)
                    return True
                if not self._held or not self._fits(self.minutes + most_minutes, self.cost + most_cost):
                    return False
                self._changed.wait(_LOOK_S)
            return False

    def end(self, name: str, minutes: float, cost: float) -> None:
        """A call has ended, having taken so much."""
        with self._changed:
            self._held.pop(name, None)
            self.minutes += minutes
            self.cost += cost
            self._dearest = max(self._dearest, cost)
            self._changed.notify_all()

    def stop(self) -> None:
        """Nothing more is to be begun; whoever waits is let go."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _fits(self, minutes: float, cost: float) -> bool:
        is_in_time = self.max_minutes is None or minutes <= self.max_minutes
        return is_in_time and (self.max_cost is None or cost <= self.max_cost)


_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class PromptCalls:
    """Plays each take's prompt to a model in lockstep.

    Attributes:
        model: The party under test.
        seed: Of the run; each call's own follows from it and the take's name.
        lead_in_s: Silence before the prompt.
        ending: When a call is over.
        tells_truth: Whether the model is handed the sample's annotations (the oracle, nobody else).
    """

    model: VirtualParty
    seed: int
    lead_in_s: float
    ending: Ending
    tells_truth: bool = False

    def collect(self, takes: Iterable[Take]) -> Iterator[tuple[Take, Recording | FailedCall]]:
        player = PromptPlayer(hears=self.model.says, says=self.model.hears, slots=self.model.slots)
        unreadable: list[tuple[Take, FailedCall]] = []

        def invitations() -> Iterator[Invitation]:
            for take in takes:
                try:
                    yield self._invite(take)
                except FdbenchError as error:
                    unreadable.append((take, FailedCall("prompt", error.what)))

        for outcome in Lockstep(player, self.model, self.ending).run(invitations()):
            while unreadable:
                yield unreadable.pop()
            yield outcome
        yield from unreadable

    def release(self) -> None:
        """Give the model's memory back, where it can; nothing more is collected afterwards."""
        release = getattr(self.model, "release", None)
        if release is not None:
            release()

    def _invite(self, take: Take) -> Invitation:
        return _invitation(take, self.seed, self.lead_in_s, take.sample if self.tells_truth else None)


@dataclass(frozen=True, slots=True)
class LiveCalls:
    """Plays each take's prompt to a server on the wall clock.

    Attributes:
        budget: Checked before each call; what is spent is added to it.
    """

    model: LiveParty
    seed: int
    lead_in_s: float
    ending: Ending
    budget: Budget

    def collect(self, takes: Iterable[Take]) -> Iterator[tuple[Take, Recording | FailedCall]]:
        unreadable: queue.SimpleQueue[tuple[Take, FailedCall]] = queue.SimpleQueue()
        timeouts = Timeouts(most_late_s=self.budget.most_late_s)

        def invitations() -> Iterator[Invitation]:
            waiting = iter(takes)
            for take in waiting:
                try:
                    invitation = _invitation(take, self.seed, self.lead_in_s, None)
                except FdbenchError as error:
                    unreadable.put((take, FailedCall("prompt", error.what)))
                    continue
                stimulus = invitation.user.stimulus
                prompt_s = stimulus.duration_s if stimulus else 0.0
                if not self.budget.begin(str(take.id), (self.lead_in_s + prompt_s + self.ending.limit_s) / 60):
                    self.budget.n_left = 1 + sum(1 for _ in waiting)
                    return
                yield invitation

        def ended(take: Take, outcome: Recording | FailedCall) -> None:
            spent = spent_in(outcome.log) if outcome.log else None
            self.budget.end(str(take.id), spent.minutes if spent else 0.0, (spent.cost if spent else None) or 0.0)

        calls = WallClock(self.model, self.ending, timeouts).run(invitations(), ended)
        try:
            for outcome in calls:
                while not unreadable.empty():
                    yield unreadable.get()
                yield outcome
        finally:
            self.budget.stop()
            calls.close()
        while not unreadable.empty():
            yield unreadable.get()

    def release(self) -> None:
        """Nothing is held between calls."""


def _invitation(take: Take, run_seed: int, lead_in_s: float, truth: Sample | None) -> Invitation:
    seed, sample = seed_for(run_seed, take.id), take.sample
    return Invitation(
        take,
        user=Brief(seed=seed, lead_in_s=lead_in_s, stimulus=take.prompt()),
        model=Brief(instructions=sample.instructions, seed=seed, lead_in_s=lead_in_s, truth=truth),
    )
