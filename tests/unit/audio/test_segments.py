"""The state machine by hand: one character per window of 32 ms."""

from __future__ import annotations

import numpy as np
import pytest

from fdbench.audio.segments import speech_segments
from fdbench.core.annotation import PRECISE_VAD, VadSettings

LEVELS = {".": 0.1, "-": 0.4, "h": 0.5, "#": 0.9}  # below the exit, between the thresholds, on the entry, above it
W = 0.032


def segments(
    picture: str, settings: VadSettings = PRECISE_VAD, n_samples: int | None = None, lead: int = 0
) -> list[tuple[float, float]]:
    probabilities = np.array([LEVELS[mark] for mark in picture], np.float32)
    found = speech_segments(probabilities, len(picture) * 512 - lead if n_samples is None else n_samples, settings, lead)
    return [(round(span.start_s / W, 9), round(span.end_s / W, 9)) for span in found]


@pytest.mark.parametrize("picture", ["", ".", "....................", "--------------------", "..##.....##.....#....."])
def test_pictures_without_speech(picture: str) -> None:
    assert segments(picture) == []


def test_min_speech() -> None:
    assert segments("..#######.......") == []  # 7 windows = 224 ms
    assert segments("..########......") == [(2, 10)]  # 8 windows = 256 ms


def test_entering_takes_the_threshold_itself() -> None:
    assert segments("..h#######......") == [(2, 10)]
    assert segments("..-########.....") == [(3, 11)]


def test_between_the_thresholds_speech_goes_on_but_does_not_begin() -> None:
    assert segments("..########------########......") == [(2, 24)]
    assert segments("..------------------......") == []


def test_a_silence_shorter_than_100_ms_does_not_end_speech() -> None:
    assert segments("..########...########.....") == [(2, 21)]  # the third silent window is 64 ms after the first
    assert segments("..########.....########.....") == [(2, 10), (15, 23)]  # the fifth is 128 ms after it


def test_silence_is_counted_from_its_first_window_through_the_undecided() -> None:
    assert segments("..########.----.########.....") == [(2, 10), (16, 24)]


def test_speech_that_returns_starts_the_silence_anew() -> None:
    assert segments("..########...#...########.....") == [(2, 25)]


def test_speech_at_the_end_lasts_to_the_last_sample() -> None:
    assert segments("..#########", n_samples=11 * 512 - 100) == [(2, round((11 * 512 - 100) / 512, 9))]
    assert segments("..#########", n_samples=11 * 512 - 609) == []  # 3999 samples, and more than 4000 are needed


def test_padding_is_shared_where_two_stretches_are_close() -> None:
    settings = VadSettings(pad_ms=160)  # 5 windows
    assert segments("..########......########........", settings) == [(0, 13), (13, 29)]
    assert segments("......########............########......", settings) == [(1, 19), (21, 39)]


def test_a_pass_whose_first_window_begins_before_the_audio_counts_from_the_audio() -> None:
    assert segments("...########.....", lead=256) == [(2.5, 10.5)]
    assert segments("########........", lead=256) == []  # 7.5 windows of audio, 240 ms
    assert segments("#########.......", lead=256) == [(0, 8.5)]
    assert segments("..#########", n_samples=10 * 512, lead=256) == [(1.5, 10)]
