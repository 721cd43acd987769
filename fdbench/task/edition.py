"""A private edition of the benchmark: prompts in upstream's layout that ``fdbench suite make`` made, and their manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fdbench.errors import DataError
from fdbench.io.files import read_json

EDITION_FILE: Final = "fdbench-edition.json"


class EditedSet(BaseModel):
    """One set.

    Attributes:
        place: Where it lies below the data's folder.
        n: Number of clips.
        clips: How each was made, by id.
        files: SHA-256 of each file by its path in the place, with ``/``.
    """

    model_config = ConfigDict(frozen=True)

    place: str
    n: int = Field(ge=1)
    clips: dict[str, dict[str, str | float | None]]
    files: dict[str, str]


class Edition(BaseModel):
    """The whole file; it says nothing about when and where.

    Attributes:
        name: Seed, size and a hash of all files: another edition has another name.
        engine: The TTS and its version.
        packages: What else determines the samples.
        voices: Speaker and rate of each.
        notes: What to know before reading numbers.
        sets: By the name of the set's folder.
        human_timing_sha256: Of the file of human backchannel distributions.
    """

    model_config = ConfigDict(frozen=True)

    schema_: Literal[1] = Field(1, alias="schema")
    name: str
    seed: int
    engine: str
    packages: dict[str, str]
    voices: dict[str, str]
    notes: list[str]
    sets: dict[str, EditedSet]
    human_timing_sha256: str


def read_edition(data: Path) -> Edition | None:
    """The manifest of a data folder; None where it is no edition.

    Raises:
        DataError: It is damaged or of another version; names the key.
    """
    file = data / EDITION_FILE
    if not file.exists():
        return None
    try:
        return Edition.model_validate(read_json(file))
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}", "make the edition again") from None
