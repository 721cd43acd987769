"""One metric of two models over the same clips: how far apart, how sure, and by which test.

==================  ====================================  =====================================  ========================
values of a clip    difference                            95 % interval                          p
==================  ====================================  =====================================  ========================
an event or none    of the rates                          Newcombe's for pairs                   McNemar's, exact
means               of the means                          Student's                              sign flips
parts of a ratio    of the ratios of sums                 bootstrap by clip                      swaps
waits               of the medians, with censoring        bootstrap by clip                      sign flips
==================  ====================================  =====================================  ========================

Conventions: second minus first; repeats of a clip are one value, their mean (of ratios and waits: all of them, drawn together).
Means and events: clips on which both have one. Waits: clips on which each has one or is known to have waited longer; for the
test, a wait that is only known to be longer enters as its bound, and where that leaves open which model was quicker, the clip
says nothing. Ratios: all clips, with nothing in both sums where there was nothing to count.

Why ratios are not tested by their bootstrap: after Holm's correction only the far tail counts, and of a dozen clips the
bootstrap has too little of it (``benchmarks/compare.py``).

References: McNemar 1947; Newcombe 1998, Statistics in Medicine 17:2635; Student 1908; Efron & Tibshirani 1993; Good 2005.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from fdbench.stats.comparison import bootstrap_difference, mcnemar_p
from fdbench.stats.paired import paired_test
from fdbench.stats.swaps import Swaps
from fdbench.stats.weighted import Statistic, distance_log2, log_ratio_of, ratio_of, waiting_of
from fdbench.stats.wilson import Z_95, newcombe_paired_difference

Test = Literal["McNemar", "sign flips", "swaps"]
Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Wait:
    """How long something took, or, where it was not seen to happen, was at least waited for; seconds."""

    time_s: float
    is_over: bool


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """What two models have of one metric.

    Attributes:
        n: Clips that count.
        first, second: The metric of each over them; None where it is undefined.
        difference: Second minus first; None where either is.
        low, high: Its 95 % interval, None where it cannot be had; infinite where a median wait is never over.
        test, p: Two-sided; p is None where there is nothing to test.
        sd: Standard deviation of the clips' differences, as the interval has it: what could be seen follows from it.
    """

    n: int
    first: float | None
    second: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    test: Test | None = None
    p: float | None = None
    sd: float | None = None


ClipValues: TypeAlias = Mapping[str, Sequence[float]]
ClipParts: TypeAlias = Mapping[str, Sequence[tuple[float, float]]]
ClipWaits: TypeAlias = Mapping[str, Sequence[Wait]]


def compare_means(
    clips: Sequence[str], first: ClipValues, second: ClipValues, swaps: Swaps, *, of_events: bool
) -> PairedDifference:
    """Means of values, or shares of clips with an event.

    Args:
        clips: All of them, in the order of ``swaps``.
        first, second: By clip, a value for each repeat; a clip without any is left out.
        of_events: Whether a value says if something happened, 1 or 0.
    """
    both = [clip for clip in clips if first.get(clip) and second.get(clip)]
    if not both:
        return PairedDifference(0, None, None)
    one, other = (np.array([math.fsum(side[clip]) / len(side[clip]) for clip in both]) for side in (first, second))
    if of_events and set(one.tolist()) | set(other.tolist()) <= {0.0, 1.0}:
        return _of_events(one > 0, other > 0)
    found = paired_test(one.tolist(), other.tolist(), outliers="none")
    differences = dict(zip(both, (other - one).tolist(), strict=True))
    n, mean = len(both), float((other - one).mean())
    return PairedDifference(
        n=n,
        first=float(one.mean()),
        second=float(other.mean()),
        difference=mean,
        low=None if found is None else found.ci95_low,
        high=None if found is None else found.ci95_high,
        test="sign flips",
        p=swaps.of_mean(np.array([differences.get(clip, 0.0) for clip in clips])),
        sd=float((other - one).std(ddof=1)) if n > 1 else None,
    )


def _of_events(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> PairedDifference:
    n, only_first, only_second = len(one), int((one & ~other).sum()), int((other & ~one).sum())
    low, high = newcombe_paired_difference(int((one & other).sum()), only_second, only_first, int((~one & ~other).sum()))
    return PairedDifference(
        n=n,
        first=float(one.mean()),
        second=float(other.mean()),
        difference=(only_second - only_first) / n,
        low=low,
        high=high,
        test="McNemar",
        p=mcnemar_p(only_first, only_second),
        sd=sd_of(low, high, n),
    )


def compare_ratios(
    clips: Sequence[str], first: ClipParts, second: ClipParts, swaps: Swaps, *, of_logs: bool = False
) -> PairedDifference:
    """Ratios of sums.

    Args:
        clips: All of them, in the order of ``swaps``.
        first, second: By clip, numerator and denominator of each repeat that has them.
        of_logs: Compare how many times 2 each ratio is off 1.
    """
    sides = [_parts(clips, side) for side in (first, second)]
    statistics = [log_ratio_of(*side) if of_logs else _defined(ratio_of(*side)) for side in sides]
    return _of_statistics(
        clips, clips, statistics, swaps.of_ratio(sides[0], sides[1], distance_log2 if of_logs else lambda ratio: ratio), "swaps"
    )


def _defined(ratio: Statistic) -> Statistic:
    """Nothing below is no ratio, and not a large one."""
    return lambda weights: np.where(np.isfinite(values := ratio(weights)), values, np.nan)


def _parts(clips: Sequence[str], side: ClipParts) -> tuple[Floats, Floats]:
    """The mean of each part over the repeats of a clip, so that a clip weighs the same however often it was repeated."""
    return (
        np.array([math.fsum(part[0] for part in side[clip]) / len(side[clip]) if side.get(clip) else 0.0 for clip in clips]),
        np.array([math.fsum(part[1] for part in side[clip]) / len(side[clip]) if side.get(clip) else 0.0 for clip in clips]),
    )


def compare_waits(clips: Sequence[str], first: ClipWaits, second: ClipWaits, swaps: Swaps) -> PairedDifference:
    """Medians of waits, some of which are only known to be longer.

    Args:
        clips: All of them, in the order of ``swaps``.
        first, second: By clip, the wait of each repeat; a clip without any is left out.
    """
    both = [clip for clip in clips if first.get(clip) and second.get(clip)]
    if not both:
        return PairedDifference(0, None, None)
    of_clip = [[(clip, wait) for clip in both for wait in side[clip]] for side in (first, second)]
    statistics = [
        waiting_of(np.array([wait.time_s for _, wait in side]), np.array([wait.is_over for _, wait in side]))
        for side in of_clip
    ]
    differences = {clip: _known_difference_s(first[clip], second[clip]) for clip in both}
    p = swaps.of_mean(np.array([differences.get(clip, 0.0) for clip in clips]))
    return _of_statistics([clip for clip, _ in of_clip[0]], [clip for clip, _ in of_clip[1]], statistics, p, "sign flips")


def _known_difference_s(first: Sequence[Wait], second: Sequence[Wait]) -> float:
    """Of means over repeats; 0 where it is not known which is longer."""
    one, other = (math.fsum(wait.time_s for wait in side) / len(side) for side in (first, second))
    first_is_longer, second_is_longer = (not all(wait.is_over for wait in side) for side in (first, second))
    difference_s = other - one
    if (first_is_longer and difference_s > 0) or (second_is_longer and difference_s < 0):
        return 0.0
    return difference_s


def _of_statistics(
    first_clips: Sequence[str], second_clips: Sequence[str], statistics: Sequence[Statistic], p: float | None, test: Test
) -> PairedDifference:
    of_first, of_second = statistics
    n = len(set(first_clips))
    one, other = (
        finite(float(of(np.ones((1, len(clips))))[0])) for of, clips in ((of_first, first_clips), (of_second, second_clips))
    )
    with np.errstate(invalid="ignore"):
        low, high = bootstrap_difference(of_second, second_clips, of_first, first_clips) or (None, None)
    difference = None if one is None or other is None else other - one
    sd = None if low is None or high is None or not math.isfinite(high - low) else sd_of(low, high, n)
    return PairedDifference(n, one, other, difference, low, high, test, p, sd)


def sd_of(low: float, high: float, n: int) -> float:
    """The standard deviation of n differences whose mean has that 95 % interval."""
    return (high - low) / (2 * Z_95) * math.sqrt(n)


def finite(value: float | None) -> float | None:
    """None in the place of what is no number."""
    return value if value is not None and math.isfinite(value) else None
