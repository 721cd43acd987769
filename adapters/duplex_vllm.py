"""Full-duplex models on a vLLM-Omni server, ``/v1/realtime?duplex=1``.

::

    client   session.update |  append append append ...        playback.ack ...         session.close
    server                  created |      response.created speak  delta delta ..  done

The events have the names of the Realtime protocol, but nobody's turn ends by a detector: the model hears every frame and
chooses, unit by unit (a second with MiniCPM-o), whether to listen or to speak. So no audio is committed and no reply asked
for. What differs from the Realtime protocol:

- the session is made by the client's ``session.update``; ``session.created`` is the answer to it, with the capabilities;
- ``response.created`` may end in ``response.listen``: that it will speak is decided at ``response.speak``;
- a reply that the user has talked over ends as ``cancelled``; speech that the server notices (``speech_started``) is no more
  than that, unless turn detection was asked for;
- the conversation's history holds of a reply what the client says was played (``playback.ack``, policy ``ack_only``).

Written from the server's documentation and client, and not yet run against one.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fdbench.adapter.base import Brief, Equipped, Need, Provenance
from fdbench.adapter.live import CallError, Closed, Decided, Incoming, Note, Session
from fdbench.core.sound import Samples
from fdbench.errors import UsageError
from fdbench.io.http import published_name

from .duplex_voice import voice_bytes, voice_identity
from .realtime import BEGIN_S, PATIENCE_S, Account, check_texts, needs_of, port_of, versions
from .realtime_connection import Backoff, begin, dial
from .realtime_conversation import LiveSession
from .realtime_events import MAX_NOTES, RealtimeReader
from .realtime_key import http_url
from .realtime_session import laid_over, overlay_of
from .realtime_settings import SettingsCheck

ACK_EVERY_MS: Final = 200
HEARTBEAT_S: Final = 30.0
VADS: Final = ("none", "server_vad")
NATIVE: Final = "model_native_duplex"
CONTINUOUS: Final = "continuous_stream"
"""Of models that send sound all the time, the whole call as one response, whose beginning decides nothing."""
_GONE: Final = frozenset({"session.expired", "session.replaced", "session.resync_required"})
_ENDS_WELL: Final = frozenset({"", "client_close"})


class DuplexReader(RealtimeReader):
    """One conversation's events.

    Args:
        overlap_policy: As asked.
        vad: Whether the model decides (``none``) or the server's detector.
    """

    def __init__(self, *arguments: Any, overlap_policy: str, vad: str, **given: Any) -> None:
        super().__init__(*arguments, interrupts=vad != "none", flushes=True, **given)
        self._overlap_policy, self._vad = overlap_policy, vad
        self._has_spoken: set[str] = set()
        self._is_continuous = False
        self._acknowledged_ms: dict[str, int] = {}
        self._n_overlaps = 0
        for kind in ("response.listen", "playback.acknowledged", "session.heartbeat_ack", "turn.event"):
            self._handlers[kind] = self._nothing
        for kind in _GONE:
            self._handlers[kind] = self._gone
        self._handlers |= {
            "response.speak": self._speak,
            "output_audio_buffer.cleared": self._cleared,
            "overlap.decision": self._overlap,
            "session.closed": self._closed,
        }

    def acknowledgements(self, now_s: float) -> Iterator[Mapping[str, Any]]:
        """What was played since it was last told, of the replies that are being heard."""
        for reply in self._replies.values():
            total_ms = self._total_ms(reply.item)
            played_ms = total_ms - min(total_ms, round(max(0.0, reply.ends_s - now_s) * 1000))
            told_ms = self._acknowledged_ms.get(reply.item, 0)
            if reply.has_yielded or played_ms <= told_ms or (played_ms < told_ms + ACK_EVERY_MS and played_ms < total_ms):
                continue
            self._acknowledged_ms[reply.item] = played_ms
            yield self._acknowledgement(reply.item, played_ms)

    def truncations(self, item: str, upto_s: float) -> Iterator[Mapping[str, Any]]:
        if item in self._replies:
            yield {**self._acknowledgement(item, min(round(upto_s * 1000), self._total_ms(item))), "truncate": True}

    def _total_ms(self, item: str) -> int:
        return sum(self._replies[item].parts.values()) * 1000 // self._rate

    def _acknowledgement(self, item: str, played_ms: int) -> dict[str, Any]:
        (server_item, _), *_ = self._replies[item].parts or [("", 0)]
        named = {"item_id": server_item} if server_item else {}
        return {"type": "playback.ack", "response_id": item, **named, "played_ms": played_ms, "committed_ms": played_ms}

    def _created(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        yield from (event for event in super()._created(message, now_s) if not isinstance(event, Decided))

    def _speak(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        reply = self._reply_of(message)
        if reply.item not in self._has_spoken and not self._is_continuous:
            self._has_spoken.add(reply.item)
            yield Decided("speak", reply.item)

    def _cleared(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        """The server has thrown away what it had queued, of its own accord: the user was heard."""
        reply = self._reply_of(message)
        if not reply.is_done or reply.ends_s > now_s:
            yield from self._yielding(reply, now_s)

    def _overlap(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        self._n_overlaps += 1
        if self._n_overlaps <= MAX_NOTES:
            yield Note("overlap", self._secret.clean({name: message.get(name) for name in ("action", "reason")}))

    def _nothing(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        return iter(())

    def _gone(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        told = self._secret.excerpt(f"{message['type']} {message.get('reason') or ''}".strip())
        raise CallError("dropped", f"the server holds the session no more: {told}", may_retry=True)

    def _closed(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        reason = str(message.get("reason") or "")
        if reason not in _ENDS_WELL or self.is_busy:
            raise CallError("dropped", f"the server closed the session: {self._secret.excerpt(reason)}", may_retry=True)
        yield Closed(self._secret.excerpt(reason))

    def _session(self, message: Mapping[str, Any], now_s: float) -> Iterator[Incoming]:
        yield from super()._session(message, now_s)
        session = message.get("session")
        session = session if isinstance(session, dict) else {}
        can = session.get("capabilities")
        self._is_continuous |= isinstance(can, dict) and can.get("response_lifecycle") == CONTINUOUS
        told = _not_duplex(session, self._vad, self._overlap_policy)
        if told and message["type"] == "session.created":
            raise CallError("settings", self._secret.excerpt(told), is_fatal=True)


def _not_duplex(session: Mapping[str, Any], vad: str, overlap_policy: str) -> str:
    """Why this is no session that holds a call as asked; empty if it is one."""
    can = session.get("capabilities")
    if not isinstance(can, dict):
        return "the server holds no duplex session (session.created tells no capabilities): it needs session_mode: duplex"
    level = can.get("implementation_level")
    if vad == "none" and level not in (None, NATIVE):
        return f"capabilities.implementation_level: asked {NATIVE}, got {level} (--arg vad=server_vad has the server decide)"
    if can.get("supports_input_append") is False:
        return "capabilities.supports_input_append: the server does not hear while it is spoken to"
    if vad == "server_vad" and can.get("supports_barge_in") is False:
        return "capabilities.supports_barge_in: this model cannot be interrupted by a detector (--arg vad=none has it decide)"
    policy = session.get("overlap_policy")
    return "" if policy in (None, overlap_policy) else f"overlap_policy: asked {overlap_policy}, got {policy}"


class DuplexSession(LiveSession):
    """A conversation that tells how far its audio has come and what was played."""

    def __init__(self, connection: Any, secret: Any, reader: DuplexReader, opening: list[Incoming], rate: int) -> None:
        super().__init__(connection, secret, reader, "input_audio_buffer.append", {"type": "session.close"}, opening)
        self._duplex, self._rate, self._n_sent = reader, rate, 0
        self._beats_s = asyncio.get_running_loop().time() + HEARTBEAT_S

    async def send(self, frame: Samples) -> None:
        await super().send(frame)
        now_s = asyncio.get_running_loop().time()
        for message in self._duplex.acknowledgements(now_s):
            await self._write(json.dumps(message))
        if now_s >= self._beats_s:
            self._beats_s = now_s + HEARTBEAT_S
            await self._write('{"type": "session.heartbeat"}')

    def _append_facts(self, n_samples: int) -> Mapping[str, Any]:
        self._n_sent += n_samples
        times = {"duration_ms": round(n_samples * 1000 / self._rate), "audio_end_ms": round(self._n_sent * 1000 / self._rate)}
        return {"format": "pcm16", "sample_rate_hz": self._rate, **times}


class VllmDuplex(Equipped):
    """A full-duplex model on a vLLM-Omni server.

    Args:
        model: As the server knows it.
        base_url: Without ``/realtime``; ``ws``, ``wss``, ``http`` or ``https``.
        key_variable: Name of the environment variable that holds the key, where the server wants one.
        ref_audio: Path of a WAV file with the voice to speak in; MiniCPM-o needs one.
        voice: As the server knows it, for models with named voices.
        instructions: What the model is told instead of the task's instructions.
        vad: Who decides: ``none`` (the model itself) or ``server_vad``.
        threshold, silence_ms, prefix_ms: Of ``server_vad``.
        frame_ms: Of what is sent.
        input_hz, output_hz: Of the audio there and back.
        session: JSON laid over the session; null takes a field out.
        slots: Conversations at once; a server holds as many as its ``max_sessions``.

    Raises:
        FdbenchError: A package, the key or the voice is missing, or an argument makes no sense.
    """

    def __init__(
        self,
        model: str = "openbmb/MiniCPM-o-4_5",
        base_url: str = "ws://localhost:8099/v1",
        key_variable: str = "VLLM_API_KEY",
        ref_audio: str | None = None,
        voice: str | None = None,
        instructions: str | None = None,
        vad: str = "none",
        threshold: float = 0.5,
        silence_ms: int = 500,
        prefix_ms: int = 300,
        frame_ms: int = 100,
        input_hz: int = 16000,
        output_hz: int = 24000,
        session: str | None = None,
        slots: int = 4,
    ) -> None:
        check_texts(model=model, voice=voice, instructions=instructions, session=session)
        if vad not in VADS:
            raise UsageError(f"--arg vad={vad}: expected none or server_vad", "none leaves it to the model")
        _check_voice(model, ref_audio)
        self.hears, self.says, self.slots = port_of(input_hz, frame_ms), port_of(output_hz, frame_ms), slots
        self._voice_of = None if ref_audio is None else base64.b64encode(voice_bytes(ref_audio)).decode("ascii")
        self._model, self._voice, self._instructions, self._vad = model, voice, instructions, vad
        times = {"threshold": threshold, "prefix_padding_ms": prefix_ms, "silence_duration_ms": silence_ms}
        self._detection = None if vad == "none" else {"type": vad, **times}
        self._overlay = overlay_of(session)
        self._account = Account(base_url, key_variable)
        self._backoff = Backoff()

    async def open(self, brief: Brief) -> Session:
        await self._backoff.over(PATIENCE_S)
        secret, rates = self._account.secret, (self.hears.sample_rate, self.says.sample_rate)
        asked = self._session(brief.instructions if self._instructions is None else self._instructions)
        reader = DuplexReader(
            secret,
            self.says.sample_rate,
            model=self._model,
            settings=SettingsCheck(asked, *rates, "session.created", secret),
            overlap_policy=str(asked.get("overlap_policy")),
            vad=self._vad,
        )
        voice = {} if self._voice_of is None else {"ref_audio": f"data:audio/wav;base64,{self._voice_of}"}
        manager = self._account.client.realtime.connect(
            model=self._model, extra_query={"duplex": "1"}, websocket_connection_options=self._account.socket_options
        )
        try:
            connection = await dial(manager, secret)
            update = {"type": "session.update", "session": {**asked, **voice}}
            opening = await begin(connection, reader, update, "session.created", secret, BEGIN_S)
        except CallError as fault:
            self._backoff.ask(fault.retry_after_s)
            raise
        return DuplexSession(connection, secret, reader, opening, self.hears.sample_rate)

    def _session(self, instructions: str) -> dict[str, Any]:
        """All that is asked but the voice's recording."""
        asked: dict[str, Any] = {
            "model": self._model,
            "modalities": ["audio", "text"],
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "sample_rate_hz": self.hears.sample_rate,
            "audio": {
                "input": {"sample_rate_hz": self.hears.sample_rate},
                "output": {"sample_rate_hz": self.says.sample_rate},
            },
            "turn_detection": self._detection,
            "overlap_policy": "listen_only" if self._vad == "none" else "barge_in_on_speech",
            "playback_commit_policy": "ack_only",
            "extra_body": {"auto_response": True, "force_listen_count": 0},
        }
        if self._voice is not None:
            asked["voice"] = self._voice
        if instructions:
            asked["instructions"] = instructions
        return laid_over(asked, self._overlay)

    def describe(self) -> Mapping[str, str]:
        return {**versions(), "server": published_name(self._account.url), "model": self._model}

    @classmethod
    def needs(cls, base_url: str = "ws://localhost:8099/v1", key_variable: str = "VLLM_API_KEY", **_: Any) -> tuple[Need, ...]:
        return needs_of(base_url, key_variable)

    @classmethod
    def provenance(cls, **arguments: Any) -> Provenance:
        check_texts(**{name: value for name, value in arguments.items() if isinstance(value, str) and name != "ref_audio"})
        _check_voice(str(arguments["model"]), arguments["ref_audio"])
        pointless = {"threshold", "silence_ms", "prefix_ms"} if arguments["vad"] == "none" else set()
        left_out = ("base_url", "key_variable", "slots")
        settled = {name: None if name in pointless else each for name, each in arguments.items() if name not in left_out}
        settled["ref_audio"] = voice_identity(arguments["ref_audio"])
        return Provenance({"server": published_name(http_url(str(arguments["base_url"]))), **settled})


def _check_voice(model: str, ref_audio: str | None) -> None:
    if ref_audio is None and "minicpm-o" in model.casefold():
        raise UsageError(f"{model} speaks in a voice that it is given", "name a WAV file with it: --arg ref_audio=FILE")
