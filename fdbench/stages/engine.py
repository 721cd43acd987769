"""Where the calls of a run are made: in this process, or by actors on the machines of a Ray cluster (``on_ray``).

Which it is decides nothing about what a call gives, and is in no name: the run is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from fdbench.call.budget import Budget
from fdbench.call.source import Source
from fdbench.core.conversation import FailedCall, Recording, Take
from fdbench.errors import UsageError
from fdbench.stages.plan import Plan
from fdbench.store.mirror import Mirror
from fdbench.store.run import Run

Outcome = Recording | FailedCall


class Engine(Protocol):
    """Where calls are made."""

    def open_source(self, plan: Plan, run: Run, budget: Budget) -> Source:
        """Load the model, wherever it is to be. Raises FdbenchError where that fails."""

    def keep(self, run: Run, take: Take, outcome: Outcome) -> Mapping[str, object]:
        """Store a call that has ended, unless it is; returns what its line in the log says of where it was made."""


class Here:
    """This process."""

    def open_source(self, plan: Plan, run: Run, budget: Budget) -> Source:
        return plan.open_source(budget)

    def keep(self, run: Run, take: Take, outcome: Outcome) -> Mapping[str, object]:
        run.write(take, outcome)
        return {}


@dataclass(frozen=True, slots=True)
class Mirrored:
    """Another engine, with all that it stores copied to an object store."""

    engine: Engine
    mirror: Mirror

    def open_source(self, plan: Plan, run: Run, budget: Budget) -> Source:
        return self.engine.open_source(plan, run, budget)

    def keep(self, run: Run, take: Take, outcome: Outcome) -> Mapping[str, object]:
        facts = self.engine.keep(run, take, outcome)
        self.mirror.send(run, take.id)
        return facts


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
