"""`fdbench run`, `annotate RUN` and `score RUN`: the stages over one run's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fdbench.annotate.stage import Engines
from fdbench.core.conversation import Sample
from fdbench.errors import DataError, UsageError
from fdbench.judge.given import read_rating
from fdbench.pipeline.collect import Collected, Progress, collect
from fdbench.pipeline.entries import Entry, Fault, RecordedTake, TaskFacts
from fdbench.pipeline.plan import Plan
from fdbench.pipeline.score import Scoring, answer_entries, score_entries
from fdbench.store.manifest import RunManifest, Scored
from fdbench.store.run_dir import RunDir, scores_folder
from fdbench.task.load import load_samples, task_specs


@dataclass(frozen=True, slots=True)
class Hearing:
    """How recordings are turned into scores.

    Attributes:
        judge: ``none`` or ``given`` (``ratings/<take>.json`` in the run's folder).
        workers: Processes for annotation.
    """

    engines: Engines
    protocols: tuple[str, ...]
    judge: str = "none"
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command over a run did."""

    folder: Path
    scorings: tuple[Scoring, ...]
    collected: Collected | None = None

    @property
    def n_errors(self) -> int:
        return max([scoring.n_errors for scoring in self.scorings] + [self.collected.failed if self.collected else 0])


def run_plan(plan: Plan, hearing: Hearing, progress: Progress) -> Finished:
    """Collect, annotate and score; resumes whatever an earlier start left."""
    hearing.engines.prepare()
    run = RunDir.for_collection(plan.request.out, plan.collection)
    with run.locked():
        collected = collect(plan, run, progress)
        scorings = _score_run(run, hearing, plan.request.data, progress)
    return Finished(run.folder, scorings, collected)


def score_run(folder: Path, hearing: Hearing, data: Path | None, progress: Progress) -> Finished:
    """Annotate and score a stored run, without a call."""
    run = RunDir(folder)
    with run.locked():
        return Finished(folder, _score_run(run, hearing, data, progress))


def annotate_run(folder: Path, hearing: Hearing, data: Path | None, progress: Progress) -> int:
    """Fill the annotation cache of a stored run; returns the number of takes with a problem."""
    run = RunDir(folder)
    with run.locked():
        entries = list(entries_of(run, run.manifest(), data))
        answered = answer_entries(entries, hearing.protocols, hearing.engines, run.annotations, hearing.workers, progress)
        return sum(answers is None or bool(answers.messages) for _, answers in answered)


def entries_of(run: RunDir, manifest: RunManifest, data: Path | None) -> Sequence[Entry]:
    """Every take that the manifest lists, with its recording or with why there is none.

    Raises:
        DataError: A task's data is not there, or not the version that was collected.
    """
    entries = []
    for name, collected in manifest.tasks.items():
        if name not in task_specs():
            raise DataError(f"{run.folder}: task {name} is not one that this fdbench knows", "install the version that made it")
        loaded = load_samples(task_specs()[name], data)
        now = collected.model_copy(update={"version": loaded.spec.version, "samples": dict(loaded.digests)})
        changed = now.changed_since(collected, partial(run.is_recorded, name))
        if now.version != collected.version or changed:
            raise DataError(
                f"{run.folder}: task {name} was collected from other data (version {collected.version}, now {now.version}; "
                f"{len(changed)} samples differ{': ' if changed else ''}{', '.join(changed[:5])})",
                "point --data at the data of the run",
            )
        samples = {sample.id: sample for sample in loaded.samples}
        for sample_id in collected.samples:
            sample = samples.get(sample_id) or Sample(sample_id, name, {})
            entries += [_entry(run, sample, collected.behaviour, repeat) for repeat in range(collected.repeats)]
    return entries


def _entry(run: RunDir, sample: Sample, behaviour: str, repeat: int) -> Entry:
    name = f"{sample.task}/{sample.id}@main.r{repeat}"
    record = run.record_of(name)
    if record is None or record.model is None:
        failure = record.as_failure if record else None
        reason = "bad_annotation" if failure and failure.kind == "data" else "call_failed"
        message = f"{failure.kind}: {failure.message}" if failure else "no call has been made yet"
        return Entry(sample, behaviour, repeat, fault=Fault(reason, message))
    return Entry(
        sample=sample,
        behaviour=behaviour,
        repeat=repeat,
        audio=RecordedTake(behaviour, run.folder, record),
        prompt_s=record.prompt_s,
        recorded_s=record.model.start_s + record.model.n_samples / record.model.sample_rate,
        right_censored=record.right_censored,
        verdict=partial(read_rating, run.folder / "ratings" / f"{name}.json"),
    )


def _score_run(run: RunDir, hearing: Hearing, data: Path | None, progress: Progress) -> tuple[Scoring, ...]:
    if "given" in (hearing.engines.asr, hearing.engines.vad):
        raise UsageError("a run's recordings have no given transcripts or segments", "name an engine for --asr and --vad")
    manifest = run.manifest()
    collection = manifest.collection
    origin = {
        "clock": collection.clock,
        "placement": collection.placement,
        "lead_in": collection.lead_in_s,
        "condition": collection.condition,
        "seed": collection.seed,
        "slots": collection.slots,
    }
    tasks = {
        name: TaskFacts(task.family, task.behaviour, task.version, {**origin, "repeats": task.repeats})
        for name, task in manifest.tasks.items()
    }
    scorings = score_entries(
        entries_of(run, manifest, data),
        tasks,
        hearing.protocols,
        hearing.engines,
        judge=hearing.judge,
        cache_root=run.annotations,
        workers=hearing.workers,
        progress=progress,
    )
    engines = {**hearing.engines.signature_facts(), "judge": hearing.judge}
    for scoring in scorings:
        scored = Scored(folder=scores_folder(scoring.protocol, engines), protocol=scoring.protocol, engines=engines)
        summary = summary_json(manifest.run_id, scoring, tasks, engines)
        run.write_scores(scored, [sample.as_json() for sample in scoring.samples], summary)
    return scorings


def summary_json(run_id: str, scoring: Scoring, tasks: Mapping[str, TaskFacts], engines: Mapping[str, str]) -> dict[str, Any]:
    """The content of ``summary.json``."""
    return {
        "schema": 1,
        "run_id": run_id,
        "protocol": scoring.protocol,
        "engines": dict(engines),
        "tasks": {
            name: {
                "version": facts.version,
                "family": facts.family,
                "behaviour": facts.behaviour,
                "n_samples": sum(sample.task == name for sample in scoring.samples),
                "n_errors": sum(sample.task == name and sample.has_error for sample in scoring.samples),
                "metrics": {metric: each.as_json() for metric, each in scoring.summaries[name].items()},
            }
            for name, facts in sorted(tasks.items())
        },
    }
