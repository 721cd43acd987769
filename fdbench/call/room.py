"""How many calls are held at once on the wall clock: fewer where this machine is too busy, and slowly more again."""

from __future__ import annotations

import asyncio
import math
from typing import Final

_CALM: Final = 4
"""After so many times as many calls in a row on time as are held at once, one more is held."""


class Room:
    """Lets in so many calls at once; each enters before it begins and leaves when it has ended."""

    def __init__(self, slots: int) -> None:
        self._slots = self._limit = self._lowest = slots
        self._too_many: float = math.inf
        self._n_inside = self._n_late = self._n_calm = 0
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

    def narrow(self, began_s: float) -> bool:
        """A call that began then was late; those that were held beside it are late for the same reason.

        Returns:
            Whether there is hope: fewer are held from now on than when it began.
        """
        is_hopeful = self._limit > 1 or began_s < self._narrowed_s
        self._n_late, self._n_calm = self._n_late + 1, 0
        if began_s >= self._narrowed_s:
            self._narrowed_s = asyncio.get_running_loop().time()
            at_once = min(self._limit, self._n_inside)
            self._too_many = min(self._too_many, at_once)
            self._limit = max(1, at_once // 2)
            self._lowest = min(self._lowest, self._limit)
        return is_hopeful

    def widen(self) -> None:
        """A call was on time. As many at once as were too many are never tried again."""
        self._n_calm += 1
        if self._limit < min(self._slots, self._too_many - 1) and self._n_calm >= _CALM * self._limit:
            self._limit, self._n_calm = self._limit + 1, 0
            self._look_again()

    @property
    def notes(self) -> list[str]:
        if not self._n_late:
            return []
        return [
            f"this machine was too busy for {self._slots} conversations at once: {self._n_late} times frames around annotated "
            f"events left late; fewer were held at once from then on, as few as {self._lowest}"
        ]

    def _look_again(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)
