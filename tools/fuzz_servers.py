"""Hostile servers for ``tools/fuzz.py``: the Realtime server of the tests, of whose messages one is damaged in each call.

The driver, the adapter and the vendor's own SDK talk with it, in virtual time and over real sockets.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from fdbench.adapters.realtime import Realtime

from fdbench.adapter.base import Brief
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.timeouts import Timeouts
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.sound import Audio
from fdbench.errors import FdbenchError
from tests import realtime_server
from tests.virtual_time import virtual_time

RATE = 24_000
FRAMES = [b"", b"\xff\xfe", b"{", b"[]", b"null", b'{"type": 3}', b"[" * 100_000, b"\x00" * 1000]
VALUES: list[Any] = [None, "", "NaN", float("nan"), float("inf"), -1, 10**400, 7.5, True, [], {}, "\x1b[2J", "\u202e", [[[[]]]]]
AUDIO = "response.output_audio.delta"
N_MESSAGES = 9


class Damaged(realtime_server._Conversation):
    """A conversation of which one message, the ``at``-th, is not what it should be."""

    def __init__(self, socket: Any, facts: dict[str, Any], asked: dict[str, str]) -> None:
        super().__init__(socket, facts, asked)
        self.chance = random.Random(asked["seed"])
        self.at, self.n = self.chance.randrange(N_MESSAGES), 0
        facts["damage"], facts["lies"] = "nothing: the call was over before", False

    async def say(self, kind: str, **fields: Any) -> None:
        self.n += 1
        if self.n - 1 != self.at:
            await super().say(kind, **fields)
            return
        what = self.chance.choice(["field"] * 5 + ["frame", "lost", "twice", "cut", "end"])
        self.facts["damage"] = f"{kind}: {what}"
        message = {"type": kind, "event_id": "e", **fields}
        if what == "field":
            node, key = self.chance.choice(list(_places(message)))
            value = self.chance.choice(VALUES)
            self.facts["damage"] = f"{kind}: {key} = {value!r}"[:80]
            self.facts["lies"] = kind == AUDIO and key == "delta" and value != ""
            node[key] = value
            await self.socket.send(json.dumps(message))
        elif what == "frame":
            await self.socket.send(self.chance.choice(FRAMES))
        elif what == "twice":
            await self.socket.send(json.dumps(message))
            await self.socket.send(json.dumps(message))
        elif what == "cut":
            await self.socket.send(json.dumps(message)[:-3])
        elif what == "end":
            self.socket.transport.abort()


def _places(node: Any) -> Any:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, each in items:
        yield node, key
        yield from _places(each)


def examine_server(seed: str) -> tuple[str, str, str]:
    """Hold a call with a server: what was damaged, the kind of fault or nothing, and a line about it."""
    os.environ.setdefault("OPENAI_API_KEY", "sk-fuzz")
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE // 2)
    prompt = Audio(noise.astype(np.float32), RATE)
    invitation = Invitation(Take(Sample(seed, "t", {})), Brief(stimulus=prompt), Brief())
    proper, realtime_server._Conversation = realtime_server._Conversation, Damaged  # type: ignore[misc]
    try:
        with virtual_time(), realtime_server.RealtimeServer() as server:
            party = Realtime(base_url=server.base_url, query=f"seed={seed}", frame_ms=100, slots=1)
            timeouts, ending = Timeouts(open_s=4.0, tries=1, pause_s=0.05), Ending(silence_s=1.0, limit_s=2.5)
            driver = Driver(party, None, ending, timeouts=timeouts, loop=asyncio.get_event_loop())
            try:
                ((_, outcome),) = driver.run([invitation])
            except FdbenchError as error:  # what would befall every call ends a run, in two lines
                outcome = FailedCall("fatal", error.what)
            (facts,) = server.facts()
    finally:
        realtime_server._Conversation = proper  # type: ignore[misc]
    return (f"server {facts['damage']}", *_verdict(outcome, facts["lies"]))


def _verdict(outcome: Recording | FailedCall, lies: bool) -> tuple[str, str]:
    if isinstance(outcome, FailedCall):
        if "Traceback" in outcome.message or not outcome.message.strip() or outcome.reason == "adapter":
            return "traceback", f"{outcome.reason}: {outcome.message}"
        return "", ""
    if lies and not outcome.notes and not outcome.model_events:
        return "silent", "sound that could not be read is silence now"
    return "", ""
