"""A model in a process of its own: a virtual party whose slots are workers, each holding one conversation.

For models whose package cannot live in this environment, or that hold one conversation at a time. What a worker says is not
believed: every answer must carry the number of its question, the right number of finite samples, and come in time. One that
dies, hangs, babbles or lies costs its own call and nothing else; it is ended, and started again when its slot is next opened.

All workers are handed their frames before the first is waited for, so that they compute at the same time.
"""

from __future__ import annotations

import time
import weakref
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
from fdbench.worker.protocol import LOAD, PCM, EndedError, GarbledError, Program, WorkerProcess, facts_of, reply_of

FAILURE: Final = "worker"
MAX_FAILED_STARTS: Final = 3
"""After so many in a row a slot's worker is not started again."""


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
    _doing: str = ""
    """What it has been asked to do and has not done yet, and since when."""
    _since_s: float = 0.0

    def begin(self, brief: Mapping[str, Any]) -> None:
        """Open a conversation as soon as there is a worker."""
        self.hear(waits=True)  # how it took the end of the one before
        if self.process is not None and self.process.has_ended():  # since then; that costs nobody anything
            self.end()
        self.fault, self._is_open, self._brief = None, False, brief
        if self.process is not None:
            self._ask("open", brief=dict(brief))
        elif self.is_given_up:
            self.fault = FailedCall(FAILURE, f"{self.last_failure}; not started again")
        else:
            self._start()

    def step(self, frame: Samples) -> None:
        """Hand over a frame; ``reply`` has the answer when it has been heard."""
        self.reply = None
        if self._is_open and self.process is not None:
            self._ask("step", frame.astype(PCM).tobytes())
        elif self.fault is None:
            self.fault = FailedCall(FAILURE, "the worker was asked to step before it was opened")

    def finish(self) -> None:
        """The conversation is over; how the worker takes it is seen when it is next asked for one."""
        self._brief = None
        if self._doing:  # it is still beginning what nobody wants any more
            self.end()
        elif self._is_open:
            self._ask("close")
        self._is_open = False

    def end(self, *, waits: bool = False) -> str:
        """End the process, if there is one, and say how it ended."""
        process, self.process = self.process, None
        self._doing, self._is_open = "", False
        return process.end(waits=waits) if process is not None else ""

    @property
    def is_given_up(self) -> bool:
        """It has failed to come up too often."""
        return self.failed_starts >= MAX_FAILED_STARTS

    @property
    def is_engaged(self) -> bool:
        """It holds a conversation, or is beginning one."""
        return self._brief is not None and self.fault is None

    @property
    def is_settled(self) -> bool:
        """There is nothing to wait for."""
        return self.fault is not None or not self._doing

    def hear(self, *, waits: bool = False) -> None:
        """Judge the answer that is there, or wait until there is nothing to wait for."""
        while self.process is not None and self._doing:
            what = self._doing
            within_s = {LOAD: self.deadlines.start_s, "step": self.deadlines.step_s}.get(what, self.deadlines.open_s)
            left_s = self._since_s + within_s - time.monotonic()
            try:
                answer = self.process.answer(max(0.0, left_s) if waits else 0.0)
                if answer is not None:
                    self._doing = ""
                    self._understand(what, *answer)
                elif left_s <= 0:
                    self._fail(what, f"did not {what} within {within_s:g} s")
                elif not waits:
                    return
            except GarbledError as error:
                self._fail(what, f"said {error}")
            except EndedError:
                self._fail(what, "ended", waits=True)

    def _start(self) -> None:
        try:
            self.process = WorkerProcess(self.program)
        except AdapterError as error:
            self._fail(LOAD, f"cannot be started: {error.what}", in_vain=True)
        self._doing, self._since_s = LOAD if self.process else "", time.monotonic()

    def _ask(self, what: str, sound: bytes = b"", **more: Any) -> None:
        if self.process is not None:
            self.process.ask(what, sound, **more)
            self._doing, self._since_s = what, time.monotonic()

    def _fail(self, what: str, why: str, *, waits: bool = False, in_vain: bool = False) -> None:
        """End the worker, and the conversation where there is one.

        Args:
            what: What it failed at.
            waits: It is about to end by itself.
            in_vain: Starting it again would give the same.
        """
        end = self.end(waits=waits)
        if what == "close":  # that conversation is over, and the next one finds another worker
            return
        starting = " while it was starting" if what == LOAD and not in_vain else ""
        message = f"the worker {why}{starting}" + (f" ({end})" if end and not in_vain else "")
        if what == LOAD:
            self.failed_starts = MAX_FAILED_STARTS if in_vain else self.failed_starts + 1
            self.last_failure = message
        self.fault = FailedCall(FAILURE, message)

    def _understand(self, what: str, head: Mapping[str, Any], sound: bytes) -> None:
        refused = head.get("refused")
        if refused is not None:
            told = refused.values() if isinstance(refused, dict) else [refused]
            why = " - ".join(str(each) for each in told if each)
            if what == "open":
                self.fault = FailedCall(FAILURE, why)
            else:
                self._fail(what, f"refused: {why}", in_vain=True)
        elif what == "step":
            self.reply = reply_of(head, sound, self.says)
        elif what == "open":
            self._is_open = True
        elif what == LOAD:
            self.facts = facts_of(head.get("hello"), self.says)
            self.failed_starts = 0
            self._ask("open", brief=dict(self._brief or {}))


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
        weakref.finalize(self, _end_all, self._workers)  # also when the program ends, however it does so in Python

    def open(self, slot: int, brief: Brief) -> Opening:
        worker = self._workers[slot]
        worker.begin(self._brief_of(brief))

        def is_ready() -> bool:
            worker.hear()
            # A slot that is given up must not fail one call after the other while others could hold them: it keeps one to
            # itself until nobody else is talking.
            return worker.is_settled and not (worker.is_given_up and any(each.is_engaged for each in self._workers))

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


def _end_all(workers: Iterable[_Worker]) -> None:
    for worker in workers:
        worker.end()
