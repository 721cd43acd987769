"""A conversation over a websocket of the official SDK: frames out, events in."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import numpy as np

from fdbench.adapter.live import Closed, Incoming, within
from fdbench.core.sound import Samples
from fdbench.io.secret import Secret

from .realtime_connection import CLOSE_S, Reader, close_of, fault_of_close, hang_up, parsed

PING_S: Final = 2.0


class LiveSession:
    """A conversation over a connection of the SDK.

    Args:
        append: The type of the message that carries the user's audio.
        parting: A message sent before the connection is closed.
        opening: What happened before audio could be sent, for the log.
    """

    def __init__(
        self,
        connection: Any,
        secret: Secret,
        reader: Reader,
        append: str,
        parting: Mapping[str, Any] | None = None,
        opening: Iterable[Incoming] = (),
    ) -> None:
        self._connection, self._secret, self._reader, self._opening = connection, secret, reader, tuple(opening)
        self._parting, self._append = parting, append

    async def send(self, frame: Samples) -> None:
        # By hand and raw: the SDK's typed way walks through a union of all events for every frame.
        pcm = np.rint(np.clip(frame, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
        audio = base64.b64encode(pcm).decode("ascii")
        await self._write(json.dumps({"type": self._append, "audio": audio, **self._append_facts(len(frame))}))

    def _append_facts(self, n_samples: int) -> Mapping[str, Any]:
        """What this protocol wants to be told with a frame."""
        return {}

    async def events(self) -> AsyncIterator[Incoming]:
        from websockets.exceptions import ConnectionClosed

        for event in self._opening:
            yield event
        clock = asyncio.get_running_loop().time
        while True:
            try:
                raw = await self._connection.recv_bytes()
            except ConnectionClosed as closed:
                code, reason = close_of(closed)
                if code in (1000, 1001) and not self._reader.is_busy:
                    yield Closed(self._secret.excerpt(reason))
                    return
                raise fault_of_close(closed, self._secret, self._when) from None
            for event in self._reader.read(parsed(raw), clock()):
                yield event
                if isinstance(event, Closed):
                    return
            await asyncio.sleep(0)  # messages that wait already are read without a pause: others must get their turn

    async def played(self, item: str, upto_s: float) -> None:
        for message in self._reader.truncations(item, upto_s):
            await self._write(json.dumps(message))

    async def round_trip_s(self) -> float | None:
        return await round_trip_over(getattr(self._connection, "_connection", None))

    async def close(self) -> None:
        if self._parting is not None:
            with suppress(Exception):
                await within(asyncio.ensure_future(self._connection.send_raw(json.dumps(self._parting))), CLOSE_S / 2)
        await hang_up(self._connection)

    @property
    def _when(self) -> str:
        return "in the middle of a reply" if self._reader.is_busy else "during the call"

    async def _write(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send_raw(text)
        except ConnectionClosed as closed:
            if close_of(closed)[0] not in (1000, 1001):  # one that ended in good order is told by events()
                raise fault_of_close(closed, self._secret, self._when) from None


async def round_trip_over(socket: Any) -> float | None:
    """The round trip over a websocket that an SDK keeps to itself, as none has a public way to ping; None = unknown."""
    from websockets.exceptions import WebSocketException

    if socket is None:
        return None
    try:
        took_s: float = await within(asyncio.ensure_future(await socket.ping()), PING_S)
    except (WebSocketException, asyncio.TimeoutError, OSError):
        return None
    return took_s
