"""Nothing between a recording and a scorer changes a number under an unchanged signature.

When this fails: if the same audio, heard by the same engines, can give other times or words, raise ``VERSION`` in
``fdbench/hear/rules.py``, say so in the changelog under "Scores changed" and measure the committed rows again. Then write the
new line into ``hear_versions.json``; never edit the digest of a version that was released with another number.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fdbench.hear.rules import VERSION
from fdbench.hear.stage import Engines
from tests.drift import closure, digest, source_of

TABLE = Path(__file__).parent / "hear_versions.json"
ROOTS = (
    "fdbench.hear.stage",
    "fdbench.hear.given",
    "fdbench.hear.asr_sphinx",
    "fdbench.hear.asr_whisper",
    "fdbench.hear.asr_faster_whisper",
    "fdbench.scoring.requests",
)
WITHOUT_ARITHMETIC = {
    "fdbench.hear.cache",
    "fdbench.hear.engines",
    "fdbench.hear.rules",
    "fdbench.core.absence",
    "fdbench.core.event",
}


def belongs(module: str) -> bool:
    rooms = ("fdbench.hear.", "fdbench.audio.", "fdbench.core.", "fdbench.io.wav", "fdbench.io.upstream_json")
    return module.startswith(rooms) and module not in WITHOUT_ARITHMETIC


MODULES = closure(ROOTS, belongs)


def test_what_moved_between_audio_and_scorer_has_a_new_version():
    known = json.loads(TABLE.read_text(encoding="utf-8"))
    assert known.get(str(VERSION)) == digest(MODULES), (
        f"the source of {', '.join(MODULES)} is no longer that of hear:{VERSION}. If a number can change, raise VERSION in "
        f'fdbench/hear/rules.py; then write "{VERSION} or the new one": "{digest(MODULES)}" into {TABLE.name}'
    )
    assert max(map(int, known)) == VERSION


@pytest.mark.parametrize(
    ("module", "before", "after"),
    [
        ("fdbench.hear.asr_sphinx", "_PAD_S: Final = 0.15", "_PAD_S: Final = 0.3"),
        ("fdbench.hear.asr_sphinx", "_MAX_GAP_S: Final = 0.3", "_MAX_GAP_S: Final = 0.6"),
        ("fdbench.hear.asr_sphinx", '"topn": 2', '"topn": 4'),
        ("fdbench.hear.asr_whisper", "_MAX_REGION_S: Final = 30.0", "_MAX_REGION_S: Final = 20.0"),
        ("fdbench.hear.asr_faster_whisper", "_PAD_S: Final = 0.15", "_PAD_S: Final = 0.2"),
        ("fdbench.hear.whisper_windows", "_WINDOWS_S: Final = (10,", "_WINDOWS_S: Final = (5,"),
        ("fdbench.core.annotation", "threshold: float = 0.5", "threshold: float = 0.45"),
        ("fdbench.core.annotation", "VadSettings(pad_ms=30,", "VadSettings(pad_ms=20,"),
        ("fdbench.audio.levels", "SILENT_DBFS: Final = -70.0", "SILENT_DBFS: Final = -60.0"),
        ("fdbench.hear.prosody", "_PITCH_FLOOR_HZ: Final = 50.0", "_PITCH_FLOOR_HZ: Final = 75.0"),
        ("fdbench.audio.vad", "_BLOCK_WINDOWS: Final = 32", "_BLOCK_WINDOWS: Final = 64"),
    ],
)
def test_a_pad_a_threshold_or_a_search_setting_is_under_the_version(module, before, after):
    source = source_of(module)
    assert before in source, "the example is out of date"
    assert digest(MODULES, {module: source.replace(before, after)}) != digest(MODULES)


def test_prose_is_free():
    source = source_of("fdbench.audio.levels")
    assert digest(MODULES, {"fdbench.audio.levels": source.replace('"""How loud', '"""Just how loud')}) == digest(MODULES)


def test_the_version_is_in_every_signature_and_in_the_key_of_every_stored_answer(tmp_path):
    from fdbench.core.annotation import DetectedSpeech, SpeechRequest
    from fdbench.hear.cache import AnnotationCache

    assert Engines("none").signature_facts()["hear"] == str(VERSION)
    cache, request = AnnotationCache(tmp_path), SpeechRequest("model")
    cache.store("audio", request, {"vad": "v"}, DetectedSpeech((), 1.0, "v"))
    assert cache.find("audio", request, {"vad": "v"}) is not None
    assert cache.find("audio", request, {"vad": "v"}, hear=VERSION + 1) is None
