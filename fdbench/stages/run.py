"""`fdbench run`, `annotate RUN` and `score RUN`: the stages over one run's folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdbench.core.conversation import Sample
from fdbench.core.placement import CAUSAL, PUBLISHED
from fdbench.errors import DataError, UsageError
from fdbench.hear.stage import Answers, Engines
from fdbench.judge.given import read_rating
from fdbench.stages.collect import Collected, collect
from fdbench.stages.entries import Entry, Fault, Kinds, RecordedTake, TaskFacts, kinds_in, moved, origin_of, told_of
from fdbench.stages.judging import GIVEN, NONE, AskedModel, GivenRatings, Judging, Log, Nobody
from fdbench.stages.plan import Plan
from fdbench.stages.progress import Progress
from fdbench.stages.score import Scoring, answer_entries, score_entries
from fdbench.store.judge_checks import JudgeCheck, find_check
from fdbench.store.manifest import CollectedSample, RunManifest, Scored
from fdbench.store.manifest import Collection as CollectedBy
from fdbench.store.run import RunDir, scores_folder
from fdbench.task.data import Data
from fdbench.task.load import load_samples, task_specs

if TYPE_CHECKING:
    from fdbench.judge.providers import JudgeSettings


@dataclass(frozen=True, slots=True)
class Hearing:
    """How recordings are turned into scores.

    Attributes:
        judge: ``none``, ``given`` (``ratings/<take>.json`` in the run's folder), or a model to ask.
        workers: Processes for annotation.
        placement: Where the model's replies shall lie (``fdbench.core.placement``).
    """

    engines: Engines
    protocols: tuple[str, ...]
    judge: str | JudgeSettings = NONE
    workers: int = 1
    placement: str = CAUSAL

    def judging(self, verdicts: Path, log: Log | None = None) -> Judging:
        """Whoever rates; a model's verdicts are kept in the folder ``verdicts``, its attempts told to ``log``."""
        if isinstance(self.judge, str):
            return GivenRatings() if self.judge == GIVEN else Nobody()
        return AskedModel(self.judge, verdicts, log)

    def check(self) -> None:
        """Make sure that a run's recordings can be heard so.

        Raises:
            FdbenchError: An engine is unknown or not installed, or expects files that a run does not have.
        """
        if "given" in (self.engines.asr, self.engines.vad):
            raise UsageError("a run's recordings have no given transcripts or segments", "name an engine for --asr and --vad")
        self.engines.prepare()
        self.check_judge()

    def check_judge(self) -> None:
        """Make sure that the judge can be asked, before any work.

        Raises:
            FdbenchError: The client's package, the key or the prompt's text is missing.
        """
        if not isinstance(self.judge, str):
            from fdbench.judge.client import Judge

            Judge(self.judge).close()


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command over a run did."""

    folder: Path
    scorings: tuple[Scoring, ...]
    collected: Collected | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        spent = tuple(_spent(self.collected)) if self.collected else ()
        return (*spent, *dict.fromkeys(note for scoring in self.scorings for note in scoring.notes))

    @property
    def n_errors(self) -> int:
        return max([scoring.n_errors for scoring in self.scorings] + [self.collected.failed if self.collected else 0])


def _spent(collected: Collected) -> Iterator[str]:
    if collected.minutes:
        cost = f", at a cost of {collected.cost:.4g}" if collected.cost else ""
        yield f"{collected.minutes:.1f} min of conversation on the wall clock{cost}"
    if collected.left:
        yield f"the budget is spent: {collected.left} calls are left; the same command goes on from here"


def run_plan(plan: Plan, hearing: Hearing, progress: Progress) -> Finished:
    """Collect, annotate and score; resumes whatever an earlier start left."""
    hearing.check()
    run = RunDir.for_collection(plan.request.out, plan.collection)
    with run.locked(create=True):
        placed_entries(run, run.manifest(plan.collection), hearing, plan.request.data)  # what cannot be scored is told now
        collected = collect(plan, run, progress)
        scorings = _score_run(run, hearing, plan.request.data, progress)
    return Finished(run.folder, scorings, collected)


def score_run(folder: Path, hearing: Hearing, data: Data | None, progress: Progress) -> Finished:
    """Annotate and score a stored run, without a call."""
    hearing.check()
    run = RunDir(folder)
    with run.locked():
        placed_entries(run, run.manifest(), hearing, data)  # a start without the run's data is none
        run.note_start("score", origin_of(data))
        return Finished(folder, _score_run(run, hearing, data, progress))


def annotate_run(folder: Path, hearing: Hearing, data: Data | None, progress: Progress) -> tuple[str, ...]:
    """Fill the annotation cache of a stored run; returns a line for each take with a problem."""
    hearing.check()
    run = RunDir(folder)
    with run.locked():
        entries = placed_entries(run, run.manifest(), hearing, data)
        run.note_start("annotate", origin_of(data))
        answered = answer_entries(entries, hearing.protocols, hearing.engines, run.annotations, hearing.workers, progress)
        return tuple(
            f"{entry.sample.task} {entry.sample.id}: {told}" for entry, answers in answered if (told := _told(entry, answers))
        )


def _told(entry: Entry, answers: Answers | None) -> str:
    if answers is not None:
        return "; ".join(answers.messages)
    return entry.fault.message if entry.fault else "no call was made"


def placed_entries(run: RunDir, manifest: RunManifest, hearing: Hearing, data: Data | None) -> list[Entry]:
    """Every take that the manifest lists, as it shall be heard.

    Raises:
        UsageError: It is not known where the model's replies would have to lie.
        DataError: As ``entries_of``.
    """
    shift_s = manifest.collection.shift_s_to(hearing.placement)
    return [moved(entry, shift_s) for entry in entries_of(run, manifest, data)]


def entries_of(run: RunDir, manifest: RunManifest, data: Data | None) -> Sequence[Entry]:
    """Every take that the manifest lists, with its recording or with why there is none.

    Raises:
        DataError: A task's data is not there, or not the version that was collected.
    """
    entries = []
    for name, collected in manifest.tasks.items():
        if name not in task_specs():
            raise DataError(f"{run.folder}: task {name} is not one that this fdbench knows", "install the version that made it")
        loaded = load_samples(task_specs()[name], data, ids=collected.samples)
        here = {each: CollectedSample(digest=digest, repeats=1) for each, digest in loaded.digests.items()}
        now = collected.model_copy(update={"version": loaded.spec.version, "samples": here})
        changed = now.changed_since(collected, partial(run.is_recorded, name))
        if now.version != collected.version or changed:
            raise DataError(
                f"{run.folder}: task {name} was collected from other data (version {collected.version}, now {now.version}; "
                f"{len(changed)} samples differ{': ' if changed else ''}{', '.join(changed[:5])})",
                "point --data at the data of the run",
            )
        samples = {sample.id: sample for sample in loaded.samples}
        faults = {broken.id: broken.message for broken in loaded.broken}
        for sample_id, asked in collected.samples.items():
            fault = None if sample_id in samples else faults.get(sample_id, "the sample is not in the data any more")
            sample = samples.get(sample_id) or Sample(sample_id, name, {})
            entries += [entry_of(run, sample, collected.behaviour, repeat, fault) for repeat in range(asked.repeats)]
    return entries


def entry_of(run: RunDir, sample: Sample, behaviour: str, repeat: int, fault: str | None) -> Entry:
    """One take that the manifest lists.

    Args:
        fault: What is wrong with the sample's data; None where it can be used.
    """
    if fault is not None:
        return Entry(sample, behaviour, repeat, fault=Fault("bad_annotation", fault))
    name = f"{sample.task}/{sample.id}@main.r{repeat}"
    record = run.record_of(name)
    if record is None or record.model is None:
        failure = record.as_failure if record else None
        reason = _REASON_OF_FAILURE.get(failure.kind, "call_failed") if failure else "call_failed"
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
        told=told_of(record.told),
    )


_REASON_OF_FAILURE = {"data": "bad_annotation", "recording_missing": "audio_missing", "recording": "audio_unreadable"}


@dataclass(frozen=True, slots=True)
class Derived:
    """One scoring of a run as it is stored: derived from its takes, the data, the engines and the judge.

    Attributes:
        scored: The manifest's entry.
        lines: Of ``samples.jsonl``.
        summary: Of ``summary.json``.
    """

    scoring: Scoring
    scored: Scored
    lines: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any]


def facts_of(manifest: RunManifest, shift_s: float = 0.0, told: Kinds | None = None) -> dict[str, TaskFacts]:
    """By task, what is known about its recordings.

    Args:
        shift_s: How far the model's channel is moved from where it was recorded.
        told: What kinds of things the model told about itself, by task.
    """
    collection = manifest.collection
    origin = {
        "clock": collection.clock,
        "placement": collection.placement_at(shift_s),
        "lead_in": collection.lead_in_s,
        "condition": collection.condition,
        "seed": collection.seed,
        "slots": collection.slots,
        "tail": f"{collection.tail_silence_s:g}/{collection.tail_limit_s:g}",
        **_model_facts(collection),
    }
    return {
        name: TaskFacts(
            task.family,
            task.behaviour,
            task.version,
            {**origin, "repeats": task.repeats},
            (told or {}).get(name, frozenset()),
        )
        for name, task in manifest.tasks.items()
    }


def _model_facts(collection: CollectedBy) -> dict[str, str]:
    """With which settings and weights a model spoke; of an agent whose true behaviour is known, its name says enough."""
    if collection.kind != "model":
        return {}
    given = (f"{name}={value}" for name, value in sorted(collection.arguments.items()) if value is not None)
    facts = {"with": ",".join(given), "weights": (collection.weights_revision or "").removeprefix("sha256:")[:12]}
    return {name: fact.replace("|", "/") for name, fact in facts.items() if fact}


def derive_scores(
    run: RunDir,
    hearing: Hearing,
    judging: Judging,
    data: Data | None,
    progress: Progress,
    cache_root: Path | None = None,
) -> tuple[Derived, ...]:
    """Everything that scoring a run under the protocols of ``hearing`` gives; nothing is written but the cache.

    Args:
        cache_root: Of the annotations; None = nothing is remembered.
    """
    manifest = run.manifest()
    shift_s = manifest.collection.shift_s_to(hearing.placement)
    entries = placed_entries(run, manifest, hearing, data)
    tasks = facts_of(manifest, shift_s, kinds_in(entries))
    scorings = score_entries(
        entries,
        tasks,
        hearing.protocols,
        hearing.engines,
        judging=judging,
        cache_root=cache_root,
        workers=hearing.workers,
        progress=progress,
    )
    engines = {**hearing.engines.signature_facts(), "judge": judging.signature}
    return tuple(
        Derived(
            scoring=scoring,
            scored=Scored(
                folder=scores_folder(scoring.protocol, engines, shift_s),
                protocol=scoring.protocol,
                engines=engines,
                tasks=manifest.tasks_digest,
                takes=run.takes_digest(manifest),
                shift_s=shift_s,
            ),
            lines=[sample.as_json() for sample in scoring.samples],
            summary=summary_json(manifest.run_id, scoring, tasks, engines, shift_s),
        )
        for scoring in scorings
    )


def _score_run(run: RunDir, hearing: Hearing, data: Data | None, progress: Progress) -> tuple[Scoring, ...]:
    run.note_hearing(hearing.engines.signature_facts(), hearing.engines.weights())
    judging = hearing.judging(run.verdicts, run.note_attempt)
    derived = derive_scores(run, hearing, judging, data, progress, run.annotations)
    check = find_check(run.folder.parent, judging.signature)
    for each in derived:
        run.write_scores(each.scored, each.lines, each.summary)
        if check:
            run.add_judge_check(each.scored, JudgeCheck.read(check))
    return tuple(each.scoring for each in derived)


def summary_json(
    run_id: str, scoring: Scoring, tasks: Mapping[str, TaskFacts], engines: Mapping[str, str], shift_s: float
) -> dict[str, Any]:
    """The content of ``summary.json``; the placement is in it where it is not that of the recordings."""
    return {
        "schema": 1,
        "run_id": run_id,
        "protocol": scoring.protocol,
        "engines": dict(engines),
        **({"placement": PUBLISHED, "shift_s": shift_s} if shift_s else {}),
        **({"judges": dict(scoring.judges)} if scoring.judges else {}),
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
