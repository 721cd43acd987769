"""Two models over the same clips."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test, ttest_rel

from fdbench.stats.comparison import (
    DoseResponse,
    bootstrap_difference,
    clips_to_detect,
    dose_response,
    guardrail,
    mcnemar_p,
    minimum_detectable_effect,
    paired_means,
    sign_flip_p,
)


def test_the_guardrail_is_a_paired_t_interval_over_what_both_have() -> None:
    base, model = [3.0, 4.0, 2.0, None, 5.0], [3.0, 3.0, 2.5, 1.0, 4.0]
    found = guardrail(base, model)
    expected = ttest_rel([3.0, 3.0, 2.5, 4.0], [3.0, 4.0, 2.0, 5.0]).confidence_interval()
    assert found is not None
    assert (found.n, found.n_unrated) == (4, 1)
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_what_the_guardrail_decides() -> None:
    level = [3.0] * 40
    assert guardrail(level, level).decision == "passes"  # type: ignore[union-attr]
    assert guardrail(level, [2.0, 2.2] * 20).decision == "fails"  # type: ignore[union-attr]
    assert guardrail(level, [1.0, 5.0] * 20).decision == "undecided"  # type: ignore[union-attr]
    for n_unrated, decision in ((4, "passes"), (5, "undecided")):
        found = guardrail(level, [None] * n_unrated + level[n_unrated:])
        assert found is not None and found.passes and found.decision == decision


def test_the_guardrail_says_how_many_clips_would_decide() -> None:
    assert clips_to_detect(1.5, 0.25) == 283
    assert clips_to_detect(0.0, 0.25) == 2
    found = guardrail([0.0] * 4, [1.5, -1.5, 1.5, -1.5])
    assert found is not None and found.n_to_decide == clips_to_detect(1.5 * (4 / 3) ** 0.5, 0.25)


def test_fewer_than_two_pairs_decide_nothing() -> None:
    assert guardrail([], []) is None
    assert guardrail([1.0, None], [1.0, 2.0]) is None
    with pytest.raises(ValueError, match="paired by clip"):
        guardrail([1.0], [])


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (8, 2), (15, 30), (400, 460)])
def test_mcnemar_is_a_fair_coin_over_the_discordant_pairs(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar_p(first, second) == mcnemar_p(second, first) == pytest.approx(expected)


def test_sign_flips_are_those_of_scipy_while_all_are_tried() -> None:
    differences = [-0.062, -0.145, 0.312, 0.989, 0.512, -0.448]
    expected = permutation_test(
        (np.array(differences), np.zeros(6)), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(differences) == pytest.approx(expected.pvalue)


def test_many_sign_flips_are_drawn_the_same_each_time_and_never_give_0() -> None:
    worse = [1.0] * 30
    assert sign_flip_p(worse) == sign_flip_p(worse) == pytest.approx(1 / 10_001)
    level = [1.0, -1.0] * 15
    assert sign_flip_p(level) == 1.0


def test_no_difference_is_no_test_and_differences_of_0_are_no_evidence() -> None:
    assert sign_flip_p([]) is None
    assert sign_flip_p([0.0, 0.0]) == 1.0
    with pytest.raises(ValueError, match="finite"):
        sign_flip_p([float("inf")])


def test_repeats_are_averaged_before_clips_are_paired() -> None:
    first = {"a": [1.0, 3.0, None], "b": [None], "c": [4.0], "d": [1.0]}
    second = {"c": [5.0], "a": [0.0], "b": [1.0], "d": []}
    assert paired_means(first, second) == [(2.0, 0.0), (4.0, 5.0)]


def mean_of(values: list[float]):
    given = np.array(values)
    return lambda weights: np.where(weights.sum(axis=1) > 0, weights @ given, np.nan) / np.maximum(weights.sum(axis=1), 1)


def test_a_difference_is_resampled_with_both_models_clips_together() -> None:
    clips = [str(index) for index in range(20)]
    values = [float(index) for index in range(20)]
    shifted = [value - 1.0 for value in values]
    assert bootstrap_difference(mean_of(values), clips, mean_of(shifted), clips) == pytest.approx((1.0, 1.0))
    assert bootstrap_difference(mean_of([1.0]), ["a"], mean_of([2.0]), ["a"]) is None
    assert bootstrap_difference(mean_of([1.0]), ["a"], mean_of([2.0]), ["b"]) is None  # undefined where one is not drawn


def test_the_least_effect_that_would_be_seen() -> None:
    assert minimum_detectable_effect(1.0, 1) == pytest.approx(1.95996 + 0.84162, abs=1e-4)
    assert minimum_detectable_effect(0.5, 100) == pytest.approx(minimum_detectable_effect(0.5, 25) / 2)
    assert minimum_detectable_effect(0.5, 25, alpha=0.05 / 12) > minimum_detectable_effect(0.5, 25)


def test_a_fall_is_found_between_levels_from_the_cleanest_on_in_whatever_order() -> None:
    levels, values = [0.0, 20.0, 10.0], [0.5, 0.9, 0.7]
    found = dose_response(levels, values, clean=0.9, drop=0.1)
    assert (found.slope_per_db, found.breaks_at_db) == (pytest.approx(0.02), pytest.approx(15.0))


def test_a_fall_may_be_there_at_the_cleanest_level_already_or_nowhere() -> None:
    assert dose_response([20.0, 10.0], [0.8, 0.9], clean=0.9).breaks_at_db == 20.0
    assert dose_response([20.0, 10.0], [0.9, 0.85], clean=0.9).breaks_at_db is None
    assert dose_response([], [], clean=0.9) == DoseResponse(None, None)
    assert dose_response([10.0], [0.7], clean=0.9) == DoseResponse(None, 10.0)
