"""The contracts of parties that live on the wall clock: servers and APIs.

A *live party* is called like a person on the telephone: frames of sound go out at the pace of speech, and whatever comes
back, comes when it comes. It never decides when something was heard: the driver stamps each incoming event with the time at
which it arrived and works out when its audio would have been played.

::

    server decides   |D|                      Decided: it is going to speak (or to yield)
    deltas arrive      |a||b||c|              faster than they can be played
    listener hears     |--a--|--b--|--c--|    each from its arrival or the end of what is queued, whichever is later
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from fdbench.adapter.base import Brief, Port
from fdbench.core.sound import Samples

__all__ = [
    "CallError", "Caution", "Closed", "Decided", "Delta", "Done", "Flush", "Incoming", "LiveParty", "Note", "Session",
    "SpeaksFor", "Speech", "Text", "Usage", "within",
]  # fmt: skip


T = TypeVar("T")


class CallError(Exception):
    """A call that cannot be begun, or cannot go on.

    Args:
        kind: Short and stable, the ``kind`` of the ``FailedCall`` that it becomes: ``refused``, ``rate_limited``, ``dropped``,
            ``protocol``, ``timeout``, ``stalled``, ``silent``, ``wrong_model``, ``adapter``; ``settings``: the server made the
            session something that cannot be scored as asked; ``incomplete``: it gave a reply up before its end;
            ``unfinished``: it never ended one.
        message: One line for a person.
        may_retry: Whether the same call could succeed a little later.
        is_fatal: Whether no other call of the run can succeed either (a key that is not accepted).
        retry_after_s: How long the server asks to be left alone, where it does.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        may_retry: bool = False,
        is_fatal: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.may_retry = may_retry
        self.is_fatal = is_fatal
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """A piece of a reply: float32 samples of shape ``(n,)`` at the party's rate, to be played when all before it has been."""

    item: str
    audio: Samples


@dataclass(frozen=True, slots=True)
class Decided:
    """The server says what it is going to do: begin a reply, or give way to the user."""

    what: Literal["speak", "yield"]
    item: str = ""


@dataclass(frozen=True, slots=True)
class Flush:
    """Whatever of a reply has not been played yet is not to be played; of every reply where ``item`` is empty."""

    item: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """A reply is complete: no more deltas of it will come. An empty ``item`` speaks of every reply begun so far."""

    item: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of what the model says, as the server writes it; concatenated, the pieces of an item are its text."""

    text: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class Speech:
    """The server's own detector heard the user begin or end.

    Attributes:
        at_s: When, by the server's count of the audio that it was sent; None where it does not say.
    """

    what: Literal["started", "stopped"]
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reply used up, in the vendor's own units (tokens by kind), and its price where that is known."""

    counts: Mapping[str, int] = field(default_factory=dict)
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Anything else that is worth keeping in the log: rate limits, warnings, events of an unknown type."""

    what: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Caution:
    """What everybody who reads the call's numbers has to know (a setting that the server did not take), in one line.

    It reaches the call's record, the screen and the summary; a ``Note`` stays in the log.
    """

    message: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The server ended the conversation in good order, for example because its session is over."""

    reason: str = ""


Incoming = Delta | Decided | Flush | Done | Text | Speech | Usage | Note | Caution | Closed


class Session(Protocol):
    """One conversation."""

    async def send(self, frame: Samples) -> None:
        """Hand over a frame of the user's speech, shape ``(hears.frame_samples,)``.

        Where the party ``takes_frames_together``, it may be several, one after the other: ``(k * hears.frame_samples,)``.

        Raises:
            CallError: The conversation cannot go on.
        """

    def events(self) -> AsyncIterator[Incoming]:
        """What comes from the server, as it comes; ends when nothing more will.

        Raises:
            CallError: The connection broke, or what came is no sense.
        """

    async def played(self, item: str, upto_s: float) -> None:
        """A reply was cut off after so many seconds of it had been heard; servers that truncate are told."""

    async def round_trip_s(self) -> float | None:
        """How long the network takes there and back now; None where that cannot be asked."""

    async def close(self) -> None:
        """End the conversation, whatever state it is in; never raises, never hangs."""


class LiveParty(Protocol):
    """A server or API, of which up to ``slots`` conversations are held at once.

    A class is one where its ``open`` is an ``async def``. ``Equipped``, which it inherits from, says what the rest means.
    """

    hears: Port
    says: Port
    slots: int
    always_sounds: bool
    open_s: float
    takes_frames_together: bool
    ends_replies: bool

    def describe(self) -> Mapping[str, str]:
        """Versions, the server, the model."""

    def release(self) -> None:
        """Nothing is asked of the party afterwards."""

    async def open(self, brief: Brief) -> Session:
        """Begin a conversation; returns when audio may be sent.

        Raises:
            CallError: It cannot be begun.
        """


@runtime_checkable
class SpeaksFor(Protocol):
    """A live party on the user's side that knows beforehand how long it has something to say."""

    def speaks_until_s(self, brief: Brief) -> float:
        """When, on the call's clock, it has nothing more to say."""


async def within(awaited: Awaitable[T], seconds: float) -> T:
    """What is awaited, if it comes in time; else it is cancelled.

    Unlike ``asyncio.wait_for`` before Python 3.12, it never loses a cancellation that comes at the same moment as the result.

    Raises:
        asyncio.TimeoutError: It did not.
    """
    task = asyncio.ensure_future(awaited)
    try:
        await asyncio.wait({task}, timeout=max(0.0, seconds))
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=1.0)
        if task.done() and not task.cancelled():
            task.exception()  # nobody else wants to know how it ended
