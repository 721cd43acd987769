"""A server of the Realtime protocol as the caller: told its part, on the user's side, for so long and no longer.

::

    frames sent   ..|1  2  3  4 ...                            |n      its time is up
    its events      response.create   deltas, done, ...        |flush, done; then what is counted alone

It speaks first, and in a lead-in it neither hears nor is heard. When its time is up it is sent nothing more, and what it has
not said by then is not said; the call goes on until the model is silent, as after any prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Final

from fdbench.adapter.base import Brief
from fdbench.adapter.equipped import Equipped
from fdbench.adapter.live import CallError, Done, Flush, Incoming, LiveParty, Note, Session, Usage
from fdbench.call.examiner.part import caller_instructions
from fdbench.core.sound import Samples

PACE_ARGUMENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "slow": {"interrupt": "true"},
    "fast": {"threshold": "0.6", "silence_ms": "600", "prefix_ms": "1200", "interrupt": "false"},
}
"""Upstream's two settings of the server's detector, which is ``server_vad`` in both; what is not named is the server's own."""


class Caller(Equipped):
    """A live party that holds its brief's dialogue as the server sees fit.

    Args:
        server: That calls.
        slots: Conversations at once.
        duration_s: After so long it says nothing more.
    """

    def __init__(self, server: LiveParty, slots: int, duration_s: float) -> None:
        self._server, self.duration_s = server, duration_s
        self.hears, self.says, self.slots = server.hears, server.says, slots
        self.always_sounds, self.open_s, self.ends_replies = server.always_sounds, server.open_s, server.ends_replies
        self.takes_frames_together = server.takes_frames_together

    async def open(self, brief: Brief) -> Session:
        if brief.dialogue is None:
            raise CallError("examiner", "an examiner needs a dialogue, and this sample has none")
        session = await self._server.open(replace(brief, instructions=caller_instructions(brief.dialogue)))
        frame_s = float(self.hears.frame_s)
        n_before, n_frames = (round(seconds / frame_s) for seconds in (brief.lead_in_s, self.duration_s))
        return _TimedSession(session, n_before, n_frames, self.hears.frame_samples)

    def speaks_until_s(self, brief: Brief) -> float:
        """When, on the call's clock, it has nothing more to say."""
        return brief.lead_in_s + self.duration_s

    def describe(self) -> Mapping[str, str]:
        return self._server.describe()

    def release(self) -> None:
        self._server.release()


class _TimedSession:
    """A conversation that begins after so many frames and is over after so many more, whatever the server has yet to say."""

    def __init__(self, session: Session, n_before: int, n_frames: int, frame_samples: int) -> None:
        self._session, self._n_before, self._n_left, self._frame_samples = session, n_before, n_frames, frame_samples
        self._has_begun, self._is_over = asyncio.Event(), asyncio.Event()
        if not n_before:
            self._has_begun.set()

    async def send(self, frame: Samples) -> None:
        n = len(frame) // self._frame_samples
        unheard = min(n, self._n_before)
        heard = min(n - unheard, self._n_left)
        self._n_before, self._n_left = self._n_before - unheard, self._n_left - heard
        if heard:
            await self._session.send(frame[unheard * self._frame_samples : (unheard + heard) * self._frame_samples])
        if not self._n_before:
            self._has_begun.set()
        if not self._n_left:
            self._is_over.set()

    async def events(self) -> AsyncIterator[Incoming]:
        await self._has_begun.wait()
        came = aiter(self._session.events())
        coming = asyncio.ensure_future(anext(came))
        over = asyncio.ensure_future(self._is_over.wait())
        try:
            while not over.done():
                await asyncio.wait({coming, over}, return_when=asyncio.FIRST_COMPLETED)
                if coming.done() and not over.done():
                    try:
                        event = coming.result()
                    except StopAsyncIteration:
                        return
                    yield event
                    coming = asyncio.ensure_future(anext(came))
            yield Flush()
            yield Done()
            while True:
                try:
                    event = await coming
                except StopAsyncIteration:
                    return
                if isinstance(event, (Usage, Note)):
                    yield event
                coming = asyncio.ensure_future(anext(came))
        finally:
            for waiting in (coming, over):
                waiting.cancel()

    async def played(self, item: str, upto_s: float) -> None:
        await self._session.played(item, upto_s)

    async def round_trip_s(self) -> float | None:
        return await self._session.round_trip_s()

    async def close(self) -> None:
        await self._session.close()
