"""A server on the wall clock without a network: it answers a fixed time after it hears silence, and gives way or does not.

With ``FDBENCH_TEST_TIME=virtual`` in the environment, time is virtual in the process that loads it; with ``quick`` it is real,
and four times as fast.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import numpy as np

from fdbench.adapter.base import Port
from fdbench.adapter.clips import load_clips
from fdbench.adapter.live import CallError, Decided, Delta, Done, Flush, Text, Usage

if "FDBENCH_TEST_TIME" in os.environ:
    sys.path.append(str(Path(__file__).parents[2]))
    from tests.virtual_time import QuickTimeLoop, VirtualTimeLoop

    asyncio.new_event_loop = {"virtual": VirtualTimeLoop, "quick": QuickTimeLoop}[os.environ["FDBENCH_TEST_TIME"]]

LOUD = 0.01


class Answerer:
    """Takes the turn ``silence_ms`` after the user's last sound; all of its reply arrives at once.

    Args:
        silence_ms: By its own count of the frames that it was sent.
        flushes: Whether it has what is queued thrown away when the user interrupts.
        breaks: How often its first conversations end in the middle.
        refuses: Whether its key is not accepted.
        cost: Of a reply.
    """

    hears = says = Port(16000, 320)

    def __init__(
        self,
        silence_ms: int = 300,
        flushes: bool = True,
        breaks: int = 0,
        refuses: bool = False,
        cost: float = 0.5,
        slots: int = 4,
    ) -> None:
        self.slots = slots
        self.silence_ms, self.flushes, self.breaks, self.refuses, self.cost = silence_ms, flushes, breaks, refuses, cost
        self.reply = np.concatenate([clip.samples for clip in load_clips("reply")[:2]])

    @classmethod
    def price_of(cls, minutes, cost=0.5, **_):
        return cost  # of a reply, however long

    async def open(self, brief):
        if self.refuses:
            raise CallError("refused", "the key in ANSWERER_KEY is not accepted", is_fatal=True)
        self.breaks -= 1
        return Conversation(self, self.breaks >= 0)


class Conversation:
    def __init__(self, server: Answerer, breaks: bool) -> None:
        self.server, self.breaks = server, breaks
        self.came: asyncio.Queue = asyncio.Queue()
        self.n_frames = self.n_quiet = self.n_replies = 0
        self.has_heard = False
        self.quiet_frames = round(server.silence_ms / 20)

    async def send(self, frame):
        self.n_frames += 1
        if self.breaks and self.n_frames == 20:
            self.came.put_nowait(CallError("dropped", "the line went dead", may_retry=True))
        if np.abs(frame).max() > LOUD:
            if self.n_replies and self.n_quiet > 10 and self.server.flushes:
                self.tell(Decided("yield"), Flush())
            self.has_heard, self.n_quiet = True, 0
            return
        self.n_quiet += 1
        if self.has_heard and self.n_quiet == self.quiet_frames:
            self.has_heard = False
            item = f"reply {self.n_replies}"
            self.n_replies += 1
            self.tell(Decided("speak", item), Text(" a few words", item), Delta(item, self.server.reply), Done(item))
            self.tell(Usage({"output_tokens": 100}, self.server.cost))

    def tell(self, *events):
        for event in events:
            self.came.put_nowait(event)

    async def events(self):
        while True:
            event = await self.came.get()
            if isinstance(event, CallError):
                raise event
            yield event

    async def played(self, item, upto_s):
        pass

    async def round_trip_s(self):
        return 0.001

    async def close(self):
        pass
