"""The vocabulary: values that cannot be wrong once they exist."""

from __future__ import annotations

import numpy as np
import pytest

from fdbench.core.peaks import human_peaks
from fdbench.core.score import Score
from fdbench.core.signature import parse_signature, signature
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span, merged
from fdbench.core.speech import Word


@pytest.mark.parametrize(("start_s", "end_s"), [(1.0, 0.5), (float("nan"), 1.0), (0.0, float("inf"))])
def test_a_span_is_finite_and_never_ends_before_it_starts(start_s, end_s):
    with pytest.raises(ValueError, match="not a span"):
        Span(start_s, end_s)


def test_spans_are_half_open():
    assert Span(0, 1).contains(0)
    assert not Span(0, 1).contains(1)
    assert not Span(0, 1).overlaps(Span(1, 2))
    assert Span(0, 1).clipped(Span(1, 2)) is None
    assert Span(0, 2).clipped(Span(1, 3)) == Span(1, 2)


def test_merging_joins_gaps_below_the_limit_and_everything_that_touches():
    spans = [Span(3.0, 4.0), Span(0.0, 1.0), Span(1.5, 2.0), Span(3.5, 3.6)]
    assert merged(spans, 0.5) == (Span(0.0, 1.0), Span(1.5, 2.0), Span(3.0, 4.0))
    assert merged(spans, 0.6) == (Span(0.0, 2.0), Span(3.0, 4.0))
    assert merged([Span(0, 1), Span(1, 2)]) == (Span(0, 2),)
    assert merged([]) == ()


@pytest.mark.parametrize("samples", [np.zeros((2, 3), np.float32), np.zeros(3), np.zeros(3, np.int16)])
def test_audio_is_mono_float32(samples):
    with pytest.raises(ValueError, match="mono float32"):
        Audio(samples, 16000)


def test_a_track_is_cut_on_the_timeline_to_the_sample():
    track = Track(Audio(np.arange(100, dtype=np.float32), 100), start_s=-0.2)
    piece = track.cut(Span(0.0, 0.5))
    assert piece.audio.samples.tolist() == list(range(20, 70))
    assert piece.start_s == pytest.approx(0.0)
    assert len(track.cut(Span(2.0, 3.0)).audio.samples) == 0
    assert len(track.cut(Span(-5.0, 5.0)).audio.samples) == 100


def test_a_words_span_needs_both_times_in_order():
    assert Word("a", 1.0, 2.0).span == Span(1.0, 2.0)
    for start_s, end_s in ((None, 1.0), (1.0, None), (2.0, 1.0)):
        assert Word("a", start_s, end_s).span is None


@pytest.mark.parametrize(
    ("value", "status", "reason"),
    [(None, "scored", ""), (1.0, "censored", "no_reply"), (float("nan"), "scored", ""), (None, "censored", "")],
)
def test_a_score_has_a_finite_value_or_a_reason(value, status, reason):
    with pytest.raises(ValueError, match="takeover_rate"):
        Score("takeover_rate", value, status, reason)


def test_signatures_keep_their_order_leave_out_none_and_can_be_read_back():
    text = signature("f1", {"task": "v1/x", "judge": None, "n": 3})
    assert text == "f1|task:v1/x|n:3"
    assert parse_signature(text) == {"metric": "f1", "task": "v1/x", "n": "3"}
    with pytest.raises(ValueError, match=r"in signature value"):
        signature("f1", {"task": "a|b"})


def test_peaks_are_local_maxima_above_mean_plus_sd_a_second_apart():
    flat = [0.01] * 30
    two = list(flat)
    two[5], two[20] = 1.0, 0.9
    assert human_peaks(two) == (pytest.approx(1.1), pytest.approx(4.1))
    near = list(flat)
    near[5], near[7] = 1.0, 0.9
    assert human_peaks(near) == (pytest.approx(1.1),)
    far_enough = list(flat)
    far_enough[5], far_enough[10] = 0.9, 1.0
    assert human_peaks(far_enough) == (pytest.approx(1.1), pytest.approx(2.1))
    assert human_peaks(flat) == human_peaks([]) == ()
