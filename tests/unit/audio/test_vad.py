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
from fdbench.core.annotation import PRECISE_VAD, PUBLISHED_VAD, PUBLISHED_VAD_BEFORE_FIX
from fdbench.core.sound import Audio
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
