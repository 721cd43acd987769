"""One call on the wall clock: what is sent when, what comes is stamped with its time, and what ends it.

::

    due        f    2f    3f    4f               frame k is spoken in [k f, (k + 1) f) and leaves when it is over
    sent       |u0  |u1   .|u2  |u3              each for itself on the loop's clock: a late one delays no other
    arrives         e  d d d                     stamped as it comes; the playout says when it would be heard

A frame's time is counted from the call's beginning and never from the frame before, so nothing drifts. One that leaves late
is counted; those behind it follow at half a frame's distance until none is late any more, never in a burst. When this machine
falls too far behind, the call is given up (``clock``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from fdbench.adapter.base import FOREIGN, in_one_line
from fdbench.adapter.live import CallError, Closed, Decided, Delta, Done, LiveParty, Session, within
from fdbench.audio.playout import Playout
from fdbench.call.lockstep import Ending, Invitation
from fdbench.call.session_log import Arrival, SessionLog, feed, plain
from fdbench.core.sound import Audio, Samples
from fdbench.errors import FdbenchError
from fdbench.io.wav import as_pcm16

MOST_LATE_S = 0.1


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long is waited, in seconds, and how often is tried again.

    Attributes:
        open_s: For a conversation to begin (a server may be busy with another).
        send_s: For a frame to be taken.
        most_late_s: A call in which a frame leaves later than this is made again: what was heard is not what was said.
        close_s: For a conversation to end.
        tries: Of a call that broke in a way that may not happen again.
        pause_s: Before the second try; doubled before each further one.
        most_queued_s: More audio than this waiting to be played is no reply.
        ping_s: Between two measurements of the network's round trip.
    """

    open_s: float = 30.0
    send_s: float = 5.0
    most_late_s: float = MOST_LATE_S
    close_s: float = 3.0
    tries: int = 3
    pause_s: float = 1.0
    most_queued_s: float = 600.0
    ping_s: float = 5.0


