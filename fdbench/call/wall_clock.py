"""Calls on the wall clock: many conversations at once, each at the pace of speech, on one event loop in a thread of its own.

A call that broke in a way that may not happen again is made again. Where this machine is too busy for so many conversations,
so that frames around annotated events leave late, fewer are held at once: what is paid for is not wasted on a busy machine.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fdbench.adapter.live import CallError
from fdbench.call.call import Call, Invitation
from fdbench.call.live_leg import ConnectedSide, cancel_all
from fdbench.call.room import Room
from fdbench.call.session_log import SessionLog, as_stored
from fdbench.call.ticker import Ticker
from fdbench.core.conversation import FailedCall, Recording, Take
from fdbench.errors import AdapterError

if TYPE_CHECKING:
    from fdbench.call.driver import Driver

R = TypeVar("R")

POLL_S: Final = 0.002


class WallClock:
    """Holds the calls of a driver whose parties, or one of them, live on the wall clock."""

    def __init__(
        self,
        driver: Driver,
        ended: Callable[[Take, Recording | FailedCall], None] | None,
        may_try_again: Callable[[Take, float, float], bool] | None,
    ) -> None:
        self._driver, self._timeouts = driver, driver.timeouts
        self._ended, self._may_try_again = ended, may_try_again
        self._fatal: CallError | None = None
        self._room = Room(driver.slots)

    def run(self, invitations: Iterable[Invitation | None]) -> Generator[tuple[Take, Recording | FailedCall], None, None]:
        """See ``Driver.run``."""
        outcomes: queue.SimpleQueue[tuple[Take, Recording | FailedCall] | BaseException | None] = queue.SimpleQueue()
        loop = self._driver.loop or asyncio.new_event_loop()
        main = loop.create_task(self._hold_all(iter(invitations), outcomes))
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
            thread.join(3 * self._timeouts.close_s + 2.0)
            self._driver.notes += self._room.notes
            while not outcomes.empty():
                ended = outcomes.get()
                if isinstance(ended, tuple):
                    self._driver.uncollected.append(ended)

    async def _hold_all(self, invitations: Iterator[Invitation | None], outcomes: queue.SimpleQueue[Any]) -> None:
        lock, ticker = asyncio.Lock(), Ticker(self._driver)

        async def hold(slot: int) -> None:
            while not self._is_doomed():
                async with lock:
                    invitation = await self._next(invitations)
                if invitation is None:
                    return
                outcome = await self._hold(invitation, slot, ticker)
                if outcome is None:
                    return  # no call can succeed any more
                if self._ended is not None:
                    self._ended(invitation.take, outcome)
                outcomes.put((invitation.take, outcome))

        ticking = asyncio.ensure_future(ticker.run())
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

    async def _next(self, invitations: Iterator[Invitation | None]) -> Invitation | None:
        """The next invitation; reading and resampling must not hold up the loop."""

        def prepared() -> Invitation | None:
            invitation = next(invitations, None)
            if invitation is not None:
                self._driver.prepare(invitation)
            return invitation

        getting = asyncio.ensure_future(_beside(prepared))
        try:
            return await asyncio.shield(getting)
        except asyncio.CancelledError:
            invitation = await getting  # what was set aside for it is given back
            if invitation is not None:
                self._give_up(invitation.take, FailedCall("interrupted", "nobody waited for its beginning"))
            raise

    def _is_doomed(self) -> bool:
        """Whether no call can succeed any more."""
        return self._fatal is not None

    # One call, however often it has to be made

    async def _hold(self, invitation: Invitation, slot: int, ticker: Ticker) -> Recording | FailedCall | None:
        """Make a call, again where it broke in a way that may not happen again; None where none can succeed any more."""
        tries = _Tries()
        try:
            while True:
                await self._room.enter()
                try:
                    outcome = await self._try(invitation, slot, tries, ticker)
                finally:
                    self._room.leave()
                if isinstance(outcome, FailedCall) and self._is_doomed():
                    self._give_up(invitation.take, outcome)
                    return None
                if outcome is not None:
                    return outcome
                await asyncio.sleep(tries.pause_s)
        except asyncio.CancelledError:
            self._give_up(invitation.take, tries.failed(FailedCall("interrupted", "nobody waited for its end")))
            raise

    def _give_up(self, take: Take, fault: FailedCall) -> None:
        self._driver.interrupted.append((take, fault))
        if self._ended is not None:
            self._ended(take, fault)

    async def _try(self, invitation: Invitation, slot: int, tries: _Tries, ticker: Ticker) -> Recording | FailedCall | None:
        """Make a call; None where it is to be made again."""
        began_s = asyncio.get_running_loop().time()
        async with ticker.party:
            call = self._driver.begin(invitation, slot)
        if isinstance(call, FailedCall):
            return tries.failed(call)
        tries.live = call.live_sides
        for side in tries.live[-1:]:  # in one log, so that nothing counts twice
            side.log.broken = tries.broken
        try:
            await self._talk(call, slot, ticker)
        except CallError as error:
            if error.is_fatal:
                self._fatal = error
            # That this machine was too busy is no try, as long as it can hold fewer calls at once.
            tries.n_counted += not (error.kind == "clock" and self._room.narrow(began_s))
            n_tries = len(tries.broken) + 1
            if error.may_retry and tries.n_counted < self._timeouts.tries and not self._is_doomed():
                minutes, cost = tries.broke(error, self._timeouts.pause_s)
                if self._may_try_again is None or self._may_try_again(invitation.take, minutes, cost):
                    return None
                why = f"{error.message} (the budget allows no other try)"
                return await _beside(tries.failed, FailedCall(error.kind, why, trace=_trace_of(error)))
            tried = f" ({n_tries} tries)" if n_tries > 1 else ""
            return await _beside(tries.failed, FailedCall(error.kind, f"{error.message}{tried}", trace=_trace_of(error)))
        self._room.widen()
        if call.fault is not None:
            return await _beside(tries.failed, call.fault)
        recording: Recording = await _beside(self._driver.recording, call)
        return recording

    async def _talk(self, call: Call, slot: int, ticker: Ticker) -> None:
        """Open both sides, let time pass until the call is over, close them, and make sure that it may be scored.

        Raises:
            CallError: It could not be begun, or broke, or may not be scored.
        """
        live: list[ConnectedSide] = call.live_sides
        try:
            for side in live:
                await side.opened()
            await self._both_ready(call, ticker)
            if call.fault is None:
                await ticker.let_pass(call, slot)
            for side in live:
                await side.drained()
        finally:
            for side in live:
                side.finish()
            await asyncio.shield(asyncio.ensure_future(self._closed(call, ticker)))
        for side in live:
            if side.error is not None:
                raise side.error
        if call.fault is None:
            for side in live:
                side.check(call.asked_about if side is call.model else (), call.ending.silence_s)

    async def _both_ready(self, call: Call, ticker: Ticker) -> None:
        """Wait until virtual parties are ready, too. Raises CallError where one never is."""
        deadline_s = asyncio.get_running_loop().time() + self._timeouts.open_s
        while True:
            async with ticker.party:
                if call.is_ready():
                    return
            if asyncio.get_running_loop().time() > deadline_s:
                raise CallError("timeout", f"a party was not ready within {self._timeouts.open_s:g} s", may_retry=True)
            await asyncio.sleep(POLL_S)

    async def _closed(self, call: Call, ticker: Ticker) -> None:
        async with ticker.party:  # a party is not asked to end a conversation while it thinks
            self._driver.close(call)
        await asyncio.gather(*(side.closing for side in call.live_sides if side.closing is not None), return_exceptions=True)


@dataclass(slots=True)
class _Tries:
    """What making one call has come to so far.

    Attributes:
        broken: Earlier tries that came to nothing, as the log holds them.
        live: The sides on the wall clock of the try that is going on.
        n_counted: How many of them count.
        pause_s: Before the next try.
    """

    broken: list[dict[str, Any]] = field(default_factory=list)
    live: list[ConnectedSide] = field(default_factory=list)
    n_counted: int = 0
    pause_s: float = 0.0

    def broke(self, error: CallError, pause_s: float) -> tuple[float, float]:
        """A try has come to nothing; returns the minutes and the cost of all of them."""
        logs, counts = [side.log for side in self.live], Counter[str]()
        for log in logs:
            counts.update(log.usage.counts)
        costs = [log.usage.cost for log in logs if log.usage.cost is not None]
        self.broken.append(
            {
                "why": f"{error.kind}: {error.message}",
                "minutes": max(log.end_s for log in logs) / 60,
                "cost": sum(costs) if costs else None,
                "usage": dict(counts),
            }
        )
        self.live = []
        self.pause_s = max(pause_s * 2 ** (len(self.broken) - 1), error.retry_after_s or 0.0)
        return sum(each["minutes"] for each in self.broken), sum(each["cost"] or 0.0 for each in self.broken)

    def failed(self, fault: FailedCall) -> FailedCall:
        """A failure with the logs of the sides that are live; with what broken tries took where there are none."""
        if any(side.has_begun for side in self.live):
            *user, last = self.live
            return replace(fault, log=last.stored_log(), user_log=user[0].stored_log() if user else None)
        return replace(fault, log=as_stored(SessionLog(1, 1, 0.0, 0.0, broken=list(self.broken))) if self.broken else None)


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
