"""A worker: a program in a process of its own, asked one thing after another, and never left behind.

``adapters/workers/frames.py`` describes the messages and is the other end. The pipes never block: whoever asks waits for an
answer as long as they please. What a worker writes to standard error goes to a file, so that it never has to wait.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np

from fdbench.adapter.base import Port
from fdbench.core.sound import Samples
from fdbench.errors import AdapterError

VERSION: Final = 1
PCM: Final = np.dtype("<f4")
LOAD: Final = "load its model"
"""What a worker does first, without being asked."""

_MAX_BYTES: Final = 1 << 20
"""Of a message: a line of JSON and the sound that follows it."""
_PIECE_BYTES: Final = 1 << 16
_KEPT_WORDS: Final = 8192
_QUOTED_WORDS: Final = 300
_END_S: Final = 2.0
"""How long one that says no more may take to end by itself, so that it is known how it ended; and one that was killed."""

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
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            self._process = subprocess.Popen(
                program.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                env=dict(program.environment),
                start_new_session=True,  # Ctrl-C is for us to handle, and the group is ours to end
            )
        except OSError as error:
            raise AdapterError(f"{program.command[0]}: cannot be run ({error.strerror})") from None
        self._owner = os.getpid()
        self._stdin, self._stdout = cast(Any, self._process.stdin).fileno(), cast(Any, self._process.stdout).fileno()
        os.set_blocking(self._stdin, False)
        self._unsent, self._unread = bytearray(), bytearray()
        self._n_asked, self._n_answered = 0, -1  # that it has loaded its model is answer 0

    def ask(self, what: str, sound: bytes = b"", **more: Any) -> None:
        """Ask for something, without waiting; questions are answered in order."""
        self._n_asked += 1
        head = {"seq": self._n_asked, "do": what, **more} | ({"n_bytes": len(sound)} if sound else {})
        self._unsent += json.dumps(head).encode() + b"\n" + sound
        self._send()

    def answer(self, within_s: float) -> Message | None:
        """The next answer, None where it does not come in time; the first is what the worker says when it has loaded its model.

        Raises:
            GarbledError: It is none.
            EndedError: There will be none.
        """
        until_s = time.monotonic() + within_s
        while (answer := self._received()) is None:
            waiting = select.poll()
            waiting.register(self._stdout, select.POLLIN)
            if self._unsent:
                waiting.register(self._stdin, select.POLLOUT)
            ready = [descriptor for descriptor, _ in waiting.poll(max(0.0, until_s - time.monotonic()) * 1000)]
            if not ready:
                return None
            if self._stdin in ready:
                self._send()
            if self._stdout in ready:
                piece = os.read(self._stdout, _PIECE_BYTES)
                if not piece:
                    raise EndedError
                self._unread += piece
        return answer

    def has_ended(self) -> bool:
        """Whether the program has ended by itself."""
        return self._process.poll() is not None

    def end(self, *, waits: bool = False) -> str:
        """End the worker and all that it started.

        Args:
            waits: It says no more, and may take ``_END_S`` to end by itself.

        Returns:
            How it ended, if it did so by itself, and its last words.
        """
        if self._owner != os.getpid():  # a fork of us has no say in it
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S if waits else 0.0)
        how = _named(self._process.returncode)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in a driver; the system ends it when that lets go
            self._process.wait(_END_S)
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                cast(Any, pipe).close()
        with self._words as words:
            words.seek(max(0, words.seek(0, os.SEEK_END) - _KEPT_WORDS))
            return "; ".join(part for part in (how, _last_words(words.read())) if part)

    def _send(self) -> None:
        """Write what the pipe takes."""
        try:
            while self._unsent:
                del self._unsent[: os.write(self._stdin, self._unsent[:_PIECE_BYTES])]
        except BlockingIOError:
            return
        except OSError:  # nobody reads any more; what it has said before is still to be heard
            self._unsent.clear()

    def _received(self) -> Message | None:
        """The next answer from what has been read; None where it is not whole yet."""
        line, ends, rest = self._unread.partition(b"\n")
        if not ends and len(line) < _MAX_BYTES:
            return None
        try:
            head = json.loads(line)
        except (ValueError, RecursionError):
            head = None
        n_bytes = head.get("n_bytes", 0) if isinstance(head, dict) else None
        if not isinstance(head, dict) or not isinstance(n_bytes, int) or not 0 <= n_bytes < _MAX_BYTES:
            raise GarbledError(f"no message: {bytes(line[:80])!r}")
        number = self._n_answered + 1
        if head.get("seq") != number:
            raise GarbledError(f"an answer to message {head.get('seq')} when {number} was asked")
        if len(rest) < n_bytes:
            return None
        self._n_answered, self._unread = number, rest[n_bytes:]
        return head, bytes(rest[:n_bytes])


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


def reply_of(head: Mapping[str, Any], sound: bytes, says: Port) -> tuple[Samples, str]:
    """The frame that answers a frame, and the text that belongs to it.

    Raises:
        GarbledError: It is too short or too long, or not finite; or its text is no list of pieces.
    """
    expected = says.frame_samples * PCM.itemsize
    if len(sound) != expected:
        raise GarbledError(f"a frame of {len(sound)} bytes, expected {expected}")
    samples = np.frombuffer(sound, PCM).astype(np.float32)
    if not np.isfinite(samples).all():
        raise GarbledError(f"a frame with {int((~np.isfinite(samples)).sum())} samples that are not finite")
    pieces = head.get("text", [])
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        raise GarbledError(f"text that is no list of pieces: {str(pieces)[:80]}")
    return samples, "".join(pieces)


def _named(status: int | None) -> str:
    """How a program ended; empty where it has not."""
    if status is not None and status < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return "" if status is None else f"exit status {status}"


def _last_words(words: bytes) -> str:
    lines = [" ".join(line.split()) for line in words.decode(errors="replace").splitlines()]
    lines = ["".join(each for each in line if each.isprintable()) for line in lines if line]
    return f"last words: {lines[-1][-_QUOTED_WORDS:]}" if lines else ""
