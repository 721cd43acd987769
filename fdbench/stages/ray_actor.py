"""What runs on a machine of a Ray cluster: one model, loaded once, with calls in all of its slots.

A thread makes the calls, and takes the next one whenever a slot is free. Whoever hands them out asks again and again what has
ended meanwhile (``exchange``). A call is written here where this machine sees the run's folder, and then only what the log says
of it goes back; else all of it does.

Nothing here imports Ray.
"""

from __future__ import annotations

import os
import platform
import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fdbench.call.budget import Budget
from fdbench.call.source import Source
from fdbench.core.conversation import CallLog, FailedCall, Recording, Take
from fdbench.core.sound import Audio, Track
from fdbench.errors import UsageError
from fdbench.stages.engine import length_of
from fdbench.stages.model import find_model
from fdbench.store.manifest import Collection
from fdbench.store.run import Run

if TYPE_CHECKING:
    from fdbench.stages.request import RunRequest

_LATE_S: Final = 5.0
"""How long a network file system may take to show a file that was just made."""
NOTHING: Final = Track(Audio.silence(0.0, 1))
"""Sound that lies elsewhere."""


@dataclass(frozen=True, slots=True)
class Job:
    """What an actor needs to know.

    Attributes:
        collection: The settings that name the run; an actor that would make another one is refused.
        slots: How many calls the actor holds at once.
        folder: Of the run.
        sign: A file in it, which shows that a machine sees the folder; empty = nothing is written there.
        working_folder: Of whoever handed the job out: the model's name and arguments may be paths.
        path: Where Python looks for modules there.
        tries_again: Whether a call on the wall clock that broke is made again at once.
    """

    request: RunRequest
    collection: Collection
    slots: int
    folder: Path
    sign: str
    working_folder: str
    path: tuple[str, ...]
    tries_again: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """An actor has loaded its model."""

    host: str
    writes: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that has ended; without its sound where that is written already."""

    take: Take
    outcome: Recording | FailedCall
    is_kept: bool
    examiner_cost: float
    length_s: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """What was left as an actor stopped."""

    ended: tuple[Ended, ...]
    interrupted: tuple[tuple[Take, FailedCall], ...]
    notes: tuple[str, ...]


class _OneTry(Budget):
    """Whoever handed a call out has set aside one try of it."""

    def may_try_again(self, name: str, minutes: float, cost: float) -> bool:
        return False


class CallActor:
    """One model and its calls."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._run = Run(job.folder)
        self._writes = False
        self._source: Source | None = None
        self._given: queue.SimpleQueue[Take | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[Ended | BaseException] = queue.SimpleQueue()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._make_calls, name="calls", daemon=True)

    def ready(self) -> Ready:
        """Load the model.

        Raises:
            FdbenchError: That fails, or what is here would make another run.
        """
        job = self._job
        with suppress(OSError):
            os.chdir(job.working_folder)
        sys.path += [each for each in job.path if each not in sys.path]
        model = find_model(job.request.model, job.request.arguments)
        found = model.collection(job.request).model_copy(update={"edition": job.collection.edition})
        if found != job.collection:
            here, asked = found.model_dump(), job.collection.model_dump()
            differs = ", ".join(name for name in asked if asked[name] != here[name])
            what = f"{platform.node()}: the same command makes another run there: {differs} differ"
            raise UsageError(what, "put the same fdbench, the same model and the same files on every machine")
        self._writes = bool(job.sign) and _is_seen(job.folder / job.sign)
        budget = Budget() if job.tries_again else _OneTry()
        settings = job.collection.model_copy(update={"slots": job.slots})
        wish = job.request
        self._source = model.supply(()).open_source(settings, budget, wish.most_late_s, wish.examiner, wish.noise)
        self._thread.start()
        return Ready(platform.node(), self._writes)

    def exchange(self, takes: list[Take], wait_s: float) -> list[Ended]:
        """Take calls on, and hand over those that have ended; waits a little for the first of them.

        Raises:
            FdbenchError: No call can succeed.
        """
        for take in takes:
            self._given.put(take)
        ended: list[Ended] = []
        with suppress(queue.Empty):
            while True:
                found = self._ended.get(timeout=0.0 if ended else wait_s)
                if isinstance(found, BaseException):
                    raise found
                ended.append(found)
        return ended

    def stop(self, wait_s: float) -> Stopped:
        """Give up what is going on."""
        self._is_over.set()
        self._given.put(None)
        if self._thread.is_alive():
            self._thread.join(wait_s)
        ended: list[Ended] = []
        with suppress(queue.Empty):
            while True:
                found = self._ended.get_nowait()
                if isinstance(found, Ended):
                    ended.append(found)
        if self._source is None:
            return Stopped(tuple(ended), (), ())
        ended += [self._kept(*each) for each in self._source.uncollected]
        return Stopped(tuple(ended), tuple(self._source.interrupted), tuple(self._source.notes))

    def _make_calls(self) -> None:
        assert self._source is not None
        try:
            while not self._is_over.is_set():
                first = self._given.get()
                calls = self._source.collect(self._offers(first))
                try:
                    for take, outcome in calls:
                        self._ended.put(self._kept(take, outcome))
                        if self._is_over.is_set():
                            break
                finally:
                    calls.close()
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks next
            self._ended.put(error)

    def _offers(self, first: Take | None) -> Iterator[Take | None]:
        """What has been handed over; None where there is nothing just now."""
        if first is not None:
            yield first
        while not self._is_over.is_set():
            try:
                yield self._given.get_nowait()
            except queue.Empty:
                yield None

    def _kept(self, take: Take, outcome: Recording | FailedCall) -> Ended:
        assert self._source is not None
        length_s = length_of(outcome)
        if self._writes:
            self._run.write(take, outcome)
            outcome = without_sound(outcome)
        return Ended(take, outcome, self._writes, self._source.examiner_cost(take), length_s)


def without_sound(outcome: Recording | FailedCall) -> Recording | FailedCall:
    """What the log says of a call, of which all is written already."""
    logs: dict[str, Any] = {
        name: CallLog(tuple(line for line in log.lines if line.get("event") != "Delta"), Audio.silence(0.0, 1))
        for name, log in (("log", outcome.log), ("user_log", outcome.user_log))
        if log is not None
    }
    if isinstance(outcome, FailedCall):
        return replace(outcome, **logs)
    return replace(outcome, user=NOTHING, model=NOTHING, model_heard=None, user_heard=None, **logs)


def _is_seen(path: Path) -> bool:
    if not path.parent.is_dir():
        return False
    until_s = time.monotonic() + _LATE_S
    while not path.exists():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.1)
    return True
