"""A model in a process of its own: a virtual party whose slots are workers, each holding one conversation.

For models whose package cannot live in this environment, or that hold one conversation at a time. What a worker says is not
believed: every answer must carry the number of its question, the right number of finite samples, and come in time. One that
dies, hangs, babbles or lies costs its own call and nothing else; it is ended, and started again when its slot is next opened.

Nothing here blocks on one worker alone. A frame is written to all of them before any is read, so that they compute at the
same time; all reading and writing waits for whichever is ready, until a deadline. ``adapters/workers/frames.py`` describes
the messages and is the other end.
"""

from __future__ import annotations

import json
import os
import selectors
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from fdbench.adapter.base import TEXT, Batch, Brief, Opening, Port, Spoken
from fdbench.core.conversation import Event, Failure
from fdbench.core.sound import Samples
from fdbench.core.span import Span
from fdbench.errors import AdapterError
from fdbench.worker.protocol import READ_BYTES, Line, Pipes, Program

PROTOCOL: Final = 1
PCM: Final = np.dtype("<f4")
FAILURE: Final = "worker"
MAX_FAILED_STARTS: Final = 3
"""After so many in a row a slot's worker is not started again; nor is any, if none has ever come up."""

_MAX_LINE: Final = 1 << 20
_PATIENCE_S: Final = 2.0
"""How long one that says no more may take to end by itself, so that it can be told how it ended."""


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


class GarbledError(Exception):
    """What came is not a message."""


