"""Moshi servers that hold one conversation each: where they are, which is free, and what a connection that fails tells."""

from __future__ import annotations

import asyncio
import importlib.metadata
import ssl
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from fdbench.adapter.live import CallError
from fdbench.errors import UsageError
from fdbench.io.http import retry_after

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

PATH: Final = "/api/chat"
EXAMPLE: Final = "ws://localhost:8998/api/chat"
CONNECT_S: Final = 20.0
CLOSE_S: Final = 2.0
FIRST_REST_S: Final = 1.0
"""How long a server that broke is left alone; doubled for as long as it does not come back, up to ``LONGEST_REST_S``."""

LONGEST_REST_S: Final = 10.0
MOST_DROPS: Final = 3
"""A server that never held a conversation and broke so many off is not going to hold one."""

MOST_BYTES: Final = 1 << 20
"""Of a message: a hundred seconds of sound and more."""

_POLL_S: Final = 0.05
_GATEWAY: Final = (408, 429, 500, 502, 503, 504)
"""What something between us and a server answers while that is away or starting."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is.

    Attributes:
        url: With everything that was given, a password or token included: never shown, never written down.
        shown: Host and port, and the path where it is not the usual one.
        is_here: Whether it is on this machine.
    """

    url: SplitResult
    shown: str
    is_here: bool


def addresses_of(url: str) -> tuple[Address, ...]:
    """The servers that ``--arg url`` names.

    Raises:
        UsageError: None, one twice, or something that is no address.
    """
    texts = [text.strip() for text in url.split(",") if text.strip()]
    if not texts:
        raise UsageError("which server? it is not started by fdbench", f"start one and add --arg url={EXAMPLE}")
    addresses = tuple(_address_of(text) for text in texts)
    shown = [address.shown for address in addresses]
    for each in shown:
        if shown.count(each) > 1:
            raise UsageError(f"--arg url: {each} is named twice, and a server holds one conversation", "name each server once")
    return addresses


def _address_of(text: str) -> Address:
    split = urlsplit(text if "://" in text else f"ws://{text}")
    scheme = {"http": "ws", "https": "wss"}.get(split.scheme, split.scheme)
    try:
        host, port = split.hostname, split.port
    except ValueError:
        host = port = None
    if scheme not in ("ws", "wss") or not host or split.fragment:
        what = split.netloc.rpartition("@")[2] or "no host"  # the rest may hold a password
        raise UsageError(f"--arg url: {what} is not the address of a server", f"expected e.g. {EXAMPLE}")
    if split.username is not None and split.password is None:
        raise UsageError("--arg url: a user name without a password", "leave it out, or write ws://NAME:PASSWORD@HOST")
    path = split.path if split.path not in ("", "/") else PATH
    shown = f"[{host}]" if ":" in host else host
    shown += f":{port or {'ws': 80, 'wss': 443}[scheme]}" + (path if path != PATH else "")
    return Address(split._replace(scheme=scheme, path=path), shown, host in ("localhost", "::1") or host.startswith("127."))


class AwayError(CallError):
    """Nobody is there."""


@dataclass(slots=True)
class Server:
    """What is known of a server; times are those of the event loop.

    Attributes:
        is_busy: It is being called, or in a conversation.
        rests_until_s: Until then it is left alone; ``rest_s`` is for how long, and grows.
        away_since_s: Since when nobody answers there.
        has_worked: A conversation began.
        is_known: It was seen to be PersonaPlex's.
        n_drops: Connections that it broke off before a conversation began, one after another.
        fault: Why it is not called any more.
    """

    address: Address
    is_busy: bool = False
    rests_until_s: float = 0.0
    rest_s: float = 0.0
    away_since_s: float | None = None
    has_worked: bool = False
    is_known: bool = False
    n_drops: int = 0
    fault: CallError | None = None

    def given_up(self, kind: str, message: str) -> CallError:
        """It is not going to work; one that did is only tried again later."""
        error = CallError(kind, message, may_retry=True)
        if not self.has_worked:
            self.fault = error
        return error


