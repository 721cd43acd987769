"""Servers on loopback that speak vLLM-Omni's and SGLang-Omni's duplex protocols, and are as strict as those are.

Written from the servers' documentation and schemas: what they refuse is refused here. Each serves on its thread's event loop,
whenever that runs, and its clock is the audio that it received: it begins to reply ``ANSWER_S`` after the user's last sound.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
from collections import Counter
from typing import Any, ClassVar

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.realtime_server import LOUD_RMS, b64, reply_pcm

IN_HZ, OUT_HZ = 16000, 24000
ANSWER_S, REPLY_S, PIECE_S = 0.3, 2.0, 0.5


class LoopbackServer:
    """Serves while it is entered; ``seen`` are its conversations, in the order in which they began."""

    conversation: type[Conversation]

    def __init__(self, behave: str = "normal") -> None:
        self.behave = behave
        self.seen: list[Conversation] = []
        self._loop = asyncio.get_event_loop()

    @property
    def base_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Any:
        self._loop.run_until_complete(self._begin())
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._loop.run_until_complete(self._server.wait_closed())

    async def _begin(self) -> None:
        log = logging.getLogger("tests.duplex_servers")
        log.setLevel(logging.WARNING)
        quietly = {"max_size": None, "compression": None, "ping_interval": None, "close_timeout": 0.5, "logger": log}
        self._server = await serve(self._hold, "127.0.0.1", 0, **quietly)
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def _hold(self, socket: ServerConnection) -> None:
        conversation = self.conversation(socket, self.behave)
        self.seen.append(conversation)
        with contextlib.suppress(ConnectionClosed):
            await conversation.hold()
        if conversation.replying is not None:
            conversation.replying.cancel()


class Conversation:
    """One connection: what was sent, and a reply to it."""

    def __init__(self, socket: ServerConnection, behave: str) -> None:
        self.socket, self.behave = socket, behave
        self.path = socket.request.path if socket.request is not None else ""
        self.events: Counter[str] = Counter()
        self.session: dict[str, Any] = {}
        self.n_heard = self.n_loud_until = self.n_replies = 0
        self.has_heard = False
        self.replying: asyncio.Task[None] | None = None

    async def say(self, kind: str, **facts: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **facts}))

    async def hold(self) -> None:
        async for raw in self.socket:
            event = json.loads(raw)
            self.events[event["type"]] += 1
            await self.hear(event)

    async def hear(self, event: dict[str, Any]) -> None:
        raise NotImplementedError

    async def reply(self) -> None:
        raise NotImplementedError

    async def interrupted(self) -> None:
        """The user speaks while a reply is going on."""

    async def listen(self, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, "<i2") / 32768
        self.n_heard += len(samples)
        if np.sqrt(np.mean(np.square(samples))) > LOUD_RMS:
            self.has_heard, self.n_loud_until = True, self.n_heard
            if self.is_replying:
                await self.interrupted()
        elif self.has_heard and not self.is_replying and self.n_heard - self.n_loud_until >= ANSWER_S * IN_HZ:
            self.has_heard = False
            self.n_replies += 1
            self.replying = asyncio.ensure_future(self._reply())

    @property
    def is_replying(self) -> bool:
        return self.replying is not None and not self.replying.done()

    async def _reply(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self.reply()

    async def pieces(self) -> None:
        """The reply's sound, one piece at once and each further one after as long as a piece is: as a model speaks."""
        pcm = reply_pcm(REPLY_S * 1000, OUT_HZ)
        step = round(PIECE_S * OUT_HZ) * 2
        for at in range(0, len(pcm), step):
            await self.piece(b64(pcm[at : at + step]))
            await asyncio.sleep(PIECE_S)

    async def piece(self, delta: str) -> None:
        raise NotImplementedError

    @property
    def place(self) -> dict[str, Any]:
        return {
            "response_id": f"resp_{self.n_replies}",
            "item_id": f"item_resp_{self.n_replies}",
            "output_index": 0,
            "content_index": 0,
        }


