"""One conversation with a Moshi server: what is sent, what comes, and whether the server keeps up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from fdbench.adapter.live import CallError, Delta, Incoming, Note, Text, within
from fdbench.core.sound import Samples

from .moshi_server_pool import CLOSE_S, Pool, Server, how_it_ended, one_line
from .moshi_server_sound import FRAME_80_MS, FRAME_S, AnswerPace, Opus

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

HANDSHAKE, SOUND, TEXT, CONTROL, METADATA, ERROR, PING = range(7)
REPLY: Final = "reply"
"""The model speaks without a break: a call has one reply."""

PING_S: Final = 1.0
MOST_STRANGE: Final = 100
"""Messages that make no sense, of which a conversation may have so many."""

POLL_S: Final = 0.02
"""How often the time is looked at while nothing comes."""

DECODE_POLL_S: Final = 0.002


class MoshiSession:
    """One conversation.

    Args:
        connection: On which the handshake has come.
        server: That it is held with; it is given back to the pool at the end.
        pace: At which it is to answer.
    """

    def __init__(
        self,
        connection: ClientConnection,
        server: Server,
        pool: Pool,
        pace: AnswerPace,
    ) -> None:
        self._connection, self._server, self._pool = connection, server, pool
        self._now_s = asyncio.get_running_loop().time
        self._opus = Opus(FRAME_80_MS.sample_rate, self._now_s)
        self._pace = pace
        self._has_come = asyncio.Event()
        self._is_broken = self._is_closed = False
        self._n_strange = 0
        self._known: set[str] = set()

    async def send(self, frame: Samples) -> None:
        from websockets.exceptions import ConnectionClosed

        data = self._opus.encode(frame)
        self._pace.sent(self._now_s())
        try:
            if data:
                await self._connection.send(bytes((SOUND,)) + data)
        except ConnectionClosed as error:
            raise self._dropped(error) from None

    async def events(self) -> AsyncIterator[Incoming]:
        from websockets.exceptions import ConnectionClosed

        coming = self._next_message()
        try:
            while True:
                await asyncio.wait({coming}, timeout=DECODE_POLL_S if self._opus.may_have_more() else POLL_S)
                message = None
                if coming.done():
                    message = coming.result()
                    coming = self._next_message()
                for event in self._understood(message):
                    yield event
        except ConnectionClosed as error:
            if not self._is_closed:
                raise self._dropped(error) from None
        except CallError:
            self._is_broken = True
            raise
        finally:
            coming.cancel()

    def _next_message(self) -> asyncio.Future[str | bytes]:
        coming = asyncio.ensure_future(self._connection.recv())
        coming.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may want to know any more
        return coming

    async def played(self, item: str, upto_s: float) -> None:
        """Nothing is ever cut off."""

    async def round_trip_s(self) -> float | None:
        """A websocket ping, sent when a reply has just come: while the model steps, its server answers nobody."""
        self._has_come.clear()
        with suppress(asyncio.TimeoutError):
            await within(asyncio.ensure_future(self._has_come.wait()), 4 * FRAME_S)
        begun_s = self._now_s()
        try:
            await within(asyncio.ensure_future(await self._connection.ping()), PING_S)
        except Exception:  # noqa: BLE001 - a measurement that fails is none; if the connection broke, others notice
            return None
        return self._now_s() - begun_s

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._opus.close()
        is_sound = False
        try:
            with suppress(Exception):
                await within(asyncio.ensure_future(self._connection.close()), CLOSE_S)
            # Without a close frame of its own, the server has not noticed yet, and may not be called by the next.
            is_sound = not self._is_broken and self._connection.protocol.close_code == 1000
        finally:
            self._connection.transport.abort()
            (self._pool.give_back if is_sound else self._pool.put_aside)(self._server)

    def _dropped(self, error: ConnectionClosed) -> CallError:
        self._is_broken = True
        if error.rcvd is None and error.sent is not None and error.sent.code not in (1000, 1001, 1011):
            return CallError(
                "protocol", f"{self._server.address.shown}: {one_line(error.sent.reason) or 'no websocket any more'}"
            )
        return CallError("dropped", f"{self._server.address.shown} {how_it_ended(error)}", may_retry=True)

    def _understood(self, message: str | bytes | None) -> Iterator[Incoming]:
        """What a message means; None where none came for a while."""
        now_s = self._now_s()
        kind = kind_of(message)
        if message is None or kind == SOUND:
            sound = self._decoded(message)
            if len(sound):
                yield from self._pace.came(len(sound), now_s)
                yield Delta(REPLY, sound)
            yield from self._pace.passed(now_s)
            if kind == SOUND:
                self._has_come.set()
        elif kind == TEXT:
            yield Text(bytes(message[1:]).decode("utf-8", "replace") if isinstance(message, bytes) else "", REPLY)
        elif kind == ERROR:
            raise CallError(
                "protocol", f"{self._server.address.shown} reports an error: {one_line(message[1:])}", may_retry=True
            )
        elif kind not in (CONTROL, METADATA, PING):
            yield from self._strange(kind, message)

    def _decoded(self, message: str | bytes | None) -> Samples:
        if not isinstance(message, bytes):
            return self._opus.more()
        try:
            return self._opus.decode(message[1:])
        except ValueError as error:
            raise CallError(
                "protocol",
                f"{self._server.address.shown} sent sound that is no Ogg/Opus: {one_line(str(error))}",
                may_retry=True,
            ) from None

    def _strange(self, kind: int | None, message: str | bytes) -> Iterator[Incoming]:
        self._n_strange += 1
        if self._n_strange > MOST_STRANGE:
            raise CallError("protocol", f"{self._server.address.shown} sent {MOST_STRANGE} messages of no known kind")
        what = "text" if isinstance(message, str) else "empty" if kind is None else f"kind {kind}"
        if what not in self._known:  # one of each tells enough
            self._known.add(what)
            yield Note("unknown message", {"kind": what, "bytes": len(message)})


def kind_of(message: str | bytes | None) -> int | None:
    """The byte that says what a message is; None where there is none."""
    return message[0] if isinstance(message, bytes) and message else None
