"""A word needs sound under it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fdbench.audio.levels import has_energy_under, loudest_frame_dbfs, rms_dbfs, speech_level_dbfs
from fdbench.core.sound import Audio
from fdbench.core.span import Span

RATE = 16000


def square(dbfs: float, seconds: float) -> np.ndarray:
    n = round(seconds * RATE)
    return (10 ** (dbfs / 20) * np.where(np.arange(n) % 2, 1, -1)).astype(np.float32)


def audio(*parts: tuple[float, float]) -> Audio:
    return Audio(np.concatenate([square(dbfs, seconds) for dbfs, seconds in parts]), RATE)


def test_levels_are_relative_to_full_scale() -> None:
    assert rms_dbfs(square(0, 1)) == pytest.approx(0, abs=1e-6)
    assert rms_dbfs(square(-37.5, 0.1)) == pytest.approx(-37.5, abs=1e-4)
    assert rms_dbfs(np.zeros(100, np.float32)) == -math.inf
    assert rms_dbfs(np.zeros(0, np.float32)) == -math.inf


def test_the_loudest_20_ms_decide_not_the_mean() -> None:
    clip = audio((-90, 0.5), (-20, 0.02), (-90, 0.5))
    assert loudest_frame_dbfs(clip, Span(0.2, 0.8)) == pytest.approx(-20, abs=0.1)
    assert loudest_frame_dbfs(clip, Span(0.6, 0.8)) == pytest.approx(-90, abs=0.1)
    assert loudest_frame_dbfs(clip, Span(5, 6)) == -math.inf
    assert loudest_frame_dbfs(clip, Span(0.505, 0.510)) == pytest.approx(-20, abs=0.1)  # shorter than a frame


def test_speech_level_is_that_of_all_stretches_together() -> None:
    clip = audio((-10, 1), (-90, 1), (-10, 1))
    assert speech_level_dbfs(clip, [Span(0, 1), Span(2, 3)]) == pytest.approx(-10, abs=0.01)
    assert speech_level_dbfs(clip, []) == -math.inf


@pytest.mark.parametrize(
    ("under_the_word", "speech", "believed"),
    [
        (-20, -20, True),
        (-45, -10, True),  # soft, but audible: -50 dBFS and above is always believed
        (-55, -20, False),  # quiet, and 35 dB below the speech
        (-55, -40, True),  # quiet, like everything else in this recording
        (-65, -60, True),
        (-75, -74, False),  # nobody speaks at -75 dBFS
        (-120, -20, False),
    ],
)
def test_which_words_are_believed(under_the_word: float, speech: float, believed: bool) -> None:
    clip = audio((-120, 1), (under_the_word, 0.5), (-120, 1))
    assert has_energy_under(clip, Span(1.0, 1.5), speech) is believed


def test_a_word_may_be_50_ms_beside_its_sound() -> None:
    clip = audio((-120, 1), (-20, 0.5), (-120, 1))
    assert has_energy_under(clip, Span(1.53, 1.7), -20)
    assert not has_energy_under(clip, Span(1.6, 1.8), -20)
