"""What an HTTP server says beside its answer: what a status means, how long to wait, what went wrong, and which server it is.

============================  ============  =========================================
status                        meaning       what to do
============================  ============  =========================================
401, 402, 403, 404, 407       closed        stop: no other request would succeed
429                           rate_limited  ask again when the server says so
408, 409, 425, 5xx            later         ask again later
any other                     rejected      give this request up
============================  ============  =========================================
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from fdbench.errors import UsageError
from fdbench.io.files import sha256_of
from fdbench.io.secret import is_local, looks_like_a_key

StatusMeaning = Literal["closed", "rate_limited", "later", "rejected"]

LOCAL: Final = "local"
MAX_WAIT_S: Final = 60.0
NO_QUOTA_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
"""With these in an error, waiting does not help: an account is out of money."""

_CLOSED: Final = frozenset({401, 402, 403, 404, 407})
_LATER: Final = frozenset({408, 409, 425})


def meaning_of(status: int) -> StatusMeaning:
    """What an HTTP status of 400 or more means for whoever asked; the table above."""
    if status in _CLOSED:
        return "closed"
    if status == 429:
        return "rate_limited"
    return "later" if status in _LATER or status >= 500 else "rejected"


def retry_after(headers: Mapping[str, str], at_most_s: float = MAX_WAIT_S) -> float | None:
    """How long the server wants to be left alone, in seconds, at most ``at_most_s``; None where it does not say.

    ``retry-after-ms`` comes first, then ``Retry-After`` in seconds or as a date, which counts from the server's own ``Date``:
    no clock of ours is involved (RFC 9110, sections 6.6.1 and 10.2.3).

    Args:
        headers: By name, in lower case or as usual (``Retry-After``).
    """
    wait_s = _seconds(_named("retry-after-ms", headers), 0.001)
    if wait_s is None:
        named = _named("retry-after", headers)
        wait_s = _seconds(named, 1.0)
        wait_s = _seconds_between(_named("date", headers), named) if wait_s is None else wait_s
    return None if wait_s is None else min(wait_s, at_most_s)


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What the body of an error says.

    Attributes:
        message: For a person; as the server wrote it, so redact it before it goes anywhere.
        code: For a program, e.g. ``insufficient_quota``; the error's type where it has no code; empty without both.
        parameter: Which parameter of the request is to blame; empty where the server names none.
    """

    message: str
    code: str = ""
    parameter: str = ""


def error_facts(body: bytes) -> ErrorFacts:
    """The error in a body, in any of the shapes that servers give it: JSON, HTML or plain text."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ErrorFacts(re.sub(r"<[^>]{0,500}>", " ", body[:4000].decode("utf-8", "replace")).strip())
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return ErrorFacts(str(value))
    inner = next((value[name] for name in ("error", "detail", "message") if value.get(name)), value)
    facts = inner if isinstance(inner, dict) else value
    code = facts.get("code") if isinstance(facts.get("code"), str) else facts.get("type")
    message = facts.get("message") if facts is inner else inner
    return ErrorFacts(str(message or facts), str(code or ""), str(facts.get("param") or ""))


def check_url(url: str, option: str, example: str, schemes: Collection[str] = ("http", "https")) -> SplitResult:
    """A server's URL that may be stored, in its parts.

    Args:
        option: Where it comes from, e.g. ``--judge-url``.
        example: What to give instead.

    Raises:
        UsageError: It is no such URL, or it may hold a secret; never repeats it.
    """
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or not (url.isascii() and url.isprintable()) or set(url) & set(" \\|"):
        raise UsageError(f"{option} is not a URL with a host ({', '.join(schemes)})", example)
    if "@" in parts.netloc:
        raise UsageError(f"{option} holds a user name or a password", "put the key into the environment")
    if "?" in url or "#" in url or looks_like_a_key(url):
        raise UsageError(
            f"{option} has a query, a fragment or what looks like a key, which would be stored",
            "end it after the path, and put a key into the environment",
        )
    return parts


def published_name(url: str, *, usual_paths: Collection[str] = ("", "/v1"), local: str = LOCAL) -> str:
    """Which server, as it may be published: one of this machine or network by ``local``, an unusual path by its hash."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    where = local if is_local(host) else host
    path = parts.path.rstrip("/")
    return where if path in usual_paths else f"{where}~{sha256_of(path.encode())[:8]}"


def _named(name: str, headers: Mapping[str, str]) -> str:
    return headers.get(name) or headers.get(name.title()) or ""


def _seconds(text: str, unit_s: float) -> float | None:
    try:
        seconds = float(text) * unit_s
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_between(start: str, end: str) -> float | None:
    """Between two dates of HTTP, 0 where the second is the earlier; None where one of them is none."""
    try:
        return max(0.0, (parsedate_to_datetime(end) - parsedate_to_datetime(start)).total_seconds())
    except (ValueError, TypeError, OverflowError):  # the last for an offset of a thousand years
        return None
