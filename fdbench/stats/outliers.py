"""Means and samples without outliers, by the rules that the published adaptation study names.

=========  ============================================================
rule       which values stay (fewer than 3 values all do)
=========  ============================================================
``none``   all
``iqr``    from Q1 - 1.5 IQR to Q3 + 1.5 IQR
``mad``    within 3.5 x 1.4826 x MAD of the median; all where MAD is 0
``zscore`` within 3 standard deviations of the mean; all where that is 0
``winsor`` all, those beyond the 5th and 95th percentile moved there
``trim``   from the 5th to the 95th percentile
=========  ============================================================

Conventions: bounds are inclusive, percentiles linear, standard deviations have n - 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from fdbench.errors import unknown_name

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]

OutlierRule = Literal["none", "iqr", "mad", "zscore", "winsor", "trim"]

_FEWEST: Final = 3
_IQRS: Final = 1.5
_MADS: Final = 3.5
_MAD_TO_SD: Final = 1.4826
"""Of a normal distribution, its standard deviation in units of its MAD."""
_SDS: Final = 3.0
_TAIL: Final = 5.0
"""Percent on either side."""


def robust_mean(values: Sequence[float], mode: OutlierRule) -> float | None:
    """The mean of what the rule ``mode`` leaves; None of no values.

    Raises:
        ValueError: A value is not finite.
        UsageError: There is no such rule.
    """
    import numpy as np

    given = np.asarray(values, np.float64)
    if not np.isfinite(given).all():
        raise ValueError("a robust mean is one of finite values")
    low, high = bounds(given, mode)
    if not len(given):
        return None
    kept = np.clip(given, low, high) if mode == "winsor" else given[(given >= low) & (given <= high)]
    return float(kept.mean())


def bounds(values: Floats, rule: OutlierRule) -> tuple[float, float]:
    """The lowest and the highest value that is no outlier by the rule; both infinite where none can be one.

    Raises:
        UsageError: There is no such rule.
    """
    import numpy as np

    if rule not in get_args(OutlierRule):
        raise unknown_name("rule for outliers", rule, get_args(OutlierRule))
    if rule == "none" or len(values) < _FEWEST:
        return -math.inf, math.inf
    if rule == "iqr":
        q1, q3 = np.percentile(values, [25, 75])
        return float(q1 - _IQRS * (q3 - q1)), float(q3 + _IQRS * (q3 - q1))
    if rule == "mad":
        middle = float(np.median(values))
        reach = _MADS * _MAD_TO_SD * float(np.median(np.abs(values - middle)))
        return _around(middle, reach)
    if rule == "zscore":
        return _around(float(values.mean()), _SDS * float(values.std(ddof=1)))
    low, high = np.percentile(values, [_TAIL, 100 - _TAIL])
    return float(low), float(high)


def _around(middle: float, reach: float) -> tuple[float, float]:
    return (middle - reach, middle + reach) if reach > 0 else (-math.inf, math.inf)
