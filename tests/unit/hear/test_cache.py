"""Answers on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fdbench.core.annotation import CORRECTED_VAD, PUBLISHED_VAD, DetectedSpeech, SpeechRequest, WordsRequest
from fdbench.core.sound import Track
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.errors import DataError
from fdbench.hear.cache import AnnotationCache
from fdbench.hear.recall import recall
from fdbench.hear.rules import VERSION

SPEECH_REQUEST = SpeechRequest("model", Span(0, 0.1 + 0.2), PUBLISHED_VAD)
WORDS_REQUEST = WordsRequest("model")
SPEECH = DetectedSpeech((Span(0.1, 0.1 + 0.2),), 1 / 3, "silero-6.2.3")
WORDS = Transcript((Word("naïve", 1e-9, 0.30000000000000004), Word("b", 2.0, None)), "e@1", 3)
VAD, BOTH = {"vad": "silero-6.2.3"}, {"asr": "e@1", "vad": "silero-6.2.3"}


@pytest.fixture
def cache(tmp_path: Path) -> AnnotationCache:
    cache = AnnotationCache(tmp_path / "annotations")
    cache.store("abc", SPEECH_REQUEST, VAD, SPEECH)
    cache.store("abc", WORDS_REQUEST, BOTH, WORDS)
    return cache


def test_what_was_stored_comes_back_to_the_last_bit(cache: AnnotationCache) -> None:
    assert cache.find("abc", SPEECH_REQUEST, VAD) == SPEECH
    assert cache.find("abc", WORDS_REQUEST, BOTH) == WORDS


@pytest.mark.parametrize(
    ("audio", "request_", "engines"),
    [
        ("abd", WORDS_REQUEST, BOTH),
        ("abc", WordsRequest("user"), BOTH),
        ("abc", WordsRequest("model", Span(0, 5)), BOTH),
        ("abc", WORDS_REQUEST, {**BOTH, "asr": "e@2"}),
        ("abc", SpeechRequest("model", Span(0, 0.1 + 0.2)), VAD),
        ("abc", SpeechRequest("model", Span(0, 0.3), PUBLISHED_VAD), VAD),
        ("abc", replace(SPEECH_REQUEST, vad=replace(PUBLISHED_VAD, phases=2)), VAD),
    ],
)
def test_other_audio_other_request_other_engine(
    audio: str, request_: SpeechRequest | WordsRequest, engines: dict[str, str], cache: AnnotationCache
) -> None:
    assert cache.find(audio, request_, engines) is None


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"key": {}}', "\x00\x01", "swap", "half", "word", "huge"])
def test_a_damaged_entry_counts_as_absent(damage: str, cache: AnnotationCache) -> None:
    for path in cache.root.rglob("*.json"):
        value = json.loads(path.read_text())
        if damage == "swap":
            value["key"]["audio"] = "other"
        elif damage == "half":
            del value["answer"]["engine"]
        elif damage == "word":
            value["answer"] = {"words": [["a"]], "segments": [[2, 1]], "duration_s": 1, "dropped": 0, "engine": ""}
        elif damage == "huge":
            value["answer"] |= {"dropped": float("inf"), "duration_s": "x"}
        path.write_text(json.dumps(value) if damage in ("swap", "half", "word", "huge") else damage)
    assert cache.find("abc", SPEECH_REQUEST, VAD) is None
    assert cache.find("abc", WORDS_REQUEST, BOTH) is None


def test_each_set_of_engines_has_a_folder_that_may_be_deleted(cache: AnnotationCache) -> None:
    assert len(list(cache.root.iterdir())) == 2


def test_every_file_is_listed_with_what_it_holds_or_what_is_wrong_with_it(cache: AnnotationCache) -> None:
    entries = {path: entry for path, entry in cache.entries() if not isinstance(entry, DataError)}
    assert sorted(map(str, entries.values())) == [
        "speech of the model by silero-6.2.3",
        "words of the model by e@1, silero-6.2.3",
    ]
    one, other = entries
    assert cache.answer_to(entries[one].key) == entries[one].answer
    assert AnnotationCache(cache.root / "elsewhere").answer_to(entries[one].key) is None
    one.write_text(other.read_text())
    other.write_text("{")
    assert [str(entry).splitlines()[0] for _, entry in cache.entries()] == [
        f"{one}: its content is not what its name is the hash of",
        f"{other}:1: not JSON (Expecting property name enclosed in double quotes)",
    ]


class Nowhere:
    """A take whose audio cannot be heard: only its hash is known."""

    behaviour, folder = "turn_taking", None

    def digest(self, channel: str) -> str:
        return "abc"

    def load(self, channel: str) -> Track:
        raise AssertionError("nothing is heard")


def test_what_was_heard_is_recalled_as_a_whole_or_not_at_all(cache: AnnotationCache) -> None:
    both, signed = [SPEECH_REQUEST, WORDS_REQUEST], {**BOTH, "hear": str(VERSION)}
    found = recall(Nowhere(), both, signed, cache)
    assert found is not None and found.speech == {SPEECH_REQUEST: SPEECH}
    # What is believed is worked out from the stored words anew: one that has no end lies at its start.
    assert found.words == {WORDS_REQUEST: replace(WORDS, believed=(WORDS.words[0], Word("b", 2.0, 2.0)))}
    assert recall(Nowhere(), [*both, WordsRequest("user")], signed, cache) is None
    assert recall(Nowhere(), both, {**signed, "asr": "e@2"}, cache) is None
    assert recall(Nowhere(), both, BOTH, cache) is None, "a signature without a version is of the first"


def test_what_was_stored_before_a_detector_could_make_two_passes_is_found_under_its_old_name(tmp_path: Path) -> None:
    request = SpeechRequest("model", Span(0, 5), PUBLISHED_VAD)
    vad = {"threshold": 0.5, "min_speech_ms": 250, "min_silence_ms": 100, "pad_ms": 30, "decisecond": True, "rate": "16k"}
    asked = {"channel": "model", "span": {"start_s": 0, "end_s": 5}, "vad": vad}
    key = {"schema": 1, "rules": 1, "audio": "abc", "kind": "speech", "request": asked, "engines": VAD}
    old = tmp_path / "94dc80e0bd376c9c" / "bce34f4ec814c947d7ca9499f6c0b92e.json"
    old.parent.mkdir()
    old.write_text(json.dumps({"key": key, "answer": {"segments": [[1, 2]], "duration_s": 5, "engine": "silero-6.2.3"}}))
    assert AnnotationCache(tmp_path).find("abc", request, VAD, hear=1) == DetectedSpeech((Span(1, 2),), 5.0, "silero-6.2.3")
    twice = replace(request, vad=CORRECTED_VAD)
    assert AnnotationCache(tmp_path).find("abc", twice, VAD, hear=1) is None
