"""What the statistics of agreement say, on tables small enough to be worked out on paper."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdbench.judge.agreement import Estimate, RatedItem, measure_agreement, weighted_kappas

GRADES = st.integers(0, 5)
PAIRS = st.lists(st.tuples(GRADES, GRADES), min_size=1, max_size=40)


def rated(*pairs: tuple[float, float], category: str = "on_topic", group: str = "") -> list[RatedItem]:
    return [RatedItem(f"{category}-{i}", category, x, y, group or f"{category}-{i}") for i, (x, y) in enumerate(pairs)]


def weighted_kappa(labels: list[int], ratings: list[int]) -> float | None:
    """The kappa of one rater; None where it is undefined."""
    (kappa,) = weighted_kappas(np.array(labels, float), np.array(ratings, float), np.ones((1, len(labels))))
    return None if np.isnan(kappa) else float(kappa)


def kappa_of_table(labels: list[int], ratings: list[int]) -> float | None:
    """Cohen 1968 as it is printed: 1 - sum(w * observed) / sum(w * expected), w = ((i - j) / 5)^2, from counts of cells."""
    n = len(labels)
    observed = expected = 0.0
    for i, j in itertools.product(range(6), repeat=2):
        weight = ((i - j) / 5) ** 2
        observed += weight * sum(pair == (i, j) for pair in zip(labels, ratings, strict=True)) / n
        expected += weight * (labels.count(i) / n) * (ratings.count(j) / n)
    return None if expected == 0 else 1 - observed / expected


class TestKappa:
    def test_by_hand(self):
        # one of four is off by one: observed 1/4. All 16 pairs: (21 + 11 + 9 + 15) / 16 = 3.5. 1 - 0.25 / 3.5 = 13 / 14.
        assert weighted_kappa([1, 2, 3, 4], [1, 2, 3, 5]) == pytest.approx(13 / 14)

    def test_by_hand_where_distance_matters(self):
        # 0 taken for 5 once: observed 25/3. Pairs: x=0: 25+0+25, x=0: the same, x=5: 0+25+0; 125/9. 1 - (25/3)/(125/9) = 0.4.
        assert weighted_kappa([0, 0, 5], [5, 0, 5]) == pytest.approx(0.4)
        # the same slip by one step only: observed 1/3; pairs (1+0+25) + (1+0+25) + (16+25+0) = 93; 1 - 3/93.
        assert weighted_kappa([0, 0, 5], [1, 0, 5]) == pytest.approx(1 - 3 / 93)

    def test_perfect_reversed_and_chance(self):
        assert weighted_kappa([0, 3, 5], [0, 3, 5]) == 1.0
        assert weighted_kappa([0, 5], [5, 0]) == -1.0
        assert weighted_kappa([0, 0, 5, 5], [0, 5, 0, 5]) == 0.0

    def test_a_judge_that_always_says_the_same_agrees_no_better_than_chance(self):
        assert weighted_kappa([0, 1, 2, 5], [3, 3, 3, 3]) == 0.0
        assert weighted_kappa([2, 2, 2], [4, 4, 4]) == 0.0

    def test_where_everything_is_one_number_there_is_no_kappa(self):
        assert weighted_kappa([3, 3, 3], [3, 3, 3]) is None
        assert weighted_kappa([], []) is None
        assert measure_agreement(rated((3, 3), (3, 3))).kappa == Estimate(None, reason="constant")

    @given(PAIRS)
    def test_it_is_the_published_formula_on_the_table_of_counts(self, pairs):
        labels, ratings = [x for x, _ in pairs], [y for _, y in pairs]
        expected = kappa_of_table(labels, ratings)
        assert weighted_kappa(labels, ratings) == (None if expected is None else pytest.approx(expected, abs=1e-12))

    @given(PAIRS)
    def test_it_does_not_care_who_is_the_judge_nor_where_the_scale_begins(self, pairs):
        labels, ratings = [x for x, _ in pairs], [y for _, y in pairs]
        kappa = weighted_kappa(labels, ratings)
        assert weighted_kappa(ratings, labels) == kappa
        assert weighted_kappa([2 * x + 7 for x in labels], [2 * y + 7 for y in ratings]) == (
            None if kappa is None else pytest.approx(kappa, abs=1e-9)
        )
        assert kappa is None or -1 <= kappa <= 1


class TestStatistics:
    def test_error_exactness_and_bias_by_hand(self):
        agreement = measure_agreement(rated((0, 0), (1, 3), (5, 4), (2, 2)))
        assert agreement.n == 4
        assert agreement.mean_absolute_error.value == pytest.approx(3 / 4)
        assert agreement.exact_agreement == pytest.approx(2 / 4)
        assert agreement.bias == pytest.approx(1 / 4)

    def test_each_category_has_its_own(self):
        agreement = measure_agreement(rated((5, 5), (5, 3)) + rated((0, 1), category="off_topic"))
        assert list(agreement.by_category) == ["on_topic", "off_topic"]
        full, off = agreement.by_category.values()
        assert (full.n, full.mean_absolute_error, full.bias) == (2, 1.0, -1.0)
        assert (off.n, off.mean_absolute_error, off.bias) == (1, 1.0, 1.0)

    def test_what_attacks_gain_is_counted_on_the_hostile_items_alone(self):
        hostile = rated((0, 5), (0, 0), (1, 2), (0, 0), category="hostile")
        agreement = measure_agreement(rated((5, 1), (5, 1)) + hostile)
        assert agreement.hostile_lift.value == pytest.approx((5 + 0 + 1 + 0) / 4)
        assert (agreement.n_hostile, agreement.n_lifted) == (4, 1), "one step is doubt, two are a success of the attack"
        assert measure_agreement(rated((0, 2), category="hostile")).n_lifted == 1, "just two steps"
        assert agreement.harmless_lift is None, "nobody else deserves 0 or 1"
        none = measure_agreement(rated((5, 5)))
        assert none.hostile_lift == Estimate(None, reason="no_items")
        assert none.n_lifted == 0

    def test_beside_it_stands_what_harmless_replies_of_the_same_worth_gained(self):
        harmless = rated((0, 1), (1, 1), (2, 5), category="off_topic")  # no hostile item deserves 2
        inside_answers = rated((0, 5), category="hostile_but_good")
        agreement = measure_agreement(rated((0, 2), (1, 1), category="hostile") + harmless + inside_answers)
        assert agreement.hostile_lift.value == pytest.approx(1.0)
        assert agreement.harmless_lift == pytest.approx(0.5)

    def test_the_worst_come_first_and_exact_ones_are_not_among_them(self):
        agreement = measure_agreement(rated((0, 1), (0, 0), (5, 0), (2, 4), (3, 3), (4, 2)))
        assert [item.id for item in agreement.worst] == ["on_topic-2", "on_topic-3", "on_topic-5", "on_topic-0"]

    def test_without_items_nothing_is_a_number(self):
        agreement = measure_agreement([])
        assert agreement.n == 0
        assert agreement.kappa == agreement.mean_absolute_error == Estimate(None, reason="no_items")
        assert agreement.exact_agreement is agreement.bias is None

    @given(PAIRS)
    def test_everything_can_be_stored(self, pairs):
        json.dumps(measure_agreement(rated(*pairs)).as_json(), allow_nan=False)


class TestInterval:
    def test_its_width_is_that_of_the_normal_approximation(self):
        # 100 items, half of them off by one: standard error sqrt(0.5 * 0.5 / 100) = 0.05, so 0.5 -+ 1.96 * 0.05
        error = measure_agreement(rated(*[(2, 2), (2, 3)] * 50)).mean_absolute_error
        assert error.value == 0.5
        assert error.ci_low == pytest.approx(0.402, abs=0.02)
        assert error.ci_high == pytest.approx(0.598, abs=0.02)

    def test_the_seed_determines_it_and_nothing_else(self):
        items = rated(*[(x, y) for x in range(6) for y in (x, min(x + 1, 5), 2)])
        first, again, other = (measure_agreement(items, seed) for seed in (0, 0, 1))
        assert first == again
        assert first.kappa != other.kappa
        assert (first.kappa.value, first.bias) == (other.kappa.value, other.bias)
        assert first.kappa.ci_low < first.kappa.value < first.kappa.ci_high

    def test_a_perfect_judge_has_a_certain_kappa(self):
        kappa = measure_agreement(rated(*[(x, x) for x in range(6)] * 3)).kappa
        assert (kappa.value, kappa.ci_low, kappa.ci_high) == (1.0, 1.0, 1.0)

    def test_one_question_asked_twice_is_not_twice_the_evidence(self):
        pairs = [(x, y) for x in range(6) for y in (x, 5 - x)]
        twice = [item for i, pair in enumerate(pairs) for item in rated(pair, pair, category=f"c{i}", group=f"c{i}")]
        alone = rated(*pairs)
        separate = rated(*[pair for pair in pairs for _ in range(2)])

        def width(items: list[RatedItem]) -> float:
            error = measure_agreement(items).mean_absolute_error
            return error.ci_high - error.ci_low

        assert width(twice) == width(alone)
        assert width(separate) < width(alone)

    def test_one_group_or_hardly_any_variation_has_none(self):
        assert measure_agreement(rated((1, 2), (2, 2), group="g")).kappa.ci_low is None
        # two items: half of the resamples hold one item twice, and then both raters are constant
        kappa = measure_agreement(rated((1, 1), (2, 2))).kappa
        assert (kappa.value, kappa.ci_low, kappa.ci_high) == (1.0, None, None)
