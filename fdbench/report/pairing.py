"""Two runs over the same clips, side by side: which of their scores compare, and why others do not.

Conventions: compared are the tasks, clips and metrics that both runs have. Two runs do not compare where they were heard,
scored or placed differently, where a clip or a task is not the same in both, and where they differ in the condition *and* in
something else. A latency compares within a clock and what a judge says within a judge; elsewhere a note says that it was left
out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from fdbench.core.metric import CORRECTED
from fdbench.core.score import Score
from fdbench.core.signature import parse_signature
from fdbench.errors import DataError, FdbenchError, UsageError
from fdbench.report.ranking import FACTS_OF_THE_RUN, is_judged, is_latency, place
from fdbench.report.rows import Row, read_run
from fdbench.store.manifest import RunManifest
from fdbench.store.run import Run

_NAMED: Final = 3
_SAME_EARS: Final = "score both with the same --asr and --vad: fdbench score RUN --asr ENGINE"
_WORDS: Final[Mapping[str, str]] = {
    "asr": "the recogniser",
    "vad": "the detector",
    "hear": "the rules of hearing",
    "scorer": "the version of the scorer",
    "agg": "the rules of summing up",
    "tv": "the version of the task",
    "placement": "the place of the replies",
    "human": "the people that timing is set beside",
    "tail": "the end of a call (--tail-silence, --tail-limit)",
}
"""What facts of a signature are called."""
_SAID_OF_THE_RUN: Final = ("seed", "lead_in_s", "slots", "fdbench", "published_shift_s")
"""Settings in which two runs of one agent under two conditions may differ."""

ClipScores: TypeAlias = Mapping[str, Sequence[Score]]
"""By clip, the scores of its repeats."""
AllScores: TypeAlias = Mapping[tuple[str, str], ClipScores]
"""By task and metric."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the runs, as one scoring has it.

    Attributes:
        rows: By task.
    """

    folder: Path
    manifest: RunManifest
    rows: Mapping[str, Row]

    @property
    def name(self) -> str:
        return self.manifest.name or self.manifest.run_id

    @property
    def model(self) -> str:
        return self.manifest.collection.model


@dataclass(frozen=True, slots=True)
class PairedScores:
    """One metric of one task in both runs.

    Attributes:
        row: Of the second run.
        clips: Those that both runs have, in order.
    """

    row: Row
    metric: str
    clips: tuple[str, ...]
    first: ClipScores
    second: ClipScores


@dataclass(frozen=True, slots=True)
class Pairing:
    """What of two runs compares.

    Attributes:
        notes: What was left out, and what else a reader should know.
    """

    first: Side
    second: Side
    scores: tuple[PairedScores, ...]
    notes: tuple[str, ...]

    @property
    def protocol(self) -> str:
        return next(iter(self.second.rows.values())).protocol


def pair_runs(first: Path, second: Path, protocol: str | None = None) -> Pairing:
    """Two runs side by side.

    Args:
        first, second: Their folders.
        protocol: None = the corrected one where both have it.

    Raises:
        FdbenchError: They do not compare, or what is stored of them cannot be read; says why, and what to do.
    """
    runs = [Run.existing(folder) for folder in (first, second)]
    manifests = [run.manifest() for run in runs]
    scorings = [_scorings(read_run(run.folder)) for run in runs]
    for run, of_run in zip(runs, scorings, strict=True):
        if not of_run:
            raise UsageError(f"{run.folder}: has no scores", f"score it: fdbench score {run.folder}")
    sides = _same_scoring(runs, manifests, scorings, protocol)
    first_rows, second_rows = (side.rows for side in sides)
    tasks = [name for name in first_rows if name in second_rows]
    if not tasks:
        each = " and ".join(f"{side.name} has {_listed(list(side.rows))}" for side in sides)
        raise UsageError(f"no task is in both runs: {each}", "run both on the same --tasks")
    _refuse_another_condition(sides)
    notes: dict[str, None] = {}
    scores = (_read_scores(sides[0]), _read_scores(sides[1]))
    found = [pair for task in tasks for pair in _paired(sides, scores, task, notes)]
    for side, other in (sides, sides[::-1]):
        alone = [name for name in side.rows if name not in other.rows]
        if alone:
            notes[f"only in {side.name}: {_listed(alone)}"] = None
    return Pairing(*sides, tuple(found), tuple(notes))


def _scorings(rows: Sequence[Row]) -> list[dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.path, {})[row.task] = row
    return list(found.values())


def _same_scoring(
    runs: Sequence[Run], manifests: Sequence[RunManifest], scorings: Sequence[Sequence[dict[str, Row]]], protocol: str | None
) -> tuple[Side, Side]:
    """The scoring of each run that the two share; beside the same people and by the same judge, where there is one."""
    protocols = [{_first(each).protocol for each in of_run} for of_run in scorings]
    both = protocols[0] & protocols[1]
    if protocol is not None and protocol not in both:
        raise UsageError(f"--protocol {protocol}: not scored so: both runs have {_listed(sorted(both))}", "name one of those")
    if not both:
        has = " and ".join(f"{m.run_id} has {_listed(sorted(p))}" for m, p in zip(manifests, protocols, strict=True))
        raise UsageError(f"no protocol is in both runs: {has}", "score them again: fdbench score RUN --protocol all")
    chosen = protocol or min(both, key=lambda name: place(name, CORRECTED))
    of_first, of_second = ([each for each in of_run if _first(each).protocol == chosen] for of_run in scorings)
    pairs = [(a, b) for a in of_first for b in of_second if _surroundings(a) == _surroundings(b)]
    if not pairs:
        a, b = _first(of_first[-1]), _first(of_second[-1])
        for what, one, other in (
            ("heard by other recognisers", a.engines.asr, b.engines.asr),
            ("heard by other detectors", a.engines.vad, b.engines.vad),
            ("scored with replies at other places", a.placement, b.placement),
        ):
            if one != other:
                told = f"{manifests[0].run_id} and {manifests[1].run_id} were {what}: {one} and {other}"
                raise UsageError(told, _SAME_EARS if "heard" in what else "score both with the same --placement")
    best = max(pairs, key=lambda pair: (_are_beside_the_same_people(pair), _judges_shared(pair)))
    first, second = (Side(run.folder, m, rows) for run, m, rows in zip(runs, manifests, best, strict=True))
    return first, second


def _first(rows: Mapping[str, Row]) -> Row:
    return next(iter(rows.values()))


def _surroundings(rows: Mapping[str, Row]) -> tuple[str, str, str]:
    row = _first(rows)
    return row.engines.asr, row.engines.vad, row.placement


def _are_beside_the_same_people(pair: tuple[Mapping[str, Row], Mapping[str, Row]]) -> bool:
    first, second = (
        {parse_signature(each.signature).get("human") for row in rows.values() for each in row.metrics.values()}
        for rows in pair
    )
    return first == second


def _judges_shared(pair: tuple[Mapping[str, Row], Mapping[str, Row]]) -> tuple[bool, bool]:
    judges = [_first(rows).engines.judge for rows in pair]
    return judges[0] == judges[1], judges[0] != "none"


def _refuse_another_condition(sides: tuple[Side, Side]) -> None:
    """Raises UsageError where the runs differ in the condition and in the agent."""
    first, second = (side.manifest.collection for side in sides)
    if first.condition_signature == second.condition_signature:
        return
    settings = [each.model_dump() for each in (first, second)]
    for each in settings:
        for name in (*_SAID_OF_THE_RUN, "condition", "condition_facts"):
            each.pop(name, None)
    differs = sorted(name for name in {*settings[0], *settings[1]} if settings[0].get(name) != settings[1].get(name))
    if differs:
        told = f"conditions {first.condition_signature} and {second.condition_signature}, and {_listed(differs)} differ, too"
        remedy = "compare runs under one condition, or of one agent under two"
        raise UsageError(f"{sides[0].name} and {sides[1].name}: {told}", remedy)


def _paired(
    sides: tuple[Side, Side], scores: tuple[AllScores, AllScores], task: str, notes: dict[str, None]
) -> Iterator[PairedScores]:
    clips = _same_clips(sides, task, notes)
    first, second = (side.rows[task] for side in sides)
    for metric in second.metrics:
        if metric not in first.metrics:
            continue
        summaries = [row.metrics[metric] for row in (first, second)]
        _refuse_other_rules(sides, task, metric, [parse_signature(each.signature) for each in summaries])
        if is_latency(summaries[0]) and first.collection.clock != second.collection.clock:
            notes[f"latencies are left out: clocks {first.collection.clock} and {second.collection.clock}"] = None
            continue
        if is_judged(metric) and first.engines.judge != second.engines.judge:
            notes[f"what judges say is left out: {first.engines.judge} and {second.engines.judge}"] = None
            continue
        of_first, of_second = (each.get((task, metric), {}) for each in scores)
        if not of_first and not of_second:
            notes[f"{metric} is a number of all clips together, which is not compared"] = None
            continue
        yield PairedScores(second, metric, clips, of_first, of_second)


def _same_clips(sides: tuple[Side, Side], task: str, notes: dict[str, None]) -> tuple[str, ...]:
    first, second = (side.manifest.tasks[task] for side in sides)
    if first.version != second.version:
        what = f"{task}: version {first.version} in {sides[0].name}, {second.version} in {sides[1].name}"
        raise UsageError(what, "run both on the same version of the task")
    clips = [id_ for id_ in first.samples if id_ in second.samples]
    digests = {id_: {first.samples[id_].digest, second.samples[id_].digest} - {None} for id_ in clips}
    others = [id_ for id_ in clips if len(digests[id_]) > 1]
    if others:
        what = f"{task}: {len(others)} of its clips are not the same in both runs: {_listed(others)}"
        raise UsageError(what, "run both on the same data")
    if not clips:
        raise UsageError(f"{task}: no clip of it is in both runs", "run both on the same clips")
    if len(clips) < max(len(first.samples), len(second.samples)):
        notes[f"{task}: {len(clips)} clips are in both, of {len(first.samples)} and {len(second.samples)}"] = None
    return tuple(clips)


def _refuse_other_rules(sides: tuple[Side, Side], task: str, metric: str, facts: Sequence[Mapping[str, str]]) -> None:
    for name in dict.fromkeys((*facts[0], *facts[1])):
        one, other = (each.get(name, "none") for each in facts)
        if one != other and name not in FACTS_OF_THE_RUN and name != "condition":
            what = f"{task} {metric}: {_WORDS.get(name, name)} is {one} in {sides[0].name}, {other} in {sides[1].name}"
            is_scored_so = name in ("asr", "vad", "hear", "scorer", "agg", "human")
            raise UsageError(what, "score both again: fdbench score RUN" if is_scored_so else "run both in the same way")


def _read_scores(side: Side) -> AllScores:
    path = Run(side.folder).samples_file(PurePosixPath(_first(side.rows).path).parent.name)
    found: dict[tuple[str, str], dict[str, list[Score]]] = {}
    try:
        for line in path.read_bytes().splitlines():
            each = json.loads(line)
            for metric, score in each["scores"].items():
                scored = Score(metric, score["value"], score["status"], score["reason"], score.get("components", {}))
                found.setdefault((each["task"], metric), {}).setdefault(each["id"], []).append(scored)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: cannot be read ({error})", "score the run again") from None
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "") or "none"


def newest_comparable(run: Path, protocol: str | None = None) -> Path:
    """The run beside ``run`` that was worked on last of those that it compares with: models with models, agents with agents.

    Raises:
        UsageError: There is none; says why the newest does not compare.
    """
    own = Run.existing(run).folder.resolve()
    kind = Run(own).manifest().collection.kind
    others = [each.folder for each in Run.all_in(own.parent) if each.folder != own and _kind_of(each) == kind]
    why = "there is no other"
    for folder in sorted(others, key=lambda each: Run(each).last_worked_on_s, reverse=True):
        try:
            pair_runs(folder, run, protocol)
        except FdbenchError as error:
            why = error.what if why == "there is no other" else why
            continue
        return folder
    raise UsageError(f"{own.parent}: no run in it compares with {own.name} ({why})", "name the run: --against RUN")


def _kind_of(run: Run) -> str:
    with suppress(DataError):
        return run.manifest().collection.kind
    return ""
