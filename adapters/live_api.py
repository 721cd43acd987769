"""GPT-Live: a model that listens and speaks at the same time, on the official SDK's ``live``.

::

    client   session.start  |  20 ms 20 ms 20 ms ...
    server            started |      output_audio.delta delta delta ...        at the pace of speech

There is no voice activity detection, no turn and no interruption to configure or to be told of: the model decides, and all
that comes are pieces of sound and of text. So there is nothing ``decided`` in a recording, what ``arrived`` is one stream,
and nothing is ever flushed or truncated.

It is billed by the second. The server counts every 15 s or so, so the seconds since it last did are counted here, by the
clock, and a call that ends between two of its counts is not free. Of two rates, the lower one is for standby, in which no
inference runs; what the server does not count as standby is active.

Written from the SDK's types (openai 3.54) and not yet run against the vendor. Tasks that the model delegates are handed to
nobody: with the task's instructions alone it has no reason to delegate any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
from .realtime_connection import Backoff, begin, dial, error_of, fault_of_error
from .realtime_conversation import LiveSession
from .realtime_events import MAX_NOTES, decoded, samples_of
from .realtime_key import http_url
from .realtime_session import check_model, session_facts
from .realtime_settings import SettingsCheck

ITEM: Final = "live"
"""The whole conversation is one reply: nobody says where one ends."""
RATES: Final = (16000, 24000)


@dataclass(frozen=True, slots=True)
class MinutePrice:
    """USD per minute while the model is at work, and on standby."""

    active: float
    standby: float

    @classmethod
    def parsed(cls, text: float | str | None) -> MinutePrice | None:
        """From ``ACTIVE`` or ``ACTIVE,STANDBY``.

        Raises:
            UsageError: Not of that form.
        """
        if text is None or text == "":
            return None
        try:
            prices = [float(each) for each in str(text).split(",")]
        except ValueError:
            prices = []
        if len(prices) not in (1, 2) or not all(0 <= price < 1e6 for price in prices):
            raise UsageError(
                f"--arg usd_per_minute={text}: expected ACTIVE or ACTIVE,STANDBY", "USD per minute, like 0.05,0.02"
            )
        return cls(prices[0], prices[-1])

    def of(self, active_ms: int, standby_ms: int = 0) -> float:
        return (active_ms * self.active + standby_ms * self.standby) / 60_000


class LiveReader:
    """One conversation's events."""

    is_busy = False

    def __init__(self, secret: Secret, model: str, price: MinutePrice | None, settings: SettingsCheck | None = None) -> None:
        self._secret, self._model, self._price, self._settings = secret, model, price, settings
        self._carry = b""
        self._used_ms = self._standby_ms = 0
        self._began_s: float | None = None
        self._unknown: Counter[str] = Counter()

    def read(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        kind = message["type"]
        if kind == "session.output_audio.delta":
            pcm = self._carry + decoded(message.get("delta"))
            whole = len(pcm) & ~1
            self._carry = pcm[whole:]
            if whole:
                yield Delta(ITEM, samples_of(pcm[:whole]))
            yield from self._used_by(now_s)
        elif kind == "session.output_transcript.delta":
            yield Text(self._secret.redacted(str(message.get("delta") or "")), ITEM)
        elif kind == "session.input_transcript.delta":
            yield Note("user_text", {"text": self._secret.redacted(str(message.get("delta") or ""))[:2000]})
        elif kind in ("session.started", "session.updated"):
            session = message.get("session")
            check_model(self._model, session, self._secret)
            if self._began_s is None:
                self._began_s = now_s
            yield Note(kind, session_facts(session, self._secret))
            if self._settings is not None:
                yield from self._settings.read(kind, session)
        elif kind == "info":
            yield Note("info", self._secret.clean({name: message.get(name) for name in ("code", "message")}))
        elif kind == "session.usage.updated":
            yield from self._usage(message)
        elif kind == "session.closed":
            yield from self._usage(message)
            reason = self._secret.excerpt(str(message.get("reason") or ""))
            if reason == "connection_lost":
                raise CallError("dropped", "the server lost the connection to its model", may_retry=True)
            if reason == "content":
                raise CallError("incomplete", "the server's safety filter ended the conversation")
            yield Closed(reason)
        elif kind == "error":
            error = error_of(message)
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
        usage = usage if isinstance(usage, dict) else {}
        total_ms, standby_ms = (_milliseconds(usage.get(name)) for name in ("seconds", "standby_seconds"))
        if total_ms is not None:
            yield self._used(total_ms, standby_ms or 0)

    def _used_by(self, now_s: float) -> Iterator[Incoming]:
        """By the clock, in whole seconds."""
        if self._began_s is not None and (now_s - self._began_s) * 1000 - self._used_ms >= 1000:
            yield self._used(int(now_s - self._began_s) * 1000, self._standby_ms)

    def _used(self, total_ms: int, standby_ms: int) -> Usage:
        new_ms, new_standby_ms = max(0, total_ms - self._used_ms), max(0, standby_ms - self._standby_ms)
        self._used_ms += new_ms
        self._standby_ms += new_standby_ms
        counts = {"audio_ms": new_ms, **({"standby_ms": new_standby_ms} if new_standby_ms else {})}
        active_ms = max(0, new_ms - new_standby_ms)
        return Usage(counts, None if self._price is None else self._price.of(active_ms, new_ms - active_ms))


def _milliseconds(seconds: Any) -> int | None:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 <= seconds <= 1e6
    return round(seconds * 1000) if is_number else None


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
        usd_per_minute: Price of a minute of conversation, ``ACTIVE`` or ``ACTIVE,STANDBY``.
        slots: Conversations at once.

    Raises:
        FdbenchError: A package or the key is missing, or an argument makes no sense.
    """

    takes_frames_together = True

    def __init__(
        self,
        model: str = "gpt-live-1",
        base_url: str = OPENAI,
        key_variable: str = OPENAI_KEY,
        voice: str | None = None,
        instructions: str | None = None,
        frame_ms: int = 20,
        rate: int = 24000,
        usd_per_minute: float | str | None = None,
        slots: int = 8,
    ) -> None:
        check_texts(model=model, voice=voice, instructions=instructions)
        if rate not in RATES:
            raise UsageError(f"--arg rate={rate}: expected 16000 or 24000", "the protocol has no other")
        self.hears = self.says = port_of(rate, frame_ms)
        self.slots = slots
        self._account = Account(base_url, key_variable)
        self._model, self._voice, self._instructions = model, voice, instructions
        self._price = MinutePrice.parsed(usd_per_minute)
        self._backoff = Backoff()

    async def open(self, brief: Brief) -> Session:
        await self._backoff.over(PATIENCE_S)
        secret = self._account.secret
        manager = self._account.client.live.connect(websocket_connection_options=self._account.socket_options)
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
        rate, names = self.hears.sample_rate, {"input.rate": "rate", "output.rate": "rate"}
        settings = SettingsCheck(session, rate, rate, "session.started", secret, names)
        reader = LiveReader(secret, self._model, self._price, settings)
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
    def price_of(cls, minutes: float, usd_per_minute: float | str | None = None, **_: Any) -> float | None:
        """What so many minutes of conversation cost at most, in USD: all of it at the dearer rate."""
        price = MinutePrice.parsed(usd_per_minute)
        return None if price is None else minutes * max(price.active, price.standby)

    @classmethod
    def provenance(cls, **arguments: Any) -> Provenance:
        check_texts(**{name: value for name, value in arguments.items() if isinstance(value, str)})
        left_out = ("base_url", "key_variable", "usd_per_minute", "slots")
        settled = {name: value for name, value in arguments.items() if name not in left_out}
        return Provenance({"server": published_name(http_url(str(arguments["base_url"]))), **settled})
