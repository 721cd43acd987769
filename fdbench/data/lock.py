"""What came from where: ``fdbench-data.lock.json`` in the data's folder, one entry per fetched part; and what of it is there.

The lock is written before what it describes is moved into place. So a folder that fdbench made is always known as its own;
an entry whose files are not there is a part that is not finished.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fdbench.data.catalog import Part
from fdbench.errors import DataError
from fdbench.io.files import digest_of, read_json, sha256_of_file, write_json_atomically
from fdbench.task.tree import find_set

LOCK_FILE: Final = "fdbench-data.lock.json"

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class LockedPart(BaseModel):
    """One part as it came.

    Attributes:
        source: Where it came from; never with a user name, password or query.
        sha256: Of the file that was fetched (an archive, or the text file itself).
        n_bytes: Size of that file.
        fetched_at: UTC, ISO 8601.
        place: Where it lies below the data's folder.
        files: SHA-256 of each file by its path in the place, with ``/``; none for a text file.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    source: str
    sha256: _Sha256
    n_bytes: int = Field(ge=0)
    fetched_at: str
    place: str
    files: dict[str, _Sha256]


class DataLock(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, strict=True)

    schema_: Literal[1] = Field(1, alias="schema")
    parts: dict[str, LockedPart] = {}


def tree_of(folder: Path) -> dict[str, str]:
    """SHA-256 of each file below a folder, by its path there with ``/``."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not is_hidden(path, folder))
    return {path.relative_to(folder).as_posix(): sha256_of_file(path) for path in files}


def is_hidden(path: Path, folder: Path) -> bool:
    """Whether a file below a folder, or a folder around it, is hidden: as what an editor or a system adds."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def tree_digest(files: Mapping[str, str]) -> str:
    """One hash for a folder: over each relative path with its SHA-256, whatever the order."""
    return digest_of(dict(files))


def read_lock(data: Path) -> DataLock:
    """The lock of a data folder; empty where there is none.

    Raises:
        DataError: It is damaged or of another version; names the key.
    """
    file = data / LOCK_FILE
    if not file.exists():
        return DataLock(schema=1)
    try:
        return DataLock.model_validate(read_json(file))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        remedy = "remove it: fdbench then takes what lies there for your own and leaves it alone"
        raise DataError(f"{file}: {key}: {first['msg']}", remedy) from None


def record_part(data: Path, name: str, part: LockedPart) -> None:
    """Put one entry into the lock; ``data`` is held."""
    parts = {**read_lock(data).parts, name: part}
    write_json_atomically(data / LOCK_FILE, DataLock(schema=1, parts=dict(sorted(parts.items()))).model_dump(by_alias=True))


@contextmanager
def held(data: Path) -> Iterator[None]:
    """Hold an existing folder for one process, waiting while another one does."""
    folder = os.open(data, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@dataclass(frozen=True, slots=True)
class Found:
    """A part on disk.

    Attributes:
        place: Where it lies, or would be put.
        detail: A few words on what is there.
    """

    presence: Literal["present", "incomplete", "missing"]
    place: Path
    detail: str = ""


def find_part(part: Part, data: Path, lock: DataLock) -> Found:
    """How much of a part is there. Of sets, names only; ``data check`` reads every byte."""
    place, entry = data / part.place, lock.parts.get(part.name)
    if part.n_clips is None:
        if not place.is_file():
            return Found("missing", place)
        found = sha256_of_file(place)
        if found == part.sha256:
            return Found("present", place, "the pinned text")
        return Found("incomplete", place, f"expected sha256 {part.sha256}, found {found}")
    if entry is not None and (data / entry.place).is_dir():
        place, expected = data / entry.place, len(entry.files)
        n = sum((place / name).is_file() for name in entry.files)
        detail = f"{n} of {expected} files, fetched {entry.fetched_at}"
    else:
        folder, expected = find_set(data, part.name, part.root), part.n_clips
        if folder is None:
            return Found("missing", place)
        place, n = folder, sum((clip / "input.wav").is_file() for clip in folder.iterdir() if not is_hidden(clip, folder))
        detail = f"{n} of {expected} clips, not fetched by fdbench"
    return Found("present" if n >= expected else "incomplete", place, detail)
