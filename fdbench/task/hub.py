"""Samples from a Hugging Face dataset in the schema of ``rows``: a local folder, or one on the hub.

Rows are read one after the other, and their audio is laid down in the user's cache, so that memory does not grow. From the
hub, a whole task is downloaded once, into Hugging Face's cache. Where fewer samples are needed than the task has clips
(``--limit``, or a run of so many), its rows are streamed until all that is needed has come. A branch or tag is resolved to its
commit once, and everything is read at that commit. Private datasets: log in with Hugging Face's own tools (``hf auth login``,
``HF_TOKEN``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fdbench.core.absence import Absence
from fdbench.core.conversation import Sample
from fdbench.core.take_id import MAIN, TWIN
from fdbench.errors import DataError
from fdbench.io.upstream_json import describe
from fdbench.task.cells import CellStimulus
from fdbench.task.fdb_layout import AUDIO_MISSING, BAD_ANNOTATION
from fdbench.task.hf import EXPORT_AGAIN, Row, configs_in, import_datasets, read_rows, telling
from fdbench.task.loaded import LoadedTask, digest_of_sample, loaded_task
from fdbench.task.rows import NEEDED, TWIN_AUDIO, check_events, check_id, columns_of, config_of, read_annotation

if TYPE_CHECKING:
    from fdbench.task.spec import TaskSpec

_OTHER_VERSION: Final = "export the dataset again, or use the version of fdbench that wrote it"


@dataclass(frozen=True)
class DatasetFolder:
    """A dataset in a folder."""

    folder: Path
    origin = "datasets folder"
    root = None

    def __str__(self) -> str:
        return str(self.folder)

    @cached_property
    def _configs(self) -> Sequence[str]:
        return configs_in(str(self.folder))

    def has(self, spec: TaskSpec) -> bool:
        return config_of(spec.name) in self._configs

    def read(self, spec: TaskSpec, limit: int | None = None, ids: Collection[str] | None = None) -> LoadedTask:
        """All samples of a task."""
        return _read(spec, str(self.folder), str(self))


@dataclass(frozen=True)
class HubDataset:
    """A dataset on the hub.

    Attributes:
        name: ``ORG/NAME``.
        revision: A branch, a tag or a commit; None = the newest.
    """

    name: str
    revision: str | None = None
    root = None

    def __str__(self) -> str:
        return self.origin

    @property
    def origin(self) -> str:
        return f"hf:{self.name}@{self.commit}"

    @cached_property
    def commit(self) -> str:
        """What the revision stands for; asked once."""
        import_datasets()
        from huggingface_hub import HfApi

        with telling(f"hf:{self.name}", f"find {self.revision or 'it'} on the hub"):
            return str(HfApi().dataset_info(self.name, revision=self.revision).sha)

    @cached_property
    def _configs(self) -> Sequence[str]:
        return configs_in(self.name, self.commit)

    def has(self, spec: TaskSpec) -> bool:
        return config_of(spec.name) in self._configs

    def read(self, spec: TaskSpec, limit: int | None = None, ids: Collection[str] | None = None) -> LoadedTask:
        """A task's samples: streamed where fewer are needed than there are clips, else downloaded."""
        if min(limit or spec.source.n, spec.source.n if ids is None else len(ids)) < spec.source.n:
            return _read(spec, self.name, self.origin, self.commit, limit, ids)
        from huggingface_hub import snapshot_download

        with telling(self.origin, "download it"):
            only = ["README.md", f"*{config_of(spec.name)}*"]
            folder = snapshot_download(self.name, repo_type="dataset", revision=self.commit, allow_patterns=only)
        return _read(spec, folder, self.origin)


def _read(
    spec: TaskSpec,
    dataset: str,
    name: str,
    revision: str | None = None,
    limit: int | None = None,
    ids: Collection[str] | None = None,
) -> LoadedTask:
    config = config_of(spec.name)
    where = f"{name}: {config}"
    return read_task(spec, read_rows(dataset, config, columns_of(spec.behaviour), NEEDED, where, revision), where, limit, ids)


def read_task(
    spec: TaskSpec, rows: Iterable[Row], where: str, limit: int | None = None, ids: Collection[str] | None = None
) -> LoadedTask:
    """Samples from rows; what is wrong with one row breaks its sample and no other.

    Args:
        rows: As ``read_rows`` gives them.
        where: Dataset and config, for errors.
        limit: Stop after so many.
        ids: Stop when all of these have come.

    Raises:
        DataError: The rows are not those of this task at this version, or two have the same id.
    """
    samples: list[Sample] = []
    broken: dict[str, Absence] = {}
    seen: set[str] = set()
    waiting = set(ids or ())
    for index, row in enumerate(rows):
        sample_id = check_id(row["id"], f"{where}: row {index}")
        name = f"{where}: {sample_id}"
        if sample_id in seen:
            raise DataError(f"{where}: row {index}: the id '{sample_id}' is there twice", "give each row an id of its own")
        seen.add(sample_id)
        for column, expected in (("task", spec.name), ("task_version", spec.version)):
            if row[column] != expected:
                raise DataError(f"{name}: {column}: expected {expected}, found {describe(row[column])}", _OTHER_VERSION)
        try:
            samples.append(_sample(row, sample_id, spec, name))
        except DataError as error:
            broken[sample_id] = Absence(BAD_ANNOTATION if _bytes_in(row) else AUDIO_MISSING, error.what)
        waiting.discard(sample_id)
        if len(seen) == limit or (ids and not waiting):
            break
    if not seen:
        raise DataError(f"{where}: no row in it", EXPORT_AGAIN)
    return loaded_task(spec, samples, broken)


def _bytes_in(row: Row, column: str = "audio") -> bytes | None:
    """Of a prompt; None where there are none."""
    audio = row[column]
    return audio.get("bytes") or None if isinstance(audio, dict) else None


def _sample(row: Row, sample_id: str, spec: TaskSpec, where: str) -> Sample:
    data = _bytes_in(row)
    if data is None:
        raise DataError(f"{where}: audio: expected the bytes of a file, found none")
    events, transcript, human_timing = read_annotation(row, where)
    check_events(events, spec.behaviour, where)
    stimuli = {MAIN: CellStimulus.of(data, row["audio"].get("path") or f"{sample_id}.wav", where)}
    if TWIN in spec.stimuli:
        clean = _bytes_in(row, TWIN_AUDIO)
        if clean is None:
            raise DataError(f"{where}: {TWIN_AUDIO}: expected the bytes of a file, found none")
        stimuli[TWIN] = CellStimulus.of(clean, row[TWIN_AUDIO].get("path") or f"{TWIN}_{sample_id}.wav", where)
    sample = Sample(sample_id, spec.name, stimuli, events, transcript, human_timing, spec.instructions)
    expected, found = row.get("digest"), digest_of_sample(sample, spec.instructions)
    if expected not in (None, found):
        raise DataError(f"{where}: digest: the row says {describe(expected)}, its content hashes to {found}")
    return sample
