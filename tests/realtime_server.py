"""A server on loopback that speaks the Realtime protocol, well or badly, by what the address asks of it.

It serves on its thread's event loop, whenever that runs. In a test::

    with RealtimeServer() as server:
        Realtime(base_url=server.base_url, query="behave=normal&answer_ms=300")
        ...  # server.facts("normal")

In a shell, ``python -m tests.realtime_server`` prints its base URL and serves until stopped.

Its clock is the audio that it received, counted in samples: with ``answer_ms=N`` the reply is sent when N ms of silence have
come in after the last loud frame, with ``yield_ms=N`` the user's speech is noticed when N ms of it have. The first sample of
a reply is a marker (``MARKER``), the rest a quiet tone.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import signal
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import soundfile
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

RATE = 24000
MARKER = 0.9
TONE = 0.2
LOUD_RMS = 0.01
SPOKEN = Path(__file__).parent.parent / "adapters" / "replies" / "reply-01.flac"
BIG_DELTA_BYTES = 10 * 1000 * 1000
USAGE = {
    "total_tokens": 150, "input_tokens": 100, "output_tokens": 50,
    "input_token_details": {
        "text_tokens": 20, "audio_tokens": 80, "cached_tokens": 40,
        "cached_tokens_details": {"text_tokens": 8, "audio_tokens": 32},
    },
    "output_token_details": {"text_tokens": 10, "audio_tokens": 40},
}  # fmt: skip


def reply_pcm(duration_ms: float, rate: int = RATE) -> bytes:
    """A reply: the marker, then a tone."""
    n = round(duration_ms * rate / 1000)
    samples = TONE * np.sin(2 * np.pi * 220 * np.arange(n) / rate)
    samples[:1] = MARKER
    return (samples * 32767).astype("<i2").tobytes()


def spoken_pcm() -> bytes:
    """A reply that a detector of speech takes for speech: an utterance, cut to where it begins, with the marker before it."""
    from scipy.signal import resample_poly

    samples, rate = soundfile.read(SPOKEN, dtype="float32")
    samples = resample_poly(samples, RATE // 1000, rate // 1000)
    first = int(np.flatnonzero(np.abs(samples) > LOUD_RMS)[0])
    said = np.concatenate([[MARKER], np.clip(samples[first:], -0.6, 0.6)])
    return (said * 32767).astype("<i2").tobytes()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class _Conversation:
    """One connection."""

    def __init__(self, socket: ServerConnection, facts: dict[str, Any], asked: dict[str, str]) -> None:
        self.socket, self.facts, self.asked = socket, facts, asked
        self.behave = asked.get("behave", "normal")
        self.answer_ms, self.yield_ms = float(asked.get("answer_ms", 300)), float(asked.get("yield_ms", 60))
        self.reply_ms, self.delta_ms = float(asked.get("reply_ms", 500)), float(asked.get("delta_ms", 100))
        self.is_live = facts["path"].endswith("/live/sessions")
        self.heard = 0
        self.rate = int(asked.get("hz", RATE))
        self.onset: int | None = None
        self.is_speech = False
        self.last_loud = 0
        self.n_replies = 0
        self.is_replying = False
        self.replying: asyncio.Task[None] | None = None
        self.old_names = self.behave == "old_names"

    async def say(self, kind: str, **facts: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, "event_id": "e", **facts}))

    async def hold(self) -> None:
        model = {"other_model": "another-model-2", "mini_model": f"{self.asked.get('model')}-mini"}.get(
            self.behave, self.asked.get("model")
        )
        if self.behave == "snapshot":
            model = f"{model}-2025-08-28"
        self.model = model
        if not self.is_live:
            await self.say("session.created", session={"type": "realtime", "model": model, "id": "s1"})
        try:
            async for raw in self.socket:
                await self.hear(json.loads(raw))
        finally:
            if self.replying is not None:
                self.replying.cancel()

    async def hear(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        self.facts["events"][kind] += 1
        if kind in ("input_audio_buffer.append", "session.input_audio.append"):
            if self.behave == "probe":
                await self.probe(len(base64.b64decode(event["audio"])) // 960, asyncio.get_running_loop().time())
            else:
                await self.listen(np.frombuffer(base64.b64decode(event["audio"]), "<i2"))
        elif kind == "response.create":
            await self.begin_reply()
        elif kind == "session.update":
            await self.update(event["session"])
        elif kind == "session.start":
            self.facts["session"] = event["session"]
            await self.say("session.started", session={**event["session"], "id": "s1", "status": "active"})
        elif kind == "session.close":
            await self.say("session.closed", reason="close_requested", usage={"seconds": self.heard / self.rate}, session={})
            await self.socket.close()
        elif kind == "conversation.item.truncate":
            self.facts["truncations"].append({name: event[name] for name in ("item_id", "content_index", "audio_end_ms")})
            await self.say("conversation.item.truncated", **self.facts["truncations"][-1])

    async def update(self, session: dict[str, Any]) -> None:
        self.facts["session"] = session
        if self.behave == "refuses_session":
            error = {
                "type": "invalid_request_error",
                "code": "invalid_value",
                "message": f"No such voice. Key {self.facts['key']}",
            }
            await self.say("error", error=error)
        elif self.behave == "quota":
            await self.say(
                "error", error={"type": "insufficient_quota", "code": "insufficient_quota", "message": "no money left"}
            )
        elif self.behave == "silent_open":
            return
        else:
            echoed = {"echo": f"Bearer {self.facts['key']}"} if self.behave == "echoes_key" else {}
            self.settle(session)
            await self.say("session.updated", session={**session, "model": self.model, **echoed})

    def settle(self, session: dict[str, Any]) -> None:
        """Make it another session than asked."""
        if self.behave == "settles_otherwise":
            session["audio"]["input"]["turn_detection"]["silence_duration_ms"] = 200
        elif self.behave == "settles_16_khz":
            session["audio"]["output"]["format"]["rate"] = 16000
        elif self.behave == "settles_mulaw":
            session["audio"]["output"]["format"] = {"type": "audio/pcmu"}
        elif self.behave == "another_voice":
            session["audio"]["output"]["voice"] = "alloy"

    async def probe(self, n_frames: int, received: float) -> None:
        """An answer to every tenth frame of 20 ms; its name says to which, and how long it took here."""
        before, self.heard = self.heard // 480, self.heard + 480 * n_frames
        n = self.heard // 4800 * 10
        if n > before:
            audio = b64(b"\x01\x00" * 480)
            await self.say(
                "response.output_audio.delta",
                response_id=f"{n}:{round((asyncio.get_running_loop().time() - received) * 1e6)}",
                item_id="i",
                content_index=0,
                delta=audio,
            )

    async def listen(self, samples: np.ndarray) -> None:
        """Energy, frame by frame; all times are counts of samples."""
        start, self.heard = self.heard, self.heard + len(samples)
        self.facts["samples"] = self.heard
        per_ms = self.rate / 1000
        if np.sqrt(np.mean(np.square(samples / 32768.0))) > LOUD_RMS:
            self.last_loud = self.heard
            if self.onset is None:
                self.onset = start
            if not self.is_speech and self.heard - self.onset >= self.yield_ms * per_ms:
                self.is_speech = True
                await self.speech_started()
        elif self.is_speech and self.heard - self.last_loud >= self.answer_ms * per_ms:
            self.is_speech, self.onset = False, None
            await self.speech_stopped()
            await self.begin_reply()
        elif not self.is_speech and self.onset is not None and self.heard - self.last_loud > 100 * per_ms:
            self.onset = None

    async def speech_started(self) -> None:
        if self.is_live:
            if self.replying is not None:
                self.replying.cancel()
            return
        at_ms = round((self.onset or 0) * 1000 / self.rate)
        for _ in range({"speech_never": 0, "speech_twice": 2}.get(self.behave, 1)):
            await self.say("input_audio_buffer.speech_started", audio_start_ms=at_ms, item_id="u")
        if self.replying is not None and self.is_replying and self.interrupts:
            self.replying.cancel()
            await self.done("cancelled")

    @property
    def interrupts(self) -> bool:
        session = self.facts["session"]
        detection = session.get("turn_detection") or session.get("audio", {}).get("input", {}).get("turn_detection") or {}
        return bool(detection.get("interrupt_response"))

    async def speech_stopped(self) -> None:
        if not self.is_live and self.behave != "speech_never":
            await self.say("input_audio_buffer.speech_stopped", audio_end_ms=self.last_loud * 1000 // self.rate, item_id="u")

    async def begin_reply(self) -> None:
        if self.behave == "mute" or self.n_replies == int(self.asked.get("replies", 100)):
            return
        self.n_replies += 1
        self.is_replying = True
        self.facts["replies"].append({"heard": self.heard, "at": asyncio.get_running_loop().time()})
        self.replying = asyncio.ensure_future(self.reply())
        self.replying.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def delta(self, data: bytes | str, **facts: Any) -> None:
        if self.is_live:
            await self.say("session.output_audio.delta", delta=b64(data) if isinstance(data, bytes) else data)
            return
        names = ["response.audio.delta" if self.old_names else "response.output_audio.delta"]
        if self.behave == "both_names":
            names = ["response.output_audio.delta", "response.audio.delta"]
        place = {"response_id": f"r{self.n_replies}", "item_id": f"i{self.n_replies}", "output_index": 0, "content_index": 0}
        for name in names:
            await self.say(name, **{**place, **facts}, delta=b64(data) if isinstance(data, bytes) else data)

    async def done(self, status: str = "completed", **details: Any) -> None:
        self.is_replying = False
        response = {"id": f"r{self.n_replies}", "status": status, "status_details": details or None, "usage": USAGE}
        if not self.is_live:
            await self.say("response.done", response=response)

    async def reply(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._reply()

    async def _reply(self) -> None:
        behave = self.behave
        pcm = spoken_pcm() if behave == "speaks" else reply_pcm(self.reply_ms)
        if not self.is_live:
            await self.say("response.created", response={"id": f"r{self.n_replies}", "status": "in_progress", "output": []})
        step = round(self.delta_ms * RATE / 1000) * 2
        pieces = [pcm[at : at + step] for at in range(0, len(pcm), step)]
        if behave == "burst":
            await self.delta(pcm)
        elif behave == "big":
            await self.delta(bytes(BIG_DELTA_BYTES * 3 // 4))
        elif behave == "endless_silent":
            return
        elif behave in ("endless", "endless_fast"):
            while True:
                await self.delta(pieces[0])
                await asyncio.sleep(0.05 if behave == "endless" else 0)
        elif behave == "out_of_order":
            for number in (0, 2, 1, *range(3, len(pieces))):
                await self.delta(pieces[number], sequence_number=number)
        elif behave == "half_sample":
            cuts = [0, 101, 102, *range(1001, len(pcm), 2001), len(pcm)]
            for first, last in pairwise(cuts):
                await self.delta(pcm[first:last])
            await self.delta(b"\0")
        elif behave == "late":
            for number, piece in enumerate(pieces):
                await self.delta(piece)
                await asyncio.sleep(self.delta_ms / 1000 + (0.04 if number == 0 else 0))
        elif self.is_live or behave == "paced":
            begin = asyncio.get_running_loop().time()
            for number, piece in enumerate(pieces):
                await asyncio.sleep(begin + number * self.delta_ms / 1000 - asyncio.get_running_loop().time())
                await self.delta(piece)
        elif behave == "bad_json":
            await self.delta(pieces[0])
            await self.socket.send('{"type": "response.output_audio.delta", "delta": "AAA')
        elif behave == "no_object":
            await self.socket.send("[]")
        elif behave == "bad_base64":
            await self.delta("!!!not base64!!!")
        elif behave == "bad_utf8":
            await self.socket.send(b'{"type": "\xff\xfe"}')
        elif behave.startswith("drop"):
            await self.delta(pieces[0])
            self.socket.transport.abort()
            return
        elif behave.startswith("close_"):
            await self.delta(pieces[0])
            code = int(behave.split("_")[1])
            reason = {"later": "please try again", "key": f"bad key {self.facts['key']}"}.get(behave.split("_")[-1], "because")
            await self.socket.close(code, reason)
            return
        elif behave == "failed":
            error = {"type": "server_error", "code": "server_error", "message": "something broke"}
            await self.done("failed", type="failed", error=error)
            return
        elif behave == "failed_rate":
            await self.done("failed", type="failed", error={"type": "x", "code": "rate_limit_exceeded", "message": "slowly"})
            return
        elif behave == "incomplete":
            await self.delta(pieces[0])
            await self.done("incomplete", reason="max_output_tokens")
            return
        elif behave == "cancels_itself":
            await self.delta(pieces[0])
            await self.done("cancelled", reason="overloaded")
            return
        elif behave == "text_only":
            await self.say("response.output_text.delta", response_id=f"r{self.n_replies}", item_id="i", delta="hello")
            await self.done()
            return
        elif behave == "changes_its_rate":
            await self.delta(pieces[0])
            await self.say("session.updated", session={"audio": {"output": {"format": {"type": "audio/pcm", "rate": 8000}}}})
            return
        elif behave == "strange":
            await self.say("response.totally_unknown", what="?")
            await self.say(
                "rate_limits.updated", rate_limits=[{"name": "tokens", "limit": 10, "remaining": 9, "reset_seconds": 1}]
            )
            await self.say(
                "error", error={"type": "invalid_request_error", "code": "odd", "message": f"Bearer {self.facts['key']}"}
            )
            await self.delta(pcm)
        elif behave == "cancels":
            await self.delta(pcm)
            await self.done("cancelled", reason="turn_detected")
            return
        else:
            for piece in pieces:
                await self.delta(piece)
        if self.is_live:
            await self.say("session.output_transcript.delta", delta="hello", start_ms=0, end_ms=1)
            await self.say("session.usage.updated", usage={"seconds": self.heard / self.rate})
            return
        text = f"my key is {self.facts['key']} " if behave == "echoes_key" else "hello"
        kind = "response.audio_transcript.delta" if self.old_names else "response.output_audio_transcript.delta"
        await self.say(kind, response_id=f"r{self.n_replies}", item_id=f"i{self.n_replies}", delta=text)
        await self.done()
        if behave == "late_delta":
            await self.delta(pieces[0])
        if behave == "ends_well":
            await self.socket.close(1000, "that was it")


class RealtimeServer:
    """Serves while it is entered; everything that it saw is in ``facts``."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._facts: list[dict[str, Any]] = []
        self._loop = asyncio.get_event_loop()

    @property
    def base_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/v1"

    def facts(self, behave: str = "") -> list[dict[str, Any]]:
        """What was seen of the conversations of a behaviour, or of all."""
        return [each for each in self._facts if not behave or each["behave"] == behave]

    def __enter__(self) -> RealtimeServer:
        self._loop.run_until_complete(self._begin())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._end())

    async def _begin(self) -> None:
        log = logging.getLogger("tests.realtime_server")
        log.setLevel(logging.WARNING)  # headers hold the key, and what is logged at DEBUG in this process is to be the client's
        quietly = {"max_size": None, "compression": None, "ping_interval": None, "close_timeout": 0.5, "logger": log}
        self._server = await serve(self._hold, "127.0.0.1", self._port, process_request=self._admit, **quietly)
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        behave = asked.get("behave", "normal")
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        facts = {
            "behave": behave, "path": parts.path, "asked": asked, "key": key, "events": Counter(), "truncations": [],
            "samples": 0, "replies": [], "session": {}, "headers": [name.lower() for name, _ in request.headers.raw_items()],
        }  # fmt: skip
        n_before = sum(each["behave"] == behave for each in self._facts)
        self._facts.append(facts)
        socket.facts, socket.asked = facts, asked  # type: ignore[attr-defined]
        is_once = behave.endswith("_once")
        if behave.startswith("answers_") and not (is_once and n_before):
            status = int(behave.split("_")[1])
            body = {"error": {"message": f"Incorrect API key provided: {key}", "code": asked.get("code", "")}}
            response = socket.respond(status, json.dumps(body))
            if "wait" in asked:
                response.headers["Retry-After"] = asked["wait"]
            return response
        return None

    async def _hold(self, socket: ServerConnection) -> None:
        conversation = _Conversation(socket, socket.facts, socket.asked)  # type: ignore[attr-defined]
        conversation.facts["is_open"] = True
        try:
            with contextlib.suppress(ConnectionClosed):
                await conversation.hold()
        finally:
            conversation.facts["is_open"] = False


def main() -> int:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with RealtimeServer(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as server:
        sys.stdout.write(server.base_url + "\n")
        sys.stdout.flush()
        loop.add_signal_handler(signal.SIGTERM, loop.stop)
        loop.run_forever()
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
