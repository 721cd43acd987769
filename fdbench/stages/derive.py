"""What follows from a run's recordings: its cases, its scores and their summaries. Nothing is written but the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from fdbench.core.absence import Absence
from fdbench.core.conversation import Sample
from fdbench.core.metric import CORRECTED
from fdbench.core.placement import PUBLISHED
from fdbench.core.take_id import MAIN, TakeId
from fdbench.errors import DataError
from fdbench.human.reference import HumanReference, shipped_reference
from fdbench.judge.given import read_verdict
from fdbench.stages.cases import Case, EventKinds, RecordedTake, TaskFacts, event_kinds, recorded_take
from fdbench.stages.copies import copies_among
from fdbench.stages.health import Vitals, findings_of, observed
from fdbench.stages.judging import Judging
from fdbench.stages.on_the_way import remarks_on_the_way
from fdbench.stages.options import ScoringOptions
from fdbench.stages.progress import Progress
from fdbench.stages.score import Scoring, hear_cases, score_heard
from fdbench.store.manifest import CollectedSample, Collection, RunManifest, Scored, scores_folder
from fdbench.store.run import Run
from fdbench.store.summary import EngineSignatures, ScoredTask, Summary
from fdbench.task.load import TaskLoader, task_specs
from fdbench.task.loaded import LoadedTask


@dataclass(frozen=True, slots=True)
class Derived:
    """One scoring of a run as it is stored: derived from its takes, the data, the engines and the judge.

    Attributes:
        scored: The manifest's entry.
        lines: Of ``samples.jsonl``.
        summary: Of ``summary.json``.
        is_meaningless: Whether something is so wrong with the run that its numbers say nothing; a note says what.
    """

    scoring: Scoring
    scored: Scored
    lines: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any]
    is_meaningless: bool = False


def derive_scores(
    run: Run,
    options: ScoringOptions,
    judging: Judging,
    loader: TaskLoader,
    progress: Progress,
    cache_root: Path | None = None,
) -> tuple[Derived, ...]:
    """Everything that scoring a run under the protocols of ``options`` gives.

    Args:
        cache_root: Of the annotations; None = nothing is remembered.
    """
    manifest = run.manifest()
    shift_s = manifest.collection.shift_s_to(options.placement)
    cases = placed_cases(run, manifest, options.placement, loader)
    tasks = facts_of(manifest, shift_s, event_kinds((case.sample.task, case.model_events) for case in cases))
    vitals: list[Vitals] = []
    heard = hear_cases(cases, options.protocols, options.engines, cache_root, options.workers, progress, asks=judging.asks)
    if manifest.collection.kind != "trivial":  # whose behaviour is known
        heard = observed(heard, vitals)
    signatures = options.engines.signature_facts()
    scorings = score_heard(heard, tasks, options.protocols, signatures, judging, options.human, progress)
    engines = {**signatures, "judge": judging.signature}
    notes, is_meaningless = remarks_on(manifest, cases, vitals)
    return tuple(
        Derived(
            scoring=replace(scoring, notes=(*notes, *scoring.notes)),
            scored=Scored(
                folder=scores_folder(scoring.protocol, engines, shift_s, human_mark(options.human, scoring.protocol)),
                protocol=scoring.protocol,
                engines=engines,
                tasks=manifest.tasks_digest,
                takes=run.takes_digest(manifest),
                shift_s=shift_s,
                human=human_mark(options.human, scoring.protocol),
            ),
            lines=[sample.as_json() for sample in scoring.samples],
            summary=summary_json(manifest.run_id, scoring, tasks, engines, shift_s, notes, options.human),
            is_meaningless=is_meaningless,
        )
        for scoring in scorings
        if scoring.summaries or len(scorings) == 1
    )


def human_mark(human: HumanReference, protocol: str) -> str:
    """What a scoring's folder is called after beside its engines: people that did not come with fdbench."""
    return human.mark if protocol in CORRECTED and human.mark != shipped_reference().mark else ""


