"""Student's t-test of paired values without outliers, and Holm's correction of several tests.

::

    before   1.0  2.0  3.0  1.5          d = after - before; outliers among the d are dropped with both of their values
    after    1.2  2.1  9.0  1.8          t = mean(d) / (sd(d) / sqrt(n)), n - 1 degrees of freedom; dz = mean(d) / sd(d)
    d        0.2  0.1 (6.0) 0.3

References: Student 1908, Biometrika 6:1; Cohen 1988, Statistical power analysis, 2.3.5; Holm 1979, Scandinavian Journal of
Statistics 6:65.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fdbench.stats.outliers import OutlierRule, bounds

_ROUNDING: Final = 1e-12
"""Differences that vary by less than this share of the values do not vary."""


@dataclass(frozen=True, slots=True)
class PairedTest:
    """How much later values differ from earlier ones, and how sure it is.

    Attributes:
        n_used, n_dropped: Pairs that count, and pairs whose difference is an outlier.
        mean_before, mean_after, mean_diff: Over the pairs that count.
        ci95_low, ci95_high: Of the mean difference.
        t, df, p_t: Two-sided; t and p_t are None where every difference is the same, so that there is nothing to test.
        cohen_dz: Mean difference in units of the differences' standard deviation (n - 1); None as t.
    """

    n_used: int
    n_dropped: int
    mean_before: float
    mean_after: float
    mean_diff: float
    ci95_low: float
    ci95_high: float
    t: float | None
    df: int
    p_t: float | None
    cohen_dz: float | None


def paired_test(before: Sequence[float], after: Sequence[float], outliers: OutlierRule = "mad") -> PairedTest | None:
    """Test whether the mean of ``after - before`` is 0.

    Args:
        before, after: One value per pair, in the same order; a pair that lacks a value is left out by the caller.
        outliers: Which differences are dropped (``fdbench.stats.outliers``); the published study names mad, iqr and none.

    Returns:
        None where fewer than two pairs count: they have no standard deviation.

    Raises:
        ValueError: Unequal lengths, a value that is not finite, or the rule ``winsor``, which drops none.
        UsageError: There is no such rule.
    """
    import numpy as np
    from scipy.special import stdtr, stdtrit

    if len(before) != len(after):
        raise ValueError(f"paired values are as many before as after, got {len(before)} and {len(after)}")
    first, second = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("a paired test is one of finite values")
    if outliers == "winsor":
        raise ValueError("winsor moves outliers, a paired test drops them")
    differences = second - first
    low, high = bounds(differences, outliers)
    is_used = (differences >= low) & (differences <= high)
    n = int(is_used.sum())
    if n < 2:
        return None
    first, second, differences = first[is_used], second[is_used], differences[is_used]
    mean, sd = float(differences.mean()), float(differences.std(ddof=1))
    if sd <= _ROUNDING * max(np.abs(first).max(), np.abs(second).max()):
        sd = 0.0
    error = sd / math.sqrt(n)
    reach = float(stdtrit(n - 1, 0.975)) * error
    t = mean / error if error else None
    return PairedTest(
        n_used=n,
        n_dropped=len(is_used) - n,
        mean_before=float(first.mean()),
        mean_after=float(second.mean()),
        mean_diff=mean,
        ci95_low=mean - reach,
        ci95_high=mean + reach,
        t=t,
        df=n - 1,
        p_t=None if t is None else 2 * float(stdtr(n - 1, -abs(t))),
        cohen_dz=mean / sd if sd else None,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for there being several tests (Holm's step-down), in the order given.

    Those under a level may all be called significant with that probability of one false call among all of them.

    Raises:
        ValueError: A value is no probability.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError(f"p values lie between 0 and 1, got {list(p_values)}")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
