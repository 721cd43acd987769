"""What a leaderboard is made from: one row per task, run and scoring, and the numbers that others published.

Only committed JSON is read: ``RUN/manifest.json``, ``RUN/scores/*/summary.json`` and the package's published files.
Keys that are not needed here are left alone, so results of older and newer versions load; what is needed is checked,
and a file that does not say it is an error that names the file and the key.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from fdbench.core.score import MetricSummary
from fdbench.core.signature import parse_signature
from fdbench.errors import DataError
from fdbench.io.files import digest_of, read_json

SCHEMA = 1
KINDS = ("trivial", "model", "recordings")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Collection:
    """How the recordings of a run came about.

    Attributes:
        kind: ``trivial`` (an agent whose true behaviour is known), ``model``, or ``recordings`` made elsewhere.
        clock: ``lockstep``, ``realtime`` or ``given``; latencies on different clocks are different quantities.
    """

    run_id: str
    model: str
    kind: str
    adapter: str
    arguments: Mapping[str, Any]
    weights_revision: str | None
    clock: str
    placement: str
    slots: int
    seed: int
    condition: str
    lead_in_s: float
    fdbench: str


@dataclass(frozen=True, slots=True)
class Row:
    """One task of one run under one protocol and one set of engines.

    Attributes:
        digest: Hash of the samples that were asked for and their content.
        placement: Where the model's replies lay when they were scored, which need not be where they were recorded.
        path: Of the summary, relative to the results folder, with forward slashes.
    """

    collection: Collection
    task: str
    task_version: int
    digest: str
    family: str
    behaviour: str
    protocol: str
    asr: str
    vad: str
    judge: str
    placement: str
    n_samples: int
    n_errors: int
    metrics: Mapping[str, MetricSummary]
    path: str


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A number from a paper, a README or a model card.

    Attributes:
        protocol: The rule that made the number, ``unknown`` where that is not on record.
        evidence: ``primary`` (read in the source itself) or ``secondary`` (through somebody else's copy).
    """

    model: str
    task: str
    metric: str
    value: float
    unit: str
    higher_is_better: bool | None
    protocol: str
    source: str
    url: str
    evidence: str
    note: str

    @property
    def family(self) -> str:
        return self.task.partition("/")[0]

    @property
    def behaviour(self) -> str:
        return self.task.partition("/")[2].partition(".")[0]


def read_results(root: Path) -> tuple[Row, ...]:
    """Every scored task of every run in the folder, in a fixed order.

    A run that was collected and not scored has no rows. A folder without a manifest is no run.

    Raises:
        DataError: A manifest or a summary is broken; names the file, and the key with what was expected and found.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder", "name the folder that holds the runs")
    return tuple(row for manifest in sorted(root.glob("*/manifest.json")) for row in read_run(manifest.parent))


def read_run(run: Path) -> tuple[Row, ...]:
    """The rows of one run, ordered by summary file and then as the summary lists its tasks. Raises like ``read_results``."""
    manifest = _Fields.of_file(run / "manifest.json")
    collection = _collection(manifest)
    tasks = manifest.sub("tasks")
    rows: list[Row] = []
    for path in sorted(run.glob("scores/*/summary.json")):
        rows.extend(_rows_of_summary(path, run, collection, tasks))
    return tuple(rows)


def read_published() -> tuple[PublishedRow, ...]:
    """Everything under ``fdbench.published``.

    Raises:
        DataError: A published file is broken; names it.
    """
    rows: list[PublishedRow] = []
    for entry in sorted(files("fdbench.published").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".json"):
            rows.extend(parse_published(entry.read_text(encoding="utf-8"), entry.name))
    return tuple(rows)


def parse_published(text: str, name: str) -> tuple[PublishedRow, ...]:
    """The rows of one published file; ``name`` is what errors call it. Raises like ``read_published``."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{name}:{error.lineno}: not JSON ({error.msg})", "make it again with tools/map_published.py") from None
    top = _Fields.of_value(value, name)
    tasks = top.sub("tasks")
    rows = [_published_row(fields, tasks) for fields in top.subs("rows")]
    seen: set[tuple[str, ...]] = set()
    for row in rows:
        key = (row.model, row.task, row.metric, row.source, row.url)
        if key in seen:
            raise DataError(f"{name}: {row.model} has two values of {row.metric} on {row.task} from '{row.source}'")
        seen.add(key)
    return tuple(rows)


def _collection(manifest: _Fields) -> Collection:
    told = manifest.sub("collection")
    kind = told.get("kind", str)
    if kind not in KINDS:
        raise told.error("kind", f"one of {', '.join(KINDS)}", kind)
    revision = told.value.get("weights_revision")
    if revision is not None and not isinstance(revision, str):
        raise told.error("weights_revision", "text or null", revision)
    return Collection(
        run_id=manifest.get("run_id", str),
        model=told.get("model", str),
        kind=kind,
        adapter=told.get("adapter", str),
        arguments=told.get("arguments", dict),
        weights_revision=revision,
        clock=told.get("clock", str),
        placement=told.get("placement", str),
        slots=told.get("slots", int),
        seed=told.get("seed", int),
        condition=told.get("condition", str),
        lead_in_s=told.number("lead_in_s"),
        fdbench=told.get("fdbench", str),
    )


