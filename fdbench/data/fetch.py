"""Fetching the data: each part by itself, resumable at any point, never half there, never over a user's own files.

DATA/.partial/<part>/      what has come so far; survives the process
DATA/v1.0/<set>/<clip>/    the result: unpacked beside its place, then renamed
DATA/fdbench-data.lock.json
"""

from __future__ import annotations

import errno
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Final, Literal

from fdbench.data.catalog import Archive, Part, TextFile
from fdbench.data.lock import WORK_FOLDER, LockedPart, held, read_lock, record_part, tree_digest
from fdbench.data.presence import Found, find_part, holds_only
from fdbench.data.transfer import (
    NotThereError,
    RefusedTransferError,
    fetch_archive,
    fetch_text,
    import_gdown,
    is_html,
    without_secrets,
)
from fdbench.errors import DataError, MissingExtraError
from fdbench.io.files import sha256_of, sha256_of_file, write_bytes_atomically
from fdbench.io.unpack import DamagedArchiveError, UnpackLimits, unpack

SUFFIXES: Final = (".zip", ".tar.gz", ".tgz", ".tar.xz", ".tar")
DEFAULT_TIMEOUT_S: Final = 60.0
_DISK_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How to fetch.

    Attributes:
        mirror: A folder of archives, or the http address of one; None: where the catalogue says.
        timeout_s: The longest silence of a server that is waited for.
        force: Fetch again what is there, and put it over what fdbench did not make or what has changed.
        sleep: Waits between two tries.
        progress: Called with part and bytes, several times a second.
    """

    mirror: str | Path | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    force: bool = False
    sleep: Callable[[float], None] = time.sleep
    progress: Callable[[str, int], None] = lambda part, n_bytes: None
    limits: UnpackLimits | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one part; a failed one says what and what to do, in two lines."""

    part: str
    status: Literal["fetched", "already there", "failed"]
    message: str


