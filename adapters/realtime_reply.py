"""A reply of the Realtime protocol as far as it has come, and what its end means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fdbench.adapter.live import CallError
from fdbench.io.secret import Secret

from .realtime_connection import fault_of_error

USERS_TURN: Final = frozenset({"", "turn_detected", "client_cancelled", "barge_in"})
"""Why a reply is cancelled that gives way to the user; a server that gives no reason is taken at its word."""


@dataclass(slots=True)
class Reply:
    """``parts`` are (item, content index) of the server's, with the samples of each."""

    item: str
    parts: dict[tuple[str, int], int] = field(default_factory=dict)
    carry: bytes = b""
    carry_of: tuple[str, int] = ("", 0)
    last: tuple[int, int] = (-1, -1)
    last_number: int = -1
    ends_s: float = float("-inf")
    is_done: bool = False
    has_yielded: bool = False
    has_text: bool = False
    is_text_only: bool = False
    has_sound: bool = False
    is_counted: bool = False
    noted: set[str] = field(default_factory=set)
    names: dict[tuple[str, str, int], str] = field(default_factory=dict)

    def is_repeated(self, what: str, name: str, part: tuple[str, int]) -> bool:
        """Whether this piece has come, or will come, under the other name of its event as well.

        Of a part that comes under both, the name that was first counts. An event that does not tell its item belongs to the
        part that came last, or to the first one that does.

        Args:
            what: ``audio`` or ``text``.
            name: Of the event.
        """
        item, content_index = part
        place = (what, item, content_index)
        if not item:
            place = next((each for each in reversed(self.names) if each[0] == what), place)
        elif place not in self.names and (what, "", content_index) in self.names:
            place = (what, "", content_index)
        return self.names.setdefault(place, name) != name


def fault_of_reply(status: str, details: Mapping[str, Any], reply: Reply, secret: Secret) -> CallError | None:
    """What the status of a reply that is over means for its call; None where it was ended as replies are.

    ``failed`` may pass by itself. ``incomplete``, and any status that is not known, is a reply without its end, which costs the
    same on another try and is none. ``cancelled`` for a reason that is not the user's turn is one, too: the server has stopped
    of its own accord, which is not giving way. A whole reply has sound: one of zeros, or in text alone, is not silence.
    """
    reason = str(details.get("reason") or "")
    if status == "completed":
        n_samples = sum(reply.parts.values())
        if reply.is_text_only and not n_samples:
            return CallError("settings", "the server replied in text, without sound")
        if n_samples and not reply.has_sound:
            return CallError("silent", "all samples of the server's reply are zero")
        return None
    if status == "failed":
        error = details.get("error")
        doing = "the server gave its reply up"
        fault = fault_of_error(error or {}, secret, doing)
        told = f"{doing}: {secret.excerpt(str(error or reason or 'no reason given'))}"
        return fault or CallError("dropped", told, may_retry=True)
    if status == "cancelled":
        if reason in USERS_TURN or reply.has_yielded:
            return None
        return CallError("incomplete", f"the server cancelled its reply, and not for the user's turn: {secret.excerpt(reason)}")
    told = f"the server ended its reply before its end: {secret.excerpt(reason or 'no reason given')}"
    return CallError("incomplete", told if status == "incomplete" else f"{told} (status {secret.excerpt(status)})")
