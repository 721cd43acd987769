"""What a condition does, paired by clip, computed by hand."""

from __future__ import annotations

import pytest

from fdbench.stats.dose import change_of, response_of

CLEAN = {"a": [0.5], "b": [0.6, 0.8], "c": [0.5], "gone": [1.0]}


def test_the_difference_is_paired_by_clip_after_the_mean_over_repeats():
    found = change_of(CLEAN, {"a": [0.5], "b": [2.0, 2.2], "c": [5.0], "new": [1.0], "gone": [None]})
    assert (found.n, found.clean, found.under) == (3, pytest.approx(1.7 / 3), pytest.approx(7.6 / 3))
    assert found.difference == pytest.approx(5.9 / 3)
    # d = 0.0, 1.4, 4.5: sd 2.3029, t(2) 4.30265, half width 4.30265 * 2.3029 / sqrt(3)
    assert found.high - found.difference == pytest.approx(4.302653 * 2.302897 / 3**0.5, rel=1e-5)


def test_a_model_that_is_deaf_to_a_condition_differs_by_nothing_exactly():
    found = change_of(CLEAN, CLEAN)
    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)


def test_one_clip_has_no_interval_and_none_has_no_change():
    assert change_of({"a": [1.0]}, {"a": [2.0]}).low is None
    assert change_of({"a": [1.0]}, {"b": [2.0]}) is None and change_of({}, {}) is None


def by(*differences):
    return [change_of({"a": [1.0]}, {"a": [1.0 + each]}) for each in differences]


def test_a_rate_falls_with_noise_and_lost_seconds_rise_with_loss():
    rate = response_of([20, 10, 0], by(0.0, -0.05, -0.25), -1, higher_is_better=True)
    assert rate.slope_per_db == pytest.approx(0.0125), "0.25 over 20 dB, least squares"
    assert rate.breaks_at_db == pytest.approx(7.5), "a quarter of the way from 10 dB to 0"
    lost = response_of([1, 5, 10], by(0.0, 0.05, 0.15), 1, higher_is_better=False)
    assert lost.slope_per_db > 0 and lost.breaks_at_db == pytest.approx(7.5)
    assert response_of([20, 0], by(0.0, 0.0), -1, higher_is_better=True).breaks_at_db is None
