"""`fdbench run`, `annotate RUN` and `score RUN`: the stages over one run's folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from fdbench.stages.cases import Case
from fdbench.stages.collect import MOST_ALIKE, Collected, calls_left, collect
from fdbench.stages.derive import Derived, derive_scores, placed_cases
from fdbench.stages.engine import Engine, Here
from fdbench.stages.options import ScoringOptions
from fdbench.stages.plan import Plan, write_plan
from fdbench.stages.progress import Progress
from fdbench.stages.score import HeardTakes, Scoring, hear_cases
from fdbench.stages.share import Shard
from fdbench.store.judge_checks import find_check
from fdbench.store.leases import Leases
from fdbench.store.run import BusyError, Run
from fdbench.task.data import Data
from fdbench.task.load import TaskLoader


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """What a command over a run did.

    Attributes:
        is_meaningless: Whether its numbers say nothing; a note says why.
        scored_as: Names of the scorings that it is shown by.
    """

    folder: Path
    scorings: tuple[Scoring, ...]
    collected: Collected | None = None
    is_meaningless: bool = False
    scored_as: frozenset[str] = frozenset()

    @classmethod
    def of(cls, folder: Path, derived: Sequence[Derived], collected: Collected | None = None) -> FinishedRun:
        is_meaningless = any(each.is_meaningless for each in derived)
        scored_as = frozenset(each.scored.folder for each in derived)
        return cls(folder, tuple(each.scoring for each in derived), collected, is_meaningless, scored_as)

    @property
    def notes(self) -> tuple[str, ...]:
        collected = (*self.collected.notes, *_spent(self.collected)) if self.collected else ()
        return (*collected, *dict.fromkeys(note for scoring in self.scorings for note in scoring.notes))

    @property
    def n_left(self) -> int:
        """Calls that have not been made yet."""
        return self.collected.left if self.collected else 0

    @property
    def ended_in_vain(self) -> bool:
        """Whether call after call failed alike: a note says so once, and no sample has anything to add."""
        return self.collected is not None and self.collected.in_vain is not None

    @property
    def n_errors(self) -> int:
        return max([scoring.n_errors for scoring in self.scorings] + [self.collected.failed if self.collected else 0])


def _spent(collected: Collected) -> Iterator[str]:
    if collected.minutes:
        cost = f", at a cost of {collected.cost:.4g}" if collected.cost else ""
        yield f"{collected.minutes:.1f} min of conversation on the wall clock in this run so far{cost}"
    if collected.in_vain is not None:
        yield (
            f"{MOST_ALIKE} calls in a row failed alike, {collected.left} are left (--keep-going makes them all the same): "
            f"{collected.in_vain.reason}: {collected.in_vain.message}"
        )
    elif collected.left:
        yield f"the budget is spent: {collected.left} calls are left; the same command goes on from here"


def run_plan(plan: Plan, options: ScoringOptions, progress: Progress) -> FinishedRun:
    """Collect, hear and score; resumes whatever an earlier start left.

    The model is made before engines are loaded or fetched: a mistyped argument costs no download.
    """
    options.check()
    if plan.request.shard is not None:
        return _run_shared(plan, plan.request.shard, options, progress)
    run = Run.for_collection(plan.request.out, plan.collection)
    mirror = plan.request.mirror
    with run.locked(create=True), nullcontext() if mirror is None else mirror.kept(run):
        collected = _collect(plan, run, options, progress)
        derived = _score(run, options, plan.loader, progress)
    return FinishedRun.of(run.folder, derived, collected)


def make_shares(plans: Sequence[Plan], options: ScoringOptions, progress: Progress) -> None:
    """Of several shared runs, make the calls that nobody else is at: who has nothing to do in one goes on with the next.

    Nobody is waited for, and nothing is scored.
    """
    for plan in plans if len(plans) > 1 else ():
        shard = plan.request.shard
        if shard is not None:
            run = Run.for_collection(plan.request.out, plan.collection, shard.name)
            leases = Leases(run.folder, shard.name, plan.request.silence_s)
            with run.locked(create=True, is_shared=True), leases.beating():
                _collect(plan, run, options, progress, leases, waits=False)


def _run_shared(plan: Plan, shard: Shard, options: ScoringOptions, progress: Progress) -> FinishedRun:
    """Collect and hear with others that do so at the same time; the last one to be done scores."""
    run = Run.for_collection(plan.request.out, plan.collection, shard.name)
    leases = Leases(run.folder, shard.name, plan.request.silence_s)
    with run.locked(create=True, is_shared=True), leases.beating():
        collected = _collect(plan, run, options, progress, leases)
        is_whole = not collected.left and collected.in_vain is None
        if is_whole:
            _hear_share(plan, run, shard, options, progress)
    if not is_whole:
        return FinishedRun.of(run.folder, (), collected)
    try:
        with run.locked():
            derived = _score(run, options, plan.loader, progress)
    except BusyError:
        note = "others are still at work on the run: the last one to be done scores it"
        return FinishedRun.of(run.folder, (), replace(collected, notes=(*collected.notes, note)))
    return FinishedRun.of(run.folder, derived, collected)


def _hear_share(plan: Plan, run: Run, shard: Shard, options: ScoringOptions, progress: Progress) -> None:
    """Hear this process's share into the run's cache, with its share of the workers: others may be on this machine."""
    cases = placed_cases(run, run.manifest(), options.placement, plan.loader, shard.has)
    workers, asks = max(1, options.workers // shard.of), options.judging(run.verdicts).asks
    for each in options.by_each():
        for _ in hear_cases(cases, each.protocols, each.engines, run.annotations, workers, progress, asks=asks):
            pass


def _collect(
    plan: Plan, run: Run, options: ScoringOptions, progress: Progress, leases: Leases | None = None, *, waits: bool = True
) -> Collected:
    placed_cases(run, run.manifest(plan.collection), options.placement, plan.loader)  # refuse now what cannot be scored
    plan.supply.check(run)
    engine = _engine(plan, options)
    try:
        calls = calls_left(plan, run, engine, progress, leases, waits=waits)
        options.prepare()
        write_plan(plan, run)
        run.note_start("run", plan.loader.origin)
        collected = collect(plan, run, calls, engine, progress)
        return replace(collected, notes=(*collected.notes, *engine.hear(plan, run, progress)))
    finally:
        engine.close()


def _engine(plan: Plan, options: ScoringOptions) -> Engine:
    if plan.request.ray is None:
        return Here()
    from fdbench.stages.on_ray import OnRay

    return OnRay(plan.request.ray, options)


def score_run(folder: Path, options: ScoringOptions, data: Data | None, progress: Progress) -> FinishedRun:
    """Hear and score a stored run, without a call."""
    options.prepare()
    run, loader = Run(folder), TaskLoader(data)
    with run.locked():
        placed_cases(run, run.manifest(), options.placement, loader)  # nothing is logged where the run's data is not there
        run.note_start("score", loader.origin)
        return FinishedRun.of(folder, _score(run, options, loader, progress))


def annotate_run(folder: Path, options: ScoringOptions, data: Data | None, progress: Progress) -> tuple[str, ...]:
    """Fill the annotation cache of a stored run; returns a line for each take with a problem."""
    options.prepare()
    run, loader = Run(folder), TaskLoader(data)
    with run.locked():
        cases = placed_cases(run, run.manifest(), options.placement, loader)
        run.note_start("annotate", loader.origin)
        return tuple(
            f"{case.sample.task} {case.sample.id}: {trouble}"
            for each in options.by_each()
            for case, takes in hear_cases(
                cases, each.protocols, each.engines, run.annotations, each.workers, progress, asks=True
            )
            if (trouble := _trouble(case, takes))
        )


def _trouble(case: Case, takes: HeardTakes) -> str:
    missing = (absence.message for absence in case.absences.values())
    return "; ".join([*missing, *(message for take in takes.values() for message in take.messages)])


def _score(run: Run, options: ScoringOptions, loader: TaskLoader, progress: Progress) -> tuple[Derived, ...]:
    """Score by each of those who hear; what the first one's ears give is what the run is shown by."""
    found = [_score_by_one(run, each, loader, progress) for each in options.by_each()]
    return found[0]


def _score_by_one(run: Run, options: ScoringOptions, loader: TaskLoader, progress: Progress) -> tuple[Derived, ...]:
    run.note_hearing(options.engines.signature_facts(), options.engines.weights())
    judging = options.judging(run.verdicts, run.note_attempt)
    derived = derive_scores(run, options, judging, loader, progress, run.annotations)
    check = find_check(run.folder.parent, judging.signature)
    for each in derived:
        run.write_scores(each.scored, each.lines, each.summary)
        if check:
            run.add_judge_check(each.scored, check)
    return derived
