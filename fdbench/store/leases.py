"""Who is making which call, where several processes fill one run: a small file for each call, made by whoever begins it.

::

    RUN/leases/<take id>.json
    free ----take----> held: owner, beat 1, 2, 3 ...  ----finish----> ended ("recorded" or "failed")
                         |  no new beat for ``silence_s``
                         +----take by another----> held by that one

A lease is made by linking a whole file to its name, which exactly one of several processes can do, also on a network file
system that shows new files late; that of a call that has ended stays, so that its record need not be seen by all at once.
Whether an owner is silent is judged by how long the same bytes are seen, on the clock of whoever looks: what the clocks of
machines say plays no part. A process that was only frozen finds its lease gone, and what it recorded already there, byte for
byte.

Where a process loses a race in the few microseconds of a beat, a call may be made twice: it costs time, and changes nothing.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from fdbench.core.take_id import TakeId
from fdbench.store.take_files import path_of

FOLDER: Final = "leases"
SILENCE_S: Final = 120.0
"""A process that has not said anything for so long is taken for dead."""
_BEATS_IN_SILENCE: Final = 6

State = Literal["held", "recorded", "failed"]


@dataclass(slots=True)
class _Seen:
    content: bytes
    since_s: float


class Leases:
    """The leases of one run, as one process sees them. May be used by several threads.

    Args:
        run: The run's folder.
        owner: Names this process; a part that no other has is added to it.
        silence_s: After how much silence another's lease is taken over.
        clock: Gives seconds that never go back.
    """

    def __init__(
        self, run: Path, owner: str, silence_s: float = SILENCE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = run / FOLDER
        self.owner = f"{owner}@{platform.node()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._silence_s, self._clock = silence_s, clock
        self._beat = 0
        self._held: dict[TakeId, Path] = {}
        self._seen: dict[Path, _Seen] = {}
        self._lock = threading.Lock()

    def take(self, id: TakeId) -> bool:
        """Begin a call, if nobody else is at it or has ended it; one whose owner has long been silent is taken over."""
        path = self._path(id)
        with self._lock:
            if not self._make(path):
                has_ended = _state_in(_bytes_of(path)) in ("recorded", "failed")
                if has_ended or not self._is_silent(path) or not self._take_over(path):
                    return False
            self._held[id] = path
            self._seen.pop(path, None)
            return True

    def finish(self, id: TakeId, state: State) -> None:
        """A call has ended; its lease says so until the run has."""
        with self._lock:
            path = self._held.pop(id, None)
            if path is not None and self._is_ours(path):
                self._replace(path, state)

    def give_back(self, id: TakeId) -> None:
        """A call was not made after all, and is anybody's."""
        with self._lock:
            path = self._held.pop(id, None)
            if path is not None and self._is_ours(path):
                path.unlink(missing_ok=True)

    def holds(self, id: TakeId) -> bool:
        """Whether the call is this process's, as far as it knows."""
        with self._lock:
            return id in self._held and self._is_ours(self._held[id])

    def state(self, id: TakeId) -> State | None:
        """How a call stands; None where nobody has begun it."""
        return _state_in(_bytes_of(self._path(id)))

    def beat(self) -> None:
        """Say that this process is alive. A lease that another has taken over is theirs from then on."""
        with self._lock:
            self._beat += 1
            for id, path in [*self._held.items()]:
                if self._is_ours(path):
                    self._replace(path, "held")
                else:
                    del self._held[id]

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat in the background, several times in the silence after which this process would be taken for dead."""
        is_over = threading.Event()

        def go_on() -> None:
            while not is_over.wait(self._silence_s / _BEATS_IN_SILENCE):
                with suppress(OSError):  # a full disk or a network that is away for a moment: the next beat may get through
                    self.beat()

        thread = threading.Thread(target=go_on, name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
            for id in [*self._held]:
                self.give_back(id)

    def _path(self, id: TakeId) -> Path:
        return self._folder / f"{path_of(id)}.json"

    def _make(self, path: Path) -> bool:
        """Give a lease its name, if it is free."""
        try:
            draft = self._draft(path, "held")
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._draft(path, "held")
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
        return True

    def _is_silent(self, path: Path) -> bool:
        content, now_s = _bytes_of(path), self._clock()
        if content is None:  # it went between two looks
            return False
        seen = self._seen.get(path)
        if seen is None or seen.content != content:
            self._seen[path] = _Seen(content, now_s)
            return False
        return now_s - seen.since_s >= self._silence_s

    def _take_over(self, path: Path) -> bool:
        """Move a silent lease away; whoever does so first has it. One that was renewed meanwhile is put back."""
        moved = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
        try:
            path.rename(moved)
        except FileNotFoundError:
            return False
        try:
            if _bytes_of(moved) != self._seen[path].content:
                with suppress(FileExistsError):
                    os.link(moved, path)
                return False
        finally:
            moved.unlink(missing_ok=True)
        return self._make(path)

    def _is_ours(self, path: Path) -> bool:
        content = _bytes_of(path)
        return content is not None and json.dumps(self.owner).encode() in content

    def _replace(self, path: Path, state: State) -> None:
        self._draft(path, state).replace(path)

    def _draft(self, path: Path, state: State) -> Path:
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        draft.write_bytes(json.dumps({"owner": self.owner, "state": state, "beat": self._beat}).encode())
        return draft


def forget_ended(run: Path) -> None:
    """Remove the leases of calls that have ended; only where no other process is at work on the run."""
    folder = run / FOLDER
    if not folder.is_dir():
        return
    for path in folder.rglob("*"):
        is_half = path.name.endswith((".part", ".old"))
        if is_half or (path.suffix == ".json" and _state_in(_bytes_of(path)) != "held"):
            path.unlink(missing_ok=True)
    for emptied in (*sorted((each for each in folder.rglob("*") if each.is_dir()), reverse=True), folder):
        with suppress(OSError):
            emptied.rmdir()


def leases_in(run: Path, ended: Collection[str] = ()) -> dict[str, int]:
    """How many calls are held by each process that is at work on a run, by the part of its name before the machine.

    Args:
        ended: Ids of calls of which it is known that they have: their leases need not be read.
    """
    owners: dict[str, int] = {}
    for path in files_below(run / FOLDER):
        if not path.endswith(".json") or path.removesuffix(".json") in ended:
            continue
        content = _bytes_of(run / FOLDER / path)
        if _state_in(content) == "held" and content is not None:
            owner = str(json.loads(content).get("owner", "")).partition("@")[0]
            owners[owner] = owners.get(owner, 0) + 1
    return owners


def files_below(folder: Path) -> Iterator[str]:
    """Paths relative to a folder of all files in it, however deep; there may be very many."""
    n = len(str(folder)) + 1
    for root, _, names in os.walk(folder):
        inside = root[n:]
        for name in names:
            yield f"{inside}/{name}" if inside else name


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _state_in(content: bytes | None) -> State | None:
    if content is None:
        return None
    try:
        state = json.loads(content)["state"]
    except (ValueError, KeyError, TypeError):
        return "held"  # half a lease of a system that does not link: its owner may yet be at work
    return "held" if state not in ("recorded", "failed") else state
