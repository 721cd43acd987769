"""Waiting against being broken into."""

from __future__ import annotations

import pytest

from fdbench.stats.frontier import PlayedTurn, front_of, hypervolume, point_of


def test_no_point_is_worth_nothing_and_the_perfect_one_everything() -> None:
    assert (front_of([]), hypervolume([])) == ([], 0.0)
    assert hypervolume([(0.0, 0.0)]) == 1.0


@pytest.mark.parametrize("point", [(5.0, 0.0), (7.0, 0.0), (0.0, 1.0)])
def test_never_replying_and_always_breaking_in_are_worth_nothing(point: tuple[float, float]) -> None:
    assert hypervolume([point]) == 0.0


def test_early_replies_count_as_none_waited_for() -> None:
    assert hypervolume([(-0.4, 0.2)]) == hypervolume([(0.0, 0.2)]) == pytest.approx(0.8)


def test_a_point_that_another_beats_adds_nothing_and_is_not_on_the_front() -> None:
    points = [(0.2, 0.5), (0.8, 0.2), (0.9, 0.25)]
    assert front_of(points) == [0, 1]
    assert hypervolume(points) == hypervolume(points[:2]) == hypervolume(points[1::-1])


def test_equal_points_are_both_on_the_front_and_count_once() -> None:
    assert front_of([(1.0, 0.1), (1.0, 0.1)]) == [0, 1]
    assert hypervolume([(1.0, 0.1)] * 2) == hypervolume([(1.0, 0.1)])


def test_a_model_lies_at_its_median_wait_and_its_share_of_broken_turns() -> None:
    turns = [
        PlayedTurn("a", 0.4, False), PlayedTurn("b", 0.6, True), PlayedTurn("c", 5.0, False), PlayedTurn("c", None, True),
    ]  # fmt: skip
    found = point_of(turns)
    assert found is not None
    assert (found.wait_s, found.broken.rate) == (0.6, 0.5)
    assert found.wait_low_s is not None and found.wait_high_s is not None
    assert 0.4 <= found.wait_low_s <= 0.6 <= found.wait_high_s <= 5.0
    assert point_of(turns) == found


def test_a_model_that_nobody_asks_has_no_place_and_one_clip_no_interval() -> None:
    assert point_of([]) is None
    assert point_of([PlayedTurn("a", None, False)]) is None
    alone = point_of([PlayedTurn("a", 0.4, False)])
    assert alone is not None and (alone.wait_low_s, alone.wait_high_s) == (None, None)
