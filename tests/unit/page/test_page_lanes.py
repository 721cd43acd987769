"""Lanes as the page has them: waveforms in letters, times to the millisecond, text that does nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fdbench.core.sound import Audio
from fdbench.page.lanes import ALPHABET, MOST_PEAKS, PEAKS_HZ, Clip, Drawn, Lane, Mark, Piece, peaks_of, shown


def test_a_loud_second_among_silence_lies_where_it_was():
    samples = np.zeros(16000 * 4, np.float32)
    samples[16000:32000] = 1.0
    peaks, hz = peaks_of(Audio(samples, 16000))
    assert hz == PEAKS_HZ
    assert peaks == "A" * 40 + ALPHABET[63] * 40 + "A" * 80


def test_a_long_recording_has_no_more_peaks_than_a_page_can_show():
    peaks, hz = peaks_of(Audio(np.zeros(8000 * 1000, np.float32), 8000))
    assert len(peaks) == MOST_PEAKS
    assert hz == pytest.approx(6.0)


@pytest.mark.parametrize("n", [0, 1, 399])
def test_a_recording_of_hardly_anything_has_a_peak(n):
    assert peaks_of(Audio(np.zeros(n, np.float32), 16000))[0] == "A"


def test_what_is_over_full_scale_is_the_last_letter():
    assert peaks_of(Audio(np.full(400, -3.0, np.float32), 16000))[0] == "-_"[1]


def test_text_that_would_act_is_seen_and_half_a_pair_is_text():
    assert shown("a\u202eb\nc\x1b") == r"a\u202eb\nc\x1b"
    assert json.dumps(shown("\ud800")).isascii()


def test_a_clip_is_plain_json_with_a_place_for_every_run():
    lane = Lane("model", "model", -0.0, 2.0, found=(Piece(0.12345, 1.0, "takeover", "takeover"),))
    clip = Clip(
        "00001", "mini/turn_taking", "<b>", calls=(Drawn((lane,), (Mark("arrow", 0.5, 1.0, "reply"),), why="Why."), None)
    )
    value = json.loads(json.dumps(clip.as_json(), allow_nan=False))
    assert value["id"] == "<b>"
    assert value["calls"][1] is None
    (drawn,) = value["calls"][:1]
    assert drawn["marks"] == [["arrow", 0.5, 1.0, "reply", "plain"]]
    assert drawn["lanes"][0]["found"] == [[0.123, 1.0, "takeover", "takeover"]]
    assert str(drawn["lanes"][0]["start"]) == "0.0"
