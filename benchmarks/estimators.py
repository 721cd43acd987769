"""Do the measures find what is there? Agents whose timing is known: ``python benchmarks/estimators.py [--replications N]``.

::

    excess of a divergence   agents are people:                         bias under 0.005 at n = 12 .. 200
    distance in seconds      agents are people, 0.5 s late:             reads 0.5 s within 0.02 at n = 55 .. 200
    median, 30 % censored    latencies are lognormal, so are the        the middle of what it reads lies within 0.03 s
                             lengths of recordings                      at n = 12 .. 200 (at 12 it may not be reached)
    95 % intervals           of rates (five takes of a clip that are    hold the truth in 92-97 % of benchmarks
                             alike), medians, distance, excess

Exit 1 where one is not. Beside them stands what no interval can do at the edge of what is possible: where agents are people,
the truth of an excess, 0, is the least that there can be, and its interval holds it more often than 95 %. Two CPU minutes.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from fdbench.core.onsets import SplitExponential, masses_of
from fdbench.stats.bootstrap import percentile_interval, resampled_values
from fdbench.stats.divergence import excess, floor_bits, js_divergence_bits
from fdbench.stats.onset_distribution import EDGES_S, distance_statistic, excess_interval, waiting_masses
from fdbench.stats.survival import waiting_quantile
from fdbench.stats.wilson import clustered_wilson

PEOPLE = SplitExponential(0.479, 0.41, 0.38)
SIZES = (12, 55, 119, 200)
LATE_S = 0.5
MEDIAN_S, SIGMA = 0.8, 0.5
RECORDED_S = MEDIAN_S * math.exp(0.5244005 * SIGMA * math.sqrt(2))
"""Median of the recordings' lengths after which 30 % of latencies are censored."""
N_RESAMPLES = 300
COVERAGE = (0.92, 0.97)
Random = np.random.Generator


@dataclass(frozen=True)
class Check:
    """One number, and between what it has to lie; without limits it is described."""

    name: str
    n: int
    value: float
    low: float = -math.inf
    high: float = math.inf

    @property
    def holds(self) -> bool:
        return self.low <= self.value <= self.high


def onsets(n: int, late_s: float, random: Random) -> np.ndarray:
    before = -random.exponential(PEOPLE.median_negative_s / math.log(2), n)
    after = random.exponential(PEOPLE.median_positive_s / math.log(2), n)
    return np.where(random.random(n) < PEOPLE.share_negative, before, after) + late_s


def latencies(n: int, random: Random) -> tuple[np.ndarray, np.ndarray]:
    """Times and whether they are replies."""
    replies, ends = (median * random.lognormal(0.0, SIGMA, n) for median in (MEDIAN_S, RECORDED_S))
    return np.minimum(replies, ends), replies <= ends


def excess_of_people(n: int, random: Random) -> float:
    times_s = onsets(n, 0.0, random)
    masses = waiting_masses(times_s, np.ones(n, np.bool_), EDGES_S)[0]
    people = masses_of(PEOPLE, EDGES_S)
    return float(excess(float(js_divergence_bits(masses, people)), floor_bits(n, people)))


def distance_of_late_people(n: int, random: Random) -> float:
    statistic = distance_statistic(onsets(n, LATE_S, random), np.ones(n, np.bool_), PEOPLE)
    return float(statistic(np.ones((1, n)))[0])


def median_of(n: int, random: Random) -> float:
    times_s, is_reply = latencies(n, random)
    return float(waiting_quantile(times_s, is_reply, 0.5, np.ones((1, n)))[0])


def holds_rate(n: int, random: Random) -> bool:
    events = random.binomial(5, random.beta(0.3, 2.7, n))
    found = clustered_wilson((int(k), 5) for k in events)
    return found is not None and found.low <= 0.1 <= found.high


def holds_median(n: int, random: Random) -> bool:
    times_s, is_reply = latencies(n, random)
    low, high = _percentiles(lambda weights: waiting_quantile(times_s, is_reply, 0.5, weights), n, random)
    return low <= MEDIAN_S <= high


def holds_distance(n: int, random: Random) -> bool:
    low, high = _percentiles(distance_statistic(onsets(n, LATE_S, random), np.ones(n, np.bool_), PEOPLE), n, random)
    return low <= _true_distance_s(LATE_S) <= high


def holds_excess(n: int, random: Random, late_s: float = LATE_S) -> bool:
    clips = [str(index) for index in range(n)]
    seed = int(random.integers(2**31))
    found = excess_interval(onsets(n, late_s, random).tolist(), [True] * n, PEOPLE, clips, seed)
    return found is not None and found[0] <= _true_excess(late_s) <= found[1]


def checks(replications: int, seed: int = 0, sizes: tuple[int, ...] = SIZES) -> Iterator[Check]:
    """All of them, in order; ``replications`` of each interval, ten times as many of each value."""
    random = np.random.default_rng(seed)
    many = 10 * replications

    def mean(draw: Callable[[int, Random], float], n: int, times: int) -> float:
        return float(np.mean([draw(n, random) for _ in range(times)]))

    for n in sizes:
        yield Check("excess, agents are people", n, mean(excess_of_people, n, many), -0.005, 0.005)
    for n in (each for each in sizes if each >= 55):
        yield Check("distance of a shift by 0.5 s", n, mean(distance_of_late_people, n, replications), 0.48, 0.52)
    for n in sizes:
        value = float(np.median([median_of(n, random) for _ in range(many)]))
        yield Check("median of 0.8 s, 30 % censored", n, value, MEDIAN_S - 0.03, MEDIAN_S + 0.03)
    for n in sizes:
        yield Check("interval of a rate, five takes", n, mean(holds_rate, n, many), *COVERAGE)
        yield Check("interval of a median, 30 % censored", n, mean(holds_median, n, replications), *COVERAGE)
    for n in (each for each in sizes if each >= 55):
        yield Check("interval of a distance, 0.5 s late", n, mean(holds_distance, n, replications), *COVERAGE)
        yield Check("interval of an excess, 0.5 s late", n, mean(holds_excess, n, replications), *COVERAGE)
        described = mean(lambda n, random: holds_excess(n, random, 0.0), n, replications)
        yield Check("interval of an excess, people", n, described, COVERAGE[0])


def _percentiles(statistic: Callable[[np.ndarray], np.ndarray], n: int, random: Random) -> tuple[float, float]:
    clips = [str(index) for index in range(n)]
    return percentile_interval(resampled_values(statistic, clips, N_RESAMPLES, int(random.integers(2**31))))


def _true_distance_s(late_s: float) -> float:
    grid_s = np.linspace(EDGES_S[0], EDGES_S[-1], 60_001)
    return float(np.abs(PEOPLE.before(grid_s) - PEOPLE.before(grid_s - late_s)).mean() * (EDGES_S[-1] - EDGES_S[0]))


def _true_excess(late_s: float) -> float:
    return float(js_divergence_bits(masses_of(PEOPLE, [edge - late_s for edge in EDGES_S]), masses_of(PEOPLE, EDGES_S)))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--replications", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    n_wrong = 0
    print(f"{'':38} clips    found  wanted")
    for check in checks(arguments.replications, arguments.seed):
        high = "" if math.isinf(check.high) else f" .. {check.high:g}"
        print(
            f"{check.name:38} {check.n:5} {check.value:8.4f}  {check.low:g}{high}{'' if check.holds else '  NOT SO'}",
            flush=True,
        )
        n_wrong += not check.holds
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
