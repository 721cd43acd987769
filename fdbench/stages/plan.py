"""What a run is going to do, settled before anything is loaded or written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from fdbench.call.budget import Budget
from fdbench.call.source import Source
from fdbench.core.absence import Absence
from fdbench.core.behaviour import DIALOGUE
from fdbench.core.conversation import FailedCall, Take
from fdbench.core.take_id import TakeId
from fdbench.errors import UsageError
from fdbench.stages.elsewhere import settled_arguments
from fdbench.stages.model import Model, Supply, find_model
from fdbench.stages.request import RunRequest
from fdbench.store.find import check_name
from fdbench.store.manifest import CollectedSample, CollectedTask, Collection
from fdbench.store.run import Run
from fdbench.task.edition import read_edition
from fdbench.task.load import LoadedTask, TaskLoader, select_tasks

if TYPE_CHECKING:
    from fdbench.stages.engine import Ray


@dataclass(frozen=True, slots=True)
class Plan:
    """A run, settled."""

    request: RunRequest
    supply: Supply
    collection: Collection
    tasks: tuple[LoadedTask, ...]
    loader: TaskLoader

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each thing that was left out of the data or the recordings."""
        return (*(note for task in self.tasks for note in task.notes), *self.supply.notes)

    def price_of(self, minutes: float) -> float | None:
        """What so many minutes of calls may cost on both sides; None where nobody knows."""
        return self.supply.price_of(minutes, self.request.examiner)

    def open_source(self, budget: Budget) -> Source:
        """Load what the calls need. Raises FdbenchError where that fails."""
        asked = self.request
        return self.supply.open_source(self.collection, budget, asked.most_late_s, asked.examiner, asked.noise)

    @property
    def takes(self) -> tuple[Take, ...]:
        """Every call of the run, in the order of tasks, samples, repeats and stimuli."""
        return tuple(
            Take(sample, stimulus, repeat, self.collection.condition)
            for task in self.tasks
            for sample in task.samples
            for repeat in range(self.request.repeats)
            for stimulus in task.spec.stimuli
        )

    @property
    def broken(self) -> dict[TakeId, Absence]:
        """Calls that cannot be made because their sample's data is broken, and why."""
        return {
            TakeId(task.spec.name, sample_id, stimulus, repeat, self.collection.condition): FailedCall("data", why.message)
            for task in self.tasks
            for sample_id, why in task.broken.items()
            for repeat in range(self.request.repeats)
            for stimulus in task.spec.stimuli
        }

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
                stimuli=task.spec.stimuli,
                examiner=dict(self.request.examiner.facts_of(task)) if task.spec.behaviour == DIALOGUE else {},
            )
            for task in self.tasks
        }


def make_plan(request: RunRequest, model: Model | None = None) -> Plan:
    """Find the model and the tasks and settle every setting.

    Args:
        model: Where it has been found already; else the request names it.

    Raises:
        FdbenchError: An unknown name or argument, missing data, a missing package.
    """
    if request.ray is not None and model is None:
        request = _settled_for(request, request.ray)
    model = model or find_model(request.model, request.arguments)
    selected = select_tasks(request.tasks, request.data)  # a name that is not known is said before what is missing here
    collection = model.collection(request)
    if request.name:
        check_name(request.name, Run.for_collection(request.out, collection))
    others = [task.name for task in selected if task.behaviour != DIALOGUE]
    if request.examiner.is_live and others:  # one run, one clock
        what = f"--examiner {request.examiner.kind} holds dialogues on the wall clock, and {others[0]} has none"
        raise UsageError(what, "name tasks of dialogues alone, and run the others without it")
    loader = TaskLoader(request.data)
    tasks = [loader.load(task, limit=request.limit) for task in selected]
    edition = read_edition(request.data.root) if request.data is not None and request.data.root is not None else None
    if edition is not None and any(task.source.kind == "fdb" for task in selected):
        collection = collection.model_copy(update={"edition": edition.name})
    return Plan(request, model.supply(tasks), collection, tuple(_limited(task, request.limit) for task in tasks), loader)


def _settled_for(request: RunRequest, where: Ray) -> RunRequest:
    """The same, with what the machines of a cluster would settle each for itself."""
    from fdbench.stages.ray_cluster import connected, has_gpus

    gpus = has_gpus(connected(where.address))
    return replace(request, arguments=settled_arguments(request.model, request.arguments, has_gpus=gpus))


def write_plan(plan: Plan, run: Run) -> None:
    """Enter what is going to be collected into the run's manifest; done once, before the first call is made.

    Raises:
        DataError: The run was made from other data.
    """
    manifest = run.manifest(plan.collection).with_tasks(plan.collected, run.is_recorded)
    run.write_manifest(manifest.named(plan.request.name))


def _limited(task: LoadedTask, limit: int | None) -> LoadedTask:
    if limit is None:
        return task
    digests = dict(islice(task.digests.items(), limit))
    return replace(
        task,
        samples=tuple(sample for sample in task.samples if sample.id in digests),
        broken={sample_id: why for sample_id, why in task.broken.items() if sample_id in digests},
        digests=digests,
    )
