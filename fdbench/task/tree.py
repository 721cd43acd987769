"""Samples that lie below a folder in upstream's layout: one folder per set, one sub-folder per clip; or a staged file."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fdbench.core.absence import Absence
from fdbench.errors import DataError
from fdbench.io.upstream_json import file_of
from fdbench.task.fdb_layout import AUDIO_MISSING, read_fdb_folder
from fdbench.task.loaded import LoadedTask, loaded_task

if TYPE_CHECKING:
    from fdbench.task.spec import FdbSource, StagedSource, TaskSpec

_ROOT_NAME: Final = re.compile(r"v\d+[._]\d+")


@dataclass(frozen=True, slots=True)
class UpstreamTree:
    """The folder that holds upstream's sets."""

    root: Path

    @property
    def origin(self) -> str:
        from fdbench.task.edition import read_edition

        edition = read_edition(self.root)
        return "upstream layout" if edition is None else f"edition {edition.name}"

    def has(self, spec: TaskSpec) -> bool:
        if spec.source.kind == "staged":
            return find_staged(self.root, spec.source) is not None
        return spec.source.kind == "fdb" and find_set(self.root, spec.source.folder, spec.source.root) is not None

    def read(self, spec: TaskSpec, limit: int | None = None, ids: Collection[str] | None = None) -> LoadedTask:
        """Everything in the set's folder; ``limit`` and ``ids`` save nothing here. A sample without its prompt is broken."""
        if spec.source.kind == "staged":
            return self._read_staged(spec, spec.source)
        assert spec.source.kind == "fdb"
        found = find_set(self.root, spec.source.folder, spec.source.root)
        if found is None:
            raise DataError(f"{self.root}: the set of {spec.name} is not there")
        read = read_fdb_folder(found, spec.name, spec.behaviour, find_human_timing(self.root, spec.source, found))
        missing = {
            sample.id: Absence(AUDIO_MISSING, f"{found / sample.id / file_of(stimulus, 'input.wav')}: no such file")
            for sample in read.samples
            for stimulus in reversed(spec.stimuli)
            if stimulus not in sample.stimuli  # nobody can be called with it
        }
        samples = [replace(sample, instructions=spec.instructions) for sample in read.samples if sample.id not in missing]
        notes = [line for _, line in read.notes] + [f"{found / name}: not a sample, left out" for name in read.stray]
        return loaded_task(spec, samples, {**read.broken, **missing}, notes)

    def _read_staged(self, spec: TaskSpec, source: StagedSource) -> LoadedTask:
        from fdbench.task.dialogues import dialogue_samples
        from fdbench.task.staged import FAMILY_NAMES, read_staged

        found = find_staged(self.root, source)
        if found is None:
            raise DataError(f"{self.root}: the dialogues of {spec.name} are not there")
        dialogues = [each for each in read_staged(found) if each.family == FAMILY_NAMES[source.family]]
        return loaded_task(spec, dialogue_samples(spec, (replace(each, pace=source.pace) for each in dialogues)))


def places_of_staged(data: Path, source: StagedSource) -> tuple[Path, ...]:
    """Where the file of staged dialogues is looked for below the data's folder."""
    return data / "upstream" / source.file, data / source.file, data / source.file.rpartition("/")[2]


def find_staged(data: Path, source: StagedSource) -> Path | None:
    """The file of staged dialogues below a folder; None where it is not there."""
    return next((place for place in places_of_staged(data, source) if place.is_file()), None)


def roots_of(data: Path, root: str) -> tuple[Path, ...]:
    """Where sets are looked for below the data's folder: in ``v1.0``, ``v1_0`` or directly."""
    return data / root, data / root.replace(".", "_"), data


def find_set(data: Path, folder: str, root: str) -> Path | None:
    """Where a set lies below a folder: in one of ``roots_of``, possibly one more level of its own name."""
    places = (place for each in roots_of(data, root) for place in (each / folder / folder, each / folder))
    return next((place for place in places if place.is_dir()), None)


def find_human_timing(data: Path, source: FdbSource, found: Path) -> Path | None:
    """Where the human distributions of a set lie, the set itself lying in ``found``: there, beside it, or below the data."""
    if source.human_timing is None:
        return None
    files = (place / source.human_timing for place in (found, found.parent, *roots_of(data, source.root)))
    return next((file for file in files if file.exists()), None)


def folder_above(folder: Path) -> Path | None:
    """The folder that ``--data`` should name, if the one given is a set of clips or a clip; None if it is neither."""
    place = folder.resolve()
    clips = place.parent if (place / "input.wav").exists() else place
    if not any(clips.glob("*/input.wav")):
        return None
    return clips.parent.parent if _ROOT_NAME.fullmatch(clips.parent.name) else clips.parent
