"""What of the data is there already, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fdbench.data.catalog import Archive, Part, TextFile
from fdbench.io.files import sha256_of_file
from fdbench.task.tree import find_set

if TYPE_CHECKING:
    from fdbench.data.lock import DataLock, LockedPart

Presence = Literal["present", "incomplete", "missing"]
_JUNK = (".DS_Store",)


@dataclass(frozen=True, slots=True)
class Found:
    """A part on disk.

    Attributes:
        is_ours: fdbench fetched it.
        place: Where it lies, or would be put.
        detail: A few words on what is there.
    """

    presence: Presence
    is_ours: bool
    place: Path
    detail: str = ""


def find_part(part: Part, data: Path, lock: DataLock) -> Found:
    """How much of a part is there. Names and sizes only, apart from text files; ``data check`` reads every byte."""
    return _find_set(part, data, lock) if isinstance(part, Archive) else _find_text(part, data, lock)


def holds_only(place: Path, entry: LockedPart) -> bool:
    """Whether each file in a folder is one of the lock's, unchanged: then nothing of the user's is in it."""
    for file in place.rglob("*"):
        if file.is_dir() and not file.is_symlink():
            continue
        if file.name in _JUNK:
            continue
        expected = entry.files.get(file.relative_to(place).as_posix())
        if expected is None or file.is_symlink() or sha256_of_file(file) != expected:
            return False
    return True


def _find_set(part: Archive, data: Path, lock: DataLock) -> Found:
    entry = lock.parts.get(part.name)
    if entry is not None and (data / entry.place).is_dir():
        place = data / entry.place
        sizes = [file.stat().st_size for file in (place / name for name in entry.files) if file.is_file()]
        if len(sizes) == entry.n_files and sum(sizes) == entry.tree_bytes:
            return Found("present", True, place, f"{entry.n_files} files, fetched {entry.fetched_at}")
        return Found(
            "incomplete", True, place, f"{len(sizes)} of {entry.n_files} files, {sum(sizes)} of {entry.tree_bytes} bytes"
        )
    folder = find_set(data, part.name, part.root)
    if folder is None:
        return Found("missing", False, data / part.place)
    n_clips = sum(1 for clip in folder.iterdir() if (clip / "input.wav").is_file())
    detail = f"{n_clips} of {part.n_clips} clips, not fetched by fdbench"
    return Found("present" if n_clips >= part.n_clips else "incomplete", False, folder, detail)


def _find_text(part: TextFile, data: Path, lock: DataLock) -> Found:
    place = data / part.place
    places = [place]
    beside = find_set(data, part.beside, part.root) if part.beside else None
    if beside is not None:
        # Where the loader looks, in its order.
        places = [beside / part.file_name, beside.parent / part.file_name, data / part.file_name]
        place = next((each for each in places if each.exists()), beside.parent / part.file_name)
    entry = lock.parts.get(part.name)
    is_ours = entry is not None and data / entry.place == place
    if not place.is_file():
        return Found("missing", is_ours, place)
    found = sha256_of_file(place)
    if found == part.sha256:
        return Found("present", is_ours, place, "the pinned text")
    return Found("incomplete", is_ours, place, f"expected sha256 {part.sha256}, found {found}")
