"""A live party as one side of calls: a connection for each, frames out at the pace of speech, events stamped as they come."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fdbench.adapter.base import Brief
from fdbench.adapter.failure import FOREIGN, with_place
from fdbench.adapter.live import CallError, Closed, Delta, LiveParty, Session, SpeaksFor, within
from fdbench.call.call import Side
from fdbench.call.live_side import LiveSide
from fdbench.call.session_log import Arrival, SessionLog, plain
from fdbench.call.tape import as_kept
from fdbench.call.timeouts import Timeouts
from fdbench.core.conversation import FailedCall
from fdbench.core.sound import Samples
from fdbench.errors import FdbenchError

_LOOK_S: Final = 0.25
"""How often a side is looked after: whether its frames are taken, and how far away its server is."""


class LiveLeg:
    """One side of up to ``slots`` calls, played by a server. Everything happens on the event loop that is running."""

    needs_wall, is_deaf = True, False

    def __init__(self, party: LiveParty, timeouts: Timeouts) -> None:
        self.hears, self.says, self.slots = party.hears, party.says, party.slots
        self._party, self._timeouts = party, timeouts

    def open(self, slot: int, brief: Brief, frame_ticks: int) -> ConnectedSide:
        """Begin a conversation; it is being opened when this returns."""
        rate = self.hears.sample_rate
        side = ConnectedSide(
            **LiveSide.parts(
                slot,
                SessionLog(rate, self.says.sample_rate, round(brief.lead_in_s * rate) / rate, 0.0),
                self.hears.frame_s,
                frame_ticks,
                self._timeouts,
                always_sounds=self._party.always_sounds,
            ),
            ends_replies=self._party.ends_replies,
            is_live=True,
            together=self._party.takes_frames_together,
            until_s=self._party.speaks_until_s(brief) if isinstance(self._party, SpeaksFor) else None,
        )
        # Some servers make a caller wait their turn.
        side.begin(partial(self._party.open, brief), max(self._timeouts.open_s, self._party.open_s))
        return side

    def hear(self, sides: Sequence[ConnectedSide], audio: npt.NDArray[np.float32], tick_rate: int) -> None:
        """Send each side its next frame; one that is not taken at once waits for its own side alone."""
        for side, row in zip(sides, audio, strict=True):
            side.speak(row)

    def close(self, side: ConnectedSide) -> None:
        side.hang_up()


@dataclass(slots=True)
class ConnectedSide(LiveSide):
    """A side with its connection.

    Attributes:
        together: Whether overdue frames may be sent as one.
        error: What broke it.
        changed: Called when something may have ended the call.
    """

    together: bool = field(default=False, kw_only=True)
    error: CallError | None = None
    changed: Callable[[], None] = field(default=lambda: None)
    has_begun: bool = False
    closing: asyncio.Future[None] | None = None
    until: Callable[[], float] = field(default=lambda: 0.0)
    _opening: Any = None
    _open_s: float = 0.0
    _session: Session | None = None
    _start_s: float = 0.0
    _tasks: tuple[asyncio.Future[Any], ...] = ()
    _outbox: list[Samples] = field(default_factory=list)
    _sender: asyncio.Future[None] | None = None

    def begin(self, open: Callable[[], Any], open_s: float) -> None:
        async def opening() -> Session:
            try:
                session: Session = await open()
                return session
            except asyncio.CancelledError:
                if self.closing is None:  # nobody here cancelled it
                    raise CallError("adapter", "open() was cancelled by the adapter itself") from None
                raise

        self._opening, self._open_s = asyncio.ensure_future(opening()), open_s

    async def opened(self) -> None:
        """Wait until audio may be sent.

        Raises:
            CallError: The conversation cannot be begun.
        """
        try:
            self._session = await within(self._opening, self._open_s)
        except CallError:
            raise
        except asyncio.TimeoutError:
            told = f"the conversation did not begin within {self._open_s:g} s"
            raise CallError("timeout", told, may_retry=True) from None
        except FOREIGN as error:
            raise CallError("adapter", f"open() raised {with_place(error)}") from error

    def start(self, at_s: float, changed: Callable[[], None], user: Side) -> None:
        """The call begins at this time of the loop.

        Args:
            changed: Called when something may have ended the call.
            user: Whose prompt, or whatever it has to say, the call is about.
        """
        assert self._session is not None
        self.changed, self.until = changed, lambda: user.until_s or 0.0
        self._start_s, self.has_begun = at_s, True
        session = self._session
        work = (self._listen(session), self._send(session), self._look_after(session))
        self._tasks = tuple(asyncio.ensure_future(self._guarded(each)) for each in work)

    def speak(self, frame: Samples) -> None:
        self._outbox.append(frame)
        self.n_heard += 1
        if self._sender is not None and not self._sender.done():
            self._sender.set_result(None)

    async def drained(self) -> None:
        """Wait until every frame has been sent, but not for a server that takes none."""
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + self.timeouts.send_s
        while self._outbox and self.error is None:
            if clock() > deadline_s:
                told = f"the server took no audio for {self.timeouts.send_s:g} s"
                self._fail(CallError("stalled", told, may_retry=True))
            await asyncio.sleep(self.frame_s / 4)

    def hang_up(self) -> None:
        """End the conversation, whatever state it is in; ``closing`` is done when it has ended."""
        if self.closing is None:
            self.closing = asyncio.ensure_future(self._hung_up())

    async def _hung_up(self) -> None:
        await cancel_all((*self._tasks, self._opening), self.timeouts.close_s)
        if self._opening.done() and not self._opening.cancelled() and self._opening.exception() is None:
            self._session = self._opening.result()  # perhaps it began just as nobody wanted it any more
        if self._session is not None:
            with suppress(*FOREIGN, asyncio.TimeoutError):
                await within(asyncio.ensure_future(self._session.close()), self.timeouts.close_s)

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except asyncio.CancelledError:
            if self.closing is not None:
                raise
            self._fail(CallError("adapter", "the adapter cancelled its own conversation"))
        except FOREIGN as error:
            if isinstance(error, CallError):
                self._fail(error)
            elif isinstance(error, FdbenchError):
                self._fail(CallError("adapter", error.what))
            else:
                broke = CallError("adapter", f"the adapter raised {with_place(error)}")
                broke.__cause__ = error
                self._fail(broke)

    def _fail(self, error: CallError) -> None:
        if self.error is None:
            self.error, self.fault = error, FailedCall(error.kind, error.message)
            self.changed()

    async def _listen(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        async for came in session.events():
            at_s = max(0.0, loop.time() - self._start_s)  # what came before the call began is heard from its beginning
            event = plain(came)
            if isinstance(event, Delta):
                event = Delta(event.item, as_kept(event.audio))
            for item, upto_s in self.arrive(Arrival(at_s, event)):
                try:
                    await within(session.played(item, upto_s), self.timeouts.send_s)
                except asyncio.TimeoutError:
                    told = f"the server was not told within {self.timeouts.send_s:g} s how much of a reply was heard"
                    raise CallError("stalled", told, may_retry=True) from None
            if isinstance(event, Closed):
                break
        self.is_closed = True
        now_s, until_s = loop.time() - self._start_s, self.until()
        if now_s < until_s:
            raise CallError(
                "dropped",
                f"the server ended the conversation {now_s:.1f} s into "
                + (f"a prompt of {until_s:.1f} s" if math.isfinite(until_s) else "a call in which the user had more to say"),
                may_retry=True,
            )

    async def _send(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        patience_s = max(self.frame_s, self.timeouts.most_late_s)
        while True:
            if not self._outbox:
                self._sender = loop.create_future()
                await self._sender
            frames = self._outbox.copy()
            for piece in [np.concatenate(frames)] if self.together and len(frames) > 1 else frames:
                n = len(frames) if piece is not frames[0] and self.together else 1
                before_s = loop.time() - self._start_s
                await session.send(piece)
                took_s = loop.time() - self._start_s - before_s
                if took_s > patience_s:
                    told = f"the server took {took_s:.2f} s to take {n} frames of {self.frame_s:g} s"
                    raise CallError("stalled", told, may_retry=True)
                del self._outbox[:n]
                for _ in range(n):
                    due_s = (len(self.log.sent_s) + 1) * self.frame_s
                    self.log.sent_s.append(before_s)
                    self.log.late_s.append(max(0.0, before_s - due_s))

    async def _look_after(self, session: Session) -> None:
        """The network's round trip, now and then; and a send that never returns."""
        loop = asyncio.get_running_loop()
        since_s, seen, next_ping_s = 0.0, -1, 0.0
        while True:
            now_s = loop.time() - self._start_s
            if now_s >= next_ping_s:
                next_ping_s += self.timeouts.ping_s
                with suppress(*FOREIGN, asyncio.TimeoutError):
                    took_s = await within(session.round_trip_s(), self.timeouts.close_s)
                    if took_s is not None:
                        self.log.round_trips_s.append(took_s)
            if len(self.log.sent_s) != seen:
                since_s, seen = loop.time() - self._start_s, len(self.log.sent_s)
            elif self._outbox and loop.time() - self._start_s - since_s > self.timeouts.send_s:
                raise CallError("stalled", f"the server took no audio for {self.timeouts.send_s:g} s", may_retry=True)
            await asyncio.sleep(_LOOK_S)


async def cancel_all(tasks: Iterable[asyncio.Future[Any]], seconds: float) -> None:
    """Cancel tasks and wait for them to end, but not for one that does not let itself be cancelled."""
    waiting = set(tasks)
    for task in waiting:
        task.cancel()
    if not waiting:
        return
    done, _ = await asyncio.wait(waiting, timeout=seconds)
    for task in done:
        if not task.cancelled():
            task.exception()  # seen: what mattered of it has been raised
