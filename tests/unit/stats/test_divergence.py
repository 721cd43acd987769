"""Divergence in bits, and what chance alone makes of it."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from fdbench.stats.divergence import excess, floor_bits, js_divergence_bits, sampled_floor_bits

MASSES = (0.1, 0.2, 0.3, 0.4, 0.0)


def test_the_divergence_is_scipys_distance_squared_in_bits() -> None:
    random = np.random.default_rng(0)
    rows = random.dirichlet(np.ones(5), 20)
    found = js_divergence_bits(rows, MASSES)
    assert found == pytest.approx([jensenshannon(row, MASSES, base=2) ** 2 for row in rows], abs=1e-12)


def test_equal_masses_are_0_apart_and_disjoint_ones_1_bit() -> None:
    assert js_divergence_bits(MASSES, MASSES) == 0.0
    assert js_divergence_bits((1.0, 0.0), (0.0, 1.0)) == 1.0


def test_the_floor_is_the_mean_over_all_samples() -> None:
    chance = 0.3
    exact = sum(
        comb(4, k) * chance**k * (1 - chance) ** (4 - k) * float(js_divergence_bits((k / 4, 1 - k / 4), (chance, 1 - chance)))
        for k in range(5)
    )
    assert floor_bits(4, (chance, 1 - chance)) == pytest.approx(exact, abs=1e-12)


def test_the_floor_of_certainty_is_0_and_falls_with_n() -> None:
    assert floor_bits(1, (1.0, 0.0)) == 0.0
    assert floor_bits(5, MASSES) > floor_bits(50, MASSES) > floor_bits(500, MASSES) > 0


def test_against_a_sample_the_floor_is_higher_and_the_same_each_time() -> None:
    floor = sampled_floor_bits(50, MASSES, 50, MASSES)
    assert floor == sampled_floor_bits(50, MASSES, 50, MASSES)
    assert 1.5 * floor_bits(50, MASSES) < floor < 2.5 * floor_bits(50, MASSES)


def test_the_excess_is_0_at_the_floor_1_at_most_and_not_clipped_below() -> None:
    assert excess(0.2, 0.2) == 0.0
    assert excess(1.0, 0.2) == 1.0
    assert excess(0.1, 0.2) == pytest.approx(-0.125)
