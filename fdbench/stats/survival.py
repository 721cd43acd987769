"""Quantiles of latencies of which some are only known to be longer than the recording (Kaplan-Meier).

::

    replies    x     x   x      o   x        o        x = replied after so long, o = had not when the recording ended
    still      1.0   .86 .71        .54      .54      share that has not replied: steps down at each x, over those at risk
    waiting                        ^median: first time at which at most half are waiting

Conventions: a time may be negative; a reply counts before a censoring at the same time. Without censoring the median is
the ordinary one (the mean of the middle two where that share is exactly a half); other quantiles are the first time by which
that share has replied. A quantile that is never reached is infinite.

References: Kaplan & Meier 1958, Nonparametric estimation from incomplete observations, JASA 53:457.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROUNDING: Final = 1e-9


def waiting_quantile(times_s: Floats, is_reply: npt.NDArray[np.bool_], share: float, weights: Floats) -> Floats:
    """The time by which ``share`` of the users have had their reply, once per row of weights.

    Args:
        times_s: Shape ``(n,)``: when the reply came, or when the recording ended.
        is_reply: Shape ``(n,)``: false where the recording ended first.
        share: In (0, 1); 0.5 is the median.
        weights: Shape ``(b, n)``: how often each time counts in each of b resamples; no row is all zero.

    Returns:
        Seconds, shape ``(b,)``; infinite where fewer than that share can be known to have replied.
    """
    order = np.lexsort((~is_reply, times_s))
    times_s, is_reply, weights = times_s[order], is_reply[order], weights[:, order]
    at_risk = np.cumsum(weights[:, ::-1], axis=1)[:, ::-1]
    died = np.where(is_reply, weights, 0.0)
    waiting = np.cumprod(1 - died / np.maximum(at_risk, 1.0), axis=1)
    quantile = _first_time(times_s, (waiting <= 1 - share + _ROUNDING) & (died > 0))
    if share != 0.5:
        return quantile
    beyond = _first_time(times_s, (waiting < 0.5 - _ROUNDING) & (died > 0))
    is_exact = np.any((np.abs(waiting - 0.5) <= _ROUNDING) & (died > 0), axis=1) & np.isfinite(beyond)
    return np.where(is_exact, (quantile + np.where(is_exact, beyond, 0.0)) / 2, quantile)


def _first_time(times_s: Floats, is_reached: npt.NDArray[np.bool_]) -> Floats:
    first = np.argmax(is_reached, axis=1)
    return np.where(is_reached.any(axis=1), times_s[first], np.inf)
