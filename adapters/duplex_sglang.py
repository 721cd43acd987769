"""Full-duplex models on an SGLang-Omni server, in its native duplex mode, ``/v1/realtime``.

::

    client   session.update |  append 0   append 1   append 2 ...                              session.close
    server          updated |  accepted 0 accepted 1 ...   response.created delta delta .. done

The server is strict: every event has an ``event_id``, every append its number (``sglang.seq``, from 0 without a gap), the
rates are the model's own, and a field that it does not know is an error. There is no turn detection, no interruption and
nothing to truncate: the model decides. ``session.updated`` grants what the session can do; an older server, which takes turns
and answers in text, grants nothing and is refused.

Written from the server's schema, and not yet run against one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final

from fdbench.adapter.base import Brief, Equipped, Need, Provenance
from fdbench.adapter.live import CallError, Closed, Decided, Incoming, Session
from fdbench.io.http import published_name

from .duplex_voice import voice_bytes, voice_identity
from .realtime import PATIENCE_S, Account, check_texts, needs_of, port_of, versions
from .realtime_connection import Backoff, begin, dial, error_of
from .realtime_conversation import LiveSession
from .realtime_events import RealtimeReader
from .realtime_key import http_url
from .realtime_session import laid_over, overlay_of
from .realtime_settings import SettingsCheck

BEGIN_S: Final = 90.0
"""The first session after a start compiles kernels, which takes tens of seconds."""
QUIETLY: Final = ("sglang.input_audio.accepted", "sglang.unit.done", "sglang.input_audio.ended", "sglang.input_audio.drained")
_LATER: Final = frozenset({"buffer_overflow"})
_FULL: Final = frozenset({"context_exhausted", "context_limit"})
"""The conversation is longer than the model can hold, and would be again."""


class SglangReader(RealtimeReader):
    """One conversation's events.

    Args:
        continuous: Whether the whole call is one response, whose beginning decides nothing.
    """

    def __init__(self, *arguments: Any, continuous: bool = False, **given: Any) -> None:
        super().__init__(*arguments, interrupts=False, flushes=True, truncates=False, **given)
        self._is_continuous = continuous
        self._handlers |= dict.fromkeys(QUIETLY, self._nothing)
        self._handlers["session.closed"] = self._closed

    def _created(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        for event in super()._created(message, now_s):
            if not (self._is_continuous and isinstance(event, Decided)):
                yield event

    def _nothing(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        return iter(())

    def _closed(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        reason = self._secret.excerpt(str(message.get("reason") or ""))
        if reason not in ("", "client_closed") or self.is_busy:
            raise CallError("dropped", f"the server closed the session: {reason}", may_retry=True)
        yield Closed(reason)

    def _error(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        """All that is sent are frames: whatever the server does not take is a frame that it has not heard."""
        error = error_of(message)
        if error.get("code") not in _FULL:
            yield from super()._error(message, now_s)
        told = self._secret.excerpt(f"{error.get('code')}: {error.get('message')}")
        raise CallError("dropped", f"the server did not take what it was sent: {told}", may_retry=error.get("code") in _LATER)

    def _session(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        session = message.get("session")
        session = session if isinstance(session, dict) else {}
        extension = session.get("sglang")
        granted = extension.get("granted") if isinstance(extension, dict) else None
        if isinstance(granted, dict):
            names = ("input_audio_format", "output_audio_format", "output_modalities")
            session = {**session, **{name: granted[name] for name in names if name in granted}}
        yield from super()._session({**message, "session": session}, now_s)
        told = _not_duplex(granted)
        if told and message["type"] == "session.updated":
            raise CallError("settings", self._secret.excerpt(told), is_fatal=True)


def _not_duplex(granted: Any) -> str:
    """Why this is no session that holds a call as asked; empty if it is one."""
    if not isinstance(granted, dict):
        return "the server grants no native duplex session (session.updated tells none): this model or server takes turns"
    if granted.get("interaction") not in (None, "native") or granted.get("native_full_duplex") is False:
        return "sglang.granted.native_full_duplex: asked true, got false, so this model takes turns"
    rejections = granted.get("rejections")
    refused = [str(each.get("field")) for each in rejections if isinstance(each, dict)] if isinstance(rejections, list) else []
    return f"the server rejects {', '.join(refused)}" if refused else ""


class SglangSession(LiveSession):
    """A conversation whose frames are numbered."""

    def __init__(self, connection: Any, secret: Any, reader: SglangReader, opening: list[Incoming]) -> None:
        parting = {"type": "session.close", "event_id": "close"}
        super().__init__(connection, secret, reader, "input_audio_buffer.append", parting, opening)
        self._numbers = count()

    def _append_facts(self, n_samples: int) -> Mapping[str, Any]:
        number = next(self._numbers)
        return {"event_id": f"append-{number}", "sglang": {"seq": number}}


class SglangDuplex(Equipped):
    """A full-duplex model on an SGLang-Omni server.

    Args:
        model: As the server knows it; empty = whichever it serves.
        base_url: Without ``/realtime``; ``ws``, ``wss``, ``http`` or ``https``.
        key_variable: Name of the environment variable that holds the key, where the server wants one.
        ref_audio: Path of a WAV file with the voice to speak in, for models that take one.
        instructions: What the model is told instead of the task's instructions.
        continuous: Whether the model sends sound all the time, the whole call as one response (PersonaPlex).
        frame_ms: Of what is sent.
        input_hz, output_hz: Of the audio there and back, the model's own: 16000 and 24000 for MiniCPM-o.
        session: JSON laid over the session, ``{"sglang": {"sampling": {"greedy": true}}}``; null takes a field out.
        slots: Conversations at once.

    Raises:
        FdbenchError: A package, the key or the voice is missing, or an argument makes no sense.
    """

    open_s = BEGIN_S + PATIENCE_S

    def __init__(
        self,
        model: str = "",
        base_url: str = "ws://localhost:8000/v1",
        key_variable: str = "SGLANG_API_KEY",
        ref_audio: str | None = None,
        instructions: str | None = None,
        continuous: bool = False,
        frame_ms: int = 80,
        input_hz: int = 16000,
        output_hz: int = 24000,
        session: str | None = None,
        slots: int = 2,
    ) -> None:
        check_texts(model=model or "default", instructions=instructions, session=session)
        self.hears, self.says, self.slots = port_of(input_hz, frame_ms), port_of(output_hz, frame_ms), slots
        self._voice_of = None if ref_audio is None else base64.b64encode(voice_bytes(ref_audio)).decode("ascii")
        self._model, self._instructions, self._overlay = model, instructions, overlay_of(session)
        self.always_sounds = self._is_continuous = continuous
        self._account = Account(base_url, key_variable)
        self._backoff = Backoff()

    async def open(self, brief: Brief) -> Session:
        await self._backoff.over(PATIENCE_S)
        secret = self._account.secret
        asked = self._session(brief.instructions if self._instructions is None else self._instructions)
        settings = SettingsCheck(asked, self.hears.sample_rate, self.says.sample_rate, "session.updated", secret)
        reader = SglangReader(
            secret, self.says.sample_rate, model=self._model, settings=settings, continuous=self._is_continuous
        )
        named = {"model": self._model} if self._model else {}
        manager = self._account.client.realtime.connect(**named, websocket_connection_options=self._account.socket_options)
        update = {"type": "session.update", "event_id": "update", "session": self._with_voice(asked)}
        try:
            connection = await dial(manager, secret)
            opening = await begin(connection, reader, update, "session.updated", secret, BEGIN_S)
        except CallError as fault:
            self._backoff.ask(fault.retry_after_s)
            raise
        return SglangSession(connection, secret, reader, opening)

    def _session(self, instructions: str) -> dict[str, Any]:
        """All that is asked but the voice's recording."""
        asked: dict[str, Any] = {
            "type": "realtime",
            "output_modalities": ["audio"],
            "audio": {
                "input": {"format": {"type": "audio/pcm", "rate": self.hears.sample_rate}},
                "output": {"format": {"type": "audio/pcm", "rate": self.says.sample_rate}},
            },
        }
        if self._model:
            asked["model"] = self._model
        if instructions:
            asked["instructions"] = instructions
        return laid_over(asked, self._overlay)

    def _with_voice(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self._voice_of is None:
            return asked
        return laid_over(asked, {"sglang": {"reference_audio": {"media_type": "audio/wav", "data": self._voice_of}}})

    def describe(self) -> Mapping[str, str]:
        return {**versions(), "server": published_name(self._account.url), "model": self._model or "as served"}

    @classmethod
    def needs(
        cls, base_url: str = "ws://localhost:8000/v1", key_variable: str = "SGLANG_API_KEY", **_: Any
    ) -> tuple[Need, ...]:
        return needs_of(base_url, key_variable)

    @classmethod
    def provenance(cls, **arguments: Any) -> Provenance:
        texts = {name: value for name, value in arguments.items() if isinstance(value, str) and name != "ref_audio"}
        check_texts(**{**texts, "model": texts.get("model") or "default"})
        settled = {name: each for name, each in arguments.items() if name not in ("base_url", "key_variable", "slots")}
        settled["ref_audio"] = voice_identity(arguments["ref_audio"])
        return Provenance({"server": published_name(http_url(str(arguments["base_url"]))), **settled})
