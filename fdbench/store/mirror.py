"""Results in an object store: made in a folder here, and copied whole.

::

    CACHE/remote/<name>/RUN/...          s3://bucket/results/RUN/...
    a call ends      audio, logs, then the record  --------->    so that what has a record there is whole
    a run begins     what is missing here  <---------            any machine goes on from there
    a run ends       manifest, log, annotations, scores  ----->

Any store that fsspec knows will do. Nothing of it is locked: one machine at a time works on a run.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fdbench.core.take_id import TakeId
from fdbench.errors import DataError, FdbenchError, MissingExtraError, UsageError
from fdbench.io.files import sha256_of, user_cache, write_bytes_atomically
from fdbench.store.attempts import ATTEMPTS
from fdbench.store.manifest import MANIFEST
from fdbench.store.record import TakeRecord
from fdbench.store.run import Run

_AT_ONCE: Final = 8
_OF_CALLS: Final = ("takes/", "audio/", "logs/")
_LIGHT: Final = ("takes/", "scores/", "attempts", MANIFEST)
"""What says how far a run is."""


def is_remote(text: str) -> bool:
    """Whether a place is written as the URL of a store."""
    return re.match(r"[a-z][a-z0-9+.-]*://", text) is not None


@dataclass(slots=True)
class Mirror:
    """A root of results in a store, and the folder here in which they are made.

    Args:
        url: Of the root, e.g. ``s3://bucket/results``.

    Raises:
        FdbenchError: fsspec, or what it needs for such a store, is not installed, or there is no such kind of store.
    """

    url: str
    local: Path = field(init=False)
    _files: Any = field(init=False)
    _root: str = field(init=False)
    _pool: ThreadPoolExecutor | None = None
    _sent: list[Future[None]] = field(default_factory=list)
    _sizes: dict[str, int] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        try:
            import fsspec
        except ImportError:
            raise MissingExtraError("fsspec", "remote", f"--out {self.url}") from None
        self.url = self.url.rstrip("/")
        try:
            self._files, self._root = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            raise UsageError(f"{self.url}: {error}", "install that beside fdbench") from None
        except ValueError as error:
            raise UsageError(f"{self.url}: {error}", "name a store that fsspec knows: s3://, gs://, az://, ...") from None
        # What fails is raised; beside that gcsfs logs traces of it, and a line at every request that is anonymous.
        logging.getLogger(type(self._files).__module__.partition(".")[0]).setLevel(logging.CRITICAL)
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", self.url)[:80]
        self.local = user_cache() / "remote" / f"{name}-{sha256_of(self.url.encode())[:8]}"

    @contextmanager
    def kept(self, run: Run) -> Iterator[None]:
        """Fetch what is missing of a run, and copy back all that is made of it."""
        self.fetch(run.folder.name)
        is_new = not self._sizes
        if is_new:
            with self._said():  # a bucket that is not there looks empty, and would be noticed only when a call has been made
                self._put(run, ATTEMPTS, b"")
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mirror") as self._pool:
            self._send_missing(run)
            try:
                yield
            finally:
                if run.is_begun:
                    self._send_rest(run)
                elif is_new:  # nothing came of it
                    with self._said(), suppress(FileNotFoundError):
                        self._files.rm_file(f"{self._root}/{run.folder.name}/{ATTEMPTS}")
        self._pool = None

    def send(self, run: Run, take: TakeId) -> None:
        """Copy a call that has ended, in the background; its record last."""
        record = run.read_record(take)
        if record is not None and self._pool is not None:
            logs = (log for log in (record.log, record.user_log) if log is not None)
            files = [track.file for track in record.tracks.values()] + [file for log in logs for file in (log.lines, log.sound)]
            self._sent.append(self._pool.submit(self._send_all, run, [*files, run.relative(run.record_file(take))]))

    def fetch(self, name: str, *, light: bool = False) -> Path:
        """Copy what is missing here of a run, records last; returns its folder.

        Args:
            light: Only what says how far it is.
        """
        folder = self.local / name
        with self._said():
            there = self._there(name)
            files = [file for file in there if not light or file.startswith(_LIGHT)]
            wanted = [file for file in files if self._is_wanted(folder / file, file, there[file])]
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                for is_record in (False, True):
                    some = [file for file in wanted if file.startswith("takes/") == is_record]
                    list(pool.map(lambda file: self._get(folder, name, file), some))
        return folder

    def _is_wanted(self, path: Path, file: str, n_bytes: int) -> bool:
        if not path.is_file() or file == MANIFEST:
            return True
        n_here = path.stat().st_size
        return n_here < n_bytes if file.startswith("attempts") else n_here != n_bytes

    def _there(self, name: str) -> dict[str, int]:
        """What lies in the store, with its size in bytes, by path relative to the run."""
        root = f"{self._root}/{name}"
        self._files.invalidate_cache()
        try:
            found = self._files.find(root, detail=True)
        except FileNotFoundError:
            found = {}
        self._sizes = {path.removeprefix(root).lstrip("/"): int(facts["size"]) for path, facts in found.items()}
        return dict(self._sizes)

    def _get(self, folder: Path, name: str, file: str) -> None:
        path = folder / file
        if not path.resolve().is_relative_to(folder.resolve()):
            raise DataError(f"{self.url}/{name}/{file}: leads out of the run's folder", "remove it there")
        write_bytes_atomically(path, self._files.cat_file(f"{self._root}/{name}/{file}"))

    def _send_missing(self, run: Run) -> None:
        """Copy calls that an earlier start could not."""
        for path in (run.folder / "takes").rglob("*.json"):
            if run.relative(path) not in self._sizes:
                with suppress(DataError):  # such a call is made again
                    self.send(run, TakeRecord.read(path).id)

    def _send_all(self, run: Run, files: list[str]) -> None:
        for file in files:
            data = (run.folder / file).read_bytes()
            self._put(run, file, data)
            with self._lock:
                self._sizes[file] = len(data)

    def _put(self, run: Run, file: str, data: bytes) -> None:
        # gcsfs sends a small file between lines that end with a bare newline, so that a server may take a last byte of 0x0d for
        # the end of such a line; what is sent in chunks, though it be one, has no such lines.
        in_chunks = {"chunksize": len(data)} if "gs" in self._files.protocol and data.endswith(b"\r") else {}
        self._files.pipe_file(f"{self._root}/{run.folder.name}/{file}", data, **in_chunks)

    def _check_sizes(self, run: Run) -> None:
        """Raises DataError where something arrived shorter or longer; what does not show yet is not looked at."""
        sent = self._sizes
        for file, n_bytes in self._there(run.folder.name).items():
            if n_bytes != sent.get(file, n_bytes):
                what = f"{self.url}/{run.folder.name}/{file}: holds {n_bytes} bytes, and {sent[file]} were sent"
                raise DataError(what, f"remove it there, and start again; it is whole in {run.folder}")

    def _send_rest(self, run: Run) -> None:
        """Copy all that is not of a call, once those have arrived; what has gone here goes there."""
        with self._said(run):
            for sent in self._sent:
                sent.result()
            self._sent = []
            here = [path for path in run.folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
            rest = [file for file in map(run.relative, here) if not file.startswith((*_OF_CALLS, "leases/"))]
            for gone in [file for file in self._sizes if file.startswith("scores/") and file not in rest]:
                self._files.rm_file(f"{self._root}/{run.folder.name}/{gone}")
            self._send_all(run, sorted(rest, key=lambda file: file == MANIFEST))  # it lists the others
            self._check_sizes(run)

    @contextmanager
    def _said(self, run: Run | None = None) -> Iterator[None]:
        """Whatever a store's library raises, in two lines."""
        try:
            yield
        except FdbenchError:
            raise
        except Exception as error:
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            kept = (
                f"what is done is kept in {run.folder}, and the same command sends it"
                if run
                else "see that it is there, and its credentials"
            )
            raise FdbenchError(f"{self.url}: {type(error).__name__}: {why}", kept) from error
