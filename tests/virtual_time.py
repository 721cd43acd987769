"""An event loop whose time passes only while there is nothing to do: then it is at once what the next timer waits for.

A test on it neither waits nor depends on how busy this machine is, however long its timers are. Sockets on loopback are real.
What is sent there has arrived when sending returns, so a loop that finds nothing to read after a short look has nothing to
wait for but its timers. Everybody in a conversation must be on the same loop; what is asked of another thread through
``run_in_executor`` is waited for, and anything else outside (another process, a thread that answers) is not.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

LOOK_S = 0.001
"""How long, in real time, something may be on its way over loopback."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own, which begins at 1000."""

    def __init__(self) -> None:
        self._now_s = 1000.0
        self._n_outside = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self._now_s

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        self._n_outside += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, _: object) -> None:
        self._n_outside -= 1

    @property
    def waits_for_others(self) -> bool:
        """Whether somebody outside is at work whose answer wakes this loop."""
        return self._n_outside > 0

    def pass_time(self, seconds: float) -> None:
        self._now_s += seconds


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Waits in virtual time."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self._loop.waits_for_others:
            return super().select(None)
        ready = super().select(LOOK_S)
        if not ready:
            self._loop.pass_time(timeout)
        return ready


class QuickTimeLoop(asyncio.SelectorEventLoop):
    """An event loop on the real clock, on which four seconds pass in one."""

    TIMES = 4

    def __init__(self) -> None:
        super().__init__(_QuickSelector())

    def time(self) -> float:
        return self.TIMES * super().time()


class _QuickSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Waits for a quarter of what it is asked to."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout and timeout / QuickTimeLoop.TIMES)


@contextmanager
def virtual_time() -> Iterator[VirtualTimeLoop]:
    """A loop that is this thread's until the end (``asyncio.get_event_loop()``)."""
    loop = VirtualTimeLoop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()
