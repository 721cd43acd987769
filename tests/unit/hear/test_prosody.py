"""How somebody speaks before and after an overlap, through the stage, with words given; the recogniser is a stand-in."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from annotate_takes import AUDIO, FileTake, SoundTake

from fdbench.core.annotation import Annotations, Prosody, ProsodyRequest, SpeechRequest, VoiceMeasures, WordsRequest
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.hear import prosody, stage
from fdbench.hear.cache import AnnotationCache
from fdbench.hear.prosody import prosody_signature
from fdbench.hear.recall import recall
from fdbench.hear.rules import VERSION
from fdbench.hear.stage import Engines, annotate
from fdbench.io.wav import write_flac

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("silero_vad")), reason="needs the vad extra"
)
needs_praat = pytest.mark.skipif(importlib.util.find_spec("parselmouth") is None, reason="needs pip install 'fdbench[prosody]'")

GIVEN = Engines("given", "given")
RATE = 16000
NO_WORDS: tuple[Word, ...] = ()


def tone(hz: float, duration_s: float, amplitude: float = 0.1) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(duration_s * RATE)) / RATE)).astype(np.float32)


def level_db(amplitude: float) -> float:
    """Of a sine, in Praat's dB: re 20 uPa, where full scale is 1 Pa."""
    return 20 * math.log10(amplitude / math.sqrt(2) / 2e-5)


def given(folder: Path, samples: np.ndarray, words: tuple[Word, ...], start_s: float = 0.0) -> FileTake:
    write_flac(folder / "output.flac", Audio(samples, RATE))
    chunks = [{"text": word.text, "timestamp": [word.start_s, word.end_s]} for word in words]
    (folder / "output.json").write_text(json.dumps({"text": "", "chunks": chunks}))
    return FileTake(folder / "output.flac", folder=folder, start_s=start_s)


def heard(take: FileTake, overlap_end_s: float | None) -> Prosody:
    (found,) = heard_or_missing(take, overlap_end_s).prosody.values()
    return found


def heard_or_missing(take: FileTake, overlap_end_s: float | None) -> Annotations:
    return annotate(take, [ProsodyRequest("model", overlap_end_s)], GIVEN)


def both(found: Prosody) -> tuple[VoiceMeasures, VoiceMeasures]:
    assert found.before is not None and found.after is not None
    return found.before, found.after


@needs_praat
class TestMeasures:
    def test_two_tones_are_told_apart_by_pitch_and_level(self, tmp_path: Path) -> None:
        """No detector takes a tone for speech, so each side is heard as a whole."""
        take = given(tmp_path, np.concatenate((tone(200, 2.0), tone(300, 3.0, 0.3))), NO_WORDS)
        found = heard(take, 2.0)
        before, after = both(found)
        assert (found.split_s, found.engine) == (2.0, prosody_signature())
        assert before.pitch_mean_hz == pytest.approx(200, abs=1)
        assert after.pitch_mean_hz == pytest.approx(300, abs=1)
        assert before.pitch_std_hz == pytest.approx(0, abs=0.5)
        assert before.intensity_mean_db == pytest.approx(level_db(0.1), abs=0.5)
        assert after.intensity_mean_db == pytest.approx(level_db(0.3), abs=0.5)
        assert before.intensity_std_db == pytest.approx(0, abs=0.5)
        assert (before.words_per_minute, before.speech_s, before.utmos) == (0.0, 0.0, None)

    def test_a_lead_in_is_neither_heard_nor_counted(self, tmp_path: Path) -> None:
        take = given(tmp_path, np.concatenate((tone(400, 1.0), tone(200, 2.0), tone(300, 2.0))), NO_WORDS, start_s=-1.0)
        before, after = both(heard(take, 2.0))
        assert (before.pitch_mean_hz, after.pitch_mean_hz) == (pytest.approx(200, abs=1), pytest.approx(300, abs=1))

    def test_a_side_of_digital_silence_has_no_pitch_and_praats_lowest_level(self, tmp_path: Path) -> None:
        take = given(tmp_path, np.concatenate((tone(200, 2.0), np.zeros(2 * RATE, np.float32))), NO_WORDS)
        _, after = both(heard(take, 2.0))
        assert (after.pitch_mean_hz, after.pitch_std_hz, after.intensity_mean_db) == (None, None, -300.0)

    def test_a_side_shorter_than_a_frame_has_no_measures(self, tmp_path: Path) -> None:
        _, after = both(heard(given(tmp_path, tone(200, 2.03), NO_WORDS), 2.0))
        assert after == VoiceMeasures(0.0, 0.0)

    def test_a_recording_that_ends_before_the_overlap_has_nothing_after_it(self, tmp_path: Path) -> None:
        found = heard(given(tmp_path, tone(200, 2.0), NO_WORDS), 5.0)
        assert (found.split_s, found.after) == (2.0, None)
        assert found.before is not None and found.before.pitch_mean_hz == pytest.approx(200, abs=1)

    def test_a_recording_without_an_overlap_lies_after_it(self, tmp_path: Path) -> None:
        found = heard(given(tmp_path, tone(200, 2.0), (Word("hi", 0.5, 1.0), Word("you", 1.0, 1.5))), None)
        assert (found.before, found.split_s) == (None, 0.0)
        assert found.after is not None
        assert found.after.words_per_minute == 120.0
        assert found.after.pitch_mean_hz == pytest.approx(200, abs=1)

    def test_an_empty_recording_has_no_sides(self) -> None:
        request = ProsodyRequest("model", 1.0)
        take = SoundTake((0.1,) * 160, start_s=-1.0)
        found = prosody.hear_prosody(take.load("model").cut(Span(0.0, 0.0)), (), request.overlap_end_s, lambda side: ())
        assert (found.before, found.after) == (None, None)


