"""The address of a server and the key for it: checked when a party is made, stored without what may be secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from fdbench.errors import UsageError
from fdbench.io import secret
from fdbench.io.http import check_url
from fdbench.io.secret import NO_SECRET, Secret, looks_like_a_key

_SECRET_NAME: Final = re.compile(r"key|token|secret|password|auth|credential|signature", re.IGNORECASE)


def read_key(environment: Mapping[str, str], variable: str) -> Secret:
    """The key in this variable; an empty one where it is not set or blank.

    Raises:
        UsageError: It holds what no HTTP header can; names the variable, not the value.
    """
    return secret.read_secret(environment, (variable,) if variable else ()) or NO_SECRET


def http_url(url: str) -> str:
    """A base URL as the SDK wants it (``ws`` and ``wss`` are taken too).

    Raises:
        UsageError: It is none, or it may hold a secret that would be stored; never repeats it.
    """
    blank = re.search(r"{([A-Za-z]{1,40})}", url)
    if blank:
        raise UsageError(f"--arg base_url has a blank, {blank[0]}", "give the address with your own value in its place")
    example = "give it like wss://HOST[:PORT]/v1, without /realtime; harmless parameters go into --arg query="
    parts = check_url(url, "--arg base_url", example, ("ws", "wss", "http", "https"))
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/").removesuffix("/realtime")
    return f"{scheme}://{parts.netloc}{path}"


def query_of(text: str) -> dict[str, str]:
    """Further query parameters, ``a=1&b=2``.

    Raises:
        UsageError: Not of that form, or one that may be a secret; never repeats its value.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True) if text else []
    except ValueError:
        raise UsageError("--arg query is not of the form name=value&name=value", "for example duplex=1") from None
    for name, value in pairs:
        if _SECRET_NAME.search(name) or looks_like_a_key(f"{name} {value}"):
            raise UsageError("--arg query holds what may be a secret, which would be stored", "keys go into the environment")
    return dict(pairs)


def is_local(url: str) -> bool:
    """Whether the server is on this machine or a private network."""
    return secret.is_local(urlsplit(url).hostname or "")
