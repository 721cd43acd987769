"""Fetching the data: each part by itself, resumable at any point, never half there, never over a user's own files.

DATA/.partial/<source>/    what has come so far; survives the process
DATA/v1.0/<set>/<clip>/    the result: unpacked beside its place, then renamed
DATA/fdbench-data.lock.json
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Final, Literal

from fdbench.data.catalog import Part
from fdbench.data.lock import LockedPart, find_part, held, is_hidden, read_lock, record_part, tree_of
from fdbench.data.transfer import fetch_file, import_gdown, without_secrets
from fdbench.errors import DataError
from fdbench.io.files import sha256_of, sha256_of_file, write_bytes_atomically
from fdbench.io.unpack import unpack

_WORK_FOLDER: Final = ".partial"
_HTML_BEGINS: Final = (b"<!doctype html", b"<html")


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How to fetch.

    Attributes:
        mirror: A folder of archives, or the http address of one; None: where the catalogue says.
        timeout_s: The longest silence of a server that is waited for.
        force: Fetch again what is there, and put it over what fdbench did not make or what has changed.
        progress: Called with part and bytes, several times a second.
    """

    mirror: str | Path | None = None
    timeout_s: float = 60.0
    force: bool = False
    progress: Callable[[str, int], None] = lambda part, n_bytes: None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one part; a failed one says what and what to do, in two lines."""

    part: str
    status: Literal["fetched", "already there", "failed"]
    message: str


def mirror_of(text: str | None) -> str | Path | None:
    """What ``--mirror`` means.

    Raises:
        DataError: Neither an http address nor a folder.
    """
    if text is None:
        return None
    if text.startswith(("http://", "https://")):
        return text.rstrip("/")
    if Path(text).is_dir():
        return Path(text)
    raise DataError(f"--mirror {text}: no such folder", "give a folder of archives, or the http address of one")


def download(parts: Sequence[Part], data: Path, options: DownloadOptions) -> Iterator[Outcome]:
    """Fetch parts one after the other; a failure is that part's outcome and stops no other.

    Raises:
        MissingExtraError: A part is to come from a server, and gdown is not installed. Before anything is done.
        DataError: The lock is damaged.
    """
    lock = read_lock(data)
    todo = [part for part in parts if options.force or find_part(part, data, lock).presence != "present"]
    if not isinstance(options.mirror, Path) and todo:
        import_gdown()
    data.mkdir(parents=True, exist_ok=True)
    for part in parts:
        try:
            with held(data):
                outcome = _download_part(part, data, options)
        except DataError as error:
            outcome = Outcome(part.name, "failed", ": ".join(str(error).split("\n  ")))
        except OSError as error:
            what = f"{error.filename or data}: {error.strerror or error}"
            remedy = "make room or mend this, and start the same command again: what has come is kept"
            outcome = Outcome(part.name, "failed", f"{what}: {remedy}")
        with suppress(OSError):  # something of another part is in it
            (data / _WORK_FOLDER).rmdir()
        yield outcome


def _download_part(part: Part, data: Path, options: DownloadOptions) -> Outcome:
    lock = read_lock(data)
    found, entry = find_part(part, data, lock), lock.parts.get(part.name)
    if found.presence == "present" and not options.force:
        return Outcome(part.name, "already there", f"{found.place}: {found.detail}")
    if found.presence == "incomplete" and not options.force and not _is_ours_alone(data, entry):
        what = f"{found.place}: is there already, with files that are not as fetched ({found.detail})"
        raise DataError(what, "move it away, or replace it with --force")
    work = data / _WORK_FOLDER
    source, file = _obtain(part, work, options)
    try:
        sha256 = sha256_of_file(file)
        expected = part.sha256 or (entry.sha256 if entry is not None and not options.force else None)
        if expected not in (None, sha256):
            remedy = "fetch it elsewhere with --mirror" if part.sha256 else "accept the other archive with --force"
            raise DataError(f"{source}: expected sha256 {expected}, found {sha256}", remedy)
        entry = LockedPart(
            source=source,
            sha256=sha256,
            n_bytes=file.stat().st_size,
            fetched_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            place=part.place,
            files={},
        )
        message = (_install_text if part.n_clips is None else _install_archive)(part, file, data, entry)
    except DataError:
        _throw_away(file, work)  # else the same command would take it up again
        raise
    _throw_away(file, work)
    return Outcome(part.name, "fetched", message)


def _is_ours_alone(data: Path, entry: LockedPart | None) -> bool:
    """Whether each file in a set's folder is one of the lock's, unchanged: then nothing of the user's is in it."""
    return entry is not None and tree_of(data / entry.place).items() <= entry.files.items()


