"""A server on loopback that speaks Gemini Live's protocol over TLS, well or badly, by the model that is asked for.

It serves on its thread's event loop, whenever that runs, and its clock is the audio that it received: it replies ``ANSWER_S``
after the user's last sound, all of a reply at once, and is interrupted ``YIELD_S`` after the user begins to speak.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import ipaddress
import json
import logging
import ssl
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.realtime_server import LOUD_RMS, b64, reply_pcm

IN_HZ, OUT_HZ = 16000, 24000
ANSWER_S, YIELD_S, REPLY_S, PIECE_S = 0.3, 0.2, 2.0, 0.25
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
USAGE = {
    "promptTokenCount": 100, "responseTokenCount": 50, "thoughtsTokenCount": 10, "totalTokenCount": 160,
    "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 80}, {"modality": "TEXT", "tokenCount": 20}],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 50}],
}  # fmt: skip


def write_certificate(path: Path) -> None:
    """A key and a certificate of 127.0.0.1 that nobody has signed, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    unlocked = serialization.NoEncryption()
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unlocked) + certificate.public_bytes(pem))


class _Conversation:
    def __init__(self, socket: ServerConnection, key: str) -> None:
        self.socket, self.key = socket, key
        self.setup: dict[str, Any] = {}
        self.events: Counter[str] = Counter()
        self.mime_types: set[str] = set()
        self.n_heard = self.n_loud_until = 0
        self.onset: int | None = None
        self.has_heard = self.was_interrupted = False
        self.n_replies = 0
        self.replying: asyncio.Task[None] | None = None

    @property
    def behave(self) -> str:
        return str(self.setup["model"]).removeprefix("models/")

    async def say(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(message).encode())

    async def content(self, **content: Any) -> None:
        await self.say({"serverContent": content})

    async def hold(self) -> None:
        self.setup = json.loads(await self.socket.recv())["setup"]
        if self.behave == "not-there":
            await self.socket.close(1008, f"models/not-there is not found; your key was {self.key}")
        elif self.behave == "no-quota":
            await self.socket.close(1011, "You exceeded your current quota, please check your plan")
        elif self.behave == "says-nothing":
            await self.socket.wait_closed()
        elif self.behave == "no-setup":
            await self.content(turnComplete=True)
        else:
            await self.say({"setupComplete": {}})
        async for raw in self.socket:
            (kind,) = (message := json.loads(raw)).keys()
            self.events[kind] += 1
            audio = message["realtime_input"]["audio"]
            self.mime_types.add(audio.get("mimeType") or audio["mime_type"])  # proto3's JSON knows both spellings, and both
            pcm = base64.urlsafe_b64decode(audio["data"].translate(str.maketrans("+/", "-_")))  # alphabets of base64
            await self.listen(np.frombuffer(pcm, "<i2") / 32768)

    async def listen(self, samples: np.ndarray) -> None:
        start, self.n_heard = self.n_heard, self.n_heard + len(samples)
        if np.sqrt(np.mean(np.square(samples))) > LOUD_RMS:
            self.has_heard, self.n_loud_until = True, self.n_heard
            self.onset = start if self.onset is None else self.onset
            is_replying = self.replying is not None and not self.replying.done()
            if is_replying and self.n_heard - self.onset >= YIELD_S * IN_HZ and not self.was_interrupted:
                self.was_interrupted = True
                await self.interrupt()
        elif self.has_heard and self.n_heard - self.n_loud_until >= ANSWER_S * IN_HZ:
            self.has_heard, self.onset = False, None
            self.n_replies += 1
            if self.n_replies == 1 or self.behave == "twice":
                self.replying = asyncio.ensure_future(self.reply())

    async def interrupt(self) -> None:
        assert self.replying is not None
        self.replying.cancel()
        await self.content(interrupted=True)
        await self.say({"serverContent": {"turnComplete": True}, "usageMetadata": USAGE})

    async def reply(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._reply()

    async def _reply(self) -> None:
        mime_type = {"says-16-khz": "audio/pcm;rate=16000", "says-opus": "audio/opus"}.get(
            self.behave, f"audio/pcm;rate={OUT_HZ}"
        )
        if self.behave in ("bad-json", "bad-types"):
            await self.socket.send(b"{" if self.behave == "bad-json" else b'{"serverContent": {"modelTurn": 5}}')
            return
        if self.behave == "in-text":
            await self.content(modelTurn={"parts": [{"text": "hmm", "thought": True}, {"text": "hello"}]})
            await self.content(turnComplete=True)
            return
        pcm = reply_pcm(REPLY_S * 1000, OUT_HZ)
        step = round(PIECE_S * OUT_HZ) * 2
        cuts = [*range(0, len(pcm), step), len(pcm)]
        if self.behave == "half-samples":
            cuts[1:-1] = [cut + 1 for cut in cuts[1:-1]]
        for first, last in pairwise(cuts):
            await self.content(modelTurn={"parts": [{"inlineData": {"mimeType": mime_type, "data": b64(pcm[first:last])}}]})
            if self.behave == "drops":
                self.socket.transport.abort()
                return
        await self.content(outputTranscription={"text": f"hello {self.key} "})
        if self.behave == "rejected":
            await self.say({"serverContent": {"turnComplete": True, "turnCompleteReason": "GENERATED_AUDIO_SAFETY"},
                            "usageMetadata": USAGE})  # fmt: skip
            return
        await self.content(generationComplete=True)
        if self.behave == "goes-away":
            await self.say({"goAway": {"timeLeft": "5s"}})
        await asyncio.sleep(REPLY_S)  # until it was played
        await self.say({"serverContent": {"turnComplete": True}, "usageMetadata": USAGE})
        if self.behave == "goes-away":
            await self.socket.close(1000, "the session is over")


class GeminiServer:
    """Serves while it is entered; ``seen`` are its conversations."""

    def __init__(self, certificate: Path) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self.seen: list[_Conversation] = []
        self._loop = asyncio.get_event_loop()

    @property
    def base_url(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    def __enter__(self) -> GeminiServer:
        self._loop.run_until_complete(self._begin())
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._loop.run_until_complete(self._server.wait_closed())

    async def _begin(self) -> None:
        log = logging.getLogger("tests.gemini_server")
        log.setLevel(logging.WARNING)  # headers hold the key
        quietly = {"max_size": None, "compression": None, "ping_interval": None, "close_timeout": 0.5, "logger": log}
        self._server = await serve(self._hold, "127.0.0.1", 0, ssl=self._tls, process_request=self._admit, **quietly)
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        key = request.headers.get("x-goog-api-key", "")
        if request.path.partition("?")[0] != PATH or not key:
            return socket.respond(404, f"not found: {request.path}")
        if "wrong" in key:
            error = {"code": 403, "message": f"API key not valid: {key}", "status": "PERMISSION_DENIED"}
            return socket.respond(403, json.dumps({"error": error}))
        self.seen.append(_Conversation(socket, key))
        return None

    async def _hold(self, socket: ServerConnection) -> None:
        (conversation,) = [each for each in self.seen if each.socket is socket]
        with contextlib.suppress(ConnectionClosed):
            await conversation.hold()
        if conversation.replying is not None:
            conversation.replying.cancel()