def test_only_the_speech_of_a_side_is_measured_and_words_part_the_sides(tmp_path: Path) -> None:
    """Speech from a golden recording: its first stretch before, the others after; quiet between them does not count."""
    (tmp_path / "output.json").write_text(
        json.dumps({"text": "", "chunks": [{"text": "a", "timestamp": [1.2, 1.6]}, {"text": "b", "timestamp": [3.0, 3.4]}]})
    )
    request = ProsodyRequest("model", 2.0)
    answers = annotate(FileTake(AUDIO / "0.wav", folder=tmp_path), [request], GIVEN)
    found = answers.prosody[request]
    before, after = both(found)
    assert found.split_s == 3.0
    assert (before.words_per_minute, after.words_per_minute) == (pytest.approx(150), pytest.approx(150))
    assert before.speech_s is not None and 0.3 < before.speech_s < 2.5
    assert after.speech_s is not None and before.speech_s < after.speech_s < 8.0
    assert answers.messages == ()
    if before.intensity_mean_db is not None:  # Praat is installed
        quiet = prosody.hear_prosody(FileTake(AUDIO / "0.wav").load("model"), (), 3.0, lambda side: ())
        assert quiet.before is not None and quiet.before.intensity_mean_db is not None
        assert quiet.before.intensity_mean_db < before.intensity_mean_db - 6


def test_words_that_are_not_believed_part_nothing(tmp_path: Path) -> None:
    take = given(tmp_path, tone(200, 2.0), (Word("hi", 1500.0, 1900.0),))
    request = ProsodyRequest("model", 1.0)
    answers = annotate(take, [request], GIVEN)
    assert (dict(answers.prosody), answers.missing[request].reason) == ({}, "implausible_words")


def test_a_word_without_an_end_is_no_crash(tmp_path: Path) -> None:
    take = given(tmp_path, tone(200, 4.0), (Word("hi", 0.5, 0.9), Word("you", 3.0, None)))
    assert heard(take, 1.0).split_s == 3.0


@pytest.mark.parametrize(("missing", "reason"), [("output.json", "transcript_missing"), ("output.flac", "audio_missing")])
def test_what_is_not_there_is_a_reason(missing: str, reason: str, tmp_path: Path) -> None:
    take = given(tmp_path, tone(200, 2.0), NO_WORDS)
    (tmp_path / missing).unlink()
    answers = heard_or_missing(take, 1.0)
    assert answers.missing[ProsodyRequest("model", 1.0)].reason == reason


def test_without_a_recogniser_there_are_no_words_to_part_at() -> None:
    request = ProsodyRequest("model", 1.0)
    answers = annotate(FileTake(AUDIO / "0.wav"), [request], Engines("none"))
    assert (dict(answers.prosody), answers.missing[request].reason, answers.messages) == ({}, "no_words", ())


def test_without_the_package_speed_and_speech_are_counted_and_the_reason_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "parselmouth", None)
    request = ProsodyRequest("model", 1.0)
    answers = heard_or_missing(given(tmp_path, tone(200, 2.0), (Word("hi", 0.25, 0.75),)), 1.0)
    assert answers.prosody[request] == Prosody(VoiceMeasures(120.0, 0.0), VoiceMeasures(0.0, 0.0), 0.75, "none")
    assert answers.missing[request].reason == "prosody_missing"
    assert "pip install 'fdbench[prosody]'" in answers.missing[request].message
    assert answers.messages == ()


