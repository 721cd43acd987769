"""What a run is going to do, settled before anything is loaded or written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from fdbench.call.live_call import MOST_LATE_S
from fdbench.call.lockstep import Ending
from fdbench.core.conversation import Take
from fdbench.errors import UsageError
from fdbench.pipeline.model import Supply, find_model
from fdbench.store.manifest import CollectedSample, CollectedTask, Collection
from fdbench.task.data import Data
from fdbench.task.load import LoadedTask, load_samples, select_tasks


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the user asked for; one attribute per option of ``fdbench run``.

    Attributes:
        lead_in_s: None = the model's own default.
        limit: Only the first so many samples of each task, None = all.
        max_cost, max_minutes: What this start may spend on calls on the wall clock, None = what they take.
        most_late_s: A call on the wall clock in which a frame leaves later than this is made again.
    """

    model: str
    tasks: str = "mini"
    out: Path = Path("results")
    data: Data | None = None
    seed: int = 0
    repeats: int = 1
    slots: int = 8
    lead_in_s: float | None = None
    ending: Ending = field(default_factory=Ending)
    limit: int | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    max_cost: float | None = None
    max_minutes: float | None = None
    most_late_s: float = MOST_LATE_S

    @property
    def limits_live_calls(self) -> bool:
        """Whether it asks for what only live calls have: a budget, or its own bound on lateness."""
        return self.max_cost is not None or self.max_minutes is not None or self.most_late_s != MOST_LATE_S

    def __post_init__(self) -> None:
        for name, value in (("repeats", self.repeats), ("slots", self.slots), ("limit", self.limit)):
            if value is not None and value < 1:
                raise UsageError(f"--{name} {value}: expected at least 1", "leave the option out for its default")
        for name, limit in (
            ("max-cost", self.max_cost), ("max-minutes", self.max_minutes), ("most-late", self.most_late_s * 1000),
        ):  # fmt: skip
            if limit is not None and not 0 < limit < math.inf:
                raise UsageError(f"--{name} {limit:g}: expected a positive number", "leave it out for its default")
        if self.lead_in_s is not None and not 0 <= self.lead_in_s < math.inf:
            raise UsageError(f"--lead-in {self.lead_in_s}: expected 0 or more seconds", "leave it out for the model's default")
        if not 0 < self.ending.silence_s <= self.ending.limit_s < math.inf:
            raise UsageError(
                f"--tail-silence {self.ending.silence_s}, --tail-limit {self.ending.limit_s}: expected 0 < silence <= limit",
                "leave them out for 2 and 10 s",
            )


@dataclass(frozen=True, slots=True)
class Plan:
    """A run, settled."""

    request: RunRequest
    supply: Supply
    collection: Collection
    tasks: tuple[LoadedTask, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each thing that was left out of the data or the recordings."""
        return (*(note for task in self.tasks for note in task.notes), *self.supply.notes)

    @property
    def takes(self) -> tuple[Take, ...]:
        """Every call of the run, in the order of tasks, samples and repeats."""
        return tuple(
            Take(sample, repeat=repeat)
            for task in self.tasks
            for sample in task.samples
            for repeat in range(self.request.repeats)
        )

    @property
    def collected(self) -> dict[str, CollectedTask]:
        """The entries of the manifest."""
        return {
            task.spec.name: CollectedTask(
                version=task.spec.version,
                family=task.spec.family,
                behaviour=task.spec.behaviour,
                samples={
                    sample_id: CollectedSample(digest=digest, repeats=self.request.repeats)
                    for sample_id, digest in task.digests.items()
                },
            )
            for task in self.tasks
        }


def make_plan(request: RunRequest) -> Plan:
    """Find the model and the tasks and settle every setting.

    Raises:
        FdbenchError: An unknown name or argument, missing data, a missing package.
    """
    model = find_model(request.model, request.arguments)
    collection = model.collection(request)
    selected = select_tasks(request.tasks, request.data)
    tasks = [load_samples(task, request.data, limit=request.limit) for task in selected]
    return Plan(request, model.supply(tasks), collection, tuple(_limited(task, request.limit) for task in tasks))


def _limited(task: LoadedTask, limit: int | None) -> LoadedTask:
    if limit is None:
        return task
    digests = dict(islice(task.digests.items(), limit))
    return replace(
        task,
        samples=tuple(sample for sample in task.samples if sample.id in digests),
        broken=tuple(broken for broken in task.broken if broken.id in digests),
        digests=digests,
    )
