"""What a recogniser is given to hear."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from fdbench.core.span import Span
from fdbench.hear.regions import regions_of


def regions(*speech: tuple[float, float], duration_s: float = 100.0, max_s: float = 1e9) -> list[tuple[float, float]]:
    spans = [Span(*one) for one in speech]
    found = regions_of(spans, duration_s, pad_s=0.25, max_gap_s=0.75, max_s=max_s)
    return [(span.start_s, span.end_s) for span in found]


def test_no_speech_no_regions() -> None:
    assert regions() == []


def test_a_stretch_is_padded_within_the_audio() -> None:
    assert regions((1, 2)) == [(0.75, 2.25)]
    assert regions((0.125, 9.875), duration_s=10) == [(0, 10)]


def test_close_stretches_share_a_region_and_distant_ones_do_not() -> None:
    assert regions((1, 2), (2.5, 3)) == [(0.75, 3.25)]
    assert regions((1, 2), (2.75, 3)) == [(0.75, 2.25), (2.5, 3.25)]


def test_a_region_does_not_grow_beyond_the_limit() -> None:
    assert regions((0, 10), (10.25, 20), (20.25, 35), max_s=30) == [(0, 20.125), (20.125, 35.25)]


def test_a_single_stretch_beyond_the_limit_stays_whole() -> None:
    assert regions((1, 50), max_s=30) == [(0.75, 50.25)]


@example([(0.0, 0.1), (0.5, 0.0)], 0.5)
@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 10)), max_size=12), st.floats(0.1, 40))
def test_regions_are_disjoint_ordered_inside_and_hold_all_speech(pieces: list[tuple[float, float]], max_s: float) -> None:
    speech = [Span(start_s, min(60.0, start_s + length_s)) for start_s, length_s in pieces]
    found = regions_of(speech, 60.0, pad_s=0.2, max_gap_s=0.5, max_s=max_s)
    assert all(left.end_s <= right.start_s for left, right in pairwise(found))
    assert all(0 <= region.start_s < region.end_s <= 60.0 for region in found)
    for span in speech:
        if span.duration_s > 0:
            assert any(region.start_s <= span.start_s and span.end_s <= region.end_s for region in found)
