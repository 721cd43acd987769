"""Statistics of many resamples at once: from weights of items, shape ``(b, n)``, to one value per row.

=================  =====================================================================================
statistic          value of a row of weights w
=================  =====================================================================================
``ratio_of``       sum(w a) / sum(w b); infinite where nothing is below
``log_ratio_of``   how many times 2 those two sums are apart; infinite where nothing is above
``waiting_of``     median of times of which some are only known to be longer (``stats.survival``)
=================  =====================================================================================

A row of ones gives the value itself, rows of counts those of resamples (``stats.bootstrap``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fdbench.stats.survival import waiting_quantile

Floats: TypeAlias = npt.NDArray[np.float64]
Statistic: TypeAlias = Callable[[Floats], Floats]


def ratio_of(numerators: Sequence[float] | Floats, denominators: Sequence[float] | Floats) -> Statistic:
    above, below = np.array(numerators, np.float64), np.array(denominators, np.float64)

    def ratio(weights: Floats) -> Floats:
        return quotient(weights @ above, weights @ below)

    return ratio


def log_ratio_of(numerators: Sequence[float] | Floats, denominators: Sequence[float] | Floats) -> Statistic:
    ratio = ratio_of(numerators, denominators)
    return lambda weights: distance_log2(ratio(weights))


def waiting_of(times_s: Floats, is_reply: npt.NDArray[np.bool_]) -> Statistic:
    return lambda weights: waiting_quantile(times_s, is_reply, 0.5, weights)


def quotient(above: Floats, below: Floats) -> Floats:
    """Of sums; infinite where nothing is below."""
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.inf)


def distance_log2(ratios: Floats) -> Floats:
    """How many times 2 a ratio is off 1, either way; infinite at 0."""
    return np.where(ratios > 0, np.abs(np.log2(np.where(ratios > 0, ratios, 1.0))), np.inf)
