"""What came from where: ``fdbench-data.lock.json`` in the data's folder, one entry per fetched part.

The lock is written before what it describes is moved into place. So a folder that fdbench made is always known as its own;
an entry whose files are not there is a part that is not finished.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fdbench.errors import DataError
from fdbench.io.files import digest_of, read_json, write_json_atomically

LOCK_FILE: Final = "fdbench-data.lock.json"
WORK_FOLDER: Final = ".partial"

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


_STRICT: Final = ConfigDict(extra="forbid", frozen=True, strict=True)


class LockedPart(BaseModel):
    """One part as it came.

    Attributes:
        source: Where it came from; never with a user name, password or query.
        sha256: Of the file that was fetched (an archive, or the text file itself).
        n_bytes: Size of that file.
        fetched_at: UTC, ISO 8601.
        place: Where it lies below the data's folder.
        n_files: Files in the place (1 for a text file).
        tree_bytes: Their sizes, summed.
        tree: ``tree_digest`` of ``files``.
        files: SHA-256 of each file by its path in the place; a text file is its own only member.
    """

    model_config = _STRICT

    source: str
    sha256: _Sha256
    n_bytes: int = Field(ge=0)
    fetched_at: str
    place: str
    n_files: int = Field(ge=1)
    tree_bytes: int = Field(ge=0)
    tree: _Sha256
    files: dict[str, _Sha256]

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> LockedPart:
        if self.n_files != len(self.files) or self.tree != tree_digest(self.files):
            raise ValueError("n_files and tree do not fit the files listed; it was edited by hand")
        for path in (self.place, *self.files):
            if path.startswith("/") or ".." in path.split("/"):
                raise ValueError(f"{path!r} leaves the folder")
        return self


class DataLock(BaseModel):
    """The whole file."""

    model_config = _STRICT

    schema_: Literal[1] = Field(1, alias="schema")
    parts: dict[str, LockedPart] = {}


def tree_digest(files: Mapping[str, str]) -> str:
    """One hash for a folder: over each relative path (``/`` between its parts) with its SHA-256, whatever the order."""
    return digest_of(dict(files))


def read_lock(data: Path) -> DataLock:
    """The lock of a data folder; empty where there is none.

    Raises:
        DataError: It is damaged or of another version; names the key.
    """
    file = data / LOCK_FILE
    if not file.exists():
        return DataLock(schema=1)
    value = read_json(file)
    try:
        return DataLock.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        remedy = "remove it: fdbench then takes what lies there for your own and leaves it alone"
        raise DataError(f"{file}: {key}: {first['msg']}", remedy) from None


def record_part(data: Path, name: str, part: LockedPart) -> None:
    """Put one entry into the lock, keeping those that another process wrote meanwhile."""
    with held(data / WORK_FOLDER / "lock-file.lock", wait=True):
        parts = {**read_lock(data).parts, name: part}
        ordered = DataLock(schema=1, parts=dict(sorted(parts.items())))
        write_json_atomically(data / LOCK_FILE, ordered.model_dump(by_alias=True))


@contextmanager
def held(file: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold ``file`` as a lock for one process; it is gone afterwards.

    Raises:
        DataError: Another process holds it, and ``wait`` is False.
    """
    while True:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = file.open("w")
        except FileNotFoundError:  # whoever held it last has just tidied the folder away
            continue
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                raise DataError(f"{file.stem}: another fdbench is fetching it", "wait for it to end") from None
            if not _is_still(file, handle.fileno()):
                continue  # its holder removed it while we waited
            try:
                yield
            finally:
                file.unlink(missing_ok=True)
            return


def _is_still(file: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), file.stat())
    except FileNotFoundError:
        return False
