"""A server on loopback that speaks the protocol of Moshi's server and misbehaves by script. It has no model: it is an echo.

Like the real one it holds one conversation at a time, withholds the handshake from whoever else connects, answers n frames
with n - 1 and each frame as soon as it has come: reply j is frame j + 1.

It serves on its thread's event loop, whenever that runs. In a test::

    with MoshiWsServer("junk", "normal") as server:  # the first conversation meets junk, all further ones nothing
        ...  # server.url, server.seen

Behaviours that go wrong somewhere do so after a few frames of a conversation (``AT``).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import numpy as np
import sphn
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

FRAME = 1920
AT = 8
"""The frame at which things go wrong."""

JUNK = (b"", b"\x03\x01", b"\x04{}", b"\x06", b"\x63what", b"\x63again", b"\x00", "a text message", b"\x02\xff\xfe")
BEFORE = ("drop", "drop_1008", "404", "200", "401", "503", "429", "no_handshake", "sound_first", "chatter", "error_first")


@dataclass
class Seen:
    """What a server saw.

    Attributes:
        paths: Of each connection, with its query.
        frames: How many frames came in each conversation.
        too_early: Messages that came before the handshake.
        peak: Connections at once.
    """

    paths: list[str] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    too_early: int = 0
    peak: int = 0


class MoshiWsServer:
    """Serves on a port of its own while it is entered.

    Args:
        script: What each connection meets, in order; the last one stands for all further ones.
        port: 0 = any that is free.
        needs_prompts: Like PersonaPlex's server: drop who gives no prompts.
        handshake_after_s: Withhold it for so long.
    """

    def __init__(self, *script: str, port: int = 0, needs_prompts: bool = False, handshake_after_s: float = 0.0) -> None:
        self._script = list(script) or ["normal"]
        self._port, self._needs_prompts, self._handshake_after_s = port, needs_prompts, handshake_after_s
        self.seen = Seen()
        self._loop = asyncio.get_event_loop()
        self._n_now = 0
        self._open: dict[ServerConnection, asyncio.Task[Any] | None] = {}

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/api/chat"

    def __enter__(self) -> MoshiWsServer:
        self._loop.run_until_complete(self.begin())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._end())

    async def begin(self) -> None:
        """Serve from now on."""
        self._lock = asyncio.Lock()
        self._server = await serve(
            self._serve, "127.0.0.1", self._port, process_request=self._answer, ping_interval=None, close_timeout=1
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def _end(self) -> None:
        """As a server that is killed ends: without a word."""
        for connection, task in list(self._open.items()):
            connection.transport.abort()
            if task:
                task.cancel()
        self._server.close()
        await self._server.wait_closed()

    def _answer(self, connection: ServerConnection, request: Any) -> Any:
        """A plain HTTP answer, where the script or the path wants one."""
        connection.behaviour = self._script.pop(0) if len(self._script) > 1 else self._script[0]  # type: ignore[attr-defined]
        self.seen.paths.append(request.path)
        if not request.path.startswith("/api/chat"):
            return connection.respond(HTTPStatus.NOT_FOUND, "404: Not Found")
        status = connection.behaviour  # type: ignore[attr-defined]
        return connection.respond(HTTPStatus(int(status)), "no websocket") if status.isdecimal() else None

    async def _serve(self, connection: ServerConnection) -> None:
        self._n_now += 1
        self.seen.peak = max(self.seen.peak, self._n_now)
        self._open[connection] = asyncio.current_task()
        try:
            path = self.seen.paths[-1]
            if self._needs_prompts and not ("voice_prompt=" in path and "text_prompt=" in path):
                connection.transport.abort()
                return
            async with self._lock:
                with contextlib.suppress(ConnectionClosed):
                    await self._hold(connection, connection.behaviour)  # type: ignore[attr-defined]
        finally:
            self._n_now -= 1
            self._open.pop(connection)

    async def _hold(self, connection: ServerConnection, behaviour: str) -> None:
        if behaviour == "drop":
            connection.transport.abort()
            return
        if behaviour == "drop_1008":
            await connection.close(1008, "not you")
            return
        if behaviour == "error_first":
            await connection.send(b"\x05no model is loaded")
        if behaviour == "sound_first":
            await connection.send(b"\x01" + sphn.OpusStreamWriter(24000).append_pcm(np.zeros(FRAME, np.float32)))
        if behaviour == "chatter":
            for _ in range(150):
                await connection.send(b"\x04{}")
        with contextlib.suppress(asyncio.TimeoutError):
            wait_s = 60.0 if behaviour in ("no_handshake", "chatter", "error_first") else self._handshake_after_s
            await asyncio.wait_for(connection.recv(), max(0.02, wait_s))
            self.seen.too_early += 1
        await connection.send(b"\x00")
        await self._echo(connection, behaviour)

    async def _echo(self, connection: ServerConnection, behaviour: str) -> None:
        reader, writer = sphn.OpusStreamReader(24000), sphn.OpusStreamWriter(24000)
        self.seen.frames.append(0)
        heard = np.zeros(0, np.float32)
        async for message in connection:
            assert isinstance(message, bytes) and message[0] == 1, message[:20]
            heard = np.concatenate([heard, reader.append_bytes(message[1:])])
            while len(heard) >= FRAME:
                frame, heard = heard[:FRAME], heard[FRAME:]
                number = self.seen.frames[-1]
                self.seen.frames[-1] += 1
                if number and not await self._reply(connection, behaviour, number, writer, frame):
                    return

    async def _reply(self, connection: ServerConnection, behaviour: str, number: int, writer: Any, frame: Any) -> bool:
        """Answer a frame; returns whether the conversation goes on."""
        if number == AT:
            if behaviour == "cut":
                connection.transport.abort()
                return False
            if behaviour == "close_1001":
                await connection.close(1001, "going away")
                return False
            if behaviour == "error":
                await connection.send(b"\x05out of memory:\nGPU 0")
            elif behaviour == "junk":
                for junk in JUNK:
                    await connection.send(junk)
            elif behaviour == "flood":
                for _ in range(150):
                    await connection.send(b"\x63")
            elif behaviour == "not_opus":
                await connection.send(b"\x01" + b"not an ogg page" * 20)
            elif behaviour == "huge":
                await connection.send(b"\x01" + bytes(2 << 20))
            elif behaviour == "stall":
                await asyncio.sleep(0.5)
            elif behaviour == "hang":
                await asyncio.sleep(60)
        if behaviour == "slow":
            await asyncio.sleep(0.16)
        if behaviour == "zeros":
            frame = np.zeros(FRAME, np.float32)
        await connection.send(b"\x01" + writer.append_pcm(np.ascontiguousarray(frame)))
        if number % 10 == 0:
            await connection.send(f"\x02 word{number}".encode())
        return True
