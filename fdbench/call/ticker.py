"""Time on the wall clock: when each side of each call hears its next frame.

A frame's time is counted from its call's beginning and never from the frame before, so nothing drifts. Calls of live parties
begin a fraction of a frame apart, so that each group finds the loop idle; where a virtual party thinks, they share one grid,
so that it is handed all their frames together, in another thread. What is overdue is made up for at once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fdbench.call.call import Call

if TYPE_CHECKING:
    from fdbench.call.driver import Driver, Role

GROUPS: Final = 8
"""Conversations with live parties alone begin in so many groups, spread over a frame."""

_ROLES: Final[tuple[Role, Role]] = ("model", "user")
_SOON_S: Final = 1e-6
"""Times that are meant to be equal may differ by the rounding of a float."""


@dataclass(slots=True)
class _GoingOn:
    """A call going on, ``start_s`` on the loop's clock."""

    call: Call
    start_s: float
    ended: asyncio.Future[None]

    def end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


class Ticker:
    """Lets time pass for any number of calls, until each is over or broken."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._going_on: dict[int, _GoingOn] = {}
        self._changed = asyncio.Event()
        self._origin_s = asyncio.get_running_loop().time()
        # A player of prompts is a virtual party, too; it never has to think.
        self._thinks = [role for role in _ROLES if not (driver.leg(role).needs_wall or driver.leg(role).is_deaf)]
        self._thinking: dict[str, asyncio.Future[None]] = {}
        self.party = asyncio.Lock()
        """Of the virtual parties: whoever holds it may ask them for something."""

    async def let_pass(self, call: Call, slot: int) -> None:
        """Begin a call at the next time that fits its slot, and wait for its end."""
        going_on = _GoingOn(call, self._next_start_s(slot), asyncio.get_running_loop().create_future())
        for side in call.live_sides:
            side.start(going_on.start_s, going_on.end, call.user)
        self._going_on[slot] = going_on
        self._changed.set()
        try:
            await going_on.ended
        finally:
            del self._going_on[slot]

    def _next_start_s(self, slot: int) -> float:
        """The next time at which the slot's group begins frames."""
        now_s = asyncio.get_running_loop().time()
        frame_s = max(float(leg.hears.frame_s) for leg in self._driver.legs)
        groups = 1 if self._thinks else min(self._driver.slots, GROUPS)
        first_s = self._origin_s + (slot % groups) / groups * frame_s
        return first_s + math.ceil((now_s - first_s) / frame_s) * frame_s

    async def run(self) -> None:
        """Go on until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            now_s = next_s = loop.time()
            while next_s <= now_s:  # what is overdue leaves together: nobody is let in between
                next_s = self._hear_what_is_over(now_s)
            timer = loop.call_at(next_s, self._changed.set) if math.isfinite(next_s) else None
            await self._changed.wait()
            if timer is not None:
                timer.cancel()
            for role in [role for role, thinking in self._thinking.items() if thinking.done()]:
                self._thinking.pop(role).result()

    def _hear_what_is_over(self, now_s: float) -> float:
        """Let every side hear the frame that is over and known; returns when the next one is."""
        tick_rate, next_s = self._driver.tick_rate, math.inf
        for role in _ROLES:
            if role in self._thinking:
                continue  # it is asked for one thing at a time; what is due meanwhile waits for it
            due: list[_GoingOn] = []
            for each in self._going_on.values():
                side = each.call.model if role == "model" else each.call.user
                if side.is_deaf or each.ended.done():
                    continue
                at_s = each.start_s + side.due / tick_rate
                if at_s > now_s + _SOON_S:
                    next_s = min(next_s, at_s)
                elif each.call.is_known_for(side):
                    due.append(each)
            if due and role in self._thinks:
                self._thinking[role] = asyncio.ensure_future(self._think(role, due))
            elif due:
                calls = [each.call for each in due]
                self._driver.hear(role, calls)
                self._end_what_is_over(due)
                next_s = now_s
        return next_s

    async def _think(self, role: Role, due: list[_GoingOn]) -> None:
        """Let a virtual party hear and speak, in another thread: the loop has others to serve."""
        calls = [each.call for each in due]
        try:
            async with self.party:
                frames = self._driver.frames(role, calls)
                await asyncio.get_running_loop().run_in_executor(None, self._driver.hand_over, role, calls, frames)
            self._end_what_is_over(due)
        finally:
            self._changed.set()

    @staticmethod
    def _end_what_is_over(touched: Iterable[_GoingOn]) -> None:
        for each in touched:
            if each.call.fault is not None or each.call.is_over():
                each.end()
