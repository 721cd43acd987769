"""What a server of the Realtime protocol says, as events of a live party.

::

    response.created          Decided(speak, R)            R: the reply's name, the same in everything that follows
    ...audio.delta            Delta(R)                     half a sample waits for the rest of it
    speech_started            Speech, and where a reply is going on or still to be heard:
                              Decided(yield, R), Flush(R)
    response.done             Done(R), Usage               cancelled without speech_started: yield and flush first
                              not brought to its end: CallError

Dispatch is on ``type`` as it is written, in its present and its older spelling; a type that is not known is noted. Of a server
that sends every piece under both names one is heard, with a note ``sent_twice``.

What a server does wrong, and what becomes of it: deltas out of order (by ``content_index``, ``output_index`` or
``sequence_number``) are played as they arrive, for that is what a listener hears, with a note ``out_of_order``; one that comes
after its reply was done is played, with a note ``late_delta``; ``speech_started`` without a reply, or twice, is a
``Speech`` and nothing more; a reply that never ends is left to the driver's limit; half a sample that nothing
completes is dropped, with a note ``half_sample``.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from fdbench.adapter.live import CallError, Decided, Delta, Done, Flush, Incoming, Note, Speech, Text, Usage
from fdbench.core.sound import Samples
from fdbench.io.secret import Secret

from .realtime_connection import error_of, fault_of_error
from .realtime_reply import USERS_TURN, Reply, fault_of_reply
from .realtime_session import check_model, session_facts
from .realtime_settings import SettingsCheck
from .realtime_usage import MAX_COUNT, Price, counts_of

MAX_NOTES: Final = 20
"""Of each unknown type; a server that floods is noted and no more."""

_QUIETLY: Final = frozenset(
    {
        "conversation.created", "conversation.item.added", "conversation.item.created", "conversation.item.done",
        "input_audio_buffer.committed", "input_audio_buffer.cleared", "response.output_item.added",
        "response.output_item.done", "response.content_part.added", "response.content_part.done",
        "response.output_audio.done", "response.audio.done", "conversation.item.input_audio_transcription.delta",
        "ping", "keepalive",
    }
)  # fmt: skip
"""Types that tell nothing that another one does not."""


class RealtimeReader:
    """One conversation's events.

    Args:
        rate: Of the reply's audio, in Hz.
        interrupts: Whether the server gives way when the user begins to speak.
        flushes: Whether what was not played by then is dropped; if not, it is played to its end.
        price: For the cost of a reply.
        model: Who is expected to answer.
        settings: What the session is held against, where it was asked to be something.
        on_limit: Told how long the server wants to be left alone, when its limits are used up.
    """

    def __init__(
        self,
        secret: Secret,
        rate: int,
        *,
        interrupts: bool,
        flushes: bool,
        price: Price | None = None,
        model: str = "",
        truncates: bool = True,
        settings: SettingsCheck | None = None,
        on_limit: Callable[[float], None] | None = None,
    ) -> None:
        self._secret, self._rate, self._interrupts, self._flushes, self._price = secret, rate, interrupts, flushes, price
        self._model, self._truncates, self._settings, self._on_limit = model, truncates, settings, on_limit
        self._replies: dict[str, Reply] = {}
        self._queue_ends_s = float("-inf")
        self._unknown: Counter[str] = Counter()
        self._handlers: dict[str, Callable[[Mapping[str, Any], float], Iterator[Incoming]]] = {
            "response.created": self._created,
            "response.output_audio.delta": self._audio,
            "response.audio.delta": self._audio,
            "response.output_audio_transcript.delta": self._text,
            "response.audio_transcript.delta": self._text,
            "response.output_text.delta": self._text,
            "response.text.delta": self._text,
            "response.output_audio_transcript.done": self._whole_text,
            "response.audio_transcript.done": self._whole_text,
            "response.output_text.done": self._whole_text,
            "response.text.done": self._whole_text,
            "response.done": self._done,
            "response.cancelled": self._done,
            "input_audio_buffer.speech_started": self._speech_started,
            "input_audio_buffer.speech_stopped": self._speech_stopped,
            "conversation.item.truncated": self._truncated,
            "conversation.item.input_audio_transcription.completed": self._user_text,
            "rate_limits.updated": self._limits,
            "session.created": self._session,
            "session.updated": self._session,
            "error": self._error,
        }

    @property
    def is_busy(self) -> bool:
        return any(not reply.is_done for reply in self._replies.values())

    def read(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        kind = str(message["type"])
        handler = self._handlers.get(kind)
        if handler is not None:
            yield from handler(message, now_s)
        elif kind not in _QUIETLY:
            self._unknown[kind] += 1
            if self._unknown[kind] <= MAX_NOTES and len(self._unknown) <= MAX_NOTES:
                yield Note("unknown_event", {"type": self._secret.excerpt(kind)})

    def truncations(self, item: str, upto_s: float) -> Iterator[Mapping[str, Any]]:
        """Cut the part that was being heard, and whatever came after it, down to what was heard."""
        reply = self._replies.get(item)
        if reply is None or not self._truncates:
            return
        begins = 0
        heard = round(upto_s * self._rate)
        for (server_item, content_index), n_samples in reply.parts.items():
            of_this = min(max(heard - begins, 0), n_samples)
            begins += n_samples
            if of_this < n_samples and server_item:
                yield {
                    "type": "conversation.item.truncate",
                    "item_id": server_item,
                    "content_index": content_index,
                    "audio_end_ms": of_this * 1000 // self._rate,
                }

    def _reply_of(self, message: Mapping[str, Any], *, is_new: bool = False) -> Reply:
        """The reply that a message belongs to: by its name, else the one going on, else the server's item."""
        response = message.get("response")
        name = message.get("response_id") or (response.get("id") if isinstance(response, dict) else None)
        if not isinstance(name, str) or not name:
            going_on = [] if is_new else [reply for reply in self._replies.values() if not reply.is_done]
            if going_on:
                return going_on[-1]
            item = _text_in(message, "item_id")
            of_item = [reply for reply in self._replies.values() if item and any(part[0] == item for part in reply.parts)]
            if of_item and not is_new:
                return of_item[-1]
            name = item or f"reply-{len(self._replies) + 1}"
        name = self._secret.excerpt(name, 100)
        return self._replies.setdefault(name, Reply(name))

    def _created(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        if self._settings is not None:
            self._settings.read_output(message.get("response"))
        n_before = len(self._replies)
        reply = self._reply_of(message, is_new=True)
        if len(self._replies) > n_before:
            yield Decided("speak", reply.item)
        else:
            yield from self._noted(reply, "created_twice")

    def _audio(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        reply = self._reply_of(message)
        part = _part_of(message)
        if reply.is_repeated("audio", str(message["type"]), part):
            yield from self._noted(reply, "sent_twice")
            return
        if self._settings is not None and ("format" in message or "sample_rate_hz" in message):
            said = {"type": message.get("format"), "rate": message.get("sample_rate_hz")}
            self._settings.read_output({"audio": {"output": {"format": said}}})
        yield from self._order(reply, message)
        if reply.is_done:
            yield from self._noted(reply, "late_delta")
        pcm = decoded(message.get("delta"))
        if reply.carry and reply.carry_of != part:
            yield from self._noted(reply, "half_sample")
            reply.carry = b""
        pcm = reply.carry + pcm
        whole = len(pcm) & ~1
        reply.carry, reply.carry_of = pcm[whole:], part
        audio = samples_of(pcm[:whole])
        reply.parts[part] = reply.parts.get(part, 0) + len(audio)
        if len(audio):
            reply.has_sound = reply.has_sound or bool(audio.any())
            if not (reply.has_yielded and self._flushes):  # what was flushed is not queued
                self._queue_ends_s = reply.ends_s = max(now_s, self._queue_ends_s) + len(audio) / self._rate
            yield Delta(reply.item, audio)

    def _order(self, reply: Reply, message: Mapping[str, Any]) -> Iterator[Incoming]:
        place = (_index_in(message, "output_index"), _index_in(message, "content_index"))
        number = _index_in(message, "sequence_number", -1)
        if place < reply.last or -1 < number < reply.last_number:
            yield from self._noted(reply, "out_of_order")
        reply.last, reply.last_number = max(place, reply.last), max(number, reply.last_number)

    def _text(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        text = message.get("delta")
        if isinstance(text, str) and text:
            reply, kind = self._reply_of(message), str(message["type"])
            if reply.is_repeated("text", kind, _part_of(message)):
                yield from self._noted(reply, "sent_twice")
                return
            reply.has_text = True
            reply.is_text_only |= "transcript" not in kind
            yield Text(self._secret.redacted(text), reply.item)

    def _whole_text(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        """For servers that write the text at the end only."""
        text, reply = message.get("transcript") or message.get("text"), self._reply_of(message)
        if isinstance(text, str) and text and not reply.has_text:
            reply.has_text = True
            reply.is_text_only = "transcript" not in str(message["type"])
            yield Text(self._secret.redacted(text), reply.item)

    def _speech_started(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        yield Speech("started", _seconds_in(message, "audio_start_ms"))
        if self._interrupts:
            for reply in self._replies.values():
                if not reply.is_done or reply.ends_s > now_s:
                    yield from self._yielding(reply, now_s)

    def _yielding(self, reply: Reply, now_s: float) -> Iterator[Incoming]:
        if reply.has_yielded:
            return
        reply.has_yielded = True
        yield Decided("yield", reply.item)
        if self._flushes:
            self._queue_ends_s = min(self._queue_ends_s, now_s)
            reply.ends_s = min(reply.ends_s, now_s)
            yield Flush(reply.item)

    def _speech_stopped(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        yield Speech("stopped", _seconds_in(message, "audio_end_ms"))

    def _done(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        reply = self._reply_of(message)
        response = message.get("response")
        facts: Mapping[str, Any] = response if isinstance(response, dict) else {}
        status = str(facts.get("status") or ("cancelled" if message["type"] == "response.cancelled" else "completed"))
        details = facts.get("status_details")
        details = details if isinstance(details, dict) else {}
        if reply.carry:
            yield from self._noted(reply, "half_sample")
            reply.carry = b""
        if status == "cancelled" and str(details.get("reason") or "") in USERS_TURN:
            yield from self._yielding(reply, now_s)
        if not reply.is_done:
            reply.is_done = True
            yield Done(reply.item)
        usage = facts.get("usage")
        if isinstance(usage, dict) and not reply.is_counted:
            reply.is_counted = True
            counts = counts_of(usage)
            yield Usage(counts, self._price.of(counts) if self._price is not None else None)
        fault = fault_of_reply(status, details, reply, self._secret)
        if fault is not None:
            raise fault

    def _truncated(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        yield Note("truncated", self._secret.clean({name: message.get(name) for name in ("item_id", "audio_end_ms")}))

    def _user_text(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        yield Note("user_text", {"text": self._secret.redacted(str(message.get("transcript", "")))[:2000]})

    def _limits(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        limits = message.get("rate_limits")
        for limit in limits if isinstance(limits, list) else ():
            left, reset_s = (_number_in(limit, name) for name in ("remaining", "reset_seconds"))
            if left is not None and reset_s is not None and left <= 0 and self._on_limit is not None:
                self._on_limit(reset_s)
        yield Note("rate_limits", {"rate_limits": self._secret.clean(limits)})

    def _session(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        session = message.get("session")
        check_model(self._model, session, self._secret)
        yield Note(str(message["type"]), session_facts(session, self._secret))
        if self._settings is not None:
            yield from self._settings.read(str(message["type"]), session)

    def _error(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        error = error_of(message)
        yield Note("error", {"error": self._secret.clean(error)})
        fault = fault_of_error(error, self._secret, "the server reported an error")
        if fault is not None:
            raise fault

    def _noted(self, reply: Reply, what: str) -> Iterator[Incoming]:
        """Once for each reply."""
        if what not in reply.noted:
            reply.noted.add(what)
            yield Note(what, {"item": reply.item})


def samples_of(pcm: bytes) -> Samples:
    """16 bit little-endian as float32, shape ``(n,)``."""
    samples: Samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    samples /= np.float32(32768)
    return samples


def decoded(delta: Any) -> bytes:
    """The bytes of a piece of audio.

    Raises:
        CallError: It is not base64.
    """
    if not isinstance(delta, str):
        raise CallError("protocol", "the server sent a piece of audio that is no text")
    try:
        return base64.b64decode(delta, validate=True)
    except (binascii.Error, ValueError):
        raise CallError("protocol", "the server sent a piece of audio that is no base64") from None


def _part_of(message: Mapping[str, Any]) -> tuple[str, int]:
    return _text_in(message, "item_id"), _index_in(message, "content_index")


def _text_in(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    return value if isinstance(value, str) else ""


def _index_in(message: Mapping[str, Any], name: str, default: int = 0) -> int:
    value = message.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _number_in(facts: Any, name: str) -> float | None:
    value = facts.get(name) if isinstance(facts, dict) else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < MAX_COUNT
    return float(value) if is_number and value is not None else None


def _seconds_in(message: Mapping[str, Any], name: str) -> float | None:
    value = _number_in(message, name)
    return None if value is None else value / 1000