def _rows_of_summary(path: Path, run: Path, collection: Collection, tasks: _Fields) -> list[Row]:
    summary = _Fields.of_file(path)
    run_id = summary.get("run_id", str)
    if run_id != collection.run_id:
        raise DataError(
            f"{path}: run_id is '{run_id}', the manifest beside it says '{collection.run_id}'",
            "a folder was copied or renamed by hand; score the run again",
        )
    engines = summary.sub("engines")
    scored = summary.sub("tasks")
    rows = []
    for task in scored.value:
        told = scored.sub(task)
        digest = digest_of(tasks.sub(task).get("samples", dict))
        metrics = told.sub("metrics")
        rows.append(
            Row(
                collection=collection,
                task=task,
                task_version=told.get("version", int),
                digest=digest,
                family=told.get("family", str),
                behaviour=told.get("behaviour", str),
                protocol=summary.get("protocol", str),
                asr=engines.get("asr", str),
                vad=engines.get("vad", str),
                judge=engines.get("judge", str),
                placement=summary.get("placement", str) if "placement" in summary.value else collection.placement,
                n_samples=told.get("n_samples", int),
                n_errors=told.get("n_errors", int),
                metrics={name: _metric(name, metrics.sub(name)) for name in metrics.value},
                path=f"{run.name}/{path.relative_to(run).as_posix()}",
            )
        )
    return rows


def _metric(name: str, told: _Fields) -> MetricSummary:
    direction = told.value.get("higher_is_better")
    if direction is not None and not isinstance(direction, bool):
        raise told.error("higher_is_better", "true, false or null", direction)
    signature = told.get("signature", str)
    try:
        parse_signature(signature)
    except ValueError:
        raise told.error("signature", "name|key:value|...", signature) from None
    details = told.sub("details")
    value, n_scored = told.number_or_none("value"), told.get("n_scored", int)
    if value is not None and n_scored < 1:
        raise told.error("n_scored", f"at least 1 behind the value {value}", n_scored)
    return MetricSummary(
        metric=name,
        value=value,
        unit=told.get("unit", str),
        higher_is_better=direction,
        n_scored=n_scored,
        n_not_applicable=told.get("n_not_applicable", int),
        n_censored=told.get("n_censored", int),
        n_error=told.get("n_error", int),
        signature=signature,
        ci_low=told.number_or_none("ci_low"),
        ci_high=told.number_or_none("ci_high"),
        details={key: number for key in details.value if (number := details.number_or_none(key)) is not None},
    )


def _published_row(told: _Fields, tasks: _Fields) -> PublishedRow:
    task, metric = told.get("task", str), told.get("metric", str)
    kind = tasks.sub(task).sub(metric)
    direction = kind.value.get("higher_is_better")
    if direction is not None and not isinstance(direction, bool):
        raise kind.error("higher_is_better", "true, false or null", direction)
    return PublishedRow(
        model=told.get("model", str),
        task=task,
        metric=metric,
        value=told.number("value"),
        unit=kind.get("unit", str),
        higher_is_better=direction,
        protocol=told.get("protocol", str),
        source=told.get("source", str),
        url=told.get("url", str),
        evidence=told.get("evidence", str),
        note=told.get("note", str),
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    """A JSON object, and where it lies, for errors."""

    value: dict[str, Any]
    file: str
    at: tuple[str, ...] = field(default=())

    @classmethod
    def of_file(cls, path: Path) -> _Fields:
        return cls.of_value(read_json(path), str(path))

    @classmethod
    def of_value(cls, value: Any, name: str) -> _Fields:
        if not isinstance(value, dict):
            raise DataError(f"{name}: expected a JSON object, found {type(value).__name__}")
        top = cls(value, name)
        if value.get("schema") != SCHEMA:
            raise top.error("schema", str(SCHEMA), value.get("schema"))
        return top

    def get(self, key: str, kind: type[T]) -> T:
        found = self.value.get(key)
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            raise self.error(key, kind.__name__, found)
        return found

    def number(self, key: str) -> float:
        found = self.number_or_none(key)
        if found is None:
            raise self.error(key, "a number", None)
        return found

    def number_or_none(self, key: str) -> float | None:
        found = self.value.get(key)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
            raise self.error(key, "a finite number or null", found)
        return float(found)

    def sub(self, key: str) -> _Fields:
        return _Fields(self.get(key, dict), self.file, (*self.at, key))

    def subs(self, key: str) -> list[_Fields]:
        values = self.get(key, list)
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                raise self.error(f"{key}[{index}]", "a JSON object", value)
        return [_Fields(value, self.file, (*self.at, f"{key}[{index}]")) for index, value in enumerate(values)]

    def error(self, key: str, expected: str, found: Any) -> DataError:
        place = " > ".join((*self.at, key))
        shown = "nothing" if found is None else repr(found)[:80]
        return DataError(f"{self.file}: {place}: expected {expected}, found {shown}", "score the run again, or repair the file")
