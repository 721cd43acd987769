"""What a session of the Realtime protocol is asked to be, and whether the server made it that."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fdbench.adapter.live import CallError
from fdbench.errors import UsageError, unknown_name
from fdbench.io.secret import Secret

VADS: Final = ("server_vad", "semantic_vad", "none", "default")
EAGERNESS: Final = ("auto", "low", "medium", "high")
TRANSCRIBER: Final = "gpt-4o-mini-transcribe"


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What a session is told to be."""

    vad: str
    threshold: float
    silence_ms: int
    prefix_ms: int
    eagerness: str
    interrupt: bool
    transcription: bool
    noise_reduction: str | None
    voice: str | None
    input_hz: int
    output_hz: int
    dialect: str
    overlay: Mapping[str, Any]

    def __post_init__(self) -> None:
        for what, name, known in (
            ("dialect", self.dialect, DIALECTS),
            ("vad", self.vad, VADS),
            ("eagerness", self.eagerness, EAGERNESS),
            ("noise reduction", self.noise_reduction or "near_field", ("near_field", "far_field")),
        ):
            if name not in known:
                raise unknown_name(what, name, known)
        if not 0 <= self.threshold <= 1:
            raise UsageError(f"--arg threshold={self.threshold:g}: expected 0 to 1", "0.5 is the servers' own")
        for field, value in (("silence_ms", self.silence_ms), ("prefix_ms", self.prefix_ms)):
            if not 0 <= value <= 60_000:
                raise UsageError(f"--arg {field}={value}: expected 0 to 60000", "give milliseconds")

    def session(self, instructions: str) -> dict[str, Any]:
        """The object of ``session.update``."""
        session = DIALECTS[self.dialect](self)
        if self.vad == "default":
            _remove(session, "turn_detection")
        if self.voice is not None:
            (session["audio"]["output"] if self.dialect == "ga" else session)["voice"] = self.voice
        if instructions:
            session["instructions"] = instructions
        return laid_over(session, self.overlay)

    def turn_detection(self) -> dict[str, Any] | None:
        if self.vad == "none":
            return None
        decides = {"type": self.vad, "create_response": True, "interrupt_response": self.interrupt}
        if self.vad == "semantic_vad":
            return {**decides, "eagerness": self.eagerness}
        times = {"prefix_padding_ms": self.prefix_ms, "silence_duration_ms": self.silence_ms}
        return {**decides, "threshold": self.threshold, **times}


def _ga(settings: SessionSettings) -> dict[str, Any]:
    reduction = settings.noise_reduction
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": settings.input_hz},
                "turn_detection": settings.turn_detection(),
                "noise_reduction": {"type": reduction} if reduction else None,
                "transcription": {"model": TRANSCRIBER} if settings.transcription else None,
            },
            "output": {"format": {"type": "audio/pcm", "rate": settings.output_hz}},
        },
    }


def _beta(settings: SessionSettings) -> dict[str, Any]:
    reduction = settings.noise_reduction
    return {
        "modalities": ["audio", "text"],
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "turn_detection": settings.turn_detection(),
        "input_audio_noise_reduction": {"type": reduction} if reduction else None,
        "input_audio_transcription": {"model": TRANSCRIBER} if settings.transcription else None,
    }


def _flat(settings: SessionSettings) -> dict[str, Any]:
    return {
        "turn_detection": settings.turn_detection(),
        "audio": {
            "input": {"format": {"type": "audio/pcm", "rate": settings.input_hz}},
            "output": {"format": {"type": "audio/pcm", "rate": settings.output_hz}},
        },
    }


DIALECTS: Final[Mapping[str, Callable[[SessionSettings], dict[str, Any]]]] = {"ga": _ga, "beta": _beta, "flat": _flat}


def check_model(asked: str, session: Any, secret: Secret) -> None:
    """Whether the model that a session names is the one that was asked for, or a dated snapshot of it.

    Raises:
        CallError: It is another one; scores under the wrong name are worse than none.
    """
    named = session.get("model") if isinstance(session, dict) else None
    if not asked or not isinstance(named, str) or not named:
        return
    if named != asked and not re.fullmatch(re.escape(asked) + r"-\d{4}-?\d{2}-?\d{2}", named):
        raise CallError("wrong_model", f"asked for {asked}, the server gives {secret.excerpt(named, 80)}")


def session_facts(session: Any, secret: Secret) -> dict[str, Any]:
    """A session as the server describes it, without what is long, secret or changes by itself."""
    if not isinstance(session, dict):
        return {}
    dropped = ("instructions", "client_secret", "tools", "input", "expires_at", "prompt", "tracing")
    cleaned: dict[str, Any] = secret.clean({name: value for name, value in session.items() if name not in dropped})
    return cleaned


def not_taken(asked: Any, got: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The settings of a session that the server has set otherwise: where, what was asked, what it is.

    One that it does not mention counts as taken.
    """
    if isinstance(asked, dict) and isinstance(got, dict):
        for name, value in asked.items():
            if name in got:
                yield from not_taken(value, got[name], f"{path}.{name}" if path else name)
    elif differs(asked, got):
        yield path, asked, got


def differs(asked: Any, got: Any) -> bool:
    """Whether a setting is another one than asked, and not only written otherwise: 0.5 comes back as 0.5000000298."""
    numbers = [number for number in map(_number, (asked, got)) if number is not None]
    if len(numbers) == 2:
        return not abs(numbers[0] - numbers[1]) <= 1e-6 * max(1.0, abs(numbers[0]))  # NaN is no number that was asked for
    if isinstance(asked, str) and isinstance(got, str):
        return asked.strip().casefold() != got.strip().casefold()
    return bool(asked != got)


def _number(value: Any) -> float | None:
    if isinstance(value, (bool, type(None))):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def overlay_of(text: str | None) -> Mapping[str, Any]:
    """A vendor's own fields, from JSON.

    Raises:
        UsageError: It is no object.
    """
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UsageError(
            "--arg session is no JSON object", """for example --arg session='{"audio": {"output": {"speed": 1.1}}}'"""
        )
    return found


def laid_over(base: Any, overlay: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = dict(base) if isinstance(base, dict) else {}
    for name, value in overlay.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = laid_over(out.get(name), value) if isinstance(value, dict) else value
    return out


def _remove(session: dict[str, Any], name: str) -> None:
    session.pop(name, None)
    for value in session.values():
        if isinstance(value, dict):
            _remove(value, name)
