"""A worker: a program in a process of its own, asked one thing after another, and never left behind.

``adapters/workers/frames.py`` describes the messages and is the other end. A thread for each worker writes what is asked, reads
what is answered, and may block over both for ever: whoever asks waits for an answer as long as they please, and ends the
worker, which frees the thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, Final, cast

import numpy as np

from fdbench.adapter.base import Port
from fdbench.core.sound import Samples
from fdbench.errors import AdapterError

VERSION: Final = 1
PCM: Final = np.dtype("<f4")
LOAD: Final = "load its model"
"""What a worker does first, without being asked."""

_MAX_BYTES: Final = 1 << 20
"""Of a line, and of the sound that follows it."""
_KEPT_WORDS: Final = 8192
_QUOTED_WORDS: Final = 300
_PATIENCE_S: Final = 2.0
"""How long one that says no more may take to end by itself, so that it is known how it ended."""
_END_S: Final = 2.0
"""How long the end of one that has been killed, and its last words, are waited for."""
_LOOK_S: Final = 0.005

Message = tuple[dict[str, Any], bytes]
"""A line of JSON, and the sound that follows it."""


@dataclass(frozen=True, slots=True)
class Program:
    """How a worker is started: its command line, and all of its environment variables."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


class GarbledError(Exception):
    """What came is not the answer to what was asked."""


class EndedError(Exception):
    """Nothing more will come."""