class VllmConversation(Conversation):
    capabilities: ClassVar = {
        "implementation_level": "model_native_duplex", "supports_input_append": True, "supports_barge_in": True,
        "supports_session_resume": True, "chunk_period_ms": 1000, "input_modes": ["append_audio_chunk"],
    }  # fmt: skip

    def __init__(self, socket: ServerConnection, behave: str) -> None:
        super().__init__(socket, behave)
        self.acks: list[dict[str, Any]] = []
        self.audio_end_ms = 0

    async def hold(self) -> None:
        if self.behave == "turn_based":
            await self.say("session.created", session={"id": "sess-1", "model": "openbmb/MiniCPM-o-4_5"})
        await super().hold()

    async def hear(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "session.update":
            await self.open(event["session"])
        elif kind == "input_audio_buffer.append":
            pcm = base64.b64decode(event["audio"], validate=True)
            duration_ms = len(pcm) // 2 * 1000 // IN_HZ
            self.audio_end_ms += duration_ms
            told = [event["format"], event["sample_rate_hz"], event["duration_ms"], event["audio_end_ms"]]
            if told != ["pcm16", IN_HZ, duration_ms, self.audio_end_ms]:
                await self.refuse("invalid_input", f"{told}")
            await self.listen(pcm)
        elif kind == "playback.ack":
            self.acks.append(event)
            await self.say("playback.acknowledged", event={"type": "playback.acknowledged", **event})
        elif kind == "session.heartbeat":
            await self.say("session.heartbeat_ack", session_id="duplex-1")
        elif kind == "session.close":
            await self.say("session.closed", session_id="duplex-1", reason="client_close")
            await self.socket.close()
        else:
            await self.refuse("unknown_event", kind)

    async def refuse(self, code: str, message: str) -> None:
        await self.say("error", error={"type": "invalid_request_error", "code": code, "message": message})

    async def open(self, session: dict[str, Any]) -> None:
        self.session = session
        if self.behave == "full":
            message = "duplex_session_capacity_exhausted: limit=4"
            error = {"type": "rate_limit_error", "code": "resource_exhausted", "message": message}
            await self.say("error", error=error)
            return
        if not str(session.get("ref_audio", "")).startswith("data:audio/wav;base64,"):
            await self.say("error", error="this model needs a voice", code="ref_audio_required")
            return
        detection = session["turn_detection"]
        if detection is not None and (detection["type"] != "server_vad" or detection.get("interrupt_response") is False):
            await self.refuse("unsupported_turn_detection", "use turn_detection=null")
            return
        granted = {
            "object": "realtime.session", "type": "realtime", "id": "duplex-1", "model": session["model"], "state": "open",
            "epoch": 0, "modalities": session["modalities"], "output_modalities": session["modalities"],
            "instructions": session.get("instructions"), "voice": session.get("voice"),
            "input_audio_format": "pcm16", "output_audio_format": "pcm16",
            "audio": {
                "input": {"format": {"type": "audio/pcm", "rate": IN_HZ}, "sample_rate_hz": IN_HZ},
                "output": {"format": {"type": "audio/pcm", "rate": OUT_HZ}},
            },
            "overlap_policy": session["overlap_policy"], "playback_commit_policy": session["playback_commit_policy"],
            "turn_detection": detection, "playback": {"played_ms": 0}, "capabilities": dict(self.capabilities),
        }  # fmt: skip
        if self.behave == "continuous":
            granted["capabilities"]["response_lifecycle"] = "continuous_stream"
        elif self.behave == "by_turns":
            granted["capabilities"]["implementation_level"] = "turn_based"
        elif self.behave == "another_policy":
            granted["overlap_policy"] = "barge_in_on_speech"
        elif self.behave == "22_khz":
            granted["audio"]["output"]["format"]["rate"] = 22050
        await self.say("session.created", resume_token="rt_1", session=granted)
        await self.say("session.updated", session=granted)

    async def reply(self) -> None:
        await self.say("response.listen", response={"status": "listening"})
        response = {"id": self.place["response_id"], "status": "in_progress", "modalities": ["audio", "text"]}
        await self.say("response.created", response_id=self.place["response_id"], response=response)
        await self.say("response.speak", **self.place)
        await self.pieces()
        if self.behave != "continuous":
            await self.done("completed")

    async def piece(self, delta: str) -> None:
        rate = 22050 if self.behave == "piece_of_22_khz" else OUT_HZ
        await self.say("response.output_audio.delta", **self.place, delta=delta, format="pcm16", sample_rate_hz=rate)
        await self.say("response.output_audio_transcript.delta", **self.place, delta="word ")

    async def interrupted(self) -> None:
        assert self.replying is not None
        self.replying.cancel()
        await self.say("overlap.decision", policy="listen_only", action="barge_in", reason="long_overlap_speech")
        await self.say("output_audio_buffer.cleared", response_id=self.place["response_id"])
        await self.done("cancelled", type="cancelled", reason="new_response" if self.behave == "gives_up" else "barge_in")

    async def done(self, status: str, **details: Any) -> None:
        response = {"id": self.place["response_id"], "status": status, "status_details": details or None, "output": []}
        await self.say("response.done", response_id=self.place["response_id"], response=response)
        await self.say("rate_limits.updated", rate_limits=[])


class VllmServer(LoopbackServer):
    conversation = VllmConversation


class SglangConversation(Conversation):
    fields: ClassVar = {
        "session.update": {"session"}, "input_audio_buffer.append": {"audio", "sglang"}, "session.close": set(),
    }  # fmt: skip

    def __init__(self, socket: ServerConnection, behave: str) -> None:
        super().__init__(socket, behave)
        self.next_number = 0

    async def hold(self) -> None:
        session = {"id": "sess_1", "object": "realtime.session", "type": "realtime", "model": "minicpm-o"}
        await self.say("session.created", session={**session, "sglang": {"granted": None}})
        await super().hold()

    async def hear(self, event: dict[str, Any]) -> None:
        kind, event_id = event["type"], event.get("event_id")
        if kind not in self.fields or not event_id or event.keys() - self.fields[kind] != {"type", "event_id"}:
            await self.refuse("invalid_request", f"{kind} with {sorted(event)}", event_id)
        elif kind == "session.update":
            await self.open(event["session"], event_id)
        elif kind == "session.close":
            await self.say("session.closed", reason="client_closed", client_event_id=event_id)
            await self.socket.close()
        elif event["sglang"] != {"seq": self.next_number}:
            await self.refuse("invalid_state", "audio seq must be contiguous", event_id)
        elif self.behave == "overflows" and self.next_number == 5:
            await self.refuse("buffer_overflow", "input budget exhausted; retry this seq", event_id)
        else:
            self.next_number += 1
            pcm = base64.b64decode(event["audio"], validate=True)
            await self.listen(pcm)
            await self.say("sglang.input_audio.accepted", seq=self.next_number - 1, accepted_end_ms=self.n_heard * 1000 / IN_HZ)

    async def refuse(self, code: str, message: str, event_id: str | None) -> None:
        error = {"type": "invalid_request_error", "code": code, "message": message, "event_id": event_id, "param": None}
        await self.say("error", error=error, sglang={"fatal": False})

    async def open(self, session: dict[str, Any], event_id: str) -> None:
        self.session = session
        if self.behave == "old":  # which takes turns, knows nothing of all this and answers in text
            await self.say("session.updated", session={"id": "sess_1", "modalities": ["text"], "input_audio_format": "pcm16"})
            return
        formats = {"input": {"type": "audio/pcm", "rate": IN_HZ}, "output": {"type": "audio/pcm", "rate": OUT_HZ}}
        unknown = session.keys() - {"type", "model", "instructions", "output_modalities", "audio", "sglang"}
        asked = {side: session["audio"][side]["format"] for side in formats}
        if unknown or asked != formats or "turn_detection" in session["audio"]["input"]:
            await self.refuse("invalid_request", f"invalid session configuration {sorted(unknown)}", event_id)
            return
        granted: dict[str, Any] = {
            "interaction": "native", "native_full_duplex": True, "proactive_output": True, "turn_control": [None],
            "input_modalities": ["audio"], "output_modalities": ["audio"], "input_audio_format": formats["input"],
            "output_audio_format": formats["output"], "native_unit_ms": 1000, "rejections": [],
        }  # fmt: skip
        if self.behave == "by_turns":
            granted["native_full_duplex"] = False
        elif self.behave == "rejects":
            granted["rejections"] = [{"field": "output_modalities", "requested": ["audio"], "granted": ["text"]}]
        elif self.behave == "22_khz":
            granted["output_audio_format"] = {"type": "audio/pcm", "rate": 22050}
        public = {**session, "id": "sess_1", "object": "realtime.session", "model": "minicpm-o"}
        await self.say("session.updated", client_event_id=event_id, session={**public, "sglang": {"granted": granted}})

    async def reply(self) -> None:
        response = {"id": self.place["response_id"], "status": "in_progress", "output": []}
        await self.say("response.created", response=response)
        await self.pieces()
        while self.behave == "continuous":  # it sends sound all the time, and silence where it says nothing
            await self.piece(b64(bytes(2 * round(PIECE_S * OUT_HZ))))
            await asyncio.sleep(PIECE_S)
        details = {"reason": "turn_end"}
        response = {"id": self.place["response_id"], "status": "completed", "status_details": details, "usage": None}
        await self.say("response.done", response=response)
        if self.behave == "exhausted":
            error = {"type": "server_error", "code": "context_exhausted", "message": "no context is left"}
            await self.say("error", error=error, sglang={"fatal": True})
            await self.say("session.closed", reason="failed")

    async def piece(self, delta: str) -> None:
        await self.say("response.output_audio_transcript.delta", **self.place, delta="word ")
        await self.say("response.output_audio.delta", **self.place, delta=delta, sglang={"unit_id": "unit_1"})
        await self.say("sglang.unit.done", unit_id="unit_1")


class SglangServer(LoopbackServer):
    conversation = SglangConversation
