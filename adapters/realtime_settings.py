"""What the server made of a session, and whether that can be scored as what was asked.

A server says in ``session.updated`` (``session.created``, where it sends no other) what it took. What it says of the sound,
of turn detection and of the modalities has to be what was asked: every frame that is sent, every delta that is played and
every delay that is scored depends on it. There a contradiction is an error ``settings``, at whatever time it is said; a reply
and a piece of sound may contradict as well. What else differs (the voice, noise reduction, transcription, the instructions)
is a caution. Of what a server does not mention nothing is known, and nothing is said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fdbench.adapter.live import CallError, Caution
from fdbench.io.secret import Secret

from .realtime_session import VADS, differs, not_taken

PCM: Final = frozenset({"pcm", "pcm16", "audio/pcm", "pcm_s16le", "s16le", "linear16", "audio/l16"})
"""Names of 16 bit little-endian samples; the adapter sends and plays nothing else.

Alibaba's older models call theirs ``pcm24``, for its kHz; such a name is taken from who asks for it.
"""

ARGUMENTS: Final = {
    "input.rate": "input_hz", "output.rate": "output_hz", "turns.type": "vad", "turns.silence_duration_ms": "silence_ms",
    "turns.prefix_padding_ms": "prefix_ms", "turns.threshold": "threshold", "turns.eagerness": "eagerness",
    "turns.interrupt_response": "interrupt",
}  # fmt: skip
_FACETS: Final = {
    **dict.fromkeys(("rate", "samplerate", "sampleratehz", "sampleratehertz", "samplingrate"), "rate"),
    "channels": "channels", **dict.fromkeys(("bitdepth", "bitspersample"), "bits"),
}  # fmt: skip
_CHECKED_APART: Final = frozenset({"model", "type", "modalities", "output_modalities"})
_CHECKED_ENDS: Final = ("audio_format", "sample_rate", "sample_rate_hz")


@dataclass(frozen=True, slots=True)
class Statement:
    """Something that a session says of itself; ``key`` is the same whatever a dialect calls it, ``path`` is where it stands."""

    key: str
    path: str
    value: Any


class SettingsCheck:
    """Holds what one conversation's server says against what it was asked.

    Args:
        asked: The session of ``session.update``.
        input_hz, output_hz: Of what is sent and played.
        awaited: Type of the message that says what the server took; empty where none does.
        arguments: The adapter's names of what can be asked for.
    """

    def __init__(
        self,
        asked: Mapping[str, Any],
        input_hz: int,
        output_hz: int,
        awaited: str,
        secret: Secret,
        arguments: Mapping[str, str] = ARGUMENTS,
    ) -> None:
        self._asked, self._awaited, self._secret, self._arguments = asked, awaited, secret, arguments
        named = {said.value for said in sound_statements(asked) if said.key.endswith(".encoding")}
        self._encodings = PCM | {name for name in named if re.fullmatch(r"pcm\d+", name)}
        self._wanted: dict[str, Any] = {said.key: said.value for said in turn_statements(asked, asked)}
        self._wanted |= {"input.rate": input_hz, "output.rate": output_hz, "kind": "realtime"}
        self._wanted |= {f"{side}.{facet}": n for side in ("input", "output") for facet, n in (("channels", 1), ("bits", 16))}
        self._at_first: tuple[Statement, ...] = ()
        self._has_been_taken = False
        self._told: set[str] = set()

    def read(self, kind: str, session: Any) -> Iterator[Caution]:
        """What a ``session.created`` or ``session.updated`` says.

        Raises:
            CallError: It contradicts what was asked in what is heard or timed.
        """
        if not isinstance(session, dict):
            return
        said = [*sound_statements(session), *turn_statements(session, self._asked)]
        contradictions = tuple(self._contradictions(said))
        if kind == "session.created" and kind != self._awaited:
            self._at_first = contradictions  # its defaults: nothing had been asked by then
            if not self._awaited:
                yield from self._not_told(())
            return
        self._refuse(contradictions, is_fatal=not self._has_been_taken)
        self._has_been_taken = True
        yield from self._not_told({each.key for each in said})
        for path, asked, got in not_taken(self._asked, session):
            is_sound = path in _CHECKED_APART or path.endswith(_CHECKED_ENDS) or ".format" in path
            if path == "instructions":
                yield from self._once("the server has other instructions than it was given")
            elif not is_sound and ("turn_detection" not in path or got is None):
                yield from self._once(f"the server did not take {path}: asked {self._shown(asked)}, got {self._shown(got)}")

    def read_output(self, facts: Any) -> None:
        """What a reply, or a piece of one, says of its own sound.

        Raises:
            CallError: It is another one than the session's.
        """
        if isinstance(facts, dict):
            said = [each for each in sound_statements(facts) if each.key.startswith(("output.", "modalities"))]
            self._refuse(self._contradictions(said), is_fatal=False)

    def _contradictions(self, said: Iterable[Statement]) -> Iterator[Statement]:
        for each in said:
            wanted = self._wanted.get(each.key)
            if each.key == "modalities":
                is_other = "audio" not in each.value
            elif each.key.endswith(".encoding"):
                is_other = each.value not in self._encodings
            else:
                is_other = wanted is not None and each.value is not None and differs(wanted, each.value)
            if is_other:
                yield each

    def _refuse(self, contradictions: Iterable[Statement], *, is_fatal: bool) -> None:
        told = "; ".join(self._told_of(each) for each in contradictions)
        if told:
            raise CallError("settings", f"the server's settings are not those asked for: {told}", is_fatal=is_fatal)

    def _told_of(self, said: Statement) -> str:
        got, argument = self._shown(said.value), self._arguments.get(said.key)
        if said.key == "modalities":
            return f"{said.path}: asked for audio, got {got}, so it would answer in text"
        if said.key.endswith(".encoding"):
            return f"{said.path}: asked for 16 bit PCM, got {got}; --arg session= may name the format in the server's own words"
        told = f"{said.path}: asked {self._shown(self._wanted[said.key])}, got {got}"
        if argument is None or (argument == "vad" and said.value not in VADS):
            return told
        return f"{told} (--arg {argument}={got} asks for that)"

    def _not_told(self, keys: Iterable[str]) -> Iterator[Caution]:
        """Of what was otherwise when the session began, and has not been spoken of since."""
        for each in self._at_first:
            if each.key not in keys:
                began = f"{each.path} {self._shown(each.value)}"
                yield from self._once(f"the session began with {began}, and the server did not tell what it took")
        self._at_first = ()

    def _once(self, message: str) -> Iterator[Caution]:
        if message not in self._told:
            self._told.add(message)
            yield Caution(message)

    def _shown(self, value: Any) -> str:
        return self._secret.excerpt(value if isinstance(value, str) else json.dumps(value), 80)


def sound_statements(session: Mapping[str, Any]) -> Iterator[Statement]:
    """What a session, a reply or a piece of sound says of formats, rates and modalities, in any dialect."""
    audio = session.get("audio")
    for side in ("input", "output"):
        of_side = audio.get(side) if isinstance(audio, dict) else None
        places = [(f"{side}_audio_format", session.get(f"{side}_audio_format"))]
        if isinstance(audio, dict):
            places.append(("audio.format", audio.get("format")))
        if isinstance(of_side, dict):
            places += [(f"audio.{side}.format", of_side.get("format")), (f"audio.{side}", {**of_side, "type": None})]
        for path, value in places:
            yield from _format_statements(side, path, value)
        for name, value in session.items():
            facet = _facet(name.removeprefix(f"{side}_").removeprefix("audio_")) if name.startswith(f"{side}_") else None
            if facet is not None and value is not None:
                yield Statement(f"{side}.{facet}", name, value)
    for name in ("output_modalities", "modalities"):
        value = session.get(name)
        if isinstance(value, (list, str)) and value:
            yield Statement("modalities", name, [str(each).lower() for each in ([value] if isinstance(value, str) else value)])
    if session.get("type") == "transcription":
        yield Statement("kind", "type", "transcription")


def turn_statements(session: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[Statement]:
    """What a session says of turn detection, in the place where it was asked for if it stands there."""
    places = [path for path in ("turn_detection", "audio.input.turn_detection") if _has(session, path)]
    places.sort(key=lambda path: not _has(asked, path))
    for path in places[:1]:
        value = _at(session, path)
        if isinstance(value, str):
            value = {"type": value}
        fields: Mapping[str, Any] = {"type": None} if value is None else value if isinstance(value, dict) else {}
        if "type" in fields:
            yield Statement("turns.type", f"{path}.type", fields["type"] or "none")
        yield from (Statement(f"turns.{name}", f"{path}.{name}", each) for name, each in fields.items() if name != "type")


def _format_statements(side: str, path: str, value: Any) -> Iterator[Statement]:
    if isinstance(value, str):  # audio/pcm;rate=16000
        encoding, *parameters = value.lower().replace(" ", "").split(";")
        value = {"type": encoding, **dict(each.split("=", 1) for each in parameters if "=" in each)}
    if not isinstance(value, dict):
        return
    for name, each in value.items():
        if name in ("type", "encoding"):
            if isinstance(each, str) and each:
                yield Statement(f"{side}.encoding", f"{path}.{name}", each.lower())
        elif (facet := _facet(name)) is not None and each is not None:
            yield Statement(f"{side}.{facet}", f"{path}.{name}", each)


def _facet(name: str) -> str | None:
    """What of a format a field tells, by any of the names that it has."""
    return _FACETS.get(name.lower().replace("_", ""))


def _has(session: Any, path: str) -> bool:
    *parents, leaf = path.split(".")
    found = _at(session, ".".join(parents)) if parents else session
    return isinstance(found, dict) and leaf in found


def _at(session: Any, path: str) -> Any:
    for name in path.split("."):
        session = session.get(name) if isinstance(session, dict) else None
    return session
