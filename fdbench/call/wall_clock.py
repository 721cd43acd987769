"""Calls on the wall clock: many conversations at once, each at the pace of speech, on one event loop in a thread of its own.

A frame's time is counted from its call's beginning and never from the frame before, so nothing drifts. Calls of live parties
begin a fraction of a frame apart, so that each group finds the loop idle; where a virtual party thinks, they share one grid,
so that it is handed all their frames together, in another thread. What is overdue is made up for at once.

A call that broke in a way that may not happen again is made again. Where this machine is too busy for so many conversations,
so that frames around annotated events leave late, fewer are held at once: what is paid for is not wasted on a busy machine.
"""

from __future__ import annotations

import asyncio
import math
import queue
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fdbench.adapter.live import CallError
from fdbench.call.call import Call, Invitation
from fdbench.call.live_leg import ConnectedSide, cancel_all
from fdbench.call.room import Room
from fdbench.call.session_log import SessionLog, as_stored
from fdbench.core.conversation import CallLog, FailedCall, Recording, Take
from fdbench.errors import AdapterError

if TYPE_CHECKING:
    from fdbench.call.driver import Driver, Role

R = TypeVar("R")

GROUPS: Final = 8
"""Conversations with live parties alone begin in so many groups, spread over a frame."""

POLL_S: Final = 0.002
_ROLES: Final[tuple[Role, Role]] = ("model", "user")
_SOON_S: Final = 1e-6
"""Times that are meant to be equal may differ by the rounding of a float."""


@dataclass(slots=True)
class _GoingOn:
    """A call going on, ``start_s`` on the loop's clock, and which of its sides are thinking."""

    call: Call
    start_s: float
    ended: asyncio.Future[None]
    thinking: set[str]

    def end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


