"""Where the calls of a run are made: in this process, or by actors on the machines of a Ray cluster (``on_ray``).

Which it is decides nothing about what a call gives, and is in no name: the run is the same.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from fdbench.call.budget import Budget
from fdbench.call.source import Source
from fdbench.core.conversation import FailedCall, Recording, Take
from fdbench.errors import UsageError
from fdbench.stages.plan import Plan
from fdbench.stages.progress import Progress
from fdbench.store.run import Run

Outcome = Recording | FailedCall


class Engine(Protocol):
    """Where calls are made, and perhaps heard. Closed once, whatever happens."""

    def open_source(self, plan: Plan, run: Run, budget: Budget, tell: Callable[[str], None]) -> Source:
        """Load the model, wherever it is to be.

        Args:
            tell: What a person should know who waits for it.

        Raises:
            FdbenchError: That fails.
        """

    def keep(self, run: Run, take: Take, outcome: Outcome) -> float:
        """Store a call that has ended, unless it is; returns its length in seconds, 0 of one that failed."""

    def place_of(self, take: Take) -> str:
        """The machine on which a call was made."""

    @property
    def crew(self) -> str:
        """Who is at work, in a few words; empty where there is nothing to say."""

    def hear(self, plan: Plan, run: Run, progress: Progress) -> Sequence[str]:
        """Hear what can be heard where calls are made, so that scoring finds it; returns what a person should know of it."""

    def close(self) -> None:
        """Let go of everything."""


class Here:
    """This process."""

    crew = ""

    def open_source(self, plan: Plan, run: Run, budget: Budget, tell: Callable[[str], None]) -> Source:
        return plan.open_source(budget)

    def keep(self, run: Run, take: Take, outcome: Outcome) -> float:
        run.write(take, outcome)
        return length_of(outcome)

    def place_of(self, take: Take) -> str:
        return platform.node()

    def hear(self, plan: Plan, run: Run, progress: Progress) -> Sequence[str]:
        """Nothing: who scores hears by processes of this machine."""
        return ()

    def close(self) -> None:
        """There is nothing to let go of."""


def length_of(outcome: Outcome) -> float:
    return outcome.length_s if isinstance(outcome, Recording) else 0.0


@dataclass(frozen=True, slots=True)
class Ray:
    """A Ray cluster.

    Attributes:
        address: Of a cluster; empty = the one that this machine belongs to, or this machine alone.
        actors: How many hold the model; None = one per GPU, or per CPU where the model needs no GPU.
        store: Who writes: actors that see the run's folder (``auto``), or this process alone (``driver``).
    """

    address: str = ""
    actors: int | None = None
    store: Literal["auto", "driver"] = "auto"

    def __post_init__(self) -> None:
        if self.actors is not None and self.actors < 1:
            raise UsageError(f"--actors {self.actors}: expected at least 1", "leave it out for one per GPU")
