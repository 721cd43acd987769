"""Our segments are the silero-vad library's segments, sample by sample.

Twice: against what the library gave when data/vad was made (torch not needed), and against the library itself where
torch is installed.
"""

from __future__ import annotations

import importlib.util
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vad_sounds import N_MIXES, N_WALKS, RECORDINGS, mix, odd_sounds, probability_walk, recording

from fdbench.audio.segments import speech_segments
from fdbench.audio.vad import VadModel, detect_speech, load_vad_model, speech_probabilities
from fdbench.core.annotation import PRECISE_VAD, PUBLISHED_VAD, PUBLISHED_VAD_BEFORE_FIX, VadSettings
from fdbench.core.sound import Audio
from fdbench.core.span import Span

STRICT_VAD = VadSettings(threshold=0.7, min_speech_ms=60, min_silence_ms=400, pad_ms=100)

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("silero_vad")),
    reason="needs the vad extra",
)
needs_torch = pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="the library itself needs torch")


@pytest.fixture(scope="module")
def model() -> VadModel:
    return load_vad_model()


@pytest.fixture(scope="module")
def golden() -> Any:
    return json.loads((Path(__file__).parent / "data" / "vad" / "library_segments.json").read_text())


def in_samples(spans: tuple[Span, ...]) -> list[list[int]]:
    out = [[round(span.start_s * 16000), round(span.end_s * 16000)] for span in spans]
    assert [[start / 16000, end / 16000] for start, end in out] == in_seconds(spans)  # whole samples and nothing between
    return out


def in_seconds(spans: tuple[Span, ...]) -> list[list[float]]:
    return [[span.start_s, span.end_s] for span in spans]


def hear(samples: np.ndarray, settings: VadSettings, model: VadModel, rate: int = 16000) -> tuple[Span, ...]:
    return detect_speech(Audio(samples, rate), settings, model).segments


class TestAgainstWhatTheLibraryGave:
    @pytest.mark.parametrize("name", RECORDINGS)
    def test_recordings_at_their_own_rate(self, name: str, model: VadModel, golden: Any) -> None:
        expected, (samples, rate) = golden["recordings"][name], recording(name)
        assert in_samples(hear(samples, PRECISE_VAD, model, rate)) == expected["precise_samples"]
        assert in_seconds(hear(samples, PUBLISHED_VAD, model, rate)) == expected["published_s"]
        assert in_seconds(hear(samples, PUBLISHED_VAD_BEFORE_FIX, model, rate)) == expected["mistaken_s"]

    @pytest.mark.parametrize("index", range(N_MIXES))
    def test_mixes(self, index: int, model: VadModel, golden: Any) -> None:
        assert in_samples(hear(mix(index), PRECISE_VAD, model)) == golden["mixes"][index]["precise_samples"]
        assert in_seconds(hear(mix(index), PUBLISHED_VAD, model)) == golden["mixes"][index]["published_s"]

    @pytest.mark.parametrize("name", odd_sounds())
    def test_silence_noise_and_very_short_sounds(self, name: str, model: VadModel, golden: Any) -> None:
        samples = odd_sounds()[name]
        assert in_samples(hear(samples, PRECISE_VAD, model)) == golden["odd"][name]["precise_samples"]
        assert in_seconds(hear(samples, PUBLISHED_VAD, model)) == golden["odd"][name]["published_s"]

    @pytest.mark.parametrize("index", range(N_WALKS))
    def test_state_machine_on_wild_probabilities(self, index: int, golden: Any) -> None:
        expected, (probabilities, n_samples) = golden["walks"][index], probability_walk(index)
        assert in_samples(speech_segments(probabilities, n_samples, PRECISE_VAD)) == expected["precise_samples"]
        assert in_samples(speech_segments(probabilities, n_samples, STRICT_VAD)) == expected["strict_samples"]
        assert in_seconds(speech_segments(probabilities, n_samples, PUBLISHED_VAD)) == expected["published_s"]

    def test_the_goldens_are_not_all_silence(self, golden: Any) -> None:
        found = [len(one["precise_samples"]) for part in ("mixes", "walks") for one in golden[part]]
        assert sum(found) > 150
        assert 0 in found


@needs_torch
class TestAgainstTheLibrary:
    @pytest.mark.parametrize("onnx", [False, True])
    def test_segments(self, onnx: bool, model: VadModel) -> None:
        import torch
        from silero_vad import get_speech_timestamps, load_silero_vad

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit.load, in the library
            library = load_silero_vad(onnx=onnx)
        for samples in (*(mix(500 + index) for index in range(6)), *odd_sounds().values()):
            x = torch.from_numpy(samples)
            precise = get_speech_timestamps(x, library, speech_pad_ms=0)
            published = get_speech_timestamps(x, library, return_seconds=True)
            assert in_samples(hear(samples, PRECISE_VAD, model)) == [[one["start"], one["end"]] for one in precise]
            assert in_seconds(hear(samples, PUBLISHED_VAD, model)) == [[one["start"], one["end"]] for one in published]

    def test_probabilities_are_those_of_the_one_window_model(self, model: VadModel) -> None:
        import torch
        from silero_vad import load_silero_vad

        samples = mix(3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            library = load_silero_vad(onnx=True)
        expected = library.audio_forward(torch.from_numpy(samples)[None], 16000)[0].numpy()
        np.testing.assert_array_almost_equal(speech_probabilities(samples, model), expected, decimal=6)
