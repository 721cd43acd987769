"""The samples that lie in an exported run: it is scored with them, without the benchmark's data."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from fdbench.core.conversation import Sample
from fdbench.core.sound import Audio
from fdbench.data.dataset_folder import is_export
from fdbench.errors import DataError
from fdbench.store.run import Run
from fdbench.task.data import Data
from fdbench.task.hf import read_rows
from fdbench.task.hub import DatasetFolder
from fdbench.task.loaded import LoadedTask
from fdbench.task.rows import NEEDED, check_id, columns_of, config_of, read_annotation
from fdbench.task.spec import TaskSpec


def samples_in(folder: Path) -> Data | None:
    """What was exported with the run in a folder; None where it is no exported run."""
    if not (is_export(folder) and Run(folder).is_run):
        return None
    return DatasetFolder(folder) if Run(folder).has_prompts else _SilentSamples(folder)


@dataclass(frozen=True)
class _SilentSamples(DatasetFolder):
    """Samples without prompts: it is known when something happens in them, and nothing can be heard."""

    def read(self, spec: TaskSpec, limit: int | None = None, ids: Collection[str] | None = None) -> LoadedTask:
        """All samples of a task, with the digests that they had when they could be heard."""
        where = f"{self.folder}: {config_of(spec.name)}"
        samples, digests = [], {}
        for row in read_rows(str(self.folder), config_of(spec.name), columns_of(spec.behaviour), NEEDED, where):
            name = check_id(row["id"], where)
            events, transcript, human_timing = read_annotation(row, f"{where}: {name}")
            prompts = dict.fromkeys(spec.stimuli, _LeftOut(f"{where}: {name}", row["digest"]))
            samples.append(Sample(name, spec.name, prompts, events, transcript, human_timing, spec.instructions))
            digests[name] = row["digest"]
        return LoadedTask(spec, tuple(samples), {}, digests)


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """A prompt that is not in the export; its sample's digest stands for its own."""

    where: str
    digest: str

    def load(self) -> Audio:
        raise DataError(f"{self.where}: the run was exported without its prompts", "name the benchmark's data: --data DIR")
