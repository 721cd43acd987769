"""``manifest.json``: what a run collected and how, with hashes, without times or hosts.

Two collections with the same settings share a folder and resume each other; any other setting is another folder,
because the run id is made from the settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fdbench.errors import DataError
from fdbench.io.files import digest_of, read_json, write_json_atomically

SCHEMA = 1
FILE_NAME = "manifest.json"


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Collection(_Stored):
    """The settings that determine what a call gives."""

    model: str
    kind: Literal["trivial", "model", "recordings"]
    adapter: str
    arguments: dict[str, Any]
    weights_revision: str | None = None
    clock: str
    placement: str = "causal"
    slots: int
    seed: int
    condition: str = "clean"
    lead_in_s: float
    tail_silence_s: float
    tail_limit_s: float
    fdbench: str

    @property
    def run_id(self) -> str:
        """Slug of the model and a hash of everything else; fdbench's own version is recorded, not hashed."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.model.lower()).strip("-") or "model"
        return f"{slug}-{digest_of(self.model_dump(exclude={'fdbench'}))[:10]}"


class CollectedTask(_Stored):
    """A task of the run: its version and content, and which of its samples were asked for."""

    version: int
    digest: str
    family: str
    behaviour: str
    samples: list[str]
    repeats: int = Field(ge=1)

    @property
    def n(self) -> int:
        return len(self.samples)


class Scored(_Stored):
    """One scoring of the run: the folder under ``scores/`` and what made it."""

    folder: str
    protocol: str
    engines: dict[str, str]


class RunManifest(_Stored):
    """The whole file."""

    schema_: int = Field(default=SCHEMA, alias="schema")
    run_id: str
    collection: Collection
    tasks: dict[str, CollectedTask] = {}
    scored: list[Scored] = []

    def with_tasks(self, tasks: Mapping[str, CollectedTask]) -> RunManifest:
        """The manifest after collecting ``tasks`` too; samples of a task already there are joined.

        Raises:
            DataError: A task's content changed since it was collected: two versions must not share a run.
        """
        joined = dict(self.tasks)
        for name, task in tasks.items():
            before = joined.get(name)
            if before is None:
                joined[name] = task
                continue
            if (before.version, before.digest) != (task.version, task.digest):
                raise DataError(
                    f"{self.run_id}: task {name} was collected as version {before.version} ({before.digest[:12]}), "
                    f"the data is now version {task.version} ({task.digest[:12]})",
                    "use another --out, or remove the run's folder",
                )
            samples = list(dict.fromkeys([*before.samples, *task.samples]))
            joined[name] = task.model_copy(
                update={"samples": sorted(samples), "repeats": max(before.repeats, task.repeats)}
            )
        return self.model_copy(update={"tasks": dict(sorted(joined.items()))})

    def with_scored(self, scored: Scored) -> RunManifest:
        others = [other for other in self.scored if other.folder != scored.folder]
        return self.model_copy(update={"scored": sorted([*others, scored], key=lambda each: each.folder)})

    def write(self, folder: Path) -> None:
        write_json_atomically(folder / FILE_NAME, self.model_dump(by_alias=True))

    @classmethod
    def read(cls, folder: Path) -> RunManifest:
        """Read a run's manifest.

        Raises:
            DataError: Missing or not a manifest; names file and field.
        """
        path = folder / FILE_NAME
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise DataError(f"{path}: {where}: {first['msg']}", "the file was edited or written by another version") from None