@dataclass(frozen=True, slots=True)
class _FetchedArchive:
    """A whole file, not looked into yet.

    Attributes:
        scratch: The folder to be thrown away when it has been used; None for a file of the user's.
    """

    file: Path
    source: str
    scratch: Path | None

    def throw_away(self) -> None:
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)


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

    Archives come before the text files that lie beside their folders.

    Raises:
        MissingExtraError: An archive is to come from a server, and gdown is not installed. Before anything is done.
        DataError: The lock is damaged.
    """
    lock = read_lock(data)
    todo = [part for part in parts if options.force or find_part(part, data, lock).presence != "present"]
    if not isinstance(options.mirror, Path) and any(isinstance(part, Archive) for part in todo):
        import_gdown()
    work = data / WORK_FOLDER
    data.mkdir(parents=True, exist_ok=True)
    for part in parts:
        try:
            with held(work / f"{part.name}.lock"):
                outcome = _download_part(part, data, options)
        except MissingExtraError:
            raise
        except DataError as error:
            outcome = Outcome(part.name, "failed", str(error))
        except OSError as error:
            outcome = Outcome(part.name, "failed", _message_of(error, data))
        scratch = work / part.name
        if not any(path.is_file() for path in scratch.rglob("*")):  # nothing has come
            shutil.rmtree(scratch, ignore_errors=True)
        with suppress(OSError):
            work.rmdir()
        yield outcome


def _message_of(error: OSError, data: Path) -> str:
    where, why = error.filename or data, error.strerror or str(error)
    what, remedy = (f"the disk is full ({why})", "make room") if error.errno in _DISK_ERRORS else (why, "mend this")
    return f"{where}: {what}\n  {remedy} and start the same command again: what has come is kept"


def _download_part(part: Part, data: Path, options: DownloadOptions) -> Outcome:
    lock = read_lock(data)
    found, entry = find_part(part, data, lock), lock.parts.get(part.name)
    if not options.force:
        if found.presence == "present":
            return Outcome(part.name, "already there", f"{found.place}: {found.detail}")
        _refuse_to_overwrite(part, found, entry)
    if isinstance(part, Archive):
        return _download_archive(part, data, options, entry)
    return _download_text(part, found.place, data, options)


def _refuse_to_overwrite(part: Part, found: Found, entry: LockedPart | None) -> None:
    if found.presence == "missing":
        return
    if not found.is_ours:
        remedy = "move it away, or replace it with --force"
        raise DataError(f"{found.place}: is there already and not what is expected ({found.detail})", remedy)
    if isinstance(part, Archive) and entry is not None and not holds_only(found.place, entry):
        what = f"{found.place}: incomplete ({found.detail}), and files in it were changed or added"
        raise DataError(what, "move yours away, or replace the whole folder with --force")


def _download_archive(part: Archive, data: Path, options: DownloadOptions, entry: LockedPart | None) -> Outcome:
    scratch = data / WORK_FOLDER / part.name
    was_begun = scratch.exists()
    fetched = _obtain_archive(part, scratch, options)
    sha256 = _checked_hash(part, fetched, options, entry)
    try:
        return _install(part, data, fetched, sha256, options)
    except DataError as error:
        fetched.throw_away()
        if isinstance(error, DamagedArchiveError) and was_begun and fetched.scratch is not None:
            return _download_archive(part, data, options, entry)  # bytes of two versions were joined: from the beginning
        raise


def _checked_hash(part: Archive, fetched: _FetchedArchive, options: DownloadOptions, entry: LockedPart | None) -> str:
    """Raises DataError for a web page, and for another archive than the published one or the one that came before."""
    with fetched.file.open("rb") as file:
        head = file.read(512)
    if is_html(head):
        fetched.throw_away()
        raise RefusedTransferError(f"{fetched.source}: a web page came instead of an archive", _ways_around(part))
    found = sha256_of_file(fetched.file)
    if part.sha256 is not None and found != part.sha256:
        fetched.throw_away()
        what = f"{fetched.source}: expected sha256 {part.sha256}, found {found}"
        raise DataError(what, "fetch it elsewhere with --mirror; what came was thrown away")
    if entry is not None and found != entry.sha256 and not options.force:
        what = f"{fetched.source}: expected sha256 {entry.sha256} as fetched {entry.fetched_at}, found {found}"
        again = f", or remove {fetched.scratch} to fetch it once more" if fetched.scratch else ""
        raise DataError(what, f"accept the other archive with --force{again}")
    return found


def _ways_around(part: Archive) -> str:
    archive = f"{part.name}.zip (or .tar.gz)"
    return f"open {part.source} in a browser, put the archive as {archive} into a folder, and run again with --mirror FOLDER"


def _obtain_archive(part: Archive, scratch: Path, options: DownloadOptions) -> _FetchedArchive:
    names = [part.name + suffix for suffix in SUFFIXES]
    if isinstance(options.mirror, Path):
        file = next((options.mirror / name for name in names if (options.mirror / name).is_file()), None)
        if file is None:
            raise NotThereError(f"{options.mirror}: expected one of {', '.join(names)}", "rename the archive so")
        return _FetchedArchive(file, f"file:{file.name}", None)
    if options.mirror is None:
        try:
            return _fetch_from({"id": part.drive_id}, part, part.source, scratch, options)
        except RefusedTransferError as error:
            raise RefusedTransferError(error.what, _ways_around(part)) from None
    for name in names:
        url = f"{options.mirror}/{name}"
        with suppress(NotThereError):
            return _fetch_from({"url": url}, part, without_secrets(url), scratch, options)
    raise NotThereError(f"{without_secrets(options.mirror)}: has none of {', '.join(names)}", "rename the archive so")


def _fetch_from(
    which: Mapping[str, str], part: Archive, source: str, scratch: Path, options: DownloadOptions
) -> _FetchedArchive:
    # What came from one source is never taken for the beginning of what another one has.
    output = scratch / sha256_of(source.encode())[:16] / "archive"
    progress = partial(options.progress, part.name)
    fetch_archive(which, output, timeout_s=options.timeout_s, sleep=options.sleep, progress=progress)
    return _FetchedArchive(output, source, scratch)


def _install(part: Archive, data: Path, fetched: _FetchedArchive, sha256: str, options: DownloadOptions) -> Outcome:
    """Unpack beside the place, write the lock, rename; an older folder goes only when the new one is there."""
    place = data / part.place
    place.parent.mkdir(parents=True, exist_ok=True)
    _sweep(place)
    work = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.", suffix=".part"))
    try:
        files = unpack(fetched.file, work, options.limits)
        inside = _folder_of_clips(files, part, fetched)
        tree = {name.removeprefix(inside): digest for name, digest in files.items() if name.startswith(inside)}
        clips, n_bytes = work / inside, fetched.file.stat().st_size
        record_part(data, part.name, _entry(fetched.source, sha256, n_bytes, part.place, tree, clips))
        clips.chmod(0o755)
        old = work.with_suffix(".old")
        if place.exists():
            place.rename(old)
        try:
            clips.rename(place)
        except OSError:
            if old.exists():
                old.rename(place)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    fetched.throw_away()
    n_clips = sum(1 for clip in place.iterdir() if clip.is_dir())
    message = f"{place}: {n_clips} clips, {len(tree)} files; archive of {n_bytes} bytes, sha256 {sha256}"
    if n_clips != part.n_clips:
        message += f"; expected {part.n_clips} clips"
    if left_out := sorted(name for name in files if not name.startswith(inside)):
        message += f"; left out: {', '.join(left_out[:5])}" + (f" and {len(left_out) - 5} more" if len(left_out) > 5 else "")
    return Outcome(part.name, "fetched", message)


def _sweep(place: Path) -> None:
    """Remove what a killed process left half-unpacked; put back what it was about to replace."""
    for leftover in place.parent.glob(f".{place.name}.*.old"):
        if not place.exists():
            leftover.rename(place)
    for leftover in place.parent.glob(f".{place.name}.*.*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _folder_of_clips(files: Mapping[str, str], part: Archive, fetched: _FetchedArchive) -> str:
    """The folder that holds the clips, however deep the archive has it, with a ``/`` at its end; "" for the top."""
    parents = {name.rsplit("/", 2)[0] if name.count("/") > 1 else "" for name in files if name.endswith("/input.wav")}
    named = {parent for parent in parents if parent.rsplit("/", 1)[-1] == part.name}
    chosen = named if len(named) == 1 else parents
    if len(chosen) != 1:
        found = ", ".join(sorted(parent or "." for parent in parents)) or "nowhere"
        what = f"{fetched.source}: expected {part.name}/<clip>/input.wav in the archive, found clips in: {found}"
        raise DataError(what, "it is another archive, or one of another layout")
    folder = chosen.pop()
    return f"{folder}/" if folder else ""


def _entry(source: str, sha256: str, n_bytes: int, place: str, tree: Mapping[str, str], folder: Path) -> LockedPart:
    return LockedPart(
        source=source,
        sha256=sha256,
        n_bytes=n_bytes,
        fetched_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        place=place,
        n_files=len(tree),
        tree_bytes=sum((folder / name).stat().st_size for name in tree),
        tree=tree_digest(tree),
        files=dict(sorted(tree.items())),
    )


def _download_text(part: TextFile, place: Path, data: Path, options: DownloadOptions) -> Outcome:
    """A pinned text: from the mirror if it has it, else from upstream; the hash decides, not the place."""
    source, text = _obtain_text(part, options)
    found = sha256_of(text)
    if found != part.sha256:
        what = f"{source}: expected sha256 {part.sha256}, found {found}" + (" (a web page)" if is_html(text) else "")
        raise DataError(what, "fetch it elsewhere with --mirror; what came was thrown away")
    write_bytes_atomically(place, text)
    relative = place.relative_to(data).as_posix()
    record_part(data, part.name, _entry(source, found, len(text), relative, {part.file_name: found}, place.parent))
    return Outcome(part.name, "fetched", f"{place}: {len(text)} bytes, sha256 {found} as pinned")


def _obtain_text(part: TextFile, options: DownloadOptions) -> tuple[str, bytes]:
    """Where it came from, and what came."""
    if isinstance(options.mirror, Path) and (options.mirror / part.file_name).is_file():
        return f"file:{part.file_name}", (options.mirror / part.file_name).read_bytes()
    if isinstance(options.mirror, str):
        url = f"{options.mirror}/{part.file_name}"
        with suppress(NotThereError):
            return without_secrets(url), fetch_text(url, options.timeout_s, options.sleep)
    return part.source, fetch_text(part.source, options.timeout_s, options.sleep)
