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
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from fdbench.data.catalog import Archive, Part, TextFile
from fdbench.data.drive import ORIGIN, DriveFile, HttpFile, fetch_by_gdown, require_gdown
from fdbench.data.presence import Found, find_part, holds_only
from fdbench.data.transfer import NotThereError, Pause, RefusedError, fetch_url, is_html, is_surely_missing, without_secrets
from fdbench.data.unpack import DamagedArchiveError, Limits, Unpacked, unpack
from fdbench.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from fdbench.data.lock import LockedPart

SUFFIXES: Final = (".zip", ".tar.gz", ".tgz", ".tar.xz", ".tar")
DEFAULT_TIMEOUT_S: Final = 60.0
_DISK_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_HOW_TO_GET_AROUND: Final = (
    "open {link} in a browser, put the archive as {name}.zip (or .tar.gz) into a folder, and run again with --mirror FOLDER"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """How to fetch.

    Attributes:
        mirror: A folder of archives, or the http address of one; None: where the catalogue says.
        timeout_s: The longest silence of a server that is waited for.
        force: Fetch again what is there, and put it over what fdbench did not make or what has changed.
        pause: Sleeps between two tries.
        progress: Told part and bytes, several times a second.
    """

    mirror: str | Path | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    force: bool = False
    pause: Pause = time.sleep
    progress: Callable[[str, int], None] = lambda part, n_bytes: None
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one part; a failed one says what and what to do, in two lines."""

    part: str
    status: Literal["fetched", "already there", "failed"]
    message: str


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A whole file, not looked into yet.

    Attributes:
        scratch: The folder to be thrown away when it has been used; None for a file of the user's.
    """

    file: Path
    source: str
    scratch: Path | None


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


def download(parts: Sequence[Part], data: Path, wish: Wish) -> Iterator[Outcome]:
    """Fetch parts one after the other; a failure is that part's outcome and stops no other.

    Archives come before the text files that lie beside their folders.

    Raises:
        MissingExtraError: An archive is to come from a server, and gdown is not installed. Before anything is done.
        DataError: The lock is damaged.
    """
    from fdbench.data.lock import WORK_FOLDER, held, read_lock

    lock = read_lock(data)
    todo = [part for part in parts if wish.force or find_part(part, data, lock).presence != "present"]
    if not isinstance(wish.mirror, Path) and any(isinstance(part, Archive) for part in todo):
        require_gdown()
    data.mkdir(parents=True, exist_ok=True)
    for part in parts:
        try:
            with held(data / WORK_FOLDER / f"{part.name}.lock"):
                outcome = _download_part(part, data, wish)
        except MissingExtraError:
            raise
        except DataError as error:
            outcome = Outcome(part.name, "failed", str(error))
        except OSError as error:
            outcome = Outcome(part.name, "failed", _told_of_disk(error, data))
        _tidy(data / WORK_FOLDER, part.name)
        yield outcome


def _tidy(work: Path, part: str) -> None:
    """Leave no folder behind in which nothing has come."""
    scratch = work / part
    if scratch.is_dir() and not any(path.is_file() and not path.name.endswith(ORIGIN) for path in scratch.rglob("*")):
        shutil.rmtree(scratch, ignore_errors=True)
    with suppress(OSError):
        work.rmdir()


def _download_part(part: Part, data: Path, wish: Wish) -> Outcome:
    from fdbench.data.lock import read_lock

    lock = read_lock(data)
    found = find_part(part, data, lock)
    entry = lock.parts.get(part.name)
    if not wish.force:
        if found.presence == "present":
            return Outcome(part.name, "already there", f"{found.place}: {found.detail}")
        _refuse_to_overwrite(part, found, entry)
    if isinstance(part, Archive):
        return _download_archive(part, data, wish, entry)
    return _download_text(part, found.place, data, wish)


def _refuse_to_overwrite(part: Part, found: Found, entry: LockedPart | None) -> None:
    if found.presence == "missing":
        return
    if not found.is_ours:
        remedy = "move it away, or replace it with --force"
        raise DataError(f"{found.place}: is there already and not what is expected ({found.detail})", remedy)
    if isinstance(part, Archive) and entry is not None and not holds_only(found.place, entry):
        what = f"{found.place}: incomplete ({found.detail}), and files in it were changed or added"
        raise DataError(what, "move yours away, or replace the whole folder with --force")


# --- archives ---------------------------------------------------------------------------------------------------------


def _download_archive(part: Archive, data: Path, wish: Wish, entry: LockedPart | None) -> Outcome:
    from fdbench.data.lock import WORK_FOLDER
    from fdbench.io.files import sha256_of_file

    scratch = data / WORK_FOLDER / part.name
    was_begun = scratch.exists()
    while True:
        fetched = _obtain_archive(part, scratch, wish)
        if is_html(fetched.file):
            _throw_away(fetched)
            what = f"{fetched.source}: a web page came instead of an archive"
            raise RefusedError(what, _HOW_TO_GET_AROUND.format(link=part.browser_link, name=part.name))
        found = sha256_of_file(fetched.file)
        if part.sha256 is not None and found != part.sha256:
            _throw_away(fetched)
            what = f"{fetched.source}: expected sha256 {part.sha256}, found {found}"
            raise DataError(what, "fetch it elsewhere with --mirror; what came was thrown away")
        if entry is not None and found != entry.sha256 and not wish.force:
            what = f"{fetched.source}: expected sha256 {entry.sha256} as fetched {entry.fetched_at}, found {found}"
            again = f", or remove {fetched.scratch} to fetch it once more" if fetched.scratch else ""
            raise DataError(what, f"accept the other archive with --force{again}")
        try:
            return _install(part, data, fetched, found, wish)
        except DamagedArchiveError:
            _throw_away(fetched)
            if not was_begun or fetched.scratch is None:
                raise
            was_begun = False  # bytes of two versions may have been joined: once more, from the beginning
        except DataError:
            _throw_away(fetched)
            raise


def _throw_away(fetched: _Fetched) -> None:
    if fetched.scratch is not None:
        shutil.rmtree(fetched.scratch, ignore_errors=True)


def _obtain_archive(part: Archive, scratch: Path, wish: Wish) -> _Fetched:
    def progress(n_bytes: int) -> None:
        wish.progress(part.name, n_bytes)

    if isinstance(wish.mirror, Path):
        names = [part.name + suffix for suffix in SUFFIXES]
        file = next((wish.mirror / name for name in names if (wish.mirror / name).is_file()), None)
        if file is None:
            raise NotThereError(f"{wish.mirror}: expected one of {', '.join(names)}", "rename the archive so")
        return _Fetched(file, f"file:{file.name}", None)
    if wish.mirror is None:
        drive = DriveFile(part.drive_id)
        try:
            file = fetch_by_gdown(drive, scratch / "drive", timeout_s=wish.timeout_s, pause=wish.pause, progress=progress)
        except RefusedError as error:
            raise RefusedError(error.what, _HOW_TO_GET_AROUND.format(link=part.browser_link, name=part.name)) from None
        return _Fetched(file, drive.source, scratch)
    tried = []
    for suffix in SUFFIXES:
        http = HttpFile(f"{wish.mirror}/{part.name}{suffix}")
        if is_surely_missing(http.url, wish.timeout_s):
            tried.append(part.name + suffix)
            continue
        try:
            file = fetch_by_gdown(http, scratch / suffix[1:], timeout_s=wish.timeout_s, pause=wish.pause, progress=progress)
        except NotThereError:
            shutil.rmtree(scratch / suffix[1:])
            tried.append(part.name + suffix)
        else:
            return _Fetched(file, http.source, scratch)
    _throw_away(_Fetched(scratch, "", scratch))
    raise NotThereError(f"{without_secrets(wish.mirror)}: has none of {', '.join(tried)}", "rename the archive so")


def _install(part: Archive, data: Path, fetched: _Fetched, sha256: str, wish: Wish) -> Outcome:
    """Unpack beside the place, write the lock, rename; an older folder goes only when the new one is there."""
    from fdbench.data.lock import record_part

    place = data / part.place
    place.parent.mkdir(parents=True, exist_ok=True)
    _sweep(place)
    work = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.", suffix=".part"))
    try:
        unpacked = unpack(fetched.file, work, wish.limits)
        clips, tree, left_out = _find_clips(work, unpacked, part, fetched)
        n_bytes = fetched.file.stat().st_size
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
    _throw_away(fetched)
    n_clips = sum(1 for clip in place.iterdir() if clip.is_dir())
    message = f"{place}: {n_clips} clips, {len(tree)} files; archive of {n_bytes} bytes, sha256 {sha256}"
    if n_clips != part.n_clips:
        message += f"; expected {part.n_clips} clips"
    if left_out:
        message += f"; left out: {', '.join(left_out[:5])}" + (f" and {len(left_out) - 5} more" if len(left_out) > 5 else "")
    return Outcome(part.name, "fetched", message)


def _sweep(place: Path) -> None:
    """Remove what a killed process left half-unpacked; put back what it was about to replace."""
    for leftover in place.parent.glob(f".{place.name}.*.old"):
        if not place.exists():
            leftover.rename(place)
        else:
            shutil.rmtree(leftover, ignore_errors=True)
    for leftover in place.parent.glob(f".{place.name}.*.part"):
        shutil.rmtree(leftover, ignore_errors=True)


def _find_clips(work: Path, unpacked: Unpacked, part: Archive, fetched: _Fetched) -> tuple[Path, dict[str, str], list[str]]:
    """The folder that holds the clips, however deep the archive has it; its files; and what lies outside."""
    parents = {tuple(name.split("/")[:-2]) for name in unpacked.files if name.count("/") and name.endswith("/input.wav")}
    named = {parent for parent in parents if parent and parent[-1] == part.name}
    chosen = named if len(named) == 1 else parents
    if len(chosen) != 1:
        found = ", ".join(sorted("/".join(parent) or "." for parent in parents)) or "nowhere"
        what = f"{fetched.source}: expected {part.name}/<clip>/input.wav in the archive, found clips in: {found}"
        raise DataError(what, "it is another archive, or one of another layout")
    inside = "".join(f"{name}/" for name in next(iter(chosen)))
    tree = {name.removeprefix(inside): sha256 for name, sha256 in unpacked.files.items() if name.startswith(inside)}
    left_out = sorted(name for name in unpacked.files if not name.startswith(inside))
    return work / inside, tree, left_out


def _entry(source: str, sha256: str, n_bytes: int, place: str, tree: dict[str, str], folder: Path) -> LockedPart:
    from fdbench.data.lock import LockedPart, tree_digest

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


# --- text files -------------------------------------------------------------------------------------------------------


def _download_text(part: TextFile, place: Path, data: Path, wish: Wish) -> Outcome:
    """A pinned text: from the mirror if it has it, else from upstream; the hash decides, not the place."""
    from fdbench.data.lock import WORK_FOLDER, record_part
    from fdbench.io.files import sha256_of_file

    scratch = data / WORK_FOLDER / part.name
    scratch.mkdir(parents=True, exist_ok=True)
    partial = scratch / part.file_name
    source = _obtain_text(part, partial, wish)
    found = sha256_of_file(partial)
    if found != part.sha256:
        is_page = is_html(partial)
        shutil.rmtree(scratch)
        what = f"{source}: expected sha256 {part.sha256}, found {found}" + (" (a web page)" if is_page else "")
        raise DataError(what, "fetch it elsewhere with --mirror; what came was thrown away")
    place.parent.mkdir(parents=True, exist_ok=True)
    n_bytes = partial.stat().st_size
    relative = place.relative_to(data).as_posix()
    record_part(data, part.name, _entry(source, found, n_bytes, relative, {part.file_name: found}, scratch))
    partial.replace(place)
    shutil.rmtree(scratch)
    return Outcome(part.name, "fetched", f"{place}: {n_bytes} bytes, sha256 {found} as pinned")


def _obtain_text(part: TextFile, partial: Path, wish: Wish) -> str:
    def progress(n_bytes: int) -> None:
        wish.progress(part.name, n_bytes)

    if isinstance(wish.mirror, Path) and (wish.mirror / part.file_name).is_file():
        shutil.copyfile(wish.mirror / part.file_name, partial)
        return f"file:{part.file_name}"
    urls = [part.source]
    if isinstance(wish.mirror, str):
        urls.insert(0, f"{wish.mirror}/{part.file_name}")
    for url in urls[:-1]:
        with suppress(NotThereError):
            fetch_url(url, partial, timeout_s=wish.timeout_s, pause=wish.pause, progress=progress)
            return without_secrets(url)
    fetch_url(urls[-1], partial, timeout_s=wish.timeout_s, pause=wish.pause, progress=progress)
    return urls[-1]


def _told_of_disk(error: OSError, data: Path) -> str:
    where = error.filename or data
    why = error.strerror or str(error)
    if error.errno in _DISK_ERRORS:
        return f"{where}: the disk is full ({why})\n  make room and start the same command again: what has come is kept"
    return f"{where}: {why}\n  mend this and start the same command again: what has come is kept"
