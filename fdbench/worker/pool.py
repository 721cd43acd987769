"""A model in a process of its own: a virtual party whose slots are workers, each holding one conversation.

For models whose package cannot live in this environment, or that hold one conversation at a time. What a worker says is not
believed: every answer must carry the number of its question, the right number of finite samples, and come in time. One that
dies, hangs, babbles or lies costs its own call and nothing else; it is ended, and started again when its slot is next opened.

All workers are handed their frames before the first is waited for, so that they compute at the same time.
"""

from __future__ import annotations

import queue
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from fdbench.adapter.base import TEXT, Batch, Brief, Opening, Port, Spoken
from fdbench.core.conversation import FailedCall
from fdbench.core.event import Event
from fdbench.core.sound import Samples
from fdbench.core.span import Span
from fdbench.errors import AdapterError
from fdbench.worker.protocol import LOAD, PCM, EndedError, GarbledError, Program, WorkerProcess, facts_of, sound_of, text_of

FAILURE: Final = "worker"
MAX_FAILED_STARTS: Final = 3
"""After so many in a row a slot's worker is not started again; nor is any, if none has ever come up."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a worker may take, in seconds.

    Attributes:
        start_s: From its start until its model is loaded.
        open_s: To begin a conversation (a prompt may have to be computed).
        step_s: To answer a frame.
    """

    start_s: float = 900.0
    open_s: float = 300.0
    step_s: float = 60.0


