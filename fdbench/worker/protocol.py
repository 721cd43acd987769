"""A program in a process of its own: written to and read without waiting, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Final, Protocol, cast

from fdbench.errors import AdapterError

READ_BYTES: Final = 1 << 16
_KEPT_WORDS: Final = 8192
_TOLD_WORDS: Final = 300
_END_S: Final = 2.0
"""How long the end of one that has been killed, and its last words, are waited for."""
_LOOK_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Program:
    """How a worker is started: its command line, and all of its environment variables."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


class Line(Protocol):
    """The connection to a worker; pipes today, and whatever else can be read and written without blocking."""

    def reader(self) -> int:
        """Descriptor that can be waited for; reading it never blocks."""

    def writer(self) -> int:
        """As ``reader``, for writing."""

    def end(self, patience_s: float = 0.0) -> str:
        """End the worker and all that it started.

        Args:
            patience_s: How long it may take to end by itself.

        Returns:
            How it ended, if it did so by itself, and its last words.
        """


class Pipes:
    """A worker as a child process, in a process group of its own."""

    def __init__(self, program: Program) -> None:
        try:
            self._process = subprocess.Popen(
                program.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(program.environment),
                start_new_session=True,  # Ctrl-C is for us to handle, and the group is ours to end
                bufsize=0,
            )
        except OSError as error:
            raise AdapterError(f"{program.command[0]}: cannot be run ({error.strerror})") from None
        self._owner = os.getpid()
        self._words = [b""]
        self._listener = threading.Thread(target=_keep_last, args=(self._pipe(2), self._words), daemon=True)
        self._listener.start()
        for number in (0, 1):
            os.set_blocking(self._pipe(number).fileno(), False)
        self._ended: str | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    def reader(self) -> int:
        return self._pipe(1).fileno()

    def writer(self) -> int:
        return self._pipe(0).fileno()

    def end(self, patience_s: float = 0.0) -> str:
        if self._owner != os.getpid():  # a fork of us has no say in it
            return ""
        if self._ended is None:
            has_ended = self._ends_within(patience_s)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
            try:
                status = self._process.wait(_END_S)
            except subprocess.TimeoutExpired:  # stuck in a driver; the system ends it when that lets go
                status = -signal.SIGKILL
            for number in (0, 1):
                self._pipe(number).close()
            self._listener.join(_END_S)
            self._ended = "; ".join(part for part in (_named(status) if has_ended else "", _last_words(self._words[0])) if part)
        return self._ended

    def _ends_within(self, patience_s: float) -> bool:
        """Whether it ends by itself; looks without reaping it."""
        until = time.monotonic() + patience_s
        while not self._has_ended():
            if time.monotonic() >= until:
                return False
            time.sleep(_LOOK_S)
        return True

    def _has_ended(self) -> bool:
        if not hasattr(os, "waitid"):  # an older Python on a Mac
            return self._process.poll() is not None
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _pipe(self, number: int) -> IO[bytes]:
        return cast(IO[bytes], (self._process.stdin, self._process.stdout, self._process.stderr)[number])


def _keep_last(pipe: IO[bytes], words: list[bytes]) -> None:
    """Read what a worker writes to standard error, so that it never has to wait, and keep the end of it."""
    with pipe:
        while piece := pipe.read(READ_BYTES):
            words[0] = (words[0] + piece)[-_KEPT_WORDS:]


def _named(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def _last_words(words: bytes) -> str:
    lines = [" ".join(line.split()) for line in words.decode(errors="replace").splitlines()]
    lines = ["".join(each for each in line if each.isprintable()) for line in lines if line]
    return f"last words: {lines[-1][-_TOLD_WORDS:]}" if lines else ""
