"""A model's onsets beside people's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from fdbench.core.onsets import CountedOnsets, SampledOnsets, SplitExponential, masses_of
from fdbench.stats.bootstrap import resampled_values
from fdbench.stats.onset_distribution import (
    EDGES_S,
    compare_onsets,
    distance_floor_s,
    distance_statistic,
    excess_interval,
    excess_statistic,
    waiting_masses,
)

CANDOR = SplitExponential(0.479, 0.41, 0.38)
COUNTED = CountedOnsets(-1.0, 0.5, (10, 40, 30, 15), below=2, above=3)


@pytest.mark.parametrize("people", [CANDOR, COUNTED, SampledOnsets((-3.0, 0.2, 0.2, 7.0))])
def test_masses_add_up_to_one(people) -> None:
    assert len(masses_of(people, EDGES_S)) == 32
    assert masses_of(people, EDGES_S).sum() == pytest.approx(1.0)


def test_half_of_the_gaps_are_over_at_their_median_and_half_of_the_overlaps_begin_by_theirs() -> None:
    assert CANDOR.before(np.array([-0.41, 0.0, 0.38])) == pytest.approx([0.479 / 2, 0.479, 0.479 + 0.521 / 2])


def test_counts_are_the_masses_of_their_bins_and_what_lies_outside_is_in_the_open_ones() -> None:
    assert masses_of(COUNTED, (-1.0, -0.5, 0.0, 0.5, 1.0)) == pytest.approx(np.array([2, 10, 40, 30, 15, 3]) / 100)
    assert masses_of(COUNTED, EDGES_S)[0] == pytest.approx(0.02)
    assert masses_of(COUNTED, EDGES_S)[-1] == pytest.approx(0.03)


def test_an_onset_on_an_edge_but_for_rounding_lies_above_it() -> None:
    assert 3.2 - 3.0 > 0.2 > 3.4 - 3.2 - 1e-12
    late = 3.4 - 3.2  # 0.1999...
    assert masses_of(SampledOnsets((late,)), (0.0, 0.2)).tolist() == [0.0, 0.0, 1.0]
    assert waiting_masses(np.array([late]), np.array([True]), (0.0, 0.2)).tolist() == [[0.0, 0.0, 1.0]]


def test_replies_come_before_censorings_at_a_tie_and_what_is_only_known_to_be_later_is_late_or_never() -> None:
    masses = waiting_masses(np.array([0.1, 0.1, 0.3, 0.3]), np.array([False, True, True, False]), (0.0, 0.2, 0.4))
    assert masses[0] == pytest.approx([0.0, 0.25, 0.375, 0.375])


def test_a_weight_of_two_is_the_same_time_twice() -> None:
    times_s, is_over = np.array([0.1, 0.5, 0.9]), np.array([True, False, True])
    twice = waiting_masses(np.repeat(times_s, [2, 0, 1]), np.repeat(is_over, [2, 0, 1]), EDGES_S)
    assert waiting_masses(times_s, is_over, EDGES_S, np.array([[2.0, 0.0, 1.0]])) == pytest.approx(twice)


def test_nothing_to_compare_is_none_and_silence_is_a_value() -> None:
    assert compare_onsets([], [], CANDOR) is None
    silent = compare_onsets([5.0, 5.0], [False, False], CANDOR)
    assert silent is not None
    assert silent.masses[-1] == 1.0 and silent.divergence_bits > 0.99 and silent.excess > 0.99
    assert not silent.is_last_an_upper_bound


def test_a_recording_that_ends_early_makes_the_last_mass_an_upper_bound() -> None:
    found = compare_onsets([0.3, 2.0], [True, False], CANDOR)
    assert found is not None and found.is_last_an_upper_bound


@pytest.mark.parametrize(("times_s", "flags"), [([0.1], []), ([float("nan")], [True])])
def test_what_makes_no_sense_is_refused(times_s, flags) -> None:
    with pytest.raises(ValueError, match="expected a flag"):
        compare_onsets(times_s, flags, CANDOR)


def test_without_censoring_the_distance_is_scipys() -> None:
    random = np.random.default_rng(1)
    model, people = random.normal(0.3, 0.5, 40).clip(-1.9, 3.9), random.normal(0.0, 0.4, 60).clip(-1.9, 3.9)
    found = compare_onsets(model.tolist(), [True] * 40, SampledOnsets(tuple(people)))
    assert found is not None
    assert found.distance_s == pytest.approx(wasserstein_distance(model, people), abs=1e-12)


def test_the_distance_to_counts_is_that_to_what_fills_their_bins_evenly() -> None:
    grid = np.concatenate([np.full(200, -9.0), *(np.linspace(a, a + 0.5, 100 * c, endpoint=False) + 0.0025 / c
                                                for a, c in zip((-1.0, -0.5, 0.0, 0.5), COUNTED.counts, strict=True)),
                           np.full(300, 9.0)])  # fmt: skip
    model = [0.1, 0.4, 1.5]
    counted, filled = (compare_onsets(model, [True] * 3, people) for people in (COUNTED, SampledOnsets(tuple(grid))))
    assert counted is not None and filled is not None
    assert counted.distance_s == pytest.approx(filled.distance_s, abs=1e-3)
    assert counted.distance_floor_s == pytest.approx(filled.distance_floor_s, abs=1e-3)


@pytest.mark.parametrize("people", [CANDOR, COUNTED, SampledOnsets(tuple(np.linspace(-1, 2, 31)))])
def test_the_floor_of_a_distance_is_what_people_score_on_average(people) -> None:
    random = np.random.default_rng(2)
    grid = np.linspace(-2.0, 4.0, 2001)
    truth = people.until(grid)
    drawn = np.interp(random.random((400, 20)), np.maximum.accumulate(truth), grid)
    apart = [np.abs(np.searchsorted(np.sort(row), grid, "right") / 20 - truth).mean() * 6 for row in drawn]
    assert distance_floor_s(20, people) == pytest.approx(np.mean(apart), rel=0.08)


def test_a_reference_that_is_a_small_sample_raises_the_floor() -> None:
    offsets = tuple(np.random.default_rng(3).normal(0.2, 0.5, 119))
    model = compare_onsets(list(offsets), [True] * 119, SampledOnsets(offsets))
    exact = compare_onsets(list(offsets), [True] * 119, CountedOnsets(-2.0, 0.2, tuple(
        int(each) for each in np.histogram(offsets, EDGES_S)[0] * 1000)))  # fmt: skip
    assert model is not None and exact is not None
    assert 1.4 < model.floor_bits / exact.floor_bits < 2.2


def test_statistics_for_resampling_give_the_value_itself_where_every_clip_counts_once() -> None:
    times_s, flags = np.array([0.1, 0.5, 2.0, -0.3]), np.array([True, True, False, True])
    found = compare_onsets(times_s.tolist(), flags.tolist(), CANDOR)
    once = np.ones((1, 4))
    assert found is not None
    assert excess_statistic(times_s, flags, CANDOR)(once) == pytest.approx([found.excess])
    assert distance_statistic(times_s, flags, CANDOR)(once) == pytest.approx([found.distance_s])
    assert excess_interval(times_s.tolist(), flags.tolist(), CANDOR, ["a"] * 4) is None
    interval = excess_interval(times_s.tolist(), flags.tolist(), CANDOR, ["a", "b", "c", "d"])
    assert interval is not None and interval[0] < found.excess < interval[1]
    values = resampled_values(excess_statistic(times_s, flags, CANDOR), ["a", "a", "b", "c"], 100, seed=0)
    assert values.shape == (100,) and np.isfinite(values).all()
