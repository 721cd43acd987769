"""Where recordings come from: calls in virtual time or on the wall clock, a log of such, a folder (``recordings.py``)."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from fdbench.adapter.base import VirtualParty
from fdbench.adapter.live import LiveParty
from fdbench.call.clock import seed_for
from fdbench.call.lockstep import Ending, Invitation, Lockstep
from fdbench.call.player import PromptPlayer
from fdbench.call.realtime import MOST_LATE_S, Patience, Realtime, user_sound
from fdbench.call.session_log import from_stored, recording_of, spent_in
from fdbench.core.conversation import Brief, CallLog, Failure, Recording, Sample, Take
from fdbench.errors import FdbenchError


class Source(Protocol):
    """Anything that turns takes into recordings."""

    def collect(self, takes: Iterable[Take]) -> Iterator[tuple[Take, Recording | Failure]]:
        """Yield each take with its recording, or with why there is none, in any order."""

    def release(self) -> None:
        """Let go of whatever is held; called once, when nothing more is to be collected."""


@dataclass(slots=True)
class Limits:
    """What calls with a paid or slow server may take.

    Attributes:
        max_cost: In the currency of the price that the user gave; None = whatever it is.
        max_minutes: Of conversation, all together.
        most_late_s: By which a frame may leave late (``Patience``).
        cost, minutes: What was spent; of calls going on, their minutes as far as they may come.
        n_left: Calls that were not made because of it.
    """

    max_cost: float | None = None
    max_minutes: float | None = None
    most_late_s: float = MOST_LATE_S
    cost: float = 0.0
    minutes: float = 0.0
    n_left: int = 0

    def allows(self, minutes: float) -> bool:
        """Whether one more call may be begun that takes at most so long; if so, its time is set aside."""
        if self.max_minutes is not None and self.minutes + minutes > self.max_minutes:
            return False
        if self.max_cost is not None and self.cost >= self.max_cost:
            return False
        self.minutes += minutes
        return True


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

    def collect(self, takes: Iterable[Take]) -> Iterator[tuple[Take, Recording | Failure]]:
        player = PromptPlayer(hears=self.model.says, says=self.model.hears, slots=self.model.slots)
        unreadable: list[tuple[Take, Failure]] = []

        def invitations() -> Iterator[Invitation]:
            for take in takes:
                try:
                    yield self._invite(take)
                except FdbenchError as error:
                    unreadable.append((take, Failure("prompt", error.what)))

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
        limits: Checked before each call; what is spent is added to it.
    """

    model: LiveParty
    seed: int
    lead_in_s: float
    ending: Ending
    limits: Limits

    def collect(self, takes: Iterable[Take]) -> Iterator[tuple[Take, Recording | Failure]]:
        unreadable: queue.SimpleQueue[tuple[Take, Failure]] = queue.SimpleQueue()
        patience = Patience(most_late_s=self.limits.most_late_s)
        most: dict[str, float] = {}

        def invitations() -> Iterator[Invitation]:
            waiting = iter(takes)
            for take in waiting:
                try:
                    invitation = _invitation(take, self.seed, self.lead_in_s, None)
                except FdbenchError as error:
                    unreadable.put((take, Failure("prompt", error.what)))
                    continue
                stimulus = invitation.user.stimulus
                prompt_s = stimulus.duration_s if stimulus else 0.0
                most[take.name] = (self.lead_in_s + prompt_s + self.ending.limit_s) / 60
                if not self.limits.allows(most[take.name]):
                    self.limits.n_left = 1 + sum(1 for _ in waiting)
                    return
                yield invitation

        def ended(take: Take, outcome: Recording | Failure) -> None:
            spent = spent_in(outcome.log) if outcome.log else None
            self.limits.minutes += (spent.minutes if spent else 0.0) - most[take.name]
            self.limits.cost += (spent.cost if spent else None) or 0.0

        for outcome in Realtime(self.model, self.ending, patience).run(invitations(), ended):
            while not unreadable.empty():
                yield unreadable.get()
            yield outcome
        while not unreadable.empty():
            yield unreadable.get()

    def release(self) -> None:
        """Nothing is held between calls."""


@dataclass(frozen=True, slots=True)
class LogReplay:
    """Makes recordings again from the logs of calls on the wall clock; nobody is called.

    Attributes:
        read: The log of a take; raises DataError where there is none.
    """

    read: Callable[[Take], CallLog]
    ending: Ending

    def collect(self, takes: Iterable[Take]) -> Iterator[tuple[Take, Recording | Failure]]:
        for take in takes:
            try:
                stored = self.read(take)
                log = from_stored(stored)
                recording = recording_of(log, user_sound(take, log.rate_user, log.lead_in_s), self.ending.silence_s)
                yield take, replace(recording, log=stored)
            except FdbenchError as error:
                yield take, Failure("log", error.what)
            except ValueError as error:
                yield take, Failure("log", f"the log cannot be replayed: {error}")

    def release(self) -> None:
        """Nothing is held."""


def _invitation(take: Take, run_seed: int, lead_in_s: float, truth: Sample | None) -> Invitation:
    seed, sample = seed_for(run_seed, take.name), take.sample
    return Invitation(
        take,
        user=Brief(seed=seed, lead_in_s=lead_in_s, stimulus=sample.stimuli[take.stimulus].load()),
        model=Brief(instructions=sample.instructions, seed=seed, lead_in_s=lead_in_s, truth=truth),
    )