class WallClock:
    """Holds the calls of a driver whose parties, or one of them, live on the wall clock."""

    def __init__(self, driver: Driver) -> None:
        self._driver, self._timeouts = driver, driver.timeouts
        self._going_on: dict[int, _GoingOn] = {}
        self._changed = asyncio.Event()
        self._fatal: CallError | None = None
        self._room = Room(driver.slots)
        self._origin_s = 0.0
        # A player of prompts is a virtual party, too; it never has to think.
        self._thinks = [role for role in _ROLES if not (driver.leg(role).needs_wall or driver.leg(role).is_deaf)]

    def run(
        self, invitations: Iterable[Invitation], ended: Callable[[Take, Recording | FailedCall], None] | None = None
    ) -> Generator[tuple[Take, Recording | FailedCall], None, None]:
        """See ``Driver.run``."""
        outcomes: queue.SimpleQueue[tuple[Take, Recording | FailedCall] | BaseException | None] = queue.SimpleQueue()
        loop = self._driver.loop or asyncio.new_event_loop()
        main = loop.create_task(self._hold_all(iter(invitations), outcomes, ended))
        closes = self._driver.loop is None
        thread = threading.Thread(target=_in_thread, args=(loop, main, outcomes, closes), daemon=True)
        thread.start()
        try:
            while (outcome := outcomes.get()) is not None:
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
        finally:
            with suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(main.cancel)
            thread.join(2 * self._timeouts.close_s + 2.0)
            self._driver.notes += self._room.notes

    async def _hold_all(
        self,
        invitations: Iterator[Invitation],
        outcomes: queue.SimpleQueue[Any],
        ended: Callable[[Take, Recording | FailedCall], None] | None,
    ) -> None:
        lock = asyncio.Lock()
        self._origin_s = asyncio.get_running_loop().time()

        async def hold(slot: int) -> None:
            while not self._is_doomed():
                await self._room.enter()
                try:
                    async with lock:  # reading and resampling must not hold up the loop
                        invitation: Invitation | None = await _beside(_next_of, invitations)
                    if invitation is None:
                        return
                    outcome = await self._hold(invitation, slot)
                finally:
                    self._room.leave()
                if self._is_doomed() and isinstance(outcome, FailedCall):
                    return  # it could not have succeeded; what did is kept
                if ended is not None:
                    ended(invitation.take, outcome)
                outcomes.put((invitation.take, outcome))

        ticking = asyncio.ensure_future(self._tick())
        tasks = [asyncio.ensure_future(hold(slot)) for slot in range(self._driver.slots)]
        all_held = asyncio.ensure_future(asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION))
        try:
            await asyncio.wait({ticking, all_held}, return_when=asyncio.FIRST_COMPLETED)
            for task in (ticking, *tasks):
                if task.done():
                    task.result()
        finally:
            await cancel_all((*tasks, ticking, all_held), 3 * self._timeouts.close_s)
        if self._fatal is not None:
            raise AdapterError(self._fatal.message, "nothing was spent on the calls that are left; mend this and start again")

    def _is_doomed(self) -> bool:
        """Whether no call can succeed any more."""
        return self._fatal is not None

    # One call, however often it has to be made

    async def _hold(self, invitation: Invitation, slot: int) -> Recording | FailedCall:
        """Make a call, again where it broke in a way that may not happen again."""
        broken: list[dict[str, Any]] = []
        live: list[ConnectedSide] = []
        try:
            while True:
                began_s = asyncio.get_running_loop().time()
                call = self._driver.begin(invitation, slot)
                if isinstance(call, FailedCall):
                    return call
                live = [side for side in (call.user, call.model) if isinstance(side, ConnectedSide)]
                for side in live:
                    side.log.broken = broken
                try:
                    await self._talk(call, slot, live)
                except CallError as error:
                    if error.is_fatal:
                        self._fatal = error
                    if error.kind == "clock":
                        self._room.narrow(began_s)
                    if not error.may_retry or len(broken) + 1 >= self._timeouts.tries or self._is_doomed():
                        tried = f" ({len(broken) + 1} tries)" if broken else ""
                        log = await _beside(_log_of, live, broken)
                        return FailedCall(error.kind, f"{error.message}{tried}", log, _trace_of(error))
                    broken.append(_spent(error, live))
                    live = []
                    pause_s = self._timeouts.pause_s * 2 ** (len(broken) - 1)
                    await self._room.step_aside(max(pause_s, error.retry_after_s or 0.0))
                    continue
                self._room.widen()
                if call.fault is not None:
                    return call.fault
                recording: Recording = await _beside(self._driver.recording, call)
                return recording
        except asyncio.CancelledError:
            log = _log_of(live, broken)
            if log is not None:
                fault = FailedCall("interrupted", "nobody waited for its end", log)
                self._driver.interrupted.append((invitation.take, fault))
            raise

    async def _talk(self, call: Call, slot: int, live: Sequence[ConnectedSide]) -> None:
        """Open both sides, let time pass until the call is over, close them, and make sure that it may be scored.

        Raises:
            CallError: It could not be begun, or broke, or may not be scored.
        """
        try:
            for side in live:
                await side.opened()
            while not call.is_ready():
                await asyncio.sleep(POLL_S)
            if call.fault is None:
                await self._let_time_pass(call, slot, live)
            for side in live:
                await side.drained()
        finally:
            for side in live:
                side.finish()
            self._driver.close(call)
            await asyncio.gather(*(side.closing for side in live if side.closing is not None), return_exceptions=True)
        for side in live:
            if side.error is not None:
                raise side.error
        if call.fault is None:
            for side in live:
                side.check(call.asked_about if side is call.model else (), call.ending.silence_s)

    async def _let_time_pass(self, call: Call, slot: int, live: Sequence[ConnectedSide]) -> None:
        loop = asyncio.get_running_loop()
        going_on = _GoingOn(call, self._next_start_s(slot), loop.create_future(), set())
        for side in live:
            side.changed, side.until = going_on.end, lambda: call.user.until_s or 0.0
            side.start(going_on.start_s)
        self._going_on[slot] = going_on
        self._changed.set()
        try:
            await going_on.ended
            while going_on.thinking:  # a party is not asked to end a conversation while it thinks
                await asyncio.sleep(POLL_S)
        finally:
            del self._going_on[slot]

    def _next_start_s(self, slot: int) -> float:
        """The next time at which the slot's group begins frames."""
        now_s = asyncio.get_running_loop().time()
        frame_s = max(float(leg.hears.frame_s) for leg in self._driver.legs)
        groups = 1 if self._thinks else min(self._driver.slots, GROUPS)
        first_s = self._origin_s + (slot % groups) / groups * frame_s
        return first_s + math.ceil((now_s - first_s) / frame_s) * frame_s

    # The clock of all calls

    async def _tick(self) -> None:
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

    def _hear_what_is_over(self, now_s: float) -> float:
        """Let every side hear the frame that is over and known; returns when the next one is."""
        tick_rate, next_s = self._driver.tick_rate, math.inf
        for role in _ROLES:
            due: list[_GoingOn] = []
            for each in self._going_on.values():
                side = each.call.model if role == "model" else each.call.user
                if side.is_deaf or role in each.thinking or each.ended.done():
                    continue
                at_s = each.start_s + side.due / tick_rate
                if at_s > now_s + _SOON_S:
                    next_s = min(next_s, at_s)
                elif each.call.is_known_for(side):
                    due.append(each)
            if due:
                self._hear(role, due)
                next_s = now_s if role not in self._thinks else next_s
        return next_s

    def _hear(self, role: Role, due: list[_GoingOn]) -> None:
        calls = [each.call for each in due]
        frames = self._driver.frames(role, calls)
        if role not in self._thinks:
            self._driver.hand_over(role, calls, frames)
            self._end_what_is_over(due)
            return
        for each in due:
            each.thinking.add(role)

        def thought(done: asyncio.Future[None]) -> None:
            for each in due:
                each.thinking.discard(role)
            self._end_what_is_over(due)
            self._changed.set()
            done.result()

        hearing = asyncio.get_running_loop().run_in_executor(None, self._driver.hand_over, role, calls, frames)
        hearing.add_done_callback(thought)

    @staticmethod
    def _end_what_is_over(touched: Iterable[_GoingOn]) -> None:
        for each in touched:
            if each.call.fault is not None or each.call.is_over():
                each.end()


