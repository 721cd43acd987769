"""A second detector hears what the first does, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest

from fdbench.audio.vad import detect_speech, load_vad_model
from fdbench.audio.vad_webrtc import detect_by_webrtc, webrtc_signature
from fdbench.core.annotation import CORRECTED_VAD, PUBLISHED_VAD, VadSettings
from fdbench.core.sound import Audio
from fdbench.io.wav import read_audio

pytest.importorskip("webrtcvad", reason="webrtcvad-wheels is not installed")
RATE = 16_000


@pytest.fixture(scope="module")
def spoken():
    """Two utterances of mini with a second of silence around each."""
    from importlib.resources import files

    folder = files("fdbench.tasks.mini") / "utterances"
    first, second = (read_audio(path) for path in sorted(folder.iterdir(), key=lambda each: each.name)[:2])
    still = np.zeros(first.sample_rate, np.float32)
    return Audio(np.concatenate([still, first.samples, still, second.samples, still]), first.sample_rate)


def test_both_detectors_hear_the_same_speech(spoken):
    by_silero, by_webrtc = detect_speech(spoken, CORRECTED_VAD, load_vad_model()), detect_by_webrtc(spoken, CORRECTED_VAD)
    assert by_webrtc.engine == webrtc_signature() and by_webrtc.engine.startswith("webrtc-")
    assert by_webrtc.segments[0].start_s == pytest.approx(by_silero.segments[0].start_s, abs=0.15)
    assert by_webrtc.segments[-1].end_s == pytest.approx(by_silero.segments[-1].end_s, abs=0.25)
    assert by_webrtc.duration_s == pytest.approx(spoken.duration_s, abs=1e-3)


def test_silence_is_silence_and_nothing_has_no_speech():
    assert detect_by_webrtc(Audio(np.zeros(RATE, np.float32), RATE), CORRECTED_VAD).segments == ()
    assert detect_by_webrtc(Audio(np.zeros(0, np.float32), RATE), CORRECTED_VAD).segments == ()


def test_short_silences_are_closed_short_stretches_dropped_and_times_rounded(spoken):
    wide = detect_by_webrtc(spoken, VadSettings(min_silence_ms=2000))
    assert len(wide.segments) == 1
    assert detect_by_webrtc(spoken, VadSettings(min_speech_ms=60_000)).segments == ()
    for segment in detect_by_webrtc(spoken, PUBLISHED_VAD).segments:
        assert segment.start_s == round(segment.start_s, 1) and segment.end_s == round(segment.end_s, 1)
