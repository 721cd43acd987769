"""What a leaderboard is made from: one row per task, run and scoring, and the numbers that others published.

Only committed JSON is read: manifests, summaries and the package's published files. Keys that are not needed here are left
alone, so results of older and newer versions load; what is needed is checked, and a file that does not say it is an error that
names the file and the key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator
from typing_extensions import Self

from fdbench.core.score import MetricSummary
from fdbench.core.signature import parse_signature
from fdbench.errors import DataError
from fdbench.io.files import digest_of
from fdbench.store.run import Run
from fdbench.store.stored import LENIENT, parsed, read_parsed


class _Read(BaseModel):
    model_config = LENIENT


class ReadCollection(_Read):
    """How the recordings of a run came about.

    Attributes:
        kind: ``trivial`` (an agent whose true behaviour is known), ``model``, or ``recordings`` made elsewhere.
        clock: ``lockstep``, ``realtime`` or ``given``; latencies on different clocks are different quantities.
    """

    model: str
    kind: Literal["trivial", "model", "recordings"]
    adapter: str
    arguments: dict[str, Any]
    weights_revision: str | None = None
    clock: str
    placement: str
    slots: int
    seed: int
    condition: str
    lead_in_s: float = Field(allow_inf_nan=False)
    fdbench: str


class _ReadTask(_Read):
    samples: dict[str, Any]


class _ReadManifest(_Read):
    schema_: Literal[1] = Field(alias="schema")
    run_id: str
    collection: ReadCollection
    tasks: dict[str, _ReadTask]


class _ReadMetric(_Read):
    value: float | None = Field(allow_inf_nan=False)
    unit: str
    higher_is_better: bool | None
    n_scored: int
    n_not_applicable: int
    n_censored: int
    n_error: int
    signature: str
    ci_low: float | None = Field(default=None, allow_inf_nan=False)
    ci_high: float | None = Field(default=None, allow_inf_nan=False)
    details: dict[str, float | None]

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.value is not None and self.n_scored < 1:
            raise ValueError(f"n_scored: expected at least 1 behind the value {self.value}, found {self.n_scored}")
        try:
            parse_signature(self.signature)
        except ValueError:
            raise ValueError(f"signature: expected name|key:value|..., found {self.signature!r}") from None
        return self

    def summary(self, metric: str) -> MetricSummary:
        details = {name: value for name, value in self.details.items() if value is not None}
        return MetricSummary(metric=metric, **{**self.model_dump(), "details": details})


class _ReadScoredTask(_Read):
    version: int
    family: str
    behaviour: str
    n_samples: int
    n_errors: int
    metrics: dict[str, _ReadMetric]


class _ReadEngines(_Read):
    asr: str
    vad: str
    judge: str


class _ReadSummary(_Read):
    schema_: Literal[1] = Field(alias="schema")
    run_id: str
    protocol: str
    engines: _ReadEngines
    placement: str | None = None
    tasks: dict[str, _ReadScoredTask]


class _PublishedKind(_Read):
    unit: str
    higher_is_better: bool | None = None


class _PublishedNumber(_Read):
    model: str
    task: str
    metric: str
    value: float = Field(allow_inf_nan=False)
    protocol: str
    source: str
    url: str
    evidence: str
    note: str


class _PublishedFile(_Read):
    schema_: Literal[1] = Field(alias="schema")
    tasks: dict[str, dict[str, _PublishedKind]]
    rows: list[_PublishedNumber]


@dataclass(frozen=True, slots=True)
class Row:
    """One task of one run under one protocol and one set of engines.

    Attributes:
        digest: Hash of the samples that were asked for and their content.
        placement: Where the model's replies lay when they were scored, which need not be where they were recorded.
        path: Of the summary, relative to the results folder, with forward slashes.
    """

    run_id: str
    collection: ReadCollection
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
    return tuple(row for run in Run.all_in(root) for row in read_run(run.folder))


def read_run(folder: Path) -> tuple[Row, ...]:
    """The rows of one run, ordered by summary file and then as the summary lists its tasks. Raises like ``read_results``."""
    run = Run(folder)
    manifest = read_parsed(_ReadManifest, run.manifest_file, _REPAIR)
    return tuple(row for scoring in run.scorings() for row in _rows_of(run, scoring, manifest))


_REPAIR = "score the run again, or repair the file"


def _rows_of(run: Run, scoring: str, manifest: _ReadManifest) -> list[Row]:
    path = run.summary_file(scoring)
    summary = read_parsed(_ReadSummary, path, _REPAIR)
    if summary.run_id != manifest.run_id:
        raise DataError(
            f"{path}: run_id is '{summary.run_id}', the manifest beside it says '{manifest.run_id}'",
            "a folder was copied or renamed by hand; score the run again",
        )
    unlisted = summary.tasks.keys() - manifest.tasks.keys()
    if unlisted:
        raise DataError(f"{run.manifest_file}: tasks: expected {min(unlisted)}, which {path} has scored", _REPAIR)
    return [
        Row(
            run_id=manifest.run_id,
            collection=manifest.collection,
            task=name,
            task_version=task.version,
            digest=digest_of(manifest.tasks[name].samples),
            family=task.family,
            behaviour=task.behaviour,
            protocol=summary.protocol,
            asr=summary.engines.asr,
            vad=summary.engines.vad,
            judge=summary.engines.judge,
            placement=summary.placement or manifest.collection.placement,
            n_samples=task.n_samples,
            n_errors=task.n_errors,
            metrics={metric: facts.summary(metric) for metric, facts in task.metrics.items()},
            path=f"{run.folder.name}/{run.relative(path)}",
        )
        for name, task in summary.tasks.items()
    ]


def read_published() -> tuple[PublishedRow, ...]:
    """Everything under ``fdbench.published``.

    Raises:
        DataError: A published file is broken; names it.
    """
    entries = sorted(files("fdbench.published").iterdir(), key=lambda entry: entry.name)
    read = ((entry.read_text(encoding="utf-8"), entry.name) for entry in entries if entry.name.endswith(".json"))
    return tuple(row for text, name in read for row in parse_published(text, name))


def parse_published(text: str, name: str) -> tuple[PublishedRow, ...]:
    """The rows of one published file; ``name`` is what errors call it. Raises like ``read_published``."""
    remedy = "make it again with tools/map_published.py"
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{name}:{error.lineno}: not JSON ({error.msg})", remedy) from None
    file = parsed(_PublishedFile, value, name, remedy)
    rows: dict[tuple[str, ...], PublishedRow] = {}
    for number in file.rows:
        kind = file.tasks.get(number.task, {}).get(number.metric)
        if kind is None:
            raise DataError(f"{name}: tasks: expected {number.task} > {number.metric}, which a row has", remedy)
        key = (number.model, number.task, number.metric, number.source, number.url)
        if key in rows:
            what = f"{number.model} has two values of {number.metric} on {number.task} from '{number.source}'"
            raise DataError(f"{name}: {what}", remedy)
        rows[key] = PublishedRow(**number.model_dump(), unit=kind.unit, higher_is_better=kind.higher_is_better)
    return tuple(rows.values())
