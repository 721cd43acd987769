"""Takeovers as claims that a turn has ended."""

from __future__ import annotations

import pytest

from fdbench.core.span import Span
from fdbench.scoring.corrected.boundaries import TOLERANCES_S, Boundaries, find_boundaries

USER = [Span(0.0, 5.0)]


@pytest.mark.parametrize(
    ("onset_s", "found"),
    [
        (4.69, Boundaries(early=1, missed=1)),
        (4.7, Boundaries(on_time=1)),
        (6.0, Boundaries(on_time=1)),
        (6.01, Boundaries(late=1)),
    ],
)
def test_an_onset_is_on_time_from_shortly_before_the_end_to_a_second_after_it(onset_s: float, found: Boundaries) -> None:
    assert find_boundaries([5.0], [onset_s], USER) == found


def test_recall_grows_with_the_tolerance() -> None:
    onsets = [[5.4], [5.9], [6.9]]
    by_tolerance = [
        sum((find_boundaries([5.0], each, USER, latest_s) for each in onsets), Boundaries()).recall for latest_s in TOLERANCES_S
    ]
    assert by_tolerance == [1 / 3, 2 / 3, 1.0]


def test_an_onset_belongs_to_one_end_only_and_the_earlier_end_has_it() -> None:
    assert find_boundaries([3.0, 3.4], [3.2], [Span(0.0, 3.0)]) == Boundaries(on_time=1, missed=1)


def test_an_onset_after_the_user_went_on_is_a_false_claim() -> None:
    went_on = [*USER, Span(7.0, 9.0)]
    assert find_boundaries([5.0], [8.0], went_on) == Boundaries(early=1, missed=1)
    assert find_boundaries([5.0], [8.0], [Span(0.0, 5.2)]) == Boundaries(late=1)


def test_a_second_onset_after_an_end_is_not_counted_but_one_at_the_next_end_is() -> None:
    assert find_boundaries([5.0], [5.1, 7.5, 9.0], USER) == Boundaries(on_time=1, continued=2)
    assert find_boundaries([5.0], [6.5, 9.0], USER) == Boundaries(late=1, continued=1)


def test_order_plays_no_part() -> None:
    user = [Span(0.0, 5.0), Span(7.0, 9.0)]
    assert find_boundaries([9.0, 5.0], [9.2, 2.0, 6.5], user[::-1]) == find_boundaries([5.0, 9.0], [2.0, 6.5, 9.2], user)


def test_what_cannot_be_divided_is_none() -> None:
    silent, aimless, nothing = find_boundaries([5.0], [], USER), find_boundaries([], [1.0], USER), Boundaries()
    assert (silent.precision, silent.recall, silent.f1) == (None, 0.0, None)
    assert (aimless.precision, aimless.recall, aimless.f1) == (0.0, None, None)
    assert (nothing.precision, nothing.recall, nothing.f1) == (None, None, None)
    assert find_boundaries([5.0], [2.0], USER).f1 == 0.0
