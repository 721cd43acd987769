"""Paired tests and means without outliers, at their edges; the numbers in between are goldens."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdbench.errors import UsageError
from fdbench.stats.outliers import robust_mean
from fdbench.stats.paired import holm, paired_test


def test_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, deviation 1, t = 2 * sqrt(3); of 2 degrees of freedom p = 1 - t / sqrt(2 + t^2)."""
    found = paired_test([1, 1, 1], [2, 3, 4])
    assert found is not None
    assert (found.n_used, found.n_dropped, found.df, found.mean_diff, found.cohen_dz) == (3, 0, 2, 2.0, 2.0)
    assert found.t == pytest.approx(2 * math.sqrt(3))
    assert found.p_t == pytest.approx(1 - math.sqrt(12 / 14))
    assert (found.ci95_low, found.ci95_high) == pytest.approx((2 - 4.302652730 / math.sqrt(3), 2 + 4.302652730 / math.sqrt(3)))


def test_an_outlier_is_dropped_with_both_of_its_values() -> None:
    found = paired_test([1.0, 1.1, 0.9, 1.0, 50.0], [1.1, 1.3, 1.2, 1.4, 90.0])
    assert found is not None
    assert (found.n_used, found.n_dropped, found.mean_before) == (4, 1, 1.0)


@pytest.mark.parametrize("n", [0, 1])
def test_one_pair_is_no_test(n: int) -> None:
    assert paired_test([1.0] * n, [2.0] * n) is None


@pytest.mark.parametrize(("before", "step"), [([1.0, 2.0, 3.0], 0.1), ([5.0, 5.0], 0.0)])
def test_where_every_difference_is_the_same_there_is_nothing_to_test(before: list[float], step: float) -> None:
    found = paired_test(before, [value + step for value in before])
    assert found is not None
    assert (found.t, found.p_t, found.cohen_dz) == (None, None, None)
    assert (found.ci95_low, found.mean_diff, found.ci95_high) == pytest.approx((step, step, step))


@pytest.mark.parametrize(
    ("before", "after", "rule", "message"),
    [
        ([1.0, 2.0], [1.0], "mad", "got 2 and 1"),
        ([1.0, math.nan], [1.0, 2.0], "mad", "finite"),
        ([1.0, 2.0], [math.inf, 2.0], "none", "finite"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], "winsor", "moves"),
    ],
)
def test_what_cannot_be_tested_is_an_error(before: list[float], after: list[float], rule: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paired_test(before, after, rule)


def test_an_unknown_rule_gets_the_closest_match() -> None:
    with pytest.raises(UsageError, match="did you mean 'mad'"):
        paired_test([1.0], [1.0], "mat")
    with pytest.raises(UsageError, match="did you mean 'trim'"):
        robust_mean([], "trimm")


def test_a_robust_mean_is_of_finite_values() -> None:
    with pytest.raises(ValueError, match="finite"):
        robust_mean([1.0, math.nan], "none")


@pytest.mark.parametrize("rule", ["iqr", "mad", "zscore", "winsor", "trim"])
def test_equal_values_are_no_outliers_of_each_other(rule: str) -> None:
    assert robust_mean([2.0] * 9, rule) == 2.0


def test_where_most_values_are_equal_mad_says_nothing_of_the_others() -> None:
    assert robust_mean([1.0] * 8 + [10.0], "mad") == 2.0


def test_holm_by_hand() -> None:
    """0.01 x 4, then 0.02 x 3 = 0.06, then 0.03 x 2 = 0.06, then 0.04, which is no less than the one before."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_holm_takes_probabilities_alone(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, p])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_order_and_lies_between_the_value_and_bonferronis(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        assert p <= q <= min(1.0, p * len(p_values)) or p == q
    by_p = [q for _, q in sorted(zip(p_values, adjusted, strict=True))]
    assert by_p == sorted(by_p)