def _next_of(invitations: Iterator[Invitation]) -> Invitation | None:
    return next(invitations, None)


def _spent(error: CallError, live: Sequence[ConnectedSide]) -> dict[str, Any]:
    """What a try that came to nothing took."""
    logs = [side.log for side in live]
    counts: Counter[str] = Counter()
    for log in logs:
        counts.update(log.usage.counts)
    costs = [log.usage.cost for log in logs if log.usage.cost is not None]
    return {
        "why": f"{error.kind}: {error.message}",
        "minutes": max(log.end_s for log in logs) / 60,
        "cost": sum(costs) if costs else None,
        "usage": dict(counts),
    }


def _log_of(live: Sequence[ConnectedSide], broken: Sequence[dict[str, Any]]) -> CallLog | None:
    """That of the model's side where it is live, else of the user's; what broken tries took where there is no other."""
    if any(side.has_begun for side in live):
        return live[-1].stored_log()
    return as_stored(SessionLog(1, 1, 0.0, 0.0, broken=list(broken))) if broken else None


def _trace_of(error: CallError) -> str:
    """The traceback of what an adapter raised that is no CallError."""
    cause = error.__cause__
    return "".join(traceback.format_exception(cause)) if error.kind == "adapter" and cause is not None else ""


async def _beside(function: Callable[..., R], *arguments: Any) -> R:
    """Work that takes longer than a frame, in another thread: the loop has others to serve."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


def _in_thread(
    loop: asyncio.AbstractEventLoop, main: asyncio.Task[None], outcomes: queue.SimpleQueue[Any], closes: bool
) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(main)
    except asyncio.CancelledError:
        pass
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits for outcomes
        outcomes.put(error)
    finally:
        if closes:
            with suppress(Exception):
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
        outcomes.put(None)