@dataclass(slots=True)
class _Worker:
    """A slot's worker, and what is wrong with it.

    Attributes:
        process: None while there is none.
        failed_starts: How often in a row it did not come up, and ``last_failure`` how.
        fault: Why the slot's conversation cannot go on; until it is opened again.
        reply: Sound and text of the step just answered.
    """

    slot: int
    program: Program
    says: Port
    deadlines: Deadlines
    process: WorkerProcess | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    failed_starts: int = 0
    last_failure: str = ""
    fault: FailedCall | None = None
    reply: tuple[Samples, str] | None = None
    _is_open: bool = False
    _brief: Mapping[str, Any] | None = None
    _owed: deque[str] = field(default_factory=deque)
    """What it has been asked to do and has not done yet."""
    _since_s: float = 0.0
    """From when on the first of these is waited for."""

    def begin(self, brief: Mapping[str, Any], refusal: str) -> None:
        """Open a conversation as soon as there is a worker.

        Args:
            refusal: Why no worker is started, where that is so.
        """
        self.hear()
        if self.process is not None and self.process.has_ended():  # since its last conversation; that costs nobody anything
            self.end()
        self.fault, self._is_open = None, False
        if self.process is None:
            if refusal:
                self.fault = FailedCall(FAILURE, refusal)
                return
            self._start()
        self._brief = brief
        self._ask("open", brief=dict(brief))

    def step(self, frame: Samples) -> None:
        """Hand over a frame; ``reply`` has the answer when it has been heard."""
        self.reply = None
        if not self._is_open and self.fault is None:
            self.fault = FailedCall(FAILURE, "the worker was asked to step before it was opened")
        self._ask("step", frame.astype(PCM).tobytes())

    def finish(self) -> None:
        """The conversation is over; how the worker takes it is seen when it is next asked for one."""
        if self._is_open:
            self._ask("close")
        self._brief, self._is_open = None, False

    def end(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.end()
        self._forget()

    @property
    def is_engaged(self) -> bool:
        """It holds a conversation, or is beginning one."""
        return self._brief is not None and self.fault is None

    @property
    def is_settled(self) -> bool:
        """There is nothing to wait for."""
        return self.fault is not None or not self._owed

    def hear(self, *, waits: bool = False) -> None:
        """Judge the answers that are there, or wait until every question has been answered or the worker has failed."""
        while self.process is not None and self._owed:
            what = self._owed[0]
            within_s = {LOAD: self.deadlines.start_s, "step": self.deadlines.step_s}.get(what, self.deadlines.open_s)
            left_s = self._since_s + within_s - time.monotonic()
            try:
                head, sound = self.process.answer(max(0.0, left_s) if waits else 0.0)
                self._owed.popleft()
                self._since_s = time.monotonic()
                self._understand(what, head, sound)
            except queue.Empty:
                if left_s <= 0:
                    self._fail(what, f"did not {what} within {within_s:g} s")
                elif not waits:
                    return
            except GarbledError as error:
                self._fail(what, f"said {error}")
            except EndedError:
                self._fail(what, "ended", is_ending=True)

    def _start(self) -> None:
        self._forget()
        try:
            self.process = WorkerProcess(self.program)
        except AdapterError as error:
            self._fail(LOAD, f"cannot be started: {error.what}", in_vain=True)
        else:
            self._owe(LOAD)

    def _ask(self, what: str, sound: bytes = b"", **more: Any) -> None:
        if self.process is not None and self.fault is None:
            self.process.ask(what, sound, **more)
            self._owe(what)

    def _owe(self, what: str) -> None:
        if not self._owed:
            self._since_s = time.monotonic()
        self._owed.append(what)

    def _fail(self, what: str, why: str, *, is_ending: bool = False, in_vain: bool = False) -> None:
        """End the worker and the conversation.

        Args:
            what: What it failed at.
            is_ending: It is about to end by itself.
            in_vain: Starting it again would give the same.
        """
        end = self.process.end(may_take_its_time=is_ending) if self.process is not None else ""
        self._forget()
        if what == "close":  # that was the conversation before, which is over; another may be waiting to begin
            if self._brief is not None:
                self._start()
                self._ask("open", brief=dict(self._brief))
            return
        if what == LOAD and not in_vain:
            why = f"{why} while it was starting"
        message = f"the worker {why}" + (f" ({end})" if end and not in_vain else "")
        if what == LOAD:
            self.failed_starts = MAX_FAILED_STARTS if in_vain else self.failed_starts + 1
            self.last_failure = message
        self.fault = FailedCall(FAILURE, message)

    def _forget(self) -> None:
        self.process, self._is_open = None, False
        self._owed.clear()

    def _understand(self, what: str, head: Mapping[str, Any], sound: bytes) -> None:
        is_last = not self._owed  # else it was closed before it was open, and nobody wants it any more
        refused = head.get("refused")
        if refused is not None:
            facts = refused if isinstance(refused, dict) else {"what": refused}
            why = " - ".join(str(facts[key]) for key in ("what", "remedy") if facts.get(key))
            if what != "open":
                self._fail(what, f"refused: {why}", in_vain=True)
            elif is_last:
                self.fault = FailedCall(FAILURE, why)
        elif what == "step":
            self.reply = (sound_of(sound, self.says), text_of(head))
        elif sound:
            raise GarbledError(f"{len(sound)} bytes of sound when asked to {what}")
        elif what == LOAD:
            self.facts = facts_of(head.get("hello"), self.says)
            self.failed_starts = 0
        elif what == "open":
            self._is_open = is_last


class WorkerParty:
    """A virtual party of workers, one per slot; they are started as their slots are first opened.

    Args:
        programs: One for each slot.
        hears: What a worker must take.
        says: What a worker must give.
        brief_of: What a worker is told when a conversation begins; JSON.
        deadlines: How long it may take.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        hears: Port,
        says: Port,
        brief_of: Callable[[Brief], Mapping[str, Any]],
        deadlines: Deadlines | None = None,
    ) -> None:
        self.hears, self.says, self.slots = hears, says, len(programs)
        self._brief_of = brief_of
        self._workers = [_Worker(slot, program, says, deadlines or Deadlines()) for slot, program in enumerate(programs)]
        self._has_started = False
        weakref.finalize(self, _end_all, self._workers)  # also when the program ends, however it does so in Python

    def open(self, slot: int, brief: Brief) -> Opening:
        worker, refusal = self._workers[slot], self._refusal(slot)
        worker.begin(self._brief_of(brief), refusal)

        def is_ready() -> bool:
            worker.hear()
            # A slot that is given up must not fail one call after the other while others could hold them: it keeps one to
            # itself until nobody else is talking.
            return worker.is_settled and not (refusal and any(each.is_engaged for each in self._workers))

        return Opening(is_ready)

    def step(self, heard: Batch) -> Spoken:
        workers = [self._workers[slot] for slot in heard.slots]
        for worker in workers:  # whoever was not asked whether it is ready is waited for
            worker.hear(waits=True)
        for worker, frame in zip(workers, heard.audio, strict=True):
            worker.step(frame)
        for worker in workers:
            worker.hear(waits=True)
        audio = np.zeros((len(workers), self.says.frame_samples), np.float32)
        events: dict[int, list[Event]] = {}
        failed: dict[int, FailedCall] = {}
        frame_s = float(self.says.frame_s)
        for row, (worker, t_s) in enumerate(zip(workers, heard.t_s, strict=True)):
            if worker.fault is not None or worker.reply is None:
                failed[worker.slot] = worker.fault or FailedCall(FAILURE, "the worker gave no answer")
                continue
            audio[row], text = worker.reply
            if text:
                starts_s = float(t_s) + frame_s
                events[worker.slot] = [Event(TEXT, Span(starts_s, starts_s + frame_s), text)]
        return Spoken(audio, events, failed)

    def close(self, slot: int) -> None:
        self._workers[slot].finish()

    def release(self) -> None:
        """End all workers; the party can still be opened, which starts them anew."""
        _end_all(self._workers)

    def describe(self) -> Mapping[str, str]:
        """What the workers that have been started tell about themselves."""
        loaded = [worker for worker in self._workers if worker.facts]
        return {**(loaded[0].facts if loaded else {}), "workers": f"{len(loaded)} of {self.slots} started"}

    def _refusal(self, slot: int) -> str:
        """Why a worker that is needed is not started; empty where it is."""
        worker = self._workers[slot]
        self._has_started = self._has_started or any(each.facts for each in self._workers)
        n_failed = sum(each.failed_starts for each in self._workers)
        if worker.failed_starts < MAX_FAILED_STARTS and (self._has_started or n_failed < MAX_FAILED_STARTS):
            return ""
        last = worker.last_failure or next(each.last_failure for each in self._workers if each.last_failure)
        return f"{last}; not started again"


def _end_all(workers: Iterable[_Worker]) -> None:
    for worker in workers:
        worker.end()
