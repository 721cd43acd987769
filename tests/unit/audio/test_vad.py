"""Silero without torch: streams, whole files, and what is missing.

That the segments are the library's own is tests/golden/test_vad_identity.py.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fdbench.audio import vad
from fdbench.audio.vad import StreamingVad, VadModel, detect_speech, load_vad_model, speech_probabilities, vad_signature
from fdbench.core.annotation import CORRECTED_VAD, PRECISE_VAD, PUBLISHED_VAD, PUBLISHED_VAD_BEFORE_FIX, VadSettings
from fdbench.core.sound import Audio
from fdbench.core.span import merged
from fdbench.errors import DataError, MissingExtraError
from fdbench.io.wav import read_audio

AUDIO = Path(__file__).parents[2] / "golden" / "data" / "audio"
needs_vad = pytest.mark.skipif(
    not (importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("silero_vad")), reason="needs the vad extra"
)


@pytest.fixture(scope="module")
def model() -> VadModel:
    return load_vad_model()


@pytest.fixture(scope="module")
def speech() -> Audio:
    return read_audio(AUDIO / "0.wav")


@needs_vad
class TestStreaming:
    @pytest.mark.parametrize("piece", [1, 160, 512, 1280, 1920, 7777])
    def test_does_not_depend_on_how_the_stream_is_cut(self, piece: int, model: VadModel, speech: Audio) -> None:
        samples = speech.samples[: 16000 if piece == 1 else 64000]
        whole = StreamingVad(model).feed(samples)
        stream = StreamingVad(model)
        parts = [stream.feed(samples[start : start + piece]) for start in range(0, len(samples), piece)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)

    def test_hears_what_the_whole_file_detector_hears(self, model: VadModel, speech: Audio) -> None:
        samples = speech.samples[: 512 * 150]
        np.testing.assert_array_almost_equal(StreamingVad(model).feed(samples), speech_probabilities(samples, model), decimal=6)

    def test_streams_share_a_model_without_hearing_each_other(self, model: VadModel, speech: Audio) -> None:
        alone, beside, other = StreamingVad(model), StreamingVad(model), StreamingVad(model)
        for start in range(0, 32000, 800):
            piece = speech.samples[16000 + start : 16800 + start]
            other.feed(-piece[::-1])
            np.testing.assert_array_equal(beside.feed(piece), alone.feed(piece))

    def test_reset_forgets_everything(self, model: VadModel, speech: Audio) -> None:
        stream = StreamingVad(model)
        first = stream.feed(speech.samples[:30000])
        stream.reset()
        np.testing.assert_array_equal(stream.feed(speech.samples[:30000]), first)

    def test_gives_a_probability_only_when_a_window_is_complete(self, model: VadModel) -> None:
        stream = StreamingVad(model)
        assert [len(stream.feed(np.zeros(n, np.float32))) for n in (511, 1, 0, 1023, 1)] == [0, 1, 0, 1, 1]


@needs_vad
class TestWholeFile:
    def test_silence_holds_no_speech(self, model: VadModel) -> None:
        found = detect_speech(Audio.silence(3.0, 24000), PRECISE_VAD, model)
        assert found.segments == ()
        assert found.duration_s == 3.0

    def test_no_samples_hold_no_speech(self, model: VadModel) -> None:
        found = detect_speech(Audio(np.zeros(0, np.float32), 16000), PUBLISHED_VAD, model)
        assert (found.segments, found.duration_s) == ((), 0.0)

    def test_duration_is_that_of_the_resampled_audio(self, model: VadModel) -> None:
        found = detect_speech(Audio(np.zeros(48001, np.float32), 48000), PRECISE_VAD, model)
        assert found.duration_s == 16001 / 16000

    def test_the_mistaken_rate_stretches_times_but_not_the_duration(self, model: VadModel) -> None:
        audio = read_audio(AUDIO / "1.wav")
        assert audio.sample_rate == 24000
        right = detect_speech(audio, PUBLISHED_VAD, model)
        mistaken = detect_speech(audio, PUBLISHED_VAD_BEFORE_FIX, model)
        assert mistaken.duration_s == audio.duration_s
        assert mistaken.segments[0].start_s == pytest.approx(1.5 * right.segments[0].start_s, abs=0.15)
        assert mistaken.segments[-1].end_s > audio.duration_s

    def test_published_times_are_deciseconds_except_an_end_at_the_length(self, model: VadModel, speech: Audio) -> None:
        cut = Audio(speech.samples[: 16000 + 7333], 16000)
        (segment,) = detect_speech(cut, PUBLISHED_VAD, model).segments
        assert segment.start_s == 1.1
        assert segment.end_s == len(cut.samples) / 16000  # 1.458..., which would round to 1.5

    def test_signature_names_the_installed_version(self, model: VadModel, speech: Audio) -> None:
        assert detect_speech(speech, PRECISE_VAD, model).engine == f"silero-{importlib.metadata.version('silero-vad')}"


HALF_S = 256 / 16000
PASSES = {  # probability per window of the first pass, of the second, half a window earlier, and the union in half windows
    "both hear it, each in its own windows": ("..########......", "..########......", [(3, 20)]),
    "one of them alone": ("................", "..########......", [(3, 19)]),
    "neither long enough, though together they would be": ("...######.......", "..######........", []),
    "one long enough, the other not": ("..########......", "..######........", [(4, 20)]),
    "apart, and nothing is joined over what lies between": (
        "..########...............",
        "............########.....",
        [(4, 20), (23, 39)],
    ),
    "the second begins before the audio and is heard from its start": ("................", "##########......", [(0, 19)]),
    "to the last sample": ("......##########", ".......##########", [(12, 32)]),
}


class TestPasses:
    """What two passes find, drawn; the network is a stand-in that says what is drawn, one character per window."""

    @pytest.mark.parametrize("name", PASSES)
    def test_speech_is_what_any_pass_finds(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second, expected = PASSES[name]
        n_samples = 512 * len(first)

        def drawn(samples: np.ndarray, model: VadModel) -> np.ndarray:
            picture = first if len(samples) == n_samples else second.ljust(len(first) + 1, ".")
            return np.array([0.9 * (mark == "#") for mark in picture], np.float32)

        monkeypatch.setattr(vad, "speech_probabilities", drawn)
        audio = Audio(np.ones(n_samples, np.float32), 16000)
        found = detect_speech(audio, CORRECTED_VAD, VadModel(None, "drawn")).segments
        assert [(round(span.start_s / HALF_S), round(span.end_s / HALF_S)) for span in found] == expected

    def test_settings_are_those_of_the_definitions(self) -> None:
        assert VadSettings(0.5, min_speech_ms=200, min_silence_ms=100, pad_ms=0, phases=2) == CORRECTED_VAD
        assert {one.phases for one in (PRECISE_VAD, PUBLISHED_VAD, PUBLISHED_VAD_BEFORE_FIX)} == {1}

    @needs_vad
    def test_the_union_is_that_of_two_detectors_half_a_window_apart(self, model: VadModel, speech: Audio) -> None:
        once = VadSettings(min_speech_ms=200)
        later = detect_speech(Audio(np.pad(speech.samples, (256, 0)), 16000), once, model).segments
        both = (*detect_speech(speech, once, model).segments, *(span.shifted(-HALF_S) for span in later))
        found = detect_speech(speech, CORRECTED_VAD, model).segments
        assert len(found) == 5
        assert [(span.start_s, span.end_s) for span in found] == [
            pytest.approx((span.start_s, span.end_s), abs=1e-9) for span in merged(both)
        ]

    @needs_vad
    @pytest.mark.parametrize("n", [0, 1, 255, 256, 511, 513])
    def test_less_than_a_window_holds_no_speech_and_keeps_its_length(self, n: int, model: VadModel, speech: Audio) -> None:
        found = detect_speech(Audio(speech.samples[20000 : 20000 + n], 16000), CORRECTED_VAD, model)
        assert (found.segments, found.duration_s) == ((), n / 16000)


@needs_vad
class TestRemembering:
    def test_settings_that_differ_in_thresholds_alone_cost_one_pass(
        self, speech: Audio, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model, heard = load_vad_model(), count_passes(monkeypatch)
        for settings in (PRECISE_VAD, PUBLISHED_VAD, PUBLISHED_VAD_BEFORE_FIX, VadSettings(threshold=0.7)):
            detect_speech(speech, settings, model)  # at 16 kHz even the mistaken rate is the right one
        assert len(heard) == 1
        detect_speech(speech, CORRECTED_VAD, model)
        assert len(heard) == 2

    def test_what_a_recording_gives_does_not_depend_on_what_was_heard_before(self, model: VadModel) -> None:
        sounds = [read_audio(AUDIO / f"{index}.wav") for index in range(6)]
        sounds += [Audio(sounds[0].samples[:n], 16000) for n in (0, 100, 512, 513, 40000)]
        alone = [detect_speech(sound, CORRECTED_VAD, load_vad_model()) for sound in sounds]
        for order in np.random.default_rng(0).permuted(np.tile(np.arange(len(sounds)), (2, 1)), axis=1):
            assert [detect_speech(sounds[index], CORRECTED_VAD, model) for index in order] == [alone[index] for index in order]

    def test_memory_does_not_grow_with_the_number_of_recordings(self) -> None:
        model = load_vad_model()
        for index in range(50):
            model.remembered(np.full(600, index / 100, np.float32))
        assert len(model._known) == vad._REMEMBERED
        assert max(len(known) for known in model._known.values()) == 2  # probabilities are kept, not sound


def count_passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    heard: list[int] = []

    def counted(samples: np.ndarray, model: VadModel) -> np.ndarray:
        heard.append(len(samples))
        return speech_probabilities(samples, model)

    monkeypatch.setattr(vad, "speech_probabilities", counted)
    return heard


@needs_vad
def test_torch_is_never_imported() -> None:
    program = (
        "import sys, numpy as np; from fdbench.audio.vad import load_vad_model, speech_probabilities;"
        "speech_probabilities(np.zeros(9999, np.float32), load_vad_model());"
        "print('torch' in sys.modules, 'scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


class TestWhatIsMissing:
    def test_silero_vad(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def version(name: str) -> str:
            raise importlib.metadata.PackageNotFoundError(name)

        monkeypatch.setattr(importlib.metadata, "version", version)
        with pytest.raises(MissingExtraError, match=r"'silero-vad'.*\n.*fdbench\[vad\]"):
            vad_signature()

    @needs_vad
    def test_onnxruntime(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(MissingExtraError, match="'onnxruntime'"):
            load_vad_model()

    @needs_vad
    def test_a_silero_vad_too_old_to_hold_the_model(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vad, "_MODEL_FILE", "silero_vad_of_tomorrow.onnx")
        with pytest.raises(DataError, match=r"silero_vad_of_tomorrow\.onnx: no such file(.|\n)*pip install"):
            load_vad_model()
