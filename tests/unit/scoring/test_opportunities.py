"""Silences in which a turn can be taken, and whether it was."""

from __future__ import annotations

import pytest

from fdbench.core.span import Span
from fdbench.scoring.corrected.opportunities import find_opportunities, taken_rate

USER = (Span(0.0, 2.0), Span(3.0, 5.0))


def kinds(user: tuple[Span, ...], ends_s: list[float], recorded_s: float = 9.0) -> list[str]:
    return [each.moment for each in find_opportunities(user, ends_s, recorded_s, [])]


def test_a_silence_is_a_shift_where_a_turn_ends_and_a_hold_where_the_user_goes_on() -> None:
    assert kinds(USER, [5.0]) == ["hold", "shift"]
    assert kinds(USER, [2.0, 5.0]) == ["shift", "shift"]


def test_an_annotated_end_may_lie_a_quarter_of_a_second_off_and_no_further() -> None:
    assert kinds(USER, [5.25]) == ["hold", "shift"]
    assert kinds(USER, [4.75]) == ["hold", "shift"]
    assert kinds(USER, [5.26]) == ["hold"]


def test_a_silence_at_the_end_without_an_annotated_end_is_none() -> None:
    assert kinds(USER, []) == ["hold"]


def test_silences_under_a_fifth_of_a_second_are_none_and_one_of_exactly_that_is_one() -> None:
    assert kinds((Span(0.0, 1.0), Span(1.19, 2.0)), []) == []
    assert kinds((Span(0.0, 1.0), Span(1.2, 2.0)), []) == ["hold"]
    assert kinds((Span(0.0, 1.0),), [1.0], recorded_s=1.1) == []
    assert kinds((Span(0.0, 1.0),), [1.0], recorded_s=1.2) == ["shift"]


@pytest.mark.parametrize(("onset_s", "is_taken"), [(1.74, False), (1.75, True), (2.0, True), (2.99, True), (3.0, False)])
def test_a_takeover_takes_a_silence_from_a_quarter_of_a_second_before_it_to_its_end(onset_s: float, is_taken: bool) -> None:
    assert find_opportunities(USER, [], 9.0, [onset_s])[0].is_taken is is_taken


def test_nobody_speaks_and_there_is_no_opportunity() -> None:
    assert find_opportunities([], [3.0], 9.0, [1.0]) == ()
    assert find_opportunities(USER, [5.0], 4.0, []) == find_opportunities(USER, [], 9.0, [])


def test_rates_are_over_all_opportunities_of_a_kind_and_none_where_there_is_none() -> None:
    clips = [find_opportunities(USER, [5.0], 9.0, [2.5]), find_opportunities(USER, [5.0], 9.0, [5.5]), ()]
    holds, shifts = taken_rate(clips, "hold"), taken_rate(clips, "shift")
    assert holds is not None and shifts is not None
    assert (holds.rate, shifts.rate) == (0.5, 0.5)
    assert taken_rate([find_opportunities(USER, [], 9.0, [])], "shift") is None
    assert taken_rate([], "hold") is None