def remarks_on(manifest: RunManifest, cases: Sequence[Case], vitals: Sequence[Vitals]) -> tuple[tuple[str, ...], bool]:
    """What a reader of a run's numbers has to know, a line each; and whether they say anything at all.

    Args:
        vitals: Of every case that was heard.
    """
    noted = (*notes_of(cases), *remarks_on_the_way(cases))
    if manifest.collection.kind == "trivial":
        return noted, False
    findings = findings_of(cases, vitals)
    notes = (*noted, *copies_among(cases), *(finding.line for finding in findings))
    return notes, any(finding.is_grave for finding in findings)


def notes_of(cases: Sequence[Case]) -> tuple[str, ...]:
    """What the calls noted for whoever reads their numbers, each with how many did and the first of them."""
    noted: dict[str, list[str]] = {}
    for case in cases:
        for stimulus, take in case.recorded.items():
            for note in take.notes:
                noted.setdefault(note, []).append(str(replace(case.id, stimulus=stimulus)))
    return tuple(f"{note} ({len(ids)} calls; first: {ids[0]})" for note, ids in noted.items())


def placed_cases(
    run: Run, manifest: RunManifest, placement: str, loader: TaskLoader, wanted: Callable[[TakeId], bool] = lambda main: True
) -> list[Case]:
    """Everything that the manifest lists, as it shall be heard.

    Args:
        wanted: Whether a sample is, by its main take.

    Raises:
        UsageError: It is not known where the model's replies would have to lie.
        DataError: A task's data is not there, or not the version that was collected.
    """
    shift_s = manifest.collection.shift_s_to(placement)
    return [case.shifted(shift_s) for case in cases_of(run, manifest, loader, wanted)]


def cases_of(
    run: Run, manifest: RunManifest, loader: TaskLoader, wanted: Callable[[TakeId], bool] = lambda main: True
) -> list[Case]:
    """Everything that the manifest lists, with its recordings or with why there are none. Raises DataError."""
    loaded = same_data(run, manifest, loader)
    mains = (take for take in manifest.takes() if take.stimulus == MAIN and wanted(take))
    return [case_of(run, manifest, take, sample_or_fault(loaded[take.task], take.sample)) for take in mains]


def case_of(run: Run, manifest: RunManifest, main: TakeId, sample: Sample | Absence) -> Case:
    """One sample, one time.

    Args:
        main: The take that answers the main stimulus.
        sample: From the data; or why it cannot be used.
    """
    task = manifest.tasks[main.task]
    if isinstance(sample, Absence):
        takes: dict[str, Any] = {MAIN: sample}
        return Case(Sample(main.sample, main.task, {}), task.behaviour, takes, main.repeat, main.condition)
    ids = {stimulus: TakeId(main.task, main.sample, stimulus, main.repeat, main.condition) for stimulus in task.stimuli}
    takes = {stimulus: recorded_take(run, id, task.behaviour) for stimulus, id in ids.items()}
    rating = partial(read_verdict, run.rating_file(main))
    answered = takes[MAIN]
    if isinstance(answered, RecordedTake) and answered.user_events is not None:
        of_prompt = sample.events if sample.reaction is not None else ()
        sample = replace(sample, events=(*of_prompt, *answered.user_events))
    return Case(sample, task.behaviour, takes, main.repeat, main.condition, rating)


def same_data(run: Run, manifest: RunManifest, loader: TaskLoader) -> dict[str, LoadedTask]:
    """The tasks that the manifest lists, from the data as it is now. Raises DataError where it is not the run's."""
    return {name: _same_task(run, manifest, name, loader) for name in manifest.tasks}


