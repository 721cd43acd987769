"""Keys: read from the environment when a client is made, never shown, and taken out of any text that others wrote."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn
from urllib.parse import quote

from fdbench.errors import UsageError

MASK: Final = "***"
MIN_KEY_CHARS: Final = 4
"""A shorter key is no secret, and masking it would eat ordinary words."""
EXCERPT_CHARS: Final = 200

_LIKE_A_KEY: Final = re.compile(
    r"\b(?:sk|xai|ek)-[A-Za-z0-9_*\-]{6,}"  # OpenAI and those that copy it, xAI; servers echo them half starred
    r"|\bAIza[A-Za-z0-9_\-]{8,}"  # Google
    r"|(?<=\bBearer\s)[A-Za-z0-9._~+/*=\-]{12,}",
    re.IGNORECASE,
)


class Secret:
    """A key that does not show itself: not in a repr, not in a pickle."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __bool__(self) -> bool:
        return bool(self._text)

    def reveal(self) -> str:
        """The key itself, for the HTTP client and nothing else."""
        return self._text

    def redacted(self, text: str) -> str:
        """``text`` without this key, and without whatever looks like one."""
        if len(self._text) >= MIN_KEY_CHARS:
            for form in {self._text, quote(self._text, safe="")}:
                text = text.replace(form, MASK)
        return _LIKE_A_KEY.sub(MASK, text)

    def excerpt(self, text: str, limit: int = EXCERPT_CHARS) -> str:
        """Somebody else's text in one short line for a message: redacted first, then cut, nothing that moves a cursor."""
        line = " ".join("".join(char if char.isprintable() else " " for char in self.redacted(text)).split())
        return line if len(line) <= limit else f"{line[:limit]}..."

    def clean(self, value: Any, depth: int = 6) -> Any:
        """Somebody else's JSON as it may be stored: every text in it, names too, is redacted and of bounded length."""
        if isinstance(value, str):
            return self.excerpt(value)
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)  # which Python's servers send and no JSON holds
        if isinstance(value, (bool, int, float, type(None))):
            return value
        if depth and isinstance(value, dict):
            return {self.excerpt(str(name)): self.clean(each, depth - 1) for name, each in list(value.items())[:64]}
        if depth and isinstance(value, list):
            return [self.clean(each, depth - 1) for each in value[:64]]
        return "..."

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled")


NO_SECRET: Final = Secret("")


def looks_like_a_key(text: str) -> bool:
    return _LIKE_A_KEY.search(text) is not None


def read_secret(environment: Mapping[str, str], variables: tuple[str, ...]) -> Secret | None:
    """The first of these variables that is set and not blank.

    Raises:
        UsageError: It holds what no HTTP header can; names the variable, not the value.
    """
    for variable in variables:
        text = environment.get(variable, "").strip()
        if not text:
            continue
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise UsageError(f"{variable} holds characters that no key has", f"set {variable} to the key alone")
        return Secret(text)
    return None


def is_local(host: str) -> bool:
    """This machine or a private network: nobody else can reach it by that name, so a key may travel there in the clear."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        name = host.rstrip(".").lower()
        return "." not in name or name.endswith((".localhost", ".local", ".internal", ".lan", ".home.arpa"))
    return address.is_private or address.is_loopback or address.is_link_local or address.is_unspecified