class _Inbox:
    """Bytes as they come, cut into messages."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._head: dict[str, Any] | None = None

    def take(self, came: bytes) -> None:
        self._bytes += came

    def next(self) -> tuple[dict[str, Any], bytes] | None:
        """A whole message, if there is one.

        Raises:
            GarbledError: There never will be.
        """
        if self._head is None:
            end = self._bytes.find(b"\n")
            if end < 0 and len(self._bytes) < _MAX_LINE:
                return None
            line = bytes(self._bytes[: end if end >= 0 else 80])
            try:
                head = json.loads(line)
            except (ValueError, RecursionError):
                head = None
            n_bytes = head.get("n_bytes", 0) if isinstance(head, dict) else None
            if not isinstance(head, dict) or not isinstance(n_bytes, int) or not 0 <= n_bytes < _MAX_LINE:
                raise GarbledError(f"no message: {line[:80]!r}")
            del self._bytes[: end + 1]
            self._head = head
        n_bytes = self._head.get("n_bytes", 0)
        if len(self._bytes) < n_bytes:
            return None
        sound = bytes(self._bytes[:n_bytes])
        del self._bytes[:n_bytes]
        head, self._head = self._head, None
        return head, sound


@dataclass(slots=True)
class _Asked:
    """A question without an answer yet."""

    seq: int
    what: str
    deadline: float
    within_s: float


@dataclass(slots=True)
class _Worker:
    """A slot's worker: what it was asked, what it said, and what is wrong with it.

    Attributes:
        line: None while there is no process.
        fault: Why the slot's conversation cannot go on; until it is opened again.
        is_open: The conversation has begun.
        last_start: How it failed to start, where it did.
        reply: Sound and text of the step just answered.
    """

    slot: int
    connect: Callable[[], Line]
    hears: Port
    says: Port
    deadlines: Deadlines
    line: Line | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    failed_starts: int = 0
    last_start: str = ""
    fault: Failure | None = None
    is_loaded: bool = False
    is_open: bool = False
    reply: tuple[Samples, str] | None = None
    _brief: Mapping[str, Any] | None = None
    _wanted: Mapping[str, Any] | None = None
    _inbox: _Inbox = field(default_factory=_Inbox)
    _outbox: bytearray = field(default_factory=bytearray)
    _asked: deque[_Asked] = field(default_factory=deque)
    _seq: int = 0

    def begin(self, brief: Mapping[str, Any], refusal: str) -> None:
        """Open a conversation as soon as there is a worker.

        Args:
            refusal: Why no worker is started, where that is so.
        """
        self.pump()  # one that has died since its last conversation costs nobody anything
        self.fault, self.is_open, self.reply = None, False, None
        if self.line is None:
            if refusal:
                self.fault = Failure(FAILURE, refusal)
                return
            self._start()
        self._brief = self._wanted = brief
        if self.is_loaded:
            self._ask_to_open()

    def ask_step(self, frame: Samples) -> None:
        self.reply = None
        self._ask("step", self.deadlines.step_s, frame.astype(PCM).tobytes())

    def finish(self) -> None:
        """The conversation is over; how the worker takes it is seen when it is next asked for one."""
        self._brief = self._wanted = None
        if self.is_open and self.fault is None:
            self._ask("close", self.deadlines.open_s)
            self.pump()
        self.is_open = False

    @property
    def is_up(self) -> bool:
        """There is a process."""
        return self.line is not None

    @property
    def is_engaged(self) -> bool:
        """It holds a conversation, or is beginning one."""
        return self._brief is not None and self.fault is None

    @property
    def is_settled(self) -> bool:
        """There is nothing to wait for."""
        return self.fault is not None or (self.is_open and not self._asked)

    @property
    def due(self) -> float:
        """When patience ends with what it has been asked first."""
        return self._asked[0].deadline if self._asked else float("inf")

    @property
    def has_to_write(self) -> bool:
        return bool(self._outbox)

    def pump(self) -> None:
        """Write and read what can be without waiting, and judge what came."""
        if self.line is None:
            return
        try:
            self._write(self.line.writer())
            is_over = self._read(self.line.reader())
            while self.is_up and (message := self._inbox.next()) is not None:
                self._hear(*message)
        except GarbledError as error:
            self.fail(f"said {error}")
            return
        if not self.is_up:
            return
        if is_over:
            self.fail("ended", patience_s=_PATIENCE_S)
        elif self._asked and time.monotonic() > self._asked[0].deadline:
            self.fail(f"did not {self._asked[0].what} within {self._asked[0].within_s:g} s")

    def fail(self, why: str, *, patience_s: float = 0.0, in_vain: bool = False) -> None:
        """End the worker and the conversation.

        Args:
            patience_s: How long it may take to end by itself.
            in_vain: Starting it again would give the same.
        """
        end = self.line.end(patience_s) if self.line is not None else ""
        if self._brief is not None and self._asked and self._asked[0].what == "close":
            self._start()  # it failed over the conversation before, which is over; this one has not begun
            self._wanted = self._brief if self.is_up else None
            return
        if not self.is_loaded and not in_vain:
            why = f"{why} while it was starting"
        message = f"the worker {why}" + (f" ({end})" if end and not in_vain else "")
        if not self.is_loaded:
            self.failed_starts = MAX_FAILED_STARTS if in_vain else self.failed_starts + 1
            self.last_start = message
        self.fault = Failure(FAILURE, message)
        self.line, self.is_loaded, self.is_open, self._wanted = None, False, False, None

    def _start(self) -> None:
        self._inbox, self._outbox, self._seq, self.is_loaded = _Inbox(), bytearray(), 0, False
        self._asked = deque([_Asked(0, "load its model", time.monotonic() + self.deadlines.start_s, self.deadlines.start_s)])
        try:
            self.line = self.connect()
        except AdapterError as error:
            self.fail(f"cannot be started: {error.what}", in_vain=True)

    def _ask_to_open(self) -> None:
        self._ask("open", self.deadlines.open_s, brief=dict(self._wanted or {}))
        self._wanted = None

    def _ask(self, what: str, within_s: float, sound: bytes = b"", **more: Any) -> None:
        self._seq += 1
        head: dict[str, Any] = {"seq": self._seq, "do": what, **more}
        if sound:
            head["n_bytes"] = len(sound)
        self._outbox += json.dumps(head).encode() + b"\n" + sound
        self._asked.append(_Asked(self._seq, what, time.monotonic() + within_s, within_s))

    def _write(self, writer: int) -> None:
        while self._outbox:
            try:
                del self._outbox[: os.write(writer, self._outbox)]
            except BlockingIOError:
                return
            except OSError:  # it no longer listens; reading tells the rest
                self._outbox.clear()

    def _read(self, reader: int) -> bool:
        """Take what is there, up to one message's worth of it; whether there will be no more."""
        while True:
            try:
                came = os.read(reader, READ_BYTES)
            except BlockingIOError:
                return False
            except OSError:
                return True
            if not came:
                return True
            self._inbox.take(came)
            if len(came) < READ_BYTES:
                return False
            if len(self._inbox._bytes) > 2 * _MAX_LINE:
                raise GarbledError("more than it was asked for")

    def _hear(self, head: Mapping[str, Any], sound: bytes) -> None:
        if not self._asked:
            raise GarbledError(f"something without being asked: {json.dumps(head)[:80]}")
        asked = self._asked[0]
        if head.get("seq") != asked.seq:
            raise GarbledError(f"an answer to message {head.get('seq')} when {asked.seq} ({asked.what}) was asked")
        refused = head.get("refused")
        if refused is not None:
            self._refused(asked, refused)
            return
        if asked.seq == 0:
            self._hear_hello(head)
        elif asked.what == "step":
            self.reply = (self._sound_of(sound), _text_of(head))
        elif sound:
            raise GarbledError(f"{len(sound)} bytes of sound when asked to {asked.what}")
        elif asked.what == "open":
            self.is_open = asked is self._asked[-1]  # else it was closed before it was open
        self._asked.popleft()
        if asked.seq == 0 and self._wanted is not None:
            self._ask_to_open()

    def _refused(self, asked: _Asked, refused: object) -> None:
        facts = refused if isinstance(refused, dict) else {"what": refused}
        why = " - ".join(str(facts[key]) for key in ("what", "remedy") if facts.get(key))
        if asked.what == "open":
            if asked is self._asked[-1]:  # else nobody wants it any more
                self.fault = Failure(FAILURE, why)
            self._asked.popleft()
        else:
            self.fail(f"refused: {why}", in_vain=True)

    def _hear_hello(self, head: Mapping[str, Any]) -> None:
        hello = head.get("hello")
        found = (
            {key: hello.get(key) for key in ("protocol", "sample_rate", "frame_samples")} if isinstance(hello, dict) else hello
        )
        says = {"protocol": PROTOCOL, "sample_rate": self.says.sample_rate, "frame_samples": self.says.frame_samples}
        if found != says or not isinstance(hello, dict):
            raise GarbledError(f"it is {found}, expected {says}")
        facts = hello.get("facts")
        self.facts = {str(key): str(value) for key, value in facts.items()} if isinstance(facts, dict) else {}
        self.is_loaded, self.failed_starts = True, 0

    def _sound_of(self, sound: bytes) -> Samples:
        expected = self.says.frame_samples * PCM.itemsize
        if len(sound) != expected:
            raise GarbledError(f"a frame of {len(sound)} bytes, expected {expected}")
        samples = np.frombuffer(sound, PCM).astype(np.float32)
        if not np.isfinite(samples).all():
            raise GarbledError(f"a frame with {int((~np.isfinite(samples)).sum())} samples that are not finite")
        return samples


