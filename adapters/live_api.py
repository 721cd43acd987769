"""GPT-Live: a model that listens and speaks at the same time, on the official SDK's ``live``.

::

    client   session.start  |  20 ms 20 ms 20 ms ...
    server            started |      output_audio.delta delta delta ...        at the pace of speech

There is no voice activity detection, no turn and no interruption to configure or to be told of: the model decides, and all
that comes are pieces of sound and of text. So there is nothing ``decided`` in a recording, what ``arrived`` is one stream,
and nothing is ever flushed or truncated.

Written from the SDK's types (openai 3.54) and not yet run against the vendor. Tasks that the model delegates are handed to
nobody: with the task's instructions alone it has no reason to delegate any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fdbench.adapter.base import Brief, Equipped, Need, Provenance
from fdbench.adapter.live import CallError, Closed, Delta, Incoming, Note, Session, Text, Usage
from fdbench.errors import UsageError
from fdbench.io.http import published_name
from fdbench.io.secret import Secret

from .realtime import (
    BEGIN_S,
    OPENAI,
    OPENAI_KEY,
    PATIENCE_S,
    Account,
    check_texts,
    needs_of,
    port_of,
    versions,
)
from .realtime_connection import Backoff, begin, dial, fault_of_error
from .realtime_conversation import LiveSession
from .realtime_events import MAX_NOTES, decoded, samples_of
from .realtime_key import http_url
from .realtime_session import check_model, session_facts

ITEM: Final = "live"
"""The whole conversation is one reply: nobody says where one ends."""
RATES: Final = (16000, 24000)


class LiveReader:
    """One conversation's events."""

    is_busy = False

    def __init__(self, secret: Secret, model: str, usd_per_minute: float | None) -> None:
        self._secret, self._model, self._price = secret, model, usd_per_minute
        self._carry = b""
        self._used_ms = 0
        self._unknown: Counter[str] = Counter()

    def read(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        kind = message["type"]
        if kind == "session.output_audio.delta":
            pcm = self._carry + decoded(message.get("delta"))
            whole = len(pcm) & ~1
            self._carry = pcm[whole:]
            if whole:
                yield Delta(ITEM, samples_of(pcm[:whole]))
        elif kind == "session.output_transcript.delta":
            yield Text(self._secret.redacted(str(message.get("delta") or "")), ITEM)
        elif kind == "session.input_transcript.delta":
            yield Note("user_text", {"text": self._secret.redacted(str(message.get("delta") or ""))[:2000]})
        elif kind in ("session.started", "session.updated"):
            session = message.get("session")
            check_model(self._model, session, self._secret)
            yield Note(kind, session_facts(session, self._secret))
        elif kind == "session.usage.updated":
            yield from self._usage(message)
        elif kind == "session.closed":
            yield from self._usage(message)
            reason = self._secret.excerpt(str(message.get("reason") or ""))
            if reason == "connection_lost":
                raise CallError("dropped", "the server lost the connection to its model", may_retry=True)
            yield Closed(reason)
        elif kind == "error":
            error = message.get("error")
            yield Note("error", {"error": self._secret.clean(error)})
            fault = fault_of_error(error, self._secret, "the server reported an error")
            if fault is not None:
                raise fault
        else:
            self._unknown[kind] += 1
            if self._unknown[kind] <= MAX_NOTES and len(self._unknown) <= MAX_NOTES:
                yield Note("unknown_event", {"type": self._secret.excerpt(kind)})

    def truncations(self, item: str, upto_s: float) -> tuple[()]:
        return ()

    def _usage(self, message: Mapping[str, Any]) -> Iterator[Incoming]:
        """The server counts from the session's beginning; what is new since it last told."""
        usage = message.get("usage")
        seconds = usage.get("seconds") if isinstance(usage, dict) else None
        if isinstance(seconds, (int, float)) and 0 <= seconds <= 1e6:
            new_ms = max(0, round(seconds * 1000) - self._used_ms)
            self._used_ms += new_ms
            yield Usage({"audio_ms": new_ms}, None if self._price is None else new_ms / 60_000 * self._price)


class Live(Equipped):
    """GPT-Live.

    Args:
        model: As the server knows it.
        base_url: Without ``/live/sessions``.
        key_variable: Name of the environment variable that holds the key.
        voice: As the server knows it; None = its own default.
        instructions: What the model is told instead of the task's instructions.
        frame_ms: Of what is sent.
        rate: Of the audio, both ways: 16000 or 24000 Hz.
        usd_per_minute: Price of a minute of conversation.
        slots: Conversations at once.

    Raises:
        FdbenchError: A package or the key is missing, or an argument makes no sense.
    """

    def __init__(
        self,
        model: str = "gpt-live-1",
        base_url: str = OPENAI,
        key_variable: str = OPENAI_KEY,
        voice: str | None = None,
        instructions: str | None = None,
        frame_ms: int = 20,
        rate: int = 24000,
        usd_per_minute: float | None = None,
        slots: int = 8,
    ) -> None:
        check_texts(model=model, voice=voice, instructions=instructions)
        if rate not in RATES:
            raise UsageError(f"--arg rate={rate}: expected 16000 or 24000", "the protocol has no other")
        self.hears = self.says = port_of(rate, frame_ms)
        self.slots = slots
        self._account = Account(base_url, key_variable)
        self._model, self._voice, self._instructions, self._price = model, voice, instructions, usd_per_minute
        self._backoff = Backoff()

    async def open(self, brief: Brief) -> Session:
        await self._backoff.over(PATIENCE_S)
        secret = self._account.secret
        manager = self._account.client.live.connect(websocket_connection_options=self._account.socket_options)
        reader = LiveReader(secret, self._model, self._price)
        told = brief.instructions if self._instructions is None else self._instructions
        session: dict[str, Any] = {
            "model": self._model,
            "audio": {"format": {"type": "audio/pcm", "rate": self.hears.sample_rate}},
            "store": False,
        }
        if self._voice is not None:
            session["audio"]["output"] = {"voice": self._voice}
        if told:
            session["instructions"] = told
        start = {"type": "session.start", "session": session}
        try:
            connection = await dial(manager, secret)
            opening = await begin(connection, reader, start, "session.started", secret, BEGIN_S)
        except CallError as fault:
            self._backoff.ask(fault.retry_after_s)
            raise
        return LiveSession(connection, secret, reader, "session.input_audio.append", {"type": "session.close"}, opening)

    def describe(self) -> Mapping[str, str]:
        return {**versions(), "server": published_name(self._account.url), "model": self._model}

    @classmethod
    def needs(cls, base_url: str = OPENAI, key_variable: str = OPENAI_KEY, **_: Any) -> tuple[Need, ...]:
        return needs_of(base_url, key_variable)

    @classmethod
    def price_of(cls, minutes: float, usd_per_minute: float | None = None, **_: Any) -> float | None:
        """What so many minutes of conversation cost, in USD."""
        return None if usd_per_minute is None else minutes * usd_per_minute

    @classmethod
    def provenance(cls, **arguments: Any) -> Provenance:
        check_texts(**{name: value for name, value in arguments.items() if isinstance(value, str)})
        left_out = ("base_url", "key_variable", "usd_per_minute", "slots")
        settled = {name: value for name, value in arguments.items() if name not in left_out}
        return Provenance({"server": published_name(http_url(str(arguments["base_url"]))), **settled})