class Pool:
    """Hands out servers, each to one conversation, in the order in which they are asked for."""

    def __init__(self, servers: Sequence[Server], away_timeout_s: float) -> None:
        self.servers = tuple(servers)
        self._away_timeout_s = away_timeout_s
        self._queue: deque[object] = deque()

    async def take(self) -> Server:
        """The next server that is free, when it is one's turn.

        Raises:
            CallError: None is ever going to be.
        """
        ticket = object()
        self._queue.append(ticket)
        try:
            while True:
                usable = [server for server in self.servers if server.fault is None]
                if not usable and self.servers[0].fault:
                    raise self.judged(self.servers[0].fault)
                now_s = asyncio.get_running_loop().time()
                free = [server for server in usable if not server.is_busy and server.rests_until_s <= now_s]
                if free and self._queue[0] is ticket:
                    server = min(free, key=lambda each: each.rest_s)
                    server.is_busy = True
                    return server
                await asyncio.sleep(_POLL_S)
        finally:
            self._queue.remove(ticket)

    def welcome(self, server: Server) -> None:
        """A conversation has begun there."""
        server.has_worked, server.n_drops, server.rest_s, server.away_since_s = True, 0, 0.0, None

    def give_back(self, server: Server) -> None:
        server.is_busy = False

    def put_aside(self, server: Server) -> None:
        """It broke: others first."""
        server.is_busy = False
        server.rest_s = min(max(2 * server.rest_s, FIRST_REST_S), LONGEST_REST_S)
        server.rests_until_s = asyncio.get_running_loop().time() + server.rest_s

    def is_deserted(self) -> bool:
        """Whether all have been away for too long to be waited for."""
        since = [server.away_since_s for server in self.servers if server.fault is None]
        limit_s = asyncio.get_running_loop().time() - self._away_timeout_s
        return all(away_s is not None and away_s < limit_s for away_s in since)

    def judged(self, error: CallError) -> CallError:
        """An error; fatal where no server is left."""
        if any(server.fault is None for server in self.servers):
            return error
        return CallError(error.kind, error.message, is_fatal=True)


async def connected(server: Server, query: Mapping[str, str]) -> ClientConnection:
    """A websocket, on which nothing has been said.

    Raises:
        CallError: There is none; what kind of answer came instead.
    """
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI

    address, shown = server.address, server.address.shown
    asked = [*parse_qsl(address.url.query, keep_blank_values=True), *query.items()]
    url = address.url._replace(query=urlencode(asked)).geturl()
    # A server on this machine is not behind the proxy that the environment names (which versions before 15 do not look for).
    has_proxies = int(importlib.metadata.version("websockets").partition(".")[0]) >= 15
    direct: dict[str, Any] = {"proxy": None} if address.is_here and has_proxies else {}
    try:
        connection = await connect(
            url, compression=None, ping_interval=None, open_timeout=CONNECT_S, close_timeout=CLOSE_S, max_size=MOST_BYTES,
            **direct,
        )  # fmt: skip
    except InvalidURI:  # whose message holds all of it; a redirect may lead to one
        raise server.given_up("refused", f"{shown} is, or leads to, no address of a websocket") from None
    except InvalidStatus as error:
        raise _not_a_websocket(server, error.response.status_code, retry_after(error.response.headers)) from None
    except InvalidHandshake as error:
        raise server.given_up("refused", f"{shown} answers, but not as a websocket: {one_line(str(error))}") from None
    except ssl.SSLError as error:
        raise server.given_up("refused", f"{shown}: no secure connection ({one_line(error.reason or str(error))})") from None
    except (OSError, asyncio.TimeoutError, EOFError) as error:
        server.away_since_s = server.away_since_s or asyncio.get_running_loop().time()
        raise AwayError("refused", f"{shown}: nobody is there ({one_line(str(error)) or type(error).__name__})") from None
    return connection


def _not_a_websocket(server: Server, status: int, retry_after_s: float | None) -> CallError:
    shown, path = server.address.shown, server.address.url.path
    if status in _GATEWAY:
        kind = "rate_limited" if status == 429 else "refused"
        return CallError(kind, f"{shown} answers with HTTP status {status}", may_retry=True, retry_after_s=retry_after_s)
    return server.given_up(
        "refused",
        f"{shown} answers with HTTP status {status} instead of a websocket: is a Moshi server there, and {path} its path?",
    )


def dropped_before(server: Server, error: ConnectionClosed, is_prompted: bool) -> CallError:
    shown = server.address.shown
    server.n_drops += 1
    why = (
        "PersonaPlex's server does that where it has no such voice"
        if is_prompted
        else "PersonaPlex's server does that to a client without --arg voice (--model personaplex-server)"
    )
    message = f"{shown} {how_it_ended(error)}, before the handshake" + ("" if server.has_worked else f": {why}")
    if server.n_drops >= MOST_DROPS:
        return server.given_up("refused", message)
    return CallError("refused", message, may_retry=True)


def how_it_ended(error: ConnectionClosed) -> str:
    if error.rcvd is None:
        return "broke the connection off without a close frame"
    reason = f" ({one_line(error.rcvd.reason)})" if error.rcvd.reason else ""
    return f"ended the conversation with code {error.rcvd.code}{reason}"


def one_line(text: str | bytes) -> str:
    """Something foreign in one short line."""
    if isinstance(text, bytes):
        text = text[:1000].decode("utf-8", "replace")
    text = " ".join(text.split())
    return "".join(each if each.isprintable() else "?" for each in text[:200])
