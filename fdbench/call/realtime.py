"""Calls on the wall clock: many conversations with a server at once, each at the pace of speech (``live_call``).

All of them run on one event loop in a thread of its own, and its time is their clock. A call that broke in a way that may not
happen again is made again. Whoever asks for outcomes may take their time over each.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from fdbench.adapter.live import CallError, LiveParty
from fdbench.call.live_call import LiveCall, Timeouts, cancel_all
from fdbench.call.lockstep import Ending, Invitation
from fdbench.call.session_log import CLOCK, as_stored, recording_of
from fdbench.core.conversation import FailedCall, Recording, Take
from fdbench.core.sound import Audio, Samples
from fdbench.errors import AdapterError
from fdbench.io.wav import resampled

R = TypeVar("R")


class WallClock:
    """Holds calls with a live party.

    Args:
        party: The server under test.
        ending: When a call is over.
        timeouts: How long is waited for it.
        loop: That conversations run on, with its time for a clock, and that is left open; None = a new one.
    """

    clock = CLOCK

    def __init__(
        self,
        party: LiveParty,
        ending: Ending | None = None,
        timeouts: Timeouts | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._party = party
        self._ending = ending or Ending()
        self._timeouts = timeouts or Timeouts()
        self._loop = loop

    def run(
        self, invitations: Iterable[Invitation], ended: Callable[[Take, Recording | FailedCall], None] | None = None
    ) -> Generator[tuple[Take, Recording | FailedCall], None, None]:
        """Hold all the calls; yield each as it ends, in no particular order.

        Args:
            invitations: Lazily consumed, one whenever a conversation can begin; in a thread of its own.
            ended: Told of each call as it ends, before another is begun in its place.

        Raises:
            AdapterError: No call can succeed (a key that is not accepted); what was held before has been yielded.
        """
        outcomes: queue.SimpleQueue[tuple[Take, Recording | FailedCall] | BaseException | None] = queue.SimpleQueue()
        loop = self._loop or asyncio.new_event_loop()
        main = loop.create_task(self._hold_all(iter(invitations), outcomes, ended))
        thread = threading.Thread(target=_in_thread, args=(loop, main, outcomes, self._loop is None), daemon=True)
        thread.start()
        try:
            while (outcome := outcomes.get()) is not None:
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
        finally:
            with suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(main.cancel)
            thread.join(self._timeouts.close_s + 2.0)

    async def _hold_all(
        self,
        invitations: Iterator[Invitation],
        outcomes: queue.SimpleQueue[Any],
        ended: Callable[[Take, Recording | FailedCall], None] | None,
    ) -> None:
        lock = asyncio.Lock()
        fatal: list[CallError] = []

        async def hold(number: int) -> None:
            # Conversations that begin together send together; a fraction of a frame apart, each finds the loop idle.
            await asyncio.sleep(number / self._party.slots * float(self._party.hears.frame_s))
            while not fatal:
                async with lock:
                    prepared = await asyncio.get_running_loop().run_in_executor(None, self._next, invitations)
                if prepared is None:
                    return
                outcome = await self._hold(*prepared, fatal)
                if fatal and isinstance(outcome, FailedCall):
                    return  # it could not have succeeded; what did is kept
                if ended is not None:
                    ended(prepared[0].take, outcome)
                outcomes.put((prepared[0].take, outcome))

        tasks = [asyncio.ensure_future(hold(number)) for number in range(self._party.slots)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            await cancel_all(tasks, 2 * self._timeouts.close_s)
        if fatal:
            raise AdapterError(fatal[0].message, "nothing was spent on the calls that are left; mend this and start again")

    def _next(self, invitations: Iterator[Invitation]) -> tuple[Invitation, Samples] | None:
        """The next invitation with what the user is going to say; reading and resampling must not hold up the loop."""
        invitation = next(invitations, None)
        if invitation is None:
            return None
        user = invitation.user
        if user.stimulus is None:
            raise ValueError("a call on the wall clock needs a stimulus")
        return invitation, _with_lead_in(user.stimulus, self._party.hears.sample_rate, user.lead_in_s)

    async def _hold(self, invitation: Invitation, user: Samples, fatal: list[CallError]) -> Recording | FailedCall:
        broken: list[dict[str, Any]] = []
        while True:
            call = LiveCall(self._party, invitation, user, self._ending, self._timeouts)
            call.log.broken = broken
            try:
                await call.hold()
            except CallError as error:
                if error.is_fatal:
                    fatal.append(error)
                if error.may_retry and len(broken) + 1 < self._timeouts.tries and not fatal:
                    usage, minutes = call.log.usage, call.log.end_s / 60
                    spent = {"minutes": minutes, "cost": usage.cost, "usage": dict(usage.counts)}
                    broken.append({"why": f"{error.kind}: {error.message}", **spent})
                    await asyncio.sleep(max(self._timeouts.pause_s * 2 ** (len(broken) - 1), error.retry_after_s or 0.0))
                    continue
                tried = f" ({len(broken) + 1} tries)" if broken else ""
                log = await _beside(as_stored, call.log) if call.has_begun or broken else None
                return FailedCall(error.kind, f"{error.message}{tried}", log)
            recording = await _beside(recording_of, call.log, user, self._ending.silence_s)
            return replace(recording, log=await _beside(as_stored, call.log))


def user_sound(take: Take, rate: int, lead_in_s: float) -> Samples:
    """What the user says in a call: the take's prompt behind its lead-in, shape ``(n,)``.

    Raises:
        DataError: The prompt cannot be read.
    """
    return _with_lead_in(take.prompt(), rate, lead_in_s)


def _with_lead_in(prompt: Audio, rate: int, lead_in_s: float) -> Samples:
    return np.concatenate([np.zeros(round(lead_in_s * rate), np.float32), resampled(prompt, rate).samples])


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
