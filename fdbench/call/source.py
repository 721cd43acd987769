"""Where recordings come from: a call, a folder of recordings (``recordings.py``), or (later) the replay of a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from fdbench.adapter.base import VirtualParty
from fdbench.call.clock import seed_for
from fdbench.call.lockstep import Ending, Invitation, Lockstep
from fdbench.call.player import PromptPlayer
from fdbench.core.conversation import Brief, Failure, Recording, Take
from fdbench.errors import FdbenchError


class Source(Protocol):
    """Anything that turns takes into recordings."""

    def collect(self, takes: Iterable[Take]) -> Iterator[tuple[Take, Recording | Failure]]:
        """Yield each take with its recording, or with why there is none, in any order."""

    def release(self) -> None:
        """Let go of whatever is held; called once, when nothing more is to be collected."""


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
        seed = seed_for(self.seed, take.name)
        sample = take.sample
        return Invitation(
            take,
            user=Brief(seed=seed, lead_in_s=self.lead_in_s, stimulus=sample.stimuli[take.stimulus].load()),
            model=Brief(
                instructions=sample.instructions,
                seed=seed,
                lead_in_s=self.lead_in_s,
                truth=sample if self.tells_truth else None,
            ),
        )
