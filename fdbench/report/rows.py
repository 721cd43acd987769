"""What a leaderboard is made from: one row per task, run and scoring, and the numbers that others published.

Only committed JSON is read: manifests, summaries and the package's published files. A file that does not say what is needed
is an error that names the file and the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, Field

from fdbench.core.score import MetricSummary
from fdbench.errors import DataError
from fdbench.io.files import digest_of, parse_json
from fdbench.store.conversation import FamilyConversation
from fdbench.store.manifest import Collection, RunManifest
from fdbench.store.run import Run
from fdbench.store.stored import LENIENT, parsed, read_parsed
from fdbench.store.summary import MOST_OF_ANY, EngineSignatures, ScoredTask, Summary

_POSSIBLE: Final = {"rate": (0.0, 1.0), "F1": (0.0, 1.0), "0-5": (0.0, 5.0), "1-5": (1.0, 5.0), "%": (0.0, 100.0)}
"""The least and the most that a published value can be, by unit."""
_REPAIR = "score the run again, or repair the file"


@dataclass(frozen=True, slots=True)
class Row:
    """One task of one run under one protocol and one set of engines.

    Attributes:
        digest: Hash of the samples that were asked for and their content.
        placement: Where the model's replies lay when they were scored, which need not be where they were recorded.
        path: Of the summary, relative to the results folder, with forward slashes.
        conversation: How turns pass over all tasks of its family; None of older scores and of published rules.
    """

    run_id: str
    collection: Collection
    task: str
    digest: str
    protocol: str
    engines: EngineSignatures
    placement: str
    scored: ScoredTask
    path: str
    conversation: FamilyConversation | None = None

    @property
    def metrics(self) -> Mapping[str, MetricSummary]:
        return self.scored.metrics


class PublishedRow(BaseModel):
    """A number from a paper, a README or a model card.

    Attributes:
        protocol: The rule that made the number, ``unknown`` where that is not on record.
        evidence: ``primary`` (read in the source itself) or ``secondary`` (through somebody else's copy).
        unit, higher_is_better: Of the metric; the file says them once for all of its rows.
    """

    model_config = LENIENT
    model: str
    task: str
    metric: str
    value: float = Field(allow_inf_nan=False)
    unit: str = ""
    higher_is_better: bool | None = None
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


class _PublishedKind(BaseModel):
    model_config = LENIENT
    unit: str
    higher_is_better: bool | None = None


class _PublishedFile(BaseModel):
    model_config = LENIENT
    schema_: Literal[1] = Field(alias="schema")
    tasks: dict[str, dict[str, _PublishedKind]]
    rows: list[PublishedRow]


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
    manifest = run.manifest()
    return tuple(row for scoring in run.scorings() for row in _rows_of(run, scoring, manifest))


def read_neighbours(folder: Path) -> tuple[Row, ...]:
    """The rows of the trivial agents' runs that lie beside a run; what cannot be read is nobody's neighbour."""
    found: list[Row] = []
    for run in Run.all_in(folder.resolve().parent):
        with suppress(DataError):
            if run.folder.name != folder.name and run.manifest().collection.kind == "trivial":
                found += read_run(run.folder)
    return tuple(found)


def _rows_of(run: Run, scoring: str, manifest: RunManifest) -> list[Row]:
    path = run.summary_file(scoring)
    summary = read_parsed(Summary, path, _REPAIR)
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
            digest=digest_of({sample_id: each.model_dump() for sample_id, each in manifest.tasks[name].samples.items()}),
            protocol=summary.protocol,
            engines=summary.engines,
            placement=summary.placement or manifest.collection.placement,
            scored=scored,
            path=f"{run.folder.name}/{run.relative(path)}",
            conversation=summary.conversation.get(scored.family),
        )
        for name, scored in summary.tasks.items()
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
        value = parse_json(text, name)
    except DataError as error:
        raise DataError(error.what, remedy) from None
    file = parsed(_PublishedFile, value, name, remedy)
    rows: dict[tuple[str, ...], PublishedRow] = {}
    for number in file.rows:
        kind = file.tasks.get(number.task, {}).get(number.metric)
        if kind is None:
            raise DataError(f"{name}: tasks: expected {number.task} > {number.metric}, which a row has", remedy)
        least, most = _POSSIBLE.get(kind.unit, (-MOST_OF_ANY, MOST_OF_ANY))
        if not least <= number.value <= most:
            what = f"{number.model}: {number.metric} on {number.task}: expected {least:g} to {most:g}, found {number.value:g}"
            raise DataError(f"{name}: {what}", remedy)
        key = (number.model, number.task, number.metric, number.source, number.url)
        if key in rows:
            what = f"{number.model} has two values of {number.metric} on {number.task} from '{number.source}'"
            raise DataError(f"{name}: {what}", remedy)
        rows[key] = number.model_copy(update={"unit": kind.unit, "higher_is_better": kind.higher_is_better})
    return tuple(rows.values())
