"""What a task's YAML file says: the disk boundary of tasks."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from fdbench.core.behaviour import BEHAVIOURS
from fdbench.core.family import FAMILIES
from fdbench.errors import DataError
from fdbench.io.strict_yaml import KeyPath, parse_yaml
from fdbench.task.staged import FAMILY_NAMES

ROOT: Final = "v1.0"
"""Folder of Full-Duplex-Bench v1 below the data's root."""
LICENCE: Final = "CC BY-NC 4.0"
"""Of upstream's whole repository, data and texts: fetched by the user, never shipped."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_strip_whitespace=True)


class ScriptSource(_Stored):
    """Prompts put together from utterances that ship with fdbench.

    Attributes:
        clips: File of scripts and annotations, beside the task's YAML.
        utterances: File that names the utterances, their words and hashes; the FLAC files lie in a folder of its name.
        n: Number of clips.
        sha256: Of both files.
    """

    kind: Literal["scripts"]
    clips: str
    utterances: str
    n: int = Field(ge=1)
    sha256: dict[str, Sha256]

    @model_validator(mode="after")
    def _pins_every_file(self) -> ScriptSource:
        missing = {self.clips, self.utterances} - set(self.sha256)
        if missing:
            raise ValueError(f"no sha256 for {', '.join(sorted(missing))}")
        return self


class DialogueSource(_Stored):
    """Dialogues for an examiner that ship with fdbench.

    Attributes:
        file: Of dialogues (``fdbench.task.dialogues``), beside the task's YAML.
        n: Number of them.
        sha256: Of the file.
    """

    kind: Literal["dialogues"]
    file: str
    n: int = Field(ge=1)
    sha256: dict[str, Sha256]


class FdbSource(_Stored):
    """A set of Full-Duplex-Bench, which users put under ``--data``.

    Attributes:
        folder: Name of the set's folder; one sub-folder per clip.
        n: Number of clips in the published set.
        sample_rate: Of the published prompts, Hz; None where that is not known. Files of any rate are read.
        drive_id: Google Drive file id of the archive.
        archive_sha256: Of the archive, where a hash is published.
        root: The folder, below the data's, in which the set's folder is put.
        licence: Of the clips and their annotations.
        human_timing: File with the human backchannel distributions; in the folder, beside it, or in the data's root.
        sha256: Of files whose published hash is known.
    """

    kind: Literal["fdb"]
    folder: str
    n: int = Field(ge=1)
    sample_rate: int | None = Field(None, ge=1)
    drive_id: str
    archive_sha256: Sha256 | None = None
    root: str = ROOT
    licence: str = LICENCE
    human_timing: str | None = None
    sha256: dict[str, Sha256] = {}


class StagedSource(_Stored):
    """Dialogues for an examiner from Full-Duplex-Bench v2's staged file, which users fetch.

    Attributes:
        file: Below ``upstream/`` in the data's folder.
        sha256: Of the file.
        family: As the file calls it.
        pace: How quickly the examiner takes its turns.
        n: Number of the family's dialogues.
    """

    kind: Literal["staged"]
    file: str
    sha256: Sha256
    family: Literal["Daily", "Correction", "EntityTracking", "Safety"]
    pace: Literal["slow", "fast"]
    n: int = Field(ge=1)

    @property
    def task(self) -> str:
        """What a task with these dialogues is called behind its family."""
        return f"{FAMILY_NAMES[self.family]}.{self.pace}"


class TaskSpec(_Stored):
    """One task.

    Attributes:
        name: ``family/behaviour``, with ``.set`` where there are several, e.g. ``v1/turn_taking.candor``; of staged dialogues
            ``v2/daily.slow``.
        version: Raised whenever prompts or annotations change; numbers of different versions do not compare.
        family: Tasks of a family appear together in tables.
        behaviour: Decides which scorer is used.
        summary: One line, for lists.
        description: What is in it and what to know before reading its numbers.
        instructions: What a model that takes a text prompt is told.
        human_timing_note: Where the human backchannel timing comes from.
    """

    name: str = Field(pattern=r"^[a-z0-9.]+/[a-z0-9_]+(\.[a-z0-9_]+)?$")
    version: int = Field(ge=1)
    family: str
    behaviour: str
    summary: str = Field(min_length=1)
    description: str = ""
    instructions: str = ""
    human_timing_note: str = ""
    source: Annotated[ScriptSource | DialogueSource | FdbSource | StagedSource, Field(discriminator="kind")]

    @property
    def ships(self) -> bool:
        """Whether its samples come with fdbench."""
        return self.source.kind in ("scripts", "dialogues")

    @property
    def stimuli(self) -> tuple[str, ...]:
        """With which stimuli of each sample a call is made."""
        return BEHAVIOURS[self.behaviour].stimuli

    @field_validator("family", "behaviour")
    @classmethod
    def _is_known(cls, name: str, field: ValidationInfo) -> str:
        known = FAMILIES if field.field_name == "family" else tuple(BEHAVIOURS)
        if name not in known:
            raise ValueError(f"expected {', '.join(known)}")
        return name

    @model_validator(mode="after")
    def _is_named_after_its_family_and_behaviour(self) -> TaskSpec:
        if self.source.kind == "staged":
            if self.name != f"{self.family}/{self.source.task}":
                raise ValueError(f"name: expected {self.family}/{self.source.task}, found {self.name}")
            return self
        expected = f"{self.family}/{self.behaviour}"
        of_one_kind = f"{self.family}/{self.behaviour.rpartition('.')[2]}"
        if self.name not in (expected, of_one_kind) and not self.name.startswith(f"{expected}."):
            raise ValueError(f"name: expected {expected} or {expected}.SET, found {self.name}")
        return self


@lru_cache(maxsize=64)  # a command asks for all tasks several times, and YAML is slow
def parse_task(text: str, name: str) -> TaskSpec:
    """The task that a YAML text describes.

    Args:
        text: The whole file.
        name: What errors call it.

    Raises:
        DataError: It is not strict YAML, or a key is unknown, missing or of the wrong kind; names file and line.
    """
    document = parse_yaml(text, name)
    try:
        return TaskSpec.model_validate(document.value)
    except ValidationError as error:
        first = error.errors()[0]
        # The location of a union's member holds the member's tag, which is no key of the file.
        path: KeyPath = tuple(part for part in first["loc"] if part not in ("scripts", "dialogues", "fdb", "staged"))
        key = ".".join(map(str, path))
        if first["type"] == "extra_forbidden":
            problem = f"unknown key '{key}'"
        elif first["type"] == "missing":
            problem = f"the key '{key}' is missing"
        else:
            problem = f"{key}: {first['msg']}, found {first['input']!r}" if key else first["msg"]
        raise DataError(f"{document.where(path)}: {problem}", "see fdbench/task/spec.py for the keys of a task") from None