@needs_praat
def test_naturalness_is_asked_where_its_package_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with the signature of ``predict`` as UTMOSv2 describes it: the package itself has not been run."""

    class Model:
        def predict(self, *, data: np.ndarray, device: str, num_workers: int, verbose: bool) -> np.ndarray:
            assert (data.dtype, data.ndim, device) == (np.float32, 1, "cpu")
            return np.array(len(data) / RATE)

    monkeypatch.setattr(prosody, "_utmos_version", lambda: "9.9")
    monkeypatch.setattr(prosody, "_utmos_model", Model)
    found = heard(given(tmp_path, tone(200, 3.0), NO_WORDS), 1.0)
    before, after = both(found)
    assert (before.utmos, after.utmos) == (1.0, 2.0)
    assert found.engine.endswith("+utmosv2-9.9")


class Parrot:
    """A recogniser that says "word" in the middle of each stretch of speech."""

    signature = "parrot@1"

    def transcribe(self, audio: Audio, speech: tuple[Span, ...]) -> tuple[Word, ...]:
        return tuple(Word("word", span.middle_s - 0.05, span.middle_s + 0.05) for span in speech)


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "asr_signature", lambda spec: Parrot.signature)
    monkeypatch.setattr(stage, "load_asr", lambda spec: Parrot())


@needs_praat
class TestCache:
    REQUESTS = (ProsodyRequest("model", 4.0), ProsodyRequest("model", None))

    def test_a_second_time_nothing_is_loaded_and_everything_is_equal(self, parrot: None, tmp_path: Path) -> None:
        cache, take = AnnotationCache(tmp_path / "cache"), FileTake(AUDIO / "0.wav", start_s=-0.7, log=tmp_path / "log")
        first = annotate(take, self.REQUESTS, Engines("parrot"), cache)
        loads = (tmp_path / "log").read_text()
        assert annotate(take, self.REQUESTS, Engines("parrot"), cache) == first
        assert (tmp_path / "log").read_text() == loads
        assert set(first.prosody) == set(self.REQUESTS)

    def test_another_engine_is_another_answer(self, parrot: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        cache, take = AnnotationCache(tmp_path / "cache"), FileTake(AUDIO / "0.wav")
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "parselmouth", None)
            assert annotate(take, self.REQUESTS, Engines("parrot"), cache).missing
        found = annotate(take, self.REQUESTS, Engines("parrot"), cache)
        assert not found.missing
        assert {answer.engine for answer in found.prosody.values()} == {prosody_signature()}

    def test_other_words_given_with_the_same_audio_are_heard_anew(self, tmp_path: Path) -> None:
        cache, request = AnnotationCache(tmp_path / "cache"), ProsodyRequest("model", 1.0)
        first = annotate(given(tmp_path, tone(200, 4.0), (Word("hi", 0.5, 1.5),)), [request], GIVEN, cache)
        other = annotate(given(tmp_path, tone(200, 4.0), (Word("hi", 1.5, 2.5),)), [request], GIVEN, cache)
        assert (first.prosody[request].split_s, other.prosody[request].split_s) == (0.5, 1.5)

    def test_what_was_measured_is_recalled_or_nothing_is(self, parrot: None, tmp_path: Path) -> None:
        cache, take = AnnotationCache(tmp_path / "cache"), FileTake(AUDIO / "0.wav")
        known = annotate(take, [*self.REQUESTS, WordsRequest("model")], Engines("parrot"), cache)
        vad = known.words[WordsRequest("model")].engine and stage.vad_signature("silero")
        signed = {"asr": "parrot@1", "vad": vad, "hear": str(VERSION)}
        for signatures in (signed, {**signed, "prosody": prosody_signature()}):
            found = recall(take, self.REQUESTS, signatures, cache)
            assert found is not None and found.prosody == known.prosody
        assert recall(take, self.REQUESTS, {**signed, "prosody": "parselmouth-0.1"}, cache) is None
        assert recall(take, [ProsodyRequest("model", 4.1)], signed, cache) is None

    def test_a_stored_answer_says_what_it_is(self, parrot: None, tmp_path: Path) -> None:
        cache = AnnotationCache(tmp_path / "cache")
        annotate(FileTake(AUDIO / "0.wav"), self.REQUESTS[:1], Engines("parrot"), cache)
        named = sorted(str(entry) for _, entry in cache.entries())
        assert named[0].startswith("prosody of the model by parrot@1, silero-")
        assert prosody_signature() in named[0]

    @pytest.mark.parametrize("damage", [[1], "x", {"speed": 1.0}, {"words_per_minute": "fast"}, 5])
    def test_a_damaged_answer_is_heard_anew(self, damage: object, parrot: None, tmp_path: Path) -> None:
        cache, take, request = AnnotationCache(tmp_path / "cache"), FileTake(AUDIO / "0.wav"), self.REQUESTS[0]
        first = annotate(take, [request], Engines("parrot"), cache)
        (path,) = (path for path, entry in cache.entries() if str(entry).startswith("prosody"))
        stored = json.loads(path.read_text())
        stored["answer"]["before"] = damage
        path.write_text(json.dumps(stored))
        assert annotate(take, [request], Engines("parrot"), cache) == first
        assert json.loads(path.read_text())["answer"]["before"] != damage

    def test_what_others_asked_changes_nothing(self, parrot: None) -> None:
        take, request = FileTake(AUDIO / "0.wav"), self.REQUESTS[0]
        others = [WordsRequest("model"), SpeechRequest("model"), request]
        alone = annotate(take, [request], Engines("parrot")).prosody
        assert annotate(take, others, Engines("parrot")).prosody == alone