class WorkerProcess:
    """A started program, in a process group of its own.

    Raises:
        AdapterError: It cannot be run.
    """

    def __init__(self, program: Program) -> None:
        try:
            self._process = subprocess.Popen(
                program.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(program.environment),
                start_new_session=True,  # Ctrl-C is for us to handle, and the group is ours to end
            )
        except OSError as error:
            raise AdapterError(f"{program.command[0]}: cannot be run ({error.strerror})") from None
        self._owner = os.getpid()
        self._n_asked = 0
        self._questions: queue.SimpleQueue[tuple[int, str, bytes] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Message | Exception] = queue.SimpleQueue()
        self._words = [b""]
        stdin, stdout, stderr = (
            cast(IO[bytes], pipe) for pipe in (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        self._threads = (
            threading.Thread(target=_converse, args=(stdin, stdout, self._questions, self._answers), daemon=True),
            threading.Thread(target=_keep_last, args=(stderr, self._words), daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def ask(self, what: str, sound: bytes = b"", **more: Any) -> None:
        """Ask for something, without waiting; questions are answered in order."""
        self._n_asked += 1
        head = {"seq": self._n_asked, "do": what, **more}
        if sound:
            head["n_bytes"] = len(sound)
        self._questions.put((self._n_asked, what, json.dumps(head).encode() + b"\n" + sound))

    def answer(self, within_s: float) -> Message:
        """The next answer; the first is what the worker says when it has loaded its model.

        Raises:
            queue.Empty: It did not come in time.
            GarbledError: It is none.
            EndedError: There will be none.
        """
        answer = self._answers.get(timeout=within_s)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def has_ended(self) -> bool:
        """Whether the program has ended by itself; does not reap it."""
        if not hasattr(os, "waitid"):  # an older Python on a Mac
            return self._process.poll() is not None
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def end(self, *, may_take_its_time: bool = False) -> str:
        """End the worker and all that it started.

        Args:
            may_take_its_time: It says no more, and is about to end by itself.

        Returns:
            How it ended, if it did so by itself, and its last words.
        """
        if self._owner != os.getpid():  # a fork of us has no say in it
            return ""
        until_s = time.monotonic() + _PATIENCE_S
        while may_take_its_time and not self.has_ended() and time.monotonic() < until_s:
            time.sleep(_LOOK_S)
        has_ended = may_take_its_time and self.has_ended()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in a driver; the system ends it when that lets go
            self._process.wait(_END_S)
        self._questions.put(None)
        for thread in self._threads:
            thread.join(_END_S)
        how = _named(self._process.returncode) if has_ended else ""
        return "; ".join(part for part in (how, _last_words(self._words[0])) if part)


def _converse(
    stdin: IO[bytes],
    stdout: IO[bytes],
    questions: queue.SimpleQueue[tuple[int, str, bytes] | None],
    answers: queue.SimpleQueue[Message | Exception],
) -> None:
    """Write one question after another, and read the answer to each."""
    question: tuple[int, str, bytes] | None = (0, LOAD, b"")
    try:
        with stdout, stdin:
            while question is not None:
                number, what, message = question
                stdin.write(message)
                stdin.flush()
                answers.put(_received(stdout, number, what))
                question = questions.get()
    except GarbledError as error:
        answers.put(error)
    except (OSError, EOFError):
        answers.put(EndedError())


def _received(stdout: IO[bytes], number: int, what: str) -> Message:
    line = stdout.readline(_MAX_BYTES)
    if not line.endswith(b"\n") and len(line) < _MAX_BYTES:
        raise EOFError
    try:
        head = json.loads(line)
    except (ValueError, RecursionError):
        head = None
    n_bytes = head.get("n_bytes", 0) if isinstance(head, dict) else None
    if not isinstance(head, dict) or not isinstance(n_bytes, int) or not 0 <= n_bytes < _MAX_BYTES:
        raise GarbledError(f"no message: {line.rstrip()[:80]!r}")
    if head.get("seq") != number:
        raise GarbledError(f"an answer to message {head.get('seq')} when {number} ({what}) was asked")
    sound = stdout.read(n_bytes)
    if len(sound) < n_bytes:
        raise EOFError
    return head, sound


def facts_of(hello: Any, says: Port) -> dict[str, str]:
    """What a worker tells about itself.

    Raises:
        GarbledError: It is another one than was expected.
    """
    expected = {"protocol": VERSION, "sample_rate": says.sample_rate, "frame_samples": says.frame_samples}
    found = {key: hello.get(key) for key in expected} if isinstance(hello, dict) else hello
    if found != expected:
        raise GarbledError(f"it is {found}, expected {expected}")
    facts = hello.get("facts")
    return {str(key): str(value) for key, value in facts.items()} if isinstance(facts, dict) else {}


def sound_of(sound: bytes, says: Port) -> Samples:
    """The frame that answers a frame.

    Raises:
        GarbledError: It is too short or too long, or not finite.
    """
    expected = says.frame_samples * PCM.itemsize
    if len(sound) != expected:
        raise GarbledError(f"a frame of {len(sound)} bytes, expected {expected}")
    samples = np.frombuffer(sound, PCM).astype(np.float32)
    if not np.isfinite(samples).all():
        raise GarbledError(f"a frame with {int((~np.isfinite(samples)).sum())} samples that are not finite")
    return samples


def text_of(head: Mapping[str, Any]) -> str:
    """The text that belongs to a frame.

    Raises:
        GarbledError: It is no list of pieces.
    """
    pieces = head.get("text", [])
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        raise GarbledError(f"text that is no list of pieces: {str(pieces)[:80]}")
    return "".join(pieces)


def _keep_last(stderr: IO[bytes], words: list[bytes]) -> None:
    """Read what a worker writes to standard error, so that it never has to wait, and keep the end of it."""
    with stderr:
        while piece := stderr.read1(_MAX_BYTES):  # type: ignore[attr-defined]  # a pipe is a BufferedReader
            words[0] = (words[0] + piece)[-_KEPT_WORDS:]


def _named(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def _last_words(words: bytes) -> str:
    lines = [" ".join(line.split()) for line in words.decode(errors="replace").splitlines()]
    lines = ["".join(each for each in line if each.isprintable()) for line in lines if line]
    return f"last words: {lines[-1][-_QUOTED_WORDS:]}" if lines else ""
