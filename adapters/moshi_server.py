"""Moshi's own server, and PersonaPlex's: a conversation over a websocket, on the wall clock.

::

    frame     0        1        2        3                 sent when it has been spoken
    user  |---u0---|---u1---|---u2---|---u3---|
    Moshi              nothing  r0       r1       r2       r_j comes: what the model says to u_(j+1)
    heard                      |---r0---|---r1---|         from its arrival, or the end of what is queued

Each message begins with a byte that says what it is; sound is Ogg/Opus both ways. Nothing may be sent before the server's
handshake: PersonaPlex's ends a conversation in which that happens. A server holds one conversation, and withholds the
handshake from whoever comes second; PersonaPlex's moreover mixes up the prompts of two that come together. So each server is
called by one conversation at a time, and several servers are that many conversations.

Placement. The driver plays what comes at its arrival. By frame count, which no network or busy machine can change, reply j of
Moshi's server belongs where frame j + 1 ends: the sample that has n before it can first be heard n / 24000 + 0.16 s after the
call began. PersonaPlex's has been through its prompts when frame 0 comes, and answers that too: n / 24000 + 0.08 s. Both follow
from a call's log, for what has come is counted by its samples. Opus looks ahead by 6.5 ms, and neither server takes that out:
what the model hears, and what it says, are so much later than in process.

Neither protocol has a seed, and the sampling is the server's. A reply is not reproducible, and what was served cannot be asked.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fdbench.adapter.base import Brief, Need, Provenance
from fdbench.adapter.live import CallError, Delta, Incoming, Note, Text, within
from fdbench.core.sound import Samples
from fdbench.errors import MissingExtraError, UsageError

from .moshi_server_pool import (
    CLOSE_S,
    AwayError,
    Pool,
    Server,
    addresses_of,
    connected,
    dropped_before,
    how_it_ended,
    one_line,
)
from .moshi_server_sound import FRAME_80_MS, FRAME_S, STALL_S, Opus, Pace
from .personaplex import DEFAULT_PROMPT

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

PACKAGES: Final = ("websockets", "sphn")
HANDSHAKE, SOUND, TEXT, CONTROL, METADATA, ERROR, PING = range(7)
REPLY: Final = "reply"
"""The model speaks without a break: a call has one reply."""

PING_S: Final = 1.0
LOOK_S: Final = 3.0
MOST_STRANGE: Final = 100
"""Messages that make no sense, of which a conversation may have so many."""

POLL_S: Final = 0.02
"""How often the time is looked at while nothing comes."""

DECODE_POLL_S: Final = 0.002
LONGEST_CALL_S: Final = 900.0


class MoshiServer:
    """A pool of servers, each of which holds one conversation.

    Args:
        url: ``ws://host:port/api/chat``; ``http``, ``https`` and ``wss`` mean the same, and the path may be left out. Several
            servers of the same model are separated by commas.
        voice: PersonaPlex's server: the file of a voice in its folder, e.g. ``NATF2``. None = a Moshi server.
        prompt: PersonaPlex's server: what the model is told instead of the task's instructions.
        served: What the servers serve, in your words (``kyutai/moshika-pytorch-bf16@a49141e``). It stands for the addresses in
            the run's id: a run can then go on with the same model elsewhere, and nothing can check that it is the same.
        open_timeout_s: How long a server may withhold the handshake: it may be busy with somebody else, and PersonaPlex's goes
            through its prompts first.
        away_timeout_s: How long a server that is not there is waited for, for example while it is started again.
        behind_limit_s: A server whose answer to a frame takes longer is too slow for a conversation in real time. Less than the
            silence that ends a call, or a server that stops answering would count as a model that says nothing.
        slots: Conversations wanted at once; there are at most as many as servers.

    Raises:
        FdbenchError: An argument makes no sense, or a package is missing.
    """

    hears = says = FRAME_80_MS
    always_sounds = True

    def __init__(
        self,
        url: str = "",
        voice: str | None = None,
        prompt: str | None = None,
        served: str | None = None,
        open_timeout_s: float = 300.0,
        away_timeout_s: float = 60.0,
        behind_limit_s: float = 1.5,
        slots: int = 8,
    ) -> None:
        for name in PACKAGES:
            if not _package(name).is_met:
                raise MissingExtraError(name, "moshi-server", "a Moshi server")
        for name, value in {"open": open_timeout_s, "away": away_timeout_s}.items():
            if value <= 0:
                raise UsageError(f"--arg {name}_timeout_s={value:g}: expected more than 0", "leave it out")
        if behind_limit_s <= STALL_S:
            raise UsageError(f"--arg behind_limit_s={behind_limit_s:g}: expected more than {STALL_S:g}", "leave it out")
        self._voice, self._prompt = _checked_prompts(voice, prompt)
        self._pool = Pool([Server(address) for address in addresses_of(url)], away_timeout_s)
        self._open_timeout_s, self._behind_limit_s = open_timeout_s, behind_limit_s
        self.slots = min(slots, len(self._pool.servers))
        # Beyond this the driver need not wait: a conversation that another one waits for has an end, too.
        self.open_s = LONGEST_CALL_S + open_timeout_s + away_timeout_s

    @classmethod
    def slots_of(cls, slots: int, url: str = "", **_: Any) -> int:
        """One conversation for each server."""
        return min(slots, len(addresses_of(url)))

    @classmethod
    def needs(cls, url: str = "", **_: Any) -> tuple[Need, ...]:
        try:
            server = Need("a server", True, ", ".join(address.shown for address in addresses_of(url)))
        except UsageError as error:
            server = Need("a server", False, error.remedy)
        return (*(_package(name) for name in PACKAGES), server)

    @classmethod
    def provenance(cls, url: str = "", served: str | None = None, **arguments: Any) -> Provenance:
        voice, prompt = _checked_prompts(arguments.get("voice"), arguments.get("prompt"))
        told = {"voice": voice, "prompt": prompt}
        if served:
            return Provenance({"served": served, **told})
        return Provenance({"url": ",".join(sorted(address.shown for address in addresses_of(url))), **told})

    def describe(self) -> Mapping[str, str]:
        facts = {name: importlib.metadata.version(name) for name in PACKAGES}
        facts["servers"] = ", ".join(server.address.shown for server in self._pool.servers)
        return {**facts, "model": "unknown: the protocol does not say"}

    async def open(self, brief: Brief) -> MoshiSession:
        """Begin a conversation with the first server that is free; one that is not there is waited for."""
        query: dict[str, str] = {}
        if self._voice is not None:
            told = (self._prompt or brief.instructions).strip() or DEFAULT_PROMPT
            query = {"voice_prompt": self._voice, "text_prompt": told}
        while True:
            server = await self._pool.take()
            try:
                connection = await self._begun(server, query)
            except CallError as error:
                self._pool.put_aside(server)
                if isinstance(error, AwayError) and not self._pool.is_deserted():
                    continue
                raise self._pool.judged(error) from None
            except BaseException:  # given up by the driver, or not foreseen: the server must not stay taken
                self._pool.put_aside(server)
                raise
            self._pool.welcome(server)
            pace = Pace(self._behind_limit_s, n_unanswered=0 if query else 1)
            return MoshiSession(connection, server, self._pool, pace)

    async def _begun(self, server: Server, query: Mapping[str, str]) -> ClientConnection:
        """A connection on which the handshake has come.

        Raises:
            CallError: There is none.
        """
        if query and not server.is_known:
            await self._look(server)
        connection = await connected(server, query)
        try:
            await self._handshake(connection, server, is_prompted=bool(query))
        except BaseException:
            connection.transport.abort()
            raise
        return connection

    async def _look(self, server: Server) -> None:
        """Whether it is PersonaPlex's server: that drops whoever gives no prompts, and Moshi's ignores any."""
        from websockets.exceptions import ConnectionClosed

        connection = await connected(server, {})
        try:
            first = await within(connection.recv(), LOOK_S)
        except (ConnectionClosed, asyncio.TimeoutError) as found:
            server.is_known = isinstance(found, ConnectionClosed)
            return
        finally:
            connection.transport.abort()
        if _kind_of(first) == HANDSHAKE:
            raise server.given_up(
                "wrong_model",
                f"{server.address.shown} begins without a voice or a prompt: this is Moshi's server, which would ignore both "
                "(for that: --model moshi-server, no --arg voice)",
            )

    async def _handshake(self, connection: ClientConnection, server: Server, is_prompted: bool) -> None:
        from websockets.exceptions import ConnectionClosed

        shown = server.address.shown
        until_s = time.monotonic() + self._open_timeout_s
        for _ in range(MOST_STRANGE):
            try:
                message = await within(connection.recv(), until_s - time.monotonic())
            except asyncio.TimeoutError:
                raise CallError(
                    "timeout",
                    f"{shown} withheld the handshake for {self._open_timeout_s:g} s: is it busy with somebody else?",
                    may_retry=True,
                ) from None
            except ConnectionClosed as error:
                raise dropped_before(server, error, is_prompted) from None
            kind = _kind_of(message)
            if kind == HANDSHAKE:
                return
            if kind == ERROR:
                raise CallError("refused", f"{shown} reports an error: {one_line(message[1:])}", may_retry=True)
        raise server.given_up("protocol", f"{shown} sends messages but no handshake: is it a Moshi server?")


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
        pace: Pace,
    ) -> None:
        self._connection, self._server, self._pool = connection, server, pool
        self._opus = Opus(FRAME_80_MS.sample_rate)
        self._pace = pace
        self._has_come = asyncio.Event()
        self._is_broken = self._is_closed = False
        self._n_strange = 0
        self._known: set[str] = set()

    async def send(self, frame: Samples) -> None:
        from websockets.exceptions import ConnectionClosed

        data = self._opus.encode(frame)
        self._pace.sent(time.monotonic())
        try:
            if data:
                await self._connection.send(bytes((SOUND,)) + data)
        except ConnectionClosed as error:
            raise self._dropped(error) from None

    async def events(self) -> AsyncIterator[Incoming]:
        from websockets.exceptions import ConnectionClosed

        coming = asyncio.ensure_future(self._connection.recv())
        try:
            while True:
                await asyncio.wait({coming}, timeout=DECODE_POLL_S if self._opus.may_have_more() else POLL_S)
                message = None
                if coming.done():
                    message = coming.result()
                    coming = asyncio.ensure_future(self._connection.recv())
                for event in self._understood(message):
                    yield event
        except ConnectionClosed as error:
            if not self._is_closed:
                raise self._dropped(error) from None
        except CallError:
            self._is_broken = True
            raise
        finally:
            _abandon(coming)

    async def played(self, item: str, upto_s: float) -> None:
        """Nothing is ever cut off."""

    async def round_trip_s(self) -> float | None:
        """A websocket ping, sent when a reply has just come: while the model steps, its server answers nobody."""
        self._has_come.clear()
        with suppress(asyncio.TimeoutError):
            await within(self._has_come.wait(), 4 * FRAME_S)
        begun_s = time.monotonic()
        try:
            await within(await self._connection.ping(), PING_S)
        except Exception:  # noqa: BLE001 - a measurement that fails is none; if the connection broke, others notice
            return None
        return time.monotonic() - begun_s

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._opus.close()
        is_sound = False
        try:
            with suppress(Exception):
                await within(self._connection.close(), CLOSE_S)
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
        now_s = time.monotonic()
        kind = _kind_of(message)
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


def _abandon(task: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more, nor wants to know how it ended."""
    if not task.cancel() and not task.cancelled():
        task.exception()


def _kind_of(message: str | bytes | None) -> int | None:
    return message[0] if isinstance(message, bytes) and message else None


def _checked_prompts(voice: str | None, prompt: str | None) -> tuple[str | None, str | None]:
    """The voice as a file's name, and the prompt; both None for a Moshi server."""
    if voice is None:
        if prompt is not None:
            raise UsageError(
                "--arg prompt: only PersonaPlex's server takes one, and needs --arg voice too", "give both, or none"
            )
        return None, None
    if not voice.strip() or "/" in voice or "\\" in voice:
        raise UsageError(f"--arg voice={voice}: expected the name of a file in the server's folder of voices", "e.g. NATF2")
    if prompt is not None and not prompt.strip():
        raise UsageError(
            "--arg prompt=: PersonaPlex was trained with a prompt, and does not work with an empty one",
            "give one, or leave it out: then the task's instructions are used",
        )
    return (voice if voice.endswith((".pt", ".wav")) else f"{voice}.pt"), prompt


def _package(name: str) -> Need:
    try:
        return Need(f"package {name}", True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Need(f"package {name}", False, "pip install 'fdbench[moshi-server]'")
