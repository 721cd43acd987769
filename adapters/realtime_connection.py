"""One websocket through the official SDK: how it is opened, and what it means when it breaks.

=====================================================  ==============  =======================================
the server                                             kind            what is done
=====================================================  ==============  =======================================
401, 402, 403, 404; error with such a code; no quota   refused         the run ends: no other call would succeed
429; an error that speaks of a rate                    rate_limited    later, when the server says so
5xx; nobody listens                                    refused         later
any other status                                       refused         this call is given up
no session within the time given                       timeout         later
close 1011, 1012, 1013, 1006 (none), lost mid-reply    dropped         later
close 1000 or 1001 between replies                     -               the conversation is over
close 1008, 3xxx, 4xxx                                 refused         given up, unless its reason speaks of later
no JSON, no base64, a message that is too large        protocol        given up: another try costs money as well
=====================================================  ==============  =======================================

The SDK's own reconnection stays off: it would go on in a session that has heard nothing. Whatever the server wrote is
redacted before it gets into a message, and exceptions that hold the request are not passed on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from fdbench.adapter.base import in_one_line
from fdbench.adapter.live import CallError, Incoming, within
from fdbench.io.http import NO_QUOTA_CODES, error_facts, meaning_of, retry_after
from fdbench.io.secret import Secret

from .realtime_key import is_local

MAX_MESSAGE_BYTES: Final = 4 << 20
"""A minute of audio in one message. Decoding holds up all other conversations: 4 MiB takes about a frame's time."""
CLOSE_S: Final = 1.0
MAX_WAIT_S: Final = 120.0
"""A server that asks for more is not waited for any longer."""

_FATAL_CODES: Final = NO_QUOTA_CODES | {
    "invalid_api_key", "authentication_error", "permission_denied", "permission_error", "account_deactivated",
    "model_not_found", "unauthorized",
}  # fmt: skip
_RATE_WORDS: Final = (
    "rate_limit", "rate limit", "too many requests", "too_many_requests", "resource_exhausted", "resource has been exhausted",
)  # fmt: skip
_LATER_CODES: Final = frozenset(
    {"server_error", "internal_error", "internal_server_error", "overloaded_error", "overloaded", "admission_rejected"}
)
_LATER_WORDS: Final = ("try again", "retry", "temporar", "overload", "restart", "busy", "capacity", *_RATE_WORDS)
_LOST: Final = frozenset({1005, 1006, 1011, 1012, 1013, 1014, 1015})


