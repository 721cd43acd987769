"""The detector's resampler keeps lengths, times, and whatever both rates can carry."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from fdbench.audio.sinc import resampled_by_sinc
from fdbench.core.sound import Audio

RATES = (8000, 11025, 22050, 24000, 44100, 48000)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 479, 480, 481, 100_001])
def test_length_is_that_of_the_time_rounded_up(rate: int, n: int) -> None:
    assert len(resampled_by_sinc(Audio(np.ones(n, np.float32), rate), 16000).samples) == -(-n * 16000 // rate)


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_stays_where_it_is(rate: int) -> None:
    def tone(at: int) -> np.ndarray:
        return np.sin(2 * np.pi * 440 * np.arange(at) / at).astype(np.float32)

    out = resampled_by_sinc(Audio(tone(rate), rate), 16000).samples
    np.testing.assert_allclose(out[100:-100], tone(16000)[100:-100], atol=0.02)


def test_what_the_new_rate_cannot_carry_is_gone() -> None:
    whistle = np.sin(2 * np.pi * 11_500 * np.arange(24000) / 24000).astype(np.float32)
    assert np.abs(resampled_by_sinc(Audio(whistle, 24000), 16000).samples[100:-100]).max() < 0.01


def test_long_audio_is_filtered_in_blocks_without_seams() -> None:
    random = np.random.default_rng(0)
    samples = random.uniform(-1, 1, 48000 * 20).astype(np.float32)
    whole = resampled_by_sinc(Audio(samples, 48000), 16000).samples  # more rows than a block
    tail = resampled_by_sinc(Audio(samples[48000 * 19 :], 48000), 16000).samples
    np.testing.assert_allclose(whole[304100:], tail[100:], atol=1e-6)


def test_the_same_rate_is_the_same_audio() -> None:
    audio = Audio(np.ones(5, np.float32), 16000)
    assert resampled_by_sinc(audio, 16000) is audio


ODD_RATES = (8001, 15999, 22049, 44099, 95999)


@pytest.mark.parametrize("rate", ODD_RATES)
@pytest.mark.parametrize("n", [0, 1, 2, 481, 100_001])
def test_an_odd_rate_has_the_same_length_and_keeps_a_tone_in_its_place(rate: int, n: int) -> None:
    out = resampled_by_sinc(Audio(np.sin(2 * np.pi * 440 * np.arange(n) / rate).astype(np.float32), rate), 16000).samples
    assert len(out) == -(-n * 16000 // rate)
    expected = np.sin(2 * np.pi * 440 * np.arange(len(out)) / 16000)
    np.testing.assert_allclose(out[100:-100], expected[100:-100], atol=0.02)


def test_filters_one_by_one_are_the_matrix_without_its_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, 50_001).astype(np.float32)
    by_matrix = {rate: resampled_by_sinc(Audio(noise, rate), 16000).samples for rate in RATES}
    monkeypatch.setattr("fdbench.audio.sinc._MAX_MATRIX", 0)
    for rate in RATES:
        np.testing.assert_allclose(resampled_by_sinc(Audio(noise, rate), 16000).samples, by_matrix[rate], atol=2e-6)


def test_an_odd_rate_takes_little_memory() -> None:
    audio = Audio(np.zeros(47999 * 3, np.float32), 47999)
    tracemalloc.start()
    resampled_by_sinc(audio, 16000)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 100 << 20