def _same_task(run: Run, manifest: RunManifest, name: str, loader: TaskLoader) -> LoadedTask:
    collected, specs = manifest.tasks[name], task_specs()
    if name not in specs:
        raise DataError(f"{run.folder}: task {name} is not one that this fdbench knows", "install the version that made it")
    loaded = loader.load(specs[name], ids=collected.samples)
    here = {each: CollectedSample(digest=digest, repeats=1) for each, digest in loaded.digests.items()}
    now = collected.model_copy(update={"version": loaded.spec.version, "samples": here})
    changed = now.changed_since(collected, partial(run.is_recorded, name))
    if now.version != collected.version or changed:
        raise DataError(
            f"{run.folder}: task {name} was collected from other data (version {collected.version}, now {now.version}; "
            f"{len(changed)} samples differ{': ' if changed else ''}{', '.join(changed[:5])})",
            "point --data at the data of the run",
        )
    return loaded


def sample_or_fault(task: LoadedTask, sample_id: str) -> Sample | Absence:
    """A sample from the data as it is now, or why it cannot be used."""
    gone = Absence("bad_annotation", "the sample is not in the data any more")
    return task.sample(sample_id) or Absence("bad_annotation", task.broken.get(sample_id, gone).message)


def facts_of(manifest: RunManifest, shift_s: float = 0.0, kinds: EventKinds | None = None) -> dict[str, TaskFacts]:
    """By task, what is known about its recordings.

    Args:
        shift_s: How far the model's channel is moved from where it was recorded.
        kinds: Of what the model said about itself, by task.
    """
    collection = manifest.collection
    origin = {
        "clock": collection.clock,
        "placement": collection.placement_at(shift_s),
        "lead_in": collection.lead_in_s,
        "edition": collection.edition or None,
        "condition": collection.condition_signature,
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
            {**origin, **task.examiner, "repeats": task.repeats} if task.examiner else {**origin, "repeats": task.repeats},
            (kinds or {}).get(name, frozenset()),
        )
        for name, task in manifest.tasks.items()
    }


def _model_facts(collection: Collection) -> dict[str, str]:
    """With which settings and weights a model spoke; of an agent whose true behaviour is known, its name says enough."""
    if collection.kind != "model":
        return {}
    contents = {name: f"@{digest.removeprefix('sha256:')[:12]}" for name, digest in collection.files.items()}
    arguments = sorted(collection.arguments.items())
    given = (f"{name}={value}{contents.get(name, '')}" for name, value in arguments if value is not None)
    facts = {"with": ",".join(given), "weights": (collection.weights_revision or "").removeprefix("sha256:")[:12]}
    return {name: fact.replace("|", "/") for name, fact in facts.items() if fact}


def summary_json(
    run_id: str,
    scoring: Scoring,
    tasks: Mapping[str, TaskFacts],
    engines: Mapping[str, str],
    shift_s: float,
    notes: Sequence[str],
    human: HumanReference,
) -> dict[str, Any]:
    """The content of ``summary.json``; the placement is in it where it is not that of the recordings.

    Args:
        human: People beside whom the model was set; they are in it where they did not come with fdbench.
    """
    summary = Summary(
        run_id=run_id,
        protocol=scoring.protocol,
        engines=EngineSignatures.model_construct(None, **engines),  # to verify a damaged manifest, whatever it names
        placement=PUBLISHED if shift_s else None,
        shift_s=shift_s,
        judges=dict(scoring.judges),
        notes=list(notes),
        conversation=dict(scoring.conversation),
        human=human.content if human_mark(human, scoring.protocol) else None,
        tasks={
            name: ScoredTask(
                version=facts.version,
                family=facts.family,
                behaviour=facts.behaviour,
                n_samples=sum(sample.id.task == name for sample in scoring.samples),
                n_errors=sum(sample.id.task == name and sample.has_error for sample in scoring.samples),
                metrics=dict(scoring.summaries[name]),
            )
            for name, facts in sorted(tasks.items())
            if name in scoring.summaries
        },
    )
    return summary.model_dump(by_alias=True)