class Reader(Protocol):
    """Makes events of what a server writes; one per conversation."""

    @property
    def is_busy(self) -> bool:
        """Whether a reply has begun and not ended."""

    def read(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        """What one message means.

        Raises:
            CallError: The conversation cannot go on after what was yielded.
        """

    def truncations(self, item: str, upto_s: float) -> Iterable[Mapping[str, Any]]:
        """What to tell the server after a reply was cut off."""


class Backoff:
    """When conversations may begin: one server that asks for patience slows down all of them."""

    def __init__(self) -> None:
        self._until_s = 0.0

    def ask(self, seconds: float | None) -> None:
        if seconds is not None and seconds > 0:
            self._until_s = max(self._until_s, asyncio.get_running_loop().time() + min(seconds, MAX_WAIT_S))

    async def over(self, patience_s: float) -> None:
        """Wait it out.

        Raises:
            CallError: It takes longer than ``patience_s``.
        """
        left_s = self._until_s - asyncio.get_running_loop().time()
        if left_s > patience_s:
            raise CallError(
                "rate_limited",
                f"the server asked to be left alone for {left_s:.0f} s more",
                may_retry=True,
                retry_after_s=left_s,
            )
        if left_s > 0:
            await asyncio.sleep(left_s)


async def dial(manager: Any, secret: Secret) -> Any:
    """Open the connection of ``realtime.connect()`` or ``live.connect()``.

    Raises:
        CallError: It cannot be opened; says nothing that was sent.
    """
    from openai import OpenAIError

    try:
        return await opened(manager.enter(), secret)
    except OpenAIError as error:
        fault = CallError("refused", secret.excerpt(str(error)), is_fatal=True)
    raise fault from None


async def opened(opening: Awaitable[Any], secret: Secret) -> Any:
    """A connection of the websockets library, by whomever it is opened.

    Raises:
        CallError: It cannot be opened; says nothing that was sent.
    """
    from websockets.exceptions import InvalidStatus, WebSocketException

    try:
        return await opening
    except InvalidStatus as error:
        fault = fault_of_status(error.response.status_code, error.response.headers, error.response.body, secret)
    except (asyncio.TimeoutError, TimeoutError):
        fault = CallError("timeout", "the server did not answer when it was called", may_retry=True)
    except ssl.SSLError as error:
        fault = CallError("refused", f"no encrypted connection: {secret.excerpt(str(error.reason or error))}", is_fatal=True)
    except WebSocketException as error:
        if isinstance(error.__cause__, EOFError):
            fault = CallError("dropped", "the server hung up when it was called", may_retry=True)
        else:
            fault = CallError("protocol", f"no websocket there: {secret.excerpt(in_one_line(error))}")
    except OSError as error:
        fault = CallError("refused", f"nobody there: {secret.excerpt(error.strerror or in_one_line(error))}", may_retry=True)
    raise fault from None


async def begin(
    connection: Any, reader: Reader, message: Mapping[str, Any], awaited: str, secret: Secret, patience_s: float
) -> list[Incoming]:
    """Say what the session is to be and wait until the server has taken it; on failure the connection is closed.

    Args:
        awaited: Type of the message that says so; empty where the server never does.

    Returns:
        What it said until then.

    Raises:
        CallError: It did not take it, or not in time.
    """
    try:
        return await within(asyncio.ensure_future(_begun(connection, reader, message, awaited, secret)), patience_s)
    except asyncio.TimeoutError:
        await hang_up(connection)
        raise CallError("timeout", f"the server sent no {awaited} within {patience_s:g} s", may_retry=True) from None
    except BaseException:
        await hang_up(connection)
        raise


async def _begun(connection: Any, reader: Reader, message: Mapping[str, Any], awaited: str, secret: Secret) -> list[Incoming]:
    from websockets.exceptions import ConnectionClosed

    opening: list[Incoming] = []
    clock = asyncio.get_running_loop().time
    try:
        await connection.send_raw(json.dumps(message))
        while awaited:
            said = parsed(await connection.recv_bytes())
            if said["type"] == "error":
                error, doing = error_of(said), "the server does not take the session"
                reason = error.get("message") or error.get("code")
                raise fault_of_error(error, secret, doing) or CallError("refused", f"{doing}: {secret.excerpt(str(reason))}")
            opening.extend(reader.read(said, clock()))
            if said["type"] == awaited:
                break
    except ConnectionClosed as closed:
        raise fault_of_close(closed, secret, "while the session was opened") from None
    return opening


async def hang_up(connection: Any) -> None:
    """Close it, whatever state it is in; never raises, never hangs."""
    with suppress(Exception):
        await within(asyncio.ensure_future(connection.close()), 2 * CLOSE_S)


def socket_options(url: str) -> dict[str, Any]:
    """For websockets: bounded messages, no compression (sound does not shrink), a log without headers, certificates once."""
    from websockets.version import version

    # At DEBUG, websockets writes the request's headers into its log, key included: this logger never does.
    quiet = logging.getLogger("fdbench.realtime.websocket")
    quiet.setLevel(logging.WARNING)
    options: dict[str, Any] = {
        "max_size": MAX_MESSAGE_BYTES,
        "compression": None,
        "close_timeout": CLOSE_S,
        "open_timeout": 20.0,
        "logger": quiet,
    }
    if url.startswith("https://"):
        options["ssl"] = ssl.create_default_context()
    if is_local(url) and int(version.partition(".")[0]) >= 15:
        options["proxy"] = None
    return options


def parsed(raw: bytes | str) -> Mapping[str, Any]:
    """One message.

    Raises:
        CallError: It is no JSON object with a type.
    """
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError):
        raise CallError("protocol", "the server sent a message that is no JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise CallError("protocol", "the server sent a message without a type")
    return message


def error_of(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts of an ``error``, which some servers write beside it: ``{"error": "text", "code": ...}``."""
    error = message.get("error")
    if isinstance(error, dict):
        return error
    return {"message": message.get("message") if error is None else error, "code": message.get("code")}


def fault_of_status(status: int, headers: Mapping[str, str], body: bytes | None, secret: Secret) -> CallError:
    """What it means that the server answered a call with this HTTP status."""
    facts = error_facts(body or b"")
    said = f": {secret.excerpt(facts.message)}" if facts.message else ""
    told = f"the server answered {status}{said}"
    meaning = meaning_of(status)
    if meaning == "closed" or facts.code in _FATAL_CODES:
        return CallError("refused", told, is_fatal=True)
    if meaning == "rejected":
        return CallError("refused", told)
    kind = "rate_limited" if meaning == "rate_limited" else "refused"
    return CallError(kind, told, may_retry=True, retry_after_s=retry_after(headers, MAX_WAIT_S))


def fault_of_error(error: Any, secret: Secret, doing: str) -> CallError | None:
    """What an ``error`` in a message means for the call; None where the conversation can go on."""
    facts = error if isinstance(error, dict) else {"message": error}
    code, kind = (str(facts.get(name) or "") for name in ("code", "type"))
    message = secret.excerpt(str(facts.get("message") or code or kind or "no reason given"))
    told = f"{doing}: {message}"
    if code in _FATAL_CODES or kind in _FATAL_CODES:
        return CallError("refused", told, is_fatal=True)
    if any(word in f"{code} {kind}".lower() for word in _RATE_WORDS):
        return CallError("rate_limited", told, may_retry=True)
    if code in _LATER_CODES or kind in _LATER_CODES:
        return CallError("dropped", told, may_retry=True)
    return None


def fault_of_close(closed: Any, secret: Secret, when: str) -> CallError:
    """What it means that the connection was closed like this."""
    code, reason = close_of(closed)
    if closed.rcvd is None and closed.sent is not None and closed.sent.code in (1002, 1003, 1007, 1009):
        what = f"more than {MAX_MESSAGE_BYTES >> 20} MiB in one message" if closed.sent.code == 1009 else "no websocket frames"
        return CallError("protocol", f"the server sent {what} {when}")
    return fault_of_code(code, reason, secret, when)


def fault_of_code(code: int, reason: str, secret: Secret, when: str) -> CallError:
    """What it means that the connection was closed with this code; 1006 where it was lost."""
    said = f": {secret.excerpt(reason)}" if reason else ""
    is_rate = any(word in reason.lower() for word in _RATE_WORDS)
    if not is_rate and (code in _LOST or code in (1000, 1001)):
        how = "the connection was lost" if code == 1006 else f"the server closed the connection ({code})"
        return CallError("dropped", f"{how} {when}{said}", may_retry=True)
    may_retry = any(word in reason.lower() for word in _LATER_WORDS)
    return CallError(
        "rate_limited" if is_rate else "refused", f"the server closed the connection ({code}) {when}{said}", may_retry=may_retry
    )


def close_of(closed: Any) -> tuple[int, str]:
    return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else (1006, "")