def _text_of(head: Mapping[str, Any]) -> str:
    pieces = head.get("text", [])
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        raise GarbledError(f"text that is no list of pieces: {str(pieces)[:80]}")
    return "".join(pieces)


def _pump_until_settled(workers: Iterable[_Worker]) -> None:
    """Read and write until every one of the workers has answered or has failed."""
    waiting = list(workers)
    while True:
        for worker in waiting:
            worker.pump()
        waiting = [worker for worker in waiting if not worker.is_settled]
        if not waiting:
            return
        with selectors.DefaultSelector() as selector:
            for worker in waiting:
                if worker.line is not None:
                    selector.register(worker.line.reader(), selectors.EVENT_READ)
                    if worker.has_to_write:
                        selector.register(worker.line.writer(), selectors.EVENT_WRITE)
            due = min(worker.due for worker in waiting)
            selector.select(max(0.0, due - time.monotonic()) + 0.001)


class WorkerParty:
    """A virtual party of workers, one per slot; they are started as their slots are first opened.

    Args:
        programs: One for each slot.
        hears: What a worker must take.
        says: What a worker must give.
        brief_of: What a worker is told when a conversation begins; JSON.
        deadlines: How long it may take.
        connect: Makes the connection to a started program.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        hears: Port,
        says: Port,
        brief_of: Callable[[Brief], Mapping[str, Any]],
        deadlines: Deadlines | None = None,
        connect: Callable[[Program], Line] = Pipes,
    ) -> None:
        self.hears, self.says, self.slots = hears, says, len(programs)
        self._brief_of = brief_of
        deadlines = deadlines or Deadlines()
        self._workers = [
            _Worker(slot, _connection(connect, program), hears, says, deadlines) for slot, program in enumerate(programs)
        ]
        self._has_started = False
        self._finalizer = weakref.finalize(
            self, _end_all, self._workers
        )  # also when the program ends, however it does so in Python

    def open(self, slot: int, brief: Brief) -> Opening:
        refusal = self._refusal(slot)
        self._workers[slot].begin(self._brief_of(brief), refusal)
        worker = self._workers[slot]

        def is_ready() -> bool:
            worker.pump()
            # A slot that is given up must not fail one call after the other while others could hold them: it keeps one to
            # itself until nobody else is talking.
            return worker.is_settled and not (refusal and any(each.is_engaged for each in self._workers))

        return Opening(is_ready)

    def step(self, heard: Batch) -> Spoken:
        workers = [self._workers[slot] for slot in heard.slots]
        for worker in workers:
            if worker.line is None and worker.fault is None:
                worker.fault = Failure(FAILURE, "the worker was asked to step before it was opened")
        _pump_until_settled(workers)  # whoever was not asked whether it is ready is waited for
        for worker, frame in zip(workers, heard.audio, strict=True):
            if worker.fault is None:
                worker.ask_step(frame)
        _pump_until_settled(workers)
        audio = np.zeros((len(workers), self.says.frame_samples), np.float32)
        events: dict[int, list[Event]] = {}
        failed: dict[int, Failure] = {}
        frame_s = float(self.says.frame_s)
        for row, (worker, t_s) in enumerate(zip(workers, heard.t_s, strict=True)):
            if worker.fault is not None or worker.reply is None:
                failed[worker.slot] = worker.fault or Failure(FAILURE, "the worker gave no answer")
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
        last = worker.last_start or next(each.last_start for each in self._workers if each.last_start)
        return f"{last}; not started again"


def _connection(connect: Callable[[Program], Line], program: Program) -> Callable[[], Line]:
    return lambda: connect(program)


def _end_all(workers: Iterable[_Worker]) -> None:
    for worker in workers:
        if worker.line is not None:
            worker.line.end()
            worker.line, worker.is_loaded, worker.is_open = None, False, False