def _obtain(part: Part, work: Path, options: DownloadOptions) -> tuple[str, Path]:
    """Where a part came from, and its file; that is below ``work``, or the user's own."""
    mirror, urls = options.mirror, []
    if isinstance(mirror, Path):
        for file in (mirror / name for name in part.file_names):
            if file.is_file():
                return f"file:{file.name}", file
    if isinstance(mirror, str):
        urls += [f"{mirror}/{name}" for name in part.file_names]
    if mirror is None or part.n_clips is None:  # a mirror need not have the texts
        urls.append(part.source)
    for url in urls:
        # What came from one source is never taken for the beginning of what another one has.
        file = work / sha256_of(url.encode())[:16] / part.name
        if fetch_file(url, file, options.timeout_s, partial(options.progress, part.name), part.by_hand):
            return without_secrets(url), file
    where = without_secrets(urls[-1]).rpartition("/")[0] if urls else mirror
    raise DataError(f"{where}: has none of {', '.join(part.file_names)}", part.by_hand)


def _throw_away(file: Path, work: Path) -> None:
    if file.is_relative_to(work):
        shutil.rmtree(file.parent)


def _install_text(part: Part, file: Path, data: Path, entry: LockedPart) -> str:
    record_part(data, part.name, entry)
    write_bytes_atomically(data / part.place, file.read_bytes())
    return f"{data / part.place}: {entry.n_bytes} bytes, sha256 {entry.sha256} as pinned"


def _install_archive(part: Part, file: Path, data: Path, entry: LockedPart) -> str:
    """Unpack beside the place, write the lock, rename; an older folder goes only when the new one is whole."""
    with file.open("rb") as begin:
        if begin.read(512).lstrip().lower().startswith(_HTML_BEGINS):
            raise DataError(f"{entry.source}: a web page came instead of an archive", part.by_hand)
    place = data / part.place
    work = place.with_name(f".{place.name}.part")
    new, old = work / "new", work / "old"
    if old.exists() and not place.exists():  # a process was killed between the two renames below
        old.rename(place)
    shutil.rmtree(work, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        try:
            unpack(file, new)
        except DataError as error:
            raise DataError(error.what.replace(str(file), entry.source, 1), error.remedy) from None
        clips = _folder_of_clips(new, part, entry.source)
        others = sorted(path for path in new.rglob("*") if path.is_file() and not path.is_relative_to(clips))
        left_out = ", ".join(path.relative_to(new).as_posix() for path in others[:5])
        files, n_clips = tree_of(clips), sum(clip.is_dir() and not is_hidden(clip, clips) for clip in clips.iterdir())
        record_part(data, part.name, entry.model_copy(update={"files": files}))
        if place.exists():
            place.rename(old)
        clips.rename(place)
    finally:
        shutil.rmtree(work)
    message = f"{place}: {n_clips} clips, {len(files)} files; archive of {entry.n_bytes} bytes, sha256 {entry.sha256}"
    if n_clips != part.n_clips:
        message += f"; expected {part.n_clips} clips"
    return f"{message}; left out: {left_out}{', ...' if len(others) > 5 else ''}" if others else message


def _folder_of_clips(unpacked: Path, part: Part, source: str) -> Path:
    """The folder that holds the clips, however deep the archive has it."""
    parents = {prompt.parent.parent for prompt in unpacked.rglob("input.wav") if not is_hidden(prompt, unpacked)}
    named = {parent for parent in parents if parent.name == part.name}
    chosen = named if len(named) == 1 else parents
    if len(chosen) != 1:
        found = ", ".join(sorted(parent.relative_to(unpacked).as_posix() for parent in parents)) or "nowhere"
        what = f"{source}: expected {part.name}/<clip>/input.wav in the archive, found clips in: {found}"
        raise DataError(what, "it is another archive, or one of another layout")
    return chosen.pop()
