"""Answers on disk, by the content of the audio, the request and the engine: nothing is heard twice.

``ROOT/<hash of the engines>/<hash of audio and request>.json``. Any part of it may be deleted at any time. An entry that
cannot be read, or that says it answers something else, counts as absent and is written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, cast, overload

from fdbench.core.annotation import (
    DetectedSpeech,
    Prosody,
    ProsodyRequest,
    Request,
    SpeechRequest,
    VoiceMeasures,
    WordsRequest,
)
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.errors import DataError
from fdbench.hear.rules import VERSION
from fdbench.io.files import digest_of, encode_json, read_json, write_bytes_atomically

_SCHEMA: Final = 1

Answer = DetectedSpeech | Transcript | Prosody
AnswerT = TypeVar("AnswerT", bound=Answer)


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer as it is stored.

    Attributes:
        key: Everything that the answer depends on.
    """

    key: Mapping[str, Any]
    answer: Any

    def __str__(self) -> str:
        return f"{self.key['kind']} of the {self.key['request']['channel']} by {', '.join(self.key['engines'].values())}"


@dataclass(frozen=True, slots=True)
class AnnotationCache:
    """A folder of answers."""

    root: Path

    @overload
    def find(
        self, audio: str, request: SpeechRequest, engines: Mapping[str, str], hear: int = ...
    ) -> DetectedSpeech | None: ...
    @overload
    def find(self, audio: str, request: WordsRequest, engines: Mapping[str, str], hear: int = ...) -> Transcript | None: ...
    @overload
    def find(self, audio: str, request: ProsodyRequest, engines: Mapping[str, str], hear: int = ...) -> Prosody | None: ...
    @overload
    def find(self, audio: str, request: Request, engines: Mapping[str, str], hear: int = ...) -> Answer | None: ...
    def find(self, audio: str, request: Request, engines: Mapping[str, str], hear: int = VERSION) -> Answer | None:
        """The stored answer, or None.

        Args:
            audio: Hash of the channel's audio and of where it lies on the timeline.
            request: What was asked.
            engines: Signature of each engine that has a part in the answer.
            hear: By which version of the rules.
        """
        key = _key(audio, request, engines, hear)
        try:
            value = read_json(self._path(key))
            if value["key"] != key:
                return None
            if isinstance(request, ProsodyRequest):
                return _prosody_of(value["answer"])
            return _speech_of(value["answer"]) if isinstance(request, SpeechRequest) else _transcript_of(value["answer"])
        except (DataError, KeyError, TypeError, ValueError, OverflowError):
            return None

    def store(self, audio: str, request: Request, engines: Mapping[str, str], answer: Answer) -> None:
        key = _key(audio, request, engines, VERSION)
        if isinstance(answer, DetectedSpeech):
            stored: dict[str, Any] = {
                "segments": [[span.start_s, span.end_s] for span in answer.segments],
                "duration_s": answer.duration_s,
                "engine": answer.engine,
            }
        elif isinstance(answer, Prosody):
            stored = asdict(answer)
        else:
            stored = {
                "words": [[word.text, word.start_s, word.end_s] for word in answer.words],
                "engine": answer.engine,
                "dropped": answer.dropped,
            }
        self.enter(self._path(key).relative_to(self.root).as_posix(), encode_json({"key": key, "answer": stored}))

    def enter(self, name: str, content: bytes) -> None:
        """Write a file of the cache, made by this or another one, at its place in it."""
        write_bytes_atomically(self.root / name, content, survives_power_loss=False)

    def entries(self) -> Iterator[tuple[Path, CachedAnswer | DataError]]:
        """Every file with what it holds, or with what is wrong with it."""
        for path in sorted(self.root.rglob("*.json")):
            try:
                value = read_json(path)
                answer = CachedAnswer(value["key"], value["answer"])
                if self._path(answer.key) != path:
                    yield path, DataError(f"{path}: its content is not what its name is the hash of")
                else:
                    yield path, answer
            except (KeyError, TypeError, ValueError):
                yield path, DataError(f"{path}: not an annotation")
            except DataError as error:
                yield path, error

    def answer_to(self, key: Mapping[str, Any]) -> Any:
        """What is stored under the key of an entry, as it is stored; None where nothing is."""
        path = self._path(key)
        return read_json(path)["answer"] if path.is_file() else None

    def _path(self, key: Mapping[str, Any]) -> Path:
        return self.root / digest_of(key["engines"])[:16] / f"{digest_of(key)[:32]}.json"


def known_or_heard(
    cache: AnnotationCache | None, audio: str, request: Request, engines: Mapping[str, str], hear: Callable[[], AnswerT]
) -> AnswerT:
    """The stored answer; else what ``hear`` says now, which is stored. Arguments as in ``AnnotationCache.find``."""
    if cache is None:
        return hear()
    known = cache.find(audio, request, engines)
    if known is not None:
        return cast("AnswerT", known)
    answer = hear()
    cache.store(audio, request, engines, answer)
    return answer


def without_users_words(stored: Any) -> Any:
    """A file of the cache as it may be shown where the user may not be quoted: times stay, texts go."""
    if stored["key"]["request"]["channel"] != "user" or "words" not in stored["answer"]:
        return stored
    words = [["", start_s, end_s] for _, start_s, end_s in stored["answer"]["words"]]
    return {**stored, "answer": {**stored["answer"], "words": words}}


def _key(audio: str, request: Request, engines: Mapping[str, str], hear: int) -> dict[str, Any]:
    kinds: dict[type, str] = {SpeechRequest: "speech", ProsodyRequest: "prosody"}
    asked = asdict(request)
    if isinstance(request, SpeechRequest) and request.vad.phases == 1:
        del asked["vad"]["phases"]  # keys from before there were several stay what they were
    return {
        "schema": _SCHEMA,
        "rules": hear,
        "audio": audio,
        "kind": kinds.get(type(request), "words"),
        "request": asked,
        "engines": dict(engines),
    }


def _speech_of(value: Any) -> DetectedSpeech:
    segments = tuple(Span(float(start_s), float(end_s)) for start_s, end_s in value["segments"])
    return DetectedSpeech(segments, float(value["duration_s"]), str(value["engine"]))


def _transcript_of(value: Any) -> Transcript:
    words = tuple(
        Word(str(text), None if start_s is None else float(start_s), None if end_s is None else float(end_s))
        for text, start_s, end_s in value["words"]
    )
    return Transcript(words, str(value["engine"]), int(value["dropped"]))


def _prosody_of(value: Any) -> Prosody:
    return Prosody(_voice_of(value["before"]), _voice_of(value["after"]), float(value["split_s"]), str(value["engine"]))


def _voice_of(value: Any) -> VoiceMeasures | None:
    if value is None:
        return None
    return VoiceMeasures(**{name: None if number is None else float(number) for name, number in dict(value).items()})
