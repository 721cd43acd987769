"""The test of swapped clips against every swap written out, and the interval of paired rates against its own promises."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from fdbench.stats.comparison import sign_flip_p
from fdbench.stats.swaps import N_SWAPS, Swaps, as_far
from fdbench.stats.wilson import newcombe_paired_difference

FIRST = (np.array([1.0, 0.0, 4.0, 2.0, 5.0]), np.array([1.0, 1.0, 2.0, 1.0, 2.0]))
SECOND = (np.array([2.0, 1.0, 6.0, 1.0, 9.0]), np.array([1.0, 1.0, 2.0, 2.0, 2.0]))


def test_of_a_ratio_p_is_the_share_of_all_swaps_that_are_as_far():
    observed = FIRST[0].sum() / FIRST[1].sum() - SECOND[0].sum() / SECOND[1].sum()
    hits = 0
    for swapped in product((False, True), repeat=5):
        is_swapped = np.array(swapped)
        one = [np.where(is_swapped, b, a).sum() for a, b in zip(FIRST, SECOND, strict=True)]
        other = [np.where(is_swapped, a, b).sum() for a, b in zip(FIRST, SECOND, strict=True)]
        hits += abs(one[0] / one[1] - other[0] / other[1]) >= abs(observed) - 1e-12
    assert Swaps.of(5).of_ratio(FIRST, SECOND) == pytest.approx(hits / 32)


def test_of_a_mean_it_is_the_sign_flip_test():
    differences = np.array([0.3, -0.1, 0.5, 0.2, 0.0, 0.7])
    assert Swaps.of(6).of_mean(differences) == sign_flip_p(differences.tolist())


def test_clips_without_a_result_change_nothing():
    differences = np.array([0.3, -0.1, 0.5, 0.2])
    assert Swaps.of(6).of_mean(np.append(differences, [0.0, 0.0])) == Swaps.of(4).of_mean(differences)


def test_many_clips_are_drawn_and_the_one_that_was_seen_is_one_more():
    differences = np.full(40, 0.5)
    assert Swaps.of(40).of_mean(differences) == pytest.approx(1 / (N_SWAPS + 1))


def test_two_ratios_that_are_undefined_are_not_tested():
    nothing = (np.zeros(5), np.zeros(5))
    assert Swaps.of(5).of_ratio(nothing, SECOND) is None


def test_swaps_of_which_the_difference_is_undefined_count_as_far():
    assert as_far(np.array([np.nan, 0.1, 0.5]), 0.4, are_all=True) == pytest.approx(2 / 3)


def test_rates_over_the_same_clips_are_compared_with_their_correlation():
    # Newcombe 1998, Statistics in Medicine 17:2635: 20 both, 12 and 2 one alone, 16 neither; phi = (320 - 24 - 25) / 595.7.
    low, high = newcombe_paired_difference(20, 12, 2, 16)
    assert (low, high) == (pytest.approx(0.0562, abs=5e-4), pytest.approx(0.3292, abs=5e-4))


def test_no_clip_on_which_they_differ_is_no_proof_that_they_never_do():
    assert newcombe_paired_difference(0, 0, 0, 12) == (pytest.approx(-0.2425, abs=1e-4), pytest.approx(0.2425, abs=1e-4))
    low, high = newcombe_paired_difference(12, 0, 0, 0)
    assert low == -high


@pytest.mark.parametrize(("rates", "correlation"), [((0.4, 0.4), 0.3), ((0.1, 0.1), 0.0), ((0.7, 0.5), 0.6)])
def test_the_interval_of_paired_rates_holds_the_truth_about_as_often_as_it_says(rates, correlation):
    random = np.random.Generator(np.random.PCG64(3))
    held, n = 0, 400
    for _ in range(n):
        shared = random.random(60) < correlation
        common, own = random.random(60), random.random((2, 60))
        first, second = (np.where(shared, common, own[which]) < rates[which] for which in (0, 1))
        low, high = newcombe_paired_difference(
            int((first & second).sum()),
            int((first & ~second).sum()),
            int((~first & second).sum()),
            int((~first & ~second).sum()),
        )
        held += low <= rates[0] - rates[1] <= high
    assert held / n >= 0.92
