"""Where recordings come from: calls in virtual time or on the wall clock, a folder (``recordings.py``)."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Protocol

from fdbench.call.budget import Budget
from fdbench.call.call import Ending, Invitation
from fdbench.call.clock import seed_for
from fdbench.call.driver import Driver, Party
from fdbench.call.session_log import spent_by
from fdbench.call.timeouts import Timeouts
from fdbench.call.virtual_time import POLL_S
from fdbench.core.condition import NOTHING_BETWEEN, Condition
from fdbench.core.conversation import Brief, FailedCall, Recording, Stage, Take
from fdbench.core.event import NOTHING
from fdbench.core.sound import Audio
from fdbench.core.take_id import MAIN
from fdbench.errors import FdbenchError


class Source(Protocol):
    """Anything that turns takes into recordings."""

    def collect(self, takes: Iterable[Take | None]) -> Generator[tuple[Take, Recording | FailedCall], None, None]:
        """Yield each take with its recording, or with why there is none, in any order.

        Args:
            takes: Asked for one by one; None = there is none just now.
        """

    def release(self) -> None:
        """Let go of whatever is held; called once, when nothing more is to be collected."""

    @property
    def uncollected(self) -> Iterable[tuple[Take, Recording | FailedCall]]:
        """Calls that had ended when nobody asked for outcomes any more."""

    @property
    def interrupted(self) -> Iterable[tuple[Take, FailedCall]]:
        """Calls that were given up, with what they had taken."""

    @property
    def notes(self) -> Iterable[str]:
        """What a user should know about how the calls were held."""

    def examiner_cost(self, take: Take) -> float:
        """What an examiner took in a call that is in no log of it, in USD, so far."""


class PromptCalls:
    """Plays each take's prompt to a model, or has an examiner hold its dialogue, on whichever clock either lives.

    Args:
        model: The party under test.
        seed: Of the run; each call's own follows from it and the take's name.
        lead_in_s: Silence before the prompt.
        ending: When a call is over.
        condition: What stands between the user and the model.
        tells_truth: Whether the model is handed the sample's annotations (the oracle, nobody else).
        budget: Of calls on the wall clock; checked before each, and what is spent is added to it.
        timeouts: How long is waited for a model on the wall clock.
        user: An examiner, for samples with a dialogue; None = a player of prompts.
        longest_s: How long the user's side may speak where no prompt says it, for the budget.
    """

    def __init__(
        self,
        model: Party,
        seed: int,
        lead_in_s: float,
        ending: Ending,
        condition: Condition = NOTHING_BETWEEN,
        *,
        tells_truth: bool = False,
        budget: Budget | None = None,
        timeouts: Timeouts | None = None,
        user: Party | None = None,
        longest_s: float = 0.0,
    ) -> None:
        self.driver = Driver(model, user, ending, condition=condition, timeouts=timeouts)
        self._seed, self._lead_in_s, self._tells_truth, self._budget = seed, lead_in_s, tells_truth, budget
        self._longest_s = longest_s
        self._costs: Mapping[int, float] | None = getattr(user, "costs", None)
        self._examiners_notes: Callable[[], Iterable[str]] = getattr(user, "notes", tuple)

    def collect(self, takes: Iterable[Take | None]) -> Generator[tuple[Take, Recording | FailedCall], None, None]:
        unreadable: queue.SimpleQueue[tuple[Take, FailedCall]] = queue.SimpleQueue()
        is_timed = self.driver.is_on_the_wall_clock
        budget = self._budget if is_timed or self._costs is not None else None
        limit_s = self.driver.ending.limit_s
        if budget is not None:
            budget.resume()

        def invitations() -> Iterator[Invitation | None]:
            waiting = iter(takes)
            for take in waiting:
                if take is None:
                    if is_timed:  # calls on the wall clock go on by themselves
                        time.sleep(POLL_S)
                    else:
                        yield None
                    continue
                try:
                    invitation = self._invite(take)
                except FdbenchError as error:
                    unreadable.put((take, FailedCall("prompt", error.what)))
                    continue
                prompt_s = invitation.user.stimulus.duration_s if invitation.user.stimulus else self._longest_s
                minutes = (self._lead_in_s + prompt_s + limit_s) / 60 if is_timed else 0.0
                # Where no time passes nobody can be waited for: the calls that are going on go on here.
                if budget is not None and not budget.begin(str(take.id), minutes, may_wait=is_timed):
                    budget.n_left = 1 + sum(1 for _ in waiting)
                    return
                yield invitation

        calls = self.driver.run(invitations(), self._count, self._may_try_again)
        try:
            for outcome in calls:
                while not unreadable.empty():
                    yield unreadable.get()
                if not is_timed:
                    self._count(*outcome)
                yield outcome
        finally:
            if budget is not None:
                budget.stop()
            calls.close()
        while not unreadable.empty():
            yield unreadable.get()

    def release(self) -> None:
        """Give the model's memory back, where it can; nothing more is collected afterwards."""
        self.driver.release()

    @property
    def uncollected(self) -> Iterable[tuple[Take, Recording | FailedCall]]:
        return self.driver.uncollected

    @property
    def interrupted(self) -> Iterable[tuple[Take, FailedCall]]:
        return self.driver.interrupted

    @property
    def notes(self) -> Iterable[str]:
        return (*self.driver.notes, *self._examiners_notes())

    def _may_try_again(self, take: Take, minutes: float, cost: float) -> bool:
        return self._budget is None or self._budget.may_try_again(str(take.id), minutes, cost)

    def _count(self, take: Take, outcome: Recording | FailedCall) -> None:
        if self._budget is not None:
            spent = spent_by(outcome)
            cost = ((spent.cost if spent else None) or 0.0) + self.examiner_cost(take)
            self._budget.end(str(take.id), spent.minutes if spent else 0.0, cost)

    def examiner_cost(self, take: Take) -> float:
        return 0.0 if self._costs is None else self._costs.get(seed_for(self._seed, take.id), 0.0)

    def _late_s(self) -> float:
        """By how much the prompt reaches a model later that knows the truth, and would be early by it otherwise."""
        return self.driver.accounted_delay_at_s(self._lead_in_s) if self._tells_truth else 0.0

    def _invite(self, take: Take) -> Invitation:
        seed, sample = seed_for(self._seed, take.id), take.sample
        truth = sample.heard_as(take.stimulus) if self._tells_truth else None
        return Invitation(
            take,
            user=Brief(
                seed=seed,
                lead_in_s=self._lead_in_s,
                stimulus=take.prompt() if take.has_prompt else None,
                stages=_stages(take),
                dialogue=sample.dialogue,
            ),
            model=Brief(instructions=sample.instructions, seed=seed, lead_in_s=self._lead_in_s + self._late_s(), truth=truth),
        )


def _stages(take: Take) -> tuple[Stage, ...]:
    """What the user's side does after its prompt; in the clean twin it is silent for as long. Raises DataError."""
    reaction = take.sample.reaction
    if reaction is None:
        return ()
    audio = reaction.stimulus.load()
    if take.stimulus != MAIN:
        return (Stage(NOTHING, Audio.silence(audio.duration_s, audio.sample_rate), reaction.after_onset_s),)
    return (Stage(reaction.kind, audio, reaction.after_onset_s, reaction.text),)