class LiveCall:
    """One try of one call."""

    def __init__(self, party: LiveParty, invitation: Invitation, user: Samples, ending: Ending, timeouts: Timeouts) -> None:
        self._party, self._brief, self._user, self._ending, self._timeouts = party, invitation.model, user, ending, timeouts
        stimulus = invitation.user.stimulus
        rate = party.hears.sample_rate
        lead_in_s = round(invitation.user.lead_in_s * rate) / rate
        prompt_s = stimulus.duration_s if stimulus else 0.0
        self.log = SessionLog(rate, party.says.sample_rate, lead_in_s, prompt_s)
        self._until_s = lead_in_s + prompt_s
        self._playout = Playout(party.says.sample_rate)
        self._open_items: set[str] = set()
        self.has_begun = False
        self._is_closed = False
        self._start = 0.0

    async def hold(self) -> None:
        """Speak, listen, and end.

        Raises:
            CallError: It could not be begun, or broke.
        """
        session = await self._opened()
        self._start = asyncio.get_running_loop().time()
        self.has_begun = True
        others = [asyncio.ensure_future(self._listen(session)), asyncio.ensure_future(self._measure(session))]
        speaking = asyncio.ensure_future(self._speak(session))
        try:
            waiting = {speaking, *others}
            while not speaking.done():
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        except FOREIGN as error:
            if isinstance(error, (CallError, FdbenchError)):
                raise error if isinstance(error, CallError) else CallError("adapter", error.what) from error
            raise CallError("adapter", f"the adapter raised {in_one_line(error)}") from error
        finally:
            await cancel_all((speaking, *others), self._timeouts.close_s)
            self.log.end_s = len(self.log.sent_s) * float(self._party.hears.frame_s)
            await self._close(session)
        self._check_that_it_sounded()

    async def _opened(self) -> Session:
        open_s = max(self._timeouts.open_s, getattr(self._party, "open_s", 0.0))  # some servers make a caller wait their turn
        opening = asyncio.ensure_future(self._party.open(self._brief))
        try:
            return await within(opening, open_s)
        except CallError:
            raise
        except asyncio.TimeoutError:
            raise CallError("timeout", f"the conversation did not begin within {open_s:g} s", may_retry=True) from None
        except FOREIGN as error:
            raise CallError("adapter", f"open() raised {in_one_line(error)}") from error
        except asyncio.CancelledError:
            if opening.done() and not opening.cancelled() and opening.exception() is None:
                await self._close(opening.result())  # it began just as nobody wanted it any more
            raise

    async def _close(self, session: Session) -> None:
        with suppress(*FOREIGN, asyncio.TimeoutError):
            await within(asyncio.ensure_future(session.close()), self._timeouts.close_s)

    async def _speak(self, session: Session) -> None:
        loop, frame_s, n = asyncio.get_running_loop(), float(self._party.hears.frame_s), self._party.hears.frame_samples
        silence = np.zeros(n, np.float32)
        last = self._start
        for number in count():
            frame = self._user[number * n : (number + 1) * n]
            if len(frame) < n:
                frame = np.concatenate([frame, silence[len(frame) :]]) if len(frame) else silence
            due = self._start + (number + 1) * frame_s
            pause_s = due - loop.time()
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            before = loop.time()
            if before - last < frame_s / 2:  # after a delay: catch up, and never in a burst
                await asyncio.sleep(frame_s / 2 - (before - last))
                before = loop.time()
            last, late_s = before, before - due
            if late_s > self._timeouts.most_late_s:
                raise CallError(
                    "clock",
                    f"frame {number} was ready {late_s * 1000:.0f} ms late: this machine is too busy for its conversations",
                    may_retry=True,
                )
            await session.send(frame)
            took_s = loop.time() - before
            if took_s > max(frame_s, self._timeouts.most_late_s):
                raise CallError("stalled", f"the server took {took_s:.2f} s to take a frame of {frame_s:g} s", may_retry=True)
            self.log.sent_s.append(before - self._start)
            self.log.late_s.append(max(0.0, late_s))
            if self._is_over((number + 1) * frame_s):
                return

    async def _listen(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        async for came in session.events():
            at_s = loop.time() - self._start
            event = plain(came)
            if isinstance(event, Delta):
                event = Delta(event.item, _kept(event.audio))
            arrival = Arrival(at_s, event)
            self.log.arrivals.append(arrival)
            for item, upto_s in feed(self._playout, arrival):
                self.log.truncations.append([item, upto_s])
                await session.played(item, upto_s)
            if isinstance(event, Decided) and event.what == "speak":
                self._open_items.add(event.item)
            elif isinstance(event, Done):
                self._open_items.discard(event.item)
                if not event.item:
                    self._open_items.clear()
            elif isinstance(event, Delta) and self._playout.end_s - arrival.at_s > self._timeouts.most_queued_s:
                raise CallError("protocol", f"more than {self._timeouts.most_queued_s:g} s of audio are waiting to be played")
            elif isinstance(event, Closed):
                break
        self._is_closed = True
        now_s = loop.time() - self._start
        if now_s < self._until_s:
            raise CallError(
                "dropped",
                f"the server ended the conversation {now_s:.1f} s into a prompt of {self._until_s:.1f} s",
                may_retry=True,
            )

    async def _measure(self, session: Session) -> None:
        """The network's round trip, now and then; and a send that never returns."""
        since, seen = 0.0, -1
        next_ping_s = 0.0
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() - self._start >= next_ping_s:
                next_ping_s += self._timeouts.ping_s
                with suppress(*FOREIGN):
                    took_s = await session.round_trip_s()
                    if took_s is not None:
                        self.log.round_trips_s.append(took_s)
            if len(self.log.sent_s) != seen:
                since, seen = loop.time(), len(self.log.sent_s)
            elif loop.time() - since > self._timeouts.send_s:
                raise CallError("stalled", f"the server took no audio for {self._timeouts.send_s:g} s", may_retry=True)
            await asyncio.sleep(0.25)

    def _is_over(self, now_s: float) -> bool:
        if now_s < self._until_s:
            return False
        if now_s - self._until_s >= self._ending.limit_s:
            return True
        if getattr(self._party, "always_sounds", False):
            now_s = max(0.0, min(now_s, self._playout.end_s))  # what has not come is not the model's silence
        is_busy = (self._open_items and not self._is_closed) or self._playout.is_loud_after(now_s)
        return not is_busy and now_s - max(self._until_s, self._playout.last_loud_s(now_s)) >= self._ending.silence_s

    def _check_that_it_sounded(self) -> None:
        """Some servers always send audio; from those, digital silence is a broken client or codec, and no reply."""
        if getattr(self._party, "always_sounds", False) and not any(delta.audio.any() for _, delta in self.log.of(Delta)):
            raise CallError("silent", "every sample that came was zero: the connection or its codec is broken, not the model")


def _kept(samples: Samples) -> Samples:
    """Samples as a log keeps them, so that what follows from the log now follows from it for ever."""
    kept: Samples = as_pcm16(Audio(samples, 1)).astype(np.float32) / np.float32(32768)
    return kept


async def cancel_all(tasks: Iterable[asyncio.Future[Any]], seconds: float) -> None:
    """Cancel tasks and wait for them to end, but not for one that does not let itself be cancelled."""
    waiting = set(tasks)
    for task in waiting:
        task.cancel()
    done, _ = await asyncio.wait(waiting, timeout=seconds)
    for task in done:
        if not task.cancelled():
            task.exception()  # seen: what mattered of it has been raised
