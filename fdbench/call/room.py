"""How many calls are held at once on the wall clock: fewer where this machine is too busy, more again while it is not."""

from __future__ import annotations

import asyncio
import math


class Room:
    """How many calls may be held at once: fewer where this machine is too busy, more again while it is not."""

    def __init__(self, slots: int) -> None:
        self._slots = self._limit = self._lowest = slots
        self._n_inside = self._n_late = 0
        self._narrowed_s = -math.inf
        self._waiting: list[asyncio.Future[None]] = []

    async def enter(self) -> None:
        while self._n_inside >= self._limit:
            self._waiting.append(asyncio.get_running_loop().create_future())
            await self._waiting[-1]
        self._n_inside += 1

    def leave(self) -> None:
        self._n_inside -= 1
        self._look_again()

    async def step_aside(self, seconds: float) -> None:
        """Let others in for a while."""
        self.leave()
        await asyncio.sleep(seconds)
        await self.enter()

    def narrow(self, began_s: float) -> None:
        """A call that began then was late. Calls that were held beside it are late for the same reason."""
        self._n_late += 1
        if began_s >= self._narrowed_s:
            self._narrowed_s = asyncio.get_running_loop().time()
            self._limit = max(1, min(self._limit, self._n_inside) // 2)
            self._lowest = min(self._lowest, self._limit)

    def widen(self) -> None:
        """A call was on time."""
        if self._limit < self._slots:
            self._limit += 1
            self._look_again()

    @property
    def notes(self) -> list[str]:
        if not self._n_late:
            return []
        return [
            f"this machine was too busy for {self._slots} conversations at once: frames around annotated events left late in "
            f"{self._n_late} calls; as few as {self._lowest} were held at once from then on"
        ]

    def _look_again(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)
