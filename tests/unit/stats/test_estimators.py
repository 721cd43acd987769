"""Agents whose timing is known: a few replications of ``benchmarks/estimators.py``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "estimators.py"


@pytest.fixture(scope="module")
def estimators() -> ModuleType:
    spec = importlib.util.spec_from_file_location("estimators", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("n", [12, 119])
def test_people_are_not_far_from_people(estimators: ModuleType, n: int) -> None:
    random = np.random.default_rng(1)
    assert abs(np.mean([estimators.excess_of_people(n, random) for _ in range(1000)])) < 0.01


def test_people_who_are_late_are_as_late_as_they_are(estimators: ModuleType) -> None:
    random = np.random.default_rng(1)
    assert np.mean([estimators.distance_of_late_people(119, random) for _ in range(100)]) == pytest.approx(0.5, abs=0.03)


def test_a_median_is_right_although_three_latencies_in_ten_are_censored(estimators: ModuleType) -> None:
    random = np.random.default_rng(1)
    is_reply = np.concatenate([estimators.latencies(200, random)[1] for _ in range(50)])
    assert is_reply.mean() == pytest.approx(0.7, abs=0.02)
    found = np.median([estimators.median_of(55, random) for _ in range(200)])
    assert found == pytest.approx(estimators.MEDIAN_S, abs=0.03)


@pytest.mark.slow
def test_intervals_hold_the_truth(estimators: ModuleType) -> None:
    random = np.random.default_rng(1)
    for holds in (estimators.holds_rate, estimators.holds_median, estimators.holds_excess):
        assert np.mean([holds(55, random) for _ in range(100)]) >= 0.88
