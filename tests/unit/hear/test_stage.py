"""What the scorers asked is answered, on the prompt's timeline, and nothing else is heard. The recogniser is a stand-in."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile
from annotate_takes import AUDIO, FileTake, SoundTake

from fdbench.core.annotation import (
    PRECISE_VAD,
    PUBLISHED_VAD,
    PUBLISHED_VAD_BEFORE_FIX,
    Annotations,
    LevelsRequest,
    SpeechRequest,
    WordsRequest,
)
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.hear import stage
from fdbench.hear.cache import AnnotationCache
from fdbench.hear.stage import Annotator, Engines, annotate

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("silero_vad")), reason="needs the vad extra"
)

SPEECH, WORDS = SpeechRequest("model"), WordsRequest("model")
GIVEN = Engines("given", "given")


class Parrot:
    """A recogniser that says "word" in the middle of each stretch of speech, and invents two words on silence."""

    signature = "parrot@1"

    def __init__(self) -> None:
        self.heard: list[tuple[Audio, tuple[Span, ...]]] = []

    def transcribe(self, audio: Audio, speech: tuple[Span, ...]) -> tuple[Word, ...]:
        self.heard.append((audio, speech))
        words = [Word("word", span.middle_s - 0.05, span.middle_s + 0.05) for span in speech]
        return (*words, Word("thanks", 0.1, 0.2), Word("watching", 900.0, 901.0))


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch) -> Parrot:
    bird = Parrot()
    monkeypatch.setattr(stage, "asr_signature", lambda spec: bird.signature)
    monkeypatch.setattr(stage, "load_asr", lambda spec: bird)
    return bird


def reasons(answers: Annotations) -> dict[object, str]:
    return {request: why.reason for request, why in answers.missing.items()}


def words_in(answers: Annotations, request: WordsRequest = WORDS) -> Transcript:
    assert request in answers.words, answers
    return answers.words[request]


class TestTimeline:
    def test_without_a_lead_in_times_are_those_of_the_file(self, parrot: Parrot) -> None:
        answers = annotate(FileTake(AUDIO / "0.wav"), [SPEECH], Engines("parrot"))
        assert [round(span.start_s, 3) for span in answers.speech[SPEECH].segments] == [1.088, 2.88, 4.672, 6.784, 10.08]
        assert reasons(answers) == {}

    def test_a_lead_in_is_not_heard_and_does_not_shift_anything_after_it(self, parrot: Parrot) -> None:
        take = FileTake(AUDIO / "0.wav", start_s=-2.0)  # the first word lies in the lead-in, the second at 0.88 s
        answers = annotate(take, [SPEECH, WORDS], Engines("parrot"))
        found = answers.speech[SPEECH]
        assert [round(span.start_s, 1) for span in found.segments] == [1.0, 2.8, 4.8, 8.1]
        assert found.duration_s == pytest.approx(179153 / 16000 - 2.0)
        assert [word.end_s for word in words_in(answers).words] == pytest.approx(
            [span.middle_s + 0.05 for span in found.segments]
        )

    def test_a_crop_is_heard_alone_and_times_are_shifted_back(self, parrot: Parrot) -> None:
        request = WordsRequest("model", Span(4.0, 8.0))
        words = words_in(annotate(FileTake(AUDIO / "0.wav"), [request], Engines("parrot")), request)
        ((heard, speech),) = parrot.heard
        assert heard.duration_s == 4.0
        assert [round(span.start_s, 1) for span in speech] == [0.7, 2.8]
        assert [word.end_s for word in words.words] == pytest.approx([4.0 + span.middle_s + 0.05 for span in speech])

    def test_a_span_beyond_the_recording_is_empty(self, parrot: Parrot) -> None:
        beyond = SpeechRequest("model", Span(50, 60))
        answers = annotate(FileTake(AUDIO / "0.wav"), [beyond, WordsRequest("model", Span(50, 60))], Engines("parrot"))
        assert answers.speech[beyond].segments == ()
        assert answers.speech[beyond].duration_s == 0.0
        assert parrot.heard == []

    def test_an_empty_span_is_answered_with_nothing_heard(self, parrot: Parrot) -> None:
        empty = WordsRequest("model", Span(3.0, 3.0))
        answers = annotate(FileTake(AUDIO / "0.wav"), [empty], Engines("parrot"))
        assert (words_in(answers, empty), answers.messages) == (Transcript((), "parrot@1", 0), ())
        assert parrot.heard == []


class TestWords:
    def test_silence_is_not_given_to_the_recogniser(self, parrot: Parrot) -> None:
        assert words_in(annotate(SoundTake((0.0,) * 48000), [WORDS], Engines("parrot"))) == Transcript((), "parrot@1", 0)
        assert parrot.heard == []

    def test_words_without_sound_under_them_are_dropped_and_counted(self, parrot: Parrot) -> None:
        transcript = words_in(annotate(FileTake(AUDIO / "0.wav"), [WORDS], Engines("parrot")))
        assert [word.text for word in transcript.words] == ["word"] * 5
        assert transcript.dropped == 2
        assert transcript.engine == "parrot@1"

    def test_words_do_not_depend_on_what_else_is_asked(self, parrot: Parrot) -> None:
        alone = annotate(FileTake(AUDIO / "1.wav"), [WORDS], Engines("parrot"))
        others = [SpeechRequest("model", None, PUBLISHED_VAD_BEFORE_FIX), WordsRequest("model", Span(0, 3)), WORDS]
        assert words_in(annotate(FileTake(AUDIO / "1.wav"), others, Engines("parrot"))) == words_in(alone)


class TestEconomy:
    def test_each_channel_is_loaded_once(self, parrot: Parrot, tmp_path: Path) -> None:
        take = FileTake(AUDIO / "0.wav", AUDIO / "1.wav", log=tmp_path / "log")
        requests = [
            SPEECH,
            WORDS,
            SpeechRequest("model", None, PUBLISHED_VAD),
            SpeechRequest("user"),
            WordsRequest("user"),
            SPEECH,
        ]
        annotate(take, requests, Engines("parrot"))
        assert (tmp_path / "log").read_text().split() == ["0.wav", "1.wav"]

    def test_a_second_time_nothing_is_loaded_and_everything_is_equal(self, parrot: Parrot, tmp_path: Path) -> None:
        cache = AnnotationCache(tmp_path / "cache")
        requests = [SPEECH, WORDS, SpeechRequest("model", Span(0.5, 7.3), PUBLISHED_VAD)]
        take = FileTake(AUDIO / "3.wav", start_s=-0.7, log=tmp_path / "log")
        uncached = annotate(take, requests, Engines("parrot"))
        first = annotate(take, requests, Engines("parrot"), cache)
        loads = (tmp_path / "log").read_text()
        second = annotate(take, requests, Engines("parrot"), cache)
        assert uncached == first == second
        assert (tmp_path / "log").read_text() == loads

    def test_what_is_wrong_is_not_cached(self, parrot: Parrot, tmp_path: Path) -> None:
        cache, path = AnnotationCache(tmp_path / "cache"), tmp_path / "late.wav"
        assert reasons(annotate(FileTake(path), [WORDS], Engines("parrot"), cache)) == {WORDS: "audio_missing"}
        path.write_bytes((AUDIO / "0.wav").read_bytes())
        assert len(words_in(annotate(FileTake(path), [WORDS], Engines("parrot"), cache)).words) == 5

    def test_engines_are_loaded_once_and_only_when_something_is_said(
        self, parrot: Parrot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loads: list[str] = []
        monkeypatch.setattr(stage, "load_asr", lambda spec: loads.append(spec) or parrot)
        annotator = Annotator(Engines("parrot"), None)
        annotator.annotate(SoundTake((0.0,) * 16000), [WORDS])
        assert loads == []
        annotator.annotate(FileTake(AUDIO / "0.wav"), [WORDS])
        annotator.annotate(FileTake(AUDIO / "1.wav"), [WORDS])
        assert loads == ["parrot"]


class TestBadAudio:
    def test_no_recording(self, parrot: Parrot, tmp_path: Path) -> None:
        answers = annotate(FileTake(None, folder=tmp_path / "17"), [SPEECH, WORDS], Engines("parrot"))
        assert reasons(answers) == {SPEECH: "audio_missing", WORDS: "audio_missing"}
        assert answers.messages == (f"{tmp_path / '17'}: there is no recording of the model",)

    def test_no_prompt_is_nothing_wrong(self, parrot: Parrot) -> None:
        answers = annotate(FileTake(AUDIO / "0.wav"), [SpeechRequest("user"), SPEECH], Engines("parrot"))
        assert reasons(answers) == {SpeechRequest("user"): "audio_missing"}
        assert answers.messages == ()
        assert SPEECH in answers.speech

    @pytest.mark.parametrize("kind", ["garbage", "empty", "truncated", "stereo", "nan"])
    def test_damage_is_a_reason_and_one_message_naming_the_file(self, kind: str, parrot: Parrot, tmp_path: Path) -> None:
        path = tmp_path / "output.wav"
        if kind in ("stereo", "nan"):
            value = np.full((99, 2) if kind == "stereo" else 99, np.nan if kind == "nan" else 0.1)
            soundfile.write(path, value, 16000, subtype="FLOAT")
        else:
            whole = (AUDIO / "0.wav").read_bytes()
            path.write_bytes({"garbage": b"RIFFgarbage", "empty": b"", "truncated": whole[:9999]}[kind])
        answers = annotate(FileTake(path), [SPEECH, WORDS, SpeechRequest("user")], Engines("parrot"))
        assert (answers.missing[SPEECH].reason, answers.missing[WORDS].reason) == ("audio_unreadable", "audio_unreadable")
        assert len(answers.messages) == 1
        assert str(path) in answers.messages[0]


class TestGiven:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        chunk = '{"text": "hi", "chunks": [{"text": "hi", "timestamp": [90.5, null]}]}'
        (tmp_path / "output.json").write_text(chunk)
        (tmp_path / "output.vad.json").write_text('{"segments": [{"start": 80.1, "end": 90.2}]}')
        return tmp_path

    def test_taken_verbatim_whatever_is_asked(self, folder: Path) -> None:
        take = FileTake(AUDIO / "1.wav", folder=folder)
        speech = [SpeechRequest("model", span, vad) for span in (None, Span(0, 3)) for vad in (PRECISE_VAD, PUBLISHED_VAD)]
        answers = annotate(take, [*speech, WORDS, WordsRequest("model", Span(0, 3))], GIVEN)
        assert {one.segments for one in answers.speech.values()} == {(Span(80.1, 90.2),)}
        assert {one.words for one in answers.words.values()} == {(Word("hi", 90.5, None),)}
        assert {one.engine for one in (*answers.speech.values(), *answers.words.values())} == {"given"}

    def test_the_duration_is_that_of_the_audio(self, folder: Path) -> None:
        whole, cropped = (
            SpeechRequest("model", None, PUBLISHED_VAD),
            SpeechRequest("model", Span(0, 3), PUBLISHED_VAD_BEFORE_FIX),
        )
        answers = annotate(FileTake(AUDIO / "1.wav", folder=folder), [whole, cropped], GIVEN)
        assert answers.speech[whole].duration_s == 155710 / 16000  # as resampled
        assert answers.speech[cropped].duration_s == 3.0

    def test_without_audio_the_segments_stand_and_the_length_is_unknown(self, folder: Path) -> None:
        answers = annotate(FileTake(None, folder=folder), [SPEECH, WORDS], GIVEN)
        assert answers.speech[SPEECH].segments == (Span(80.1, 90.2),)
        assert answers.speech[SPEECH].duration_s is None
        assert answers.messages == ()
        assert WORDS in answers.words

    def test_damaged_audio_is_told_although_the_segments_stand(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "output.wav").write_bytes(b"RIFFgarbage")
        answers = annotate(FileTake(tmp_path / "output.wav", folder=folder), [SPEECH], GIVEN)
        assert answers.speech[SPEECH].duration_s is None
        assert "output.wav" in answers.messages[0]

    def test_the_user_is_always_heard(self, folder: Path) -> None:
        request = SpeechRequest("user")
        answers = annotate(FileTake(None, AUDIO / "0.wav", folder=folder), [request], GIVEN)
        assert len(answers.speech[request].segments) == 5
        assert answers.speech[request].engine.startswith("silero-")

    @pytest.mark.parametrize(
        ("file", "text", "request_", "reason"),
        [
            ("output.json", None, WORDS, "transcript_missing"),
            ("output.json", "[", WORDS, "transcript_unreadable"),
            ("output.vad.json", None, SPEECH, "segments_missing"),
            ("output.vad.json", "{}", SPEECH, "segments_unreadable"),
            ("input.json", None, WordsRequest("user"), "transcript_missing"),
        ],
    )
    def test_what_is_not_there_or_not_readable(
        self, file: str, text: str | None, request_: SpeechRequest | WordsRequest, reason: str, folder: Path
    ) -> None:
        (folder / file).unlink(missing_ok=True)
        if text is not None:
            (folder / file).write_text(text)
        answers = annotate(FileTake(AUDIO / "0.wav", folder=folder), [request_], GIVEN)
        assert reasons(answers) == {request_: reason}
        assert file in answers.messages[0]

    def test_an_interruption_without_its_whole_transcript(self, folder: Path) -> None:
        take = FileTake(AUDIO / "0.wav", folder=folder, behaviour="user_interruption")
        after = WordsRequest("model", Span(3.5, 9))
        answers = annotate(take, [WORDS, after], GIVEN)
        assert reasons(answers) == {WORDS: "transcript_incomplete"}
        assert after in answers.words

    def test_no_folder_at_all(self) -> None:
        answers = annotate(FileTake(AUDIO / "0.wav"), [SPEECH, WORDS], GIVEN)
        assert reasons(answers) == {SPEECH: "segments_missing", WORDS: "transcript_missing"}


def test_levels_are_those_of_the_channel_from_the_prompts_beginning_on() -> None:
    """Half a second of lead-in at full scale, 0.2 s at a tenth of it, 0.15 s of nothing: two windows and one, and a half."""
    samples = (1.0,) * 8000 + (0.1,) * 3200 + (0.0,) * 2400
    answers = annotate(SoundTake(samples, start_s=-0.5), [LevelsRequest("model")], Engines("none"))
    (levels,) = answers.levels.values()
    assert levels == (pytest.approx(-20.0), pytest.approx(-20.0), float("-inf"))


def test_segments_without_a_recording_have_no_levels_and_nothing_went_wrong(tmp_path: Path) -> None:
    answers = annotate(FileTake(None, folder=tmp_path), [LevelsRequest("model")], GIVEN)
    assert (dict(answers.levels), answers.messages) == ({}, ())
    assert reasons(answers) == {LevelsRequest("model"): "audio_missing"}
