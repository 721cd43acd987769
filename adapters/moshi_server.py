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
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fdbench.adapter.base import Brief, Equipped, Need, Provenance
from fdbench.adapter.live import CallError, within
from fdbench.errors import MissingExtraError, UsageError

from .moshi_server_pool import AwayError, Pool, Server, addresses_of, connected, dropped_before, one_line
from .moshi_server_session import ERROR, HANDSHAKE, MOST_STRANGE, MoshiSession, kind_of
from .moshi_server_sound import FRAME_80_MS, STALL_S, AnswerPace
from .personaplex import DEFAULT_PROMPT

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

PACKAGES: Final = ("websockets", "sphn")
LOOK_S: Final = 3.0
LONGEST_CALL_S: Final = 900.0


class MoshiServer(Equipped):
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
            pace = AnswerPace(self._behind_limit_s, n_unanswered=0 if query else 1)
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
        if kind_of(first) == HANDSHAKE:
            raise server.given_up(
                "wrong_model",
                f"{server.address.shown} begins without a voice or a prompt: this is Moshi's server, which would ignore both "
                "(for that: --model moshi-server, no --arg voice)",
            )

    async def _handshake(self, connection: ClientConnection, server: Server, is_prompted: bool) -> None:
        from websockets.exceptions import ConnectionClosed

        shown = server.address.shown
        now_s = asyncio.get_running_loop().time
        until_s = now_s() + self._open_timeout_s
        for _ in range(MOST_STRANGE):
            try:
                message = await within(connection.recv(), until_s - now_s())
            except asyncio.TimeoutError:
                raise CallError(
                    "timeout",
                    f"{shown} withheld the handshake for {self._open_timeout_s:g} s: is it busy with somebody else?",
                    may_retry=True,
                ) from None
            except ConnectionClosed as error:
                raise dropped_before(server, error, is_prompted) from None
            kind = kind_of(message)
            if kind == HANDSHAKE:
                return
            if kind == ERROR:
                raise CallError("refused", f"{shown} reports an error: {one_line(message[1:])}", may_retry=True)
        raise server.given_up("protocol", f"{shown} sends messages but no handshake: is it a Moshi server?")


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
