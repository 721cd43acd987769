"""How the model's backchannels lie to the human ones: windows, matching, divergence.

::

    human peaks     ......^...........^................^......
    events          .......|--|............|--|...............     middles within 1.0 s of a peak, one to one
                        matched        (free: 1.4 s away)

Conventions: seconds on the prompt's timeline; windows of 0.2 s from t = 0; an event is matched by its middle, because
the human distribution counts every window that a backchannel covers. F1 = 2 matched / (events + peaks). Divergence in nats
(at most 0.693) = the square of SciPy's distance.

References: J. Lin 1991, Divergence measures based on the Shannon entropy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

WINDOW_S: Final = 0.2
MATCH_TOLERANCE_S: Final = 1.0
SMOOTHING: Final = 1e-10
"""Added to each window's count, as upstream does."""

_SLACK_S: Final = 1e-9
"""Differences of floats that ought to be 1.0 s count as 1.0 s."""
_MAX_WEIGHT: Final = 1e100
"""No measured weight comes near it, and squares of anything below it are finite."""

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def is_distribution(weights: Sequence[float]) -> bool:
    """Non-negative, finite also in sum, and not all zero."""
    return all(math.isfinite(w) and w >= 0 for w in weights) and 0 < sum(weights) < _MAX_WEIGHT


def resampled(distribution: Sequence[float], n_windows: int) -> Floats:
    """A distribution over a clip on another number of windows, linearly over [0, 1], shape ``(n_windows,)``."""
    from_positions, to_positions = np.linspace(0, 1, len(distribution)), np.linspace(0, 1, n_windows)
    return np.interp(to_positions, from_positions, np.asarray(distribution, np.float64))


def window_counts(first: npt.NDArray[np.integer], last: npt.NDArray[np.integer], n_windows: int) -> Floats:
    """How many events cover each window.

    Args:
        first, last: Shape ``(n, k)``: the windows in which event k of row n begins and ends, both included. Windows outside
            ``[0, n_windows)`` are not counted.
        n_windows: Windows in the clip.

    Returns:
        Shape ``(n, n_windows)``.
    """
    n_rows = first.shape[0]
    steps = np.zeros((n_rows, n_windows + 1), np.float64)
    begins, ends = np.clip(first, 0, n_windows), np.clip(last + 1, 0, n_windows)
    ends = np.maximum(begins, ends)
    rows = np.broadcast_to(np.arange(n_rows)[:, None], first.shape)
    np.add.at(steps, (rows, begins), 1.0)
    np.add.at(steps, (rows, ends), -1.0)
    counts: Floats = np.cumsum(steps[:, :n_windows], axis=1)
    return counts


def js_divergence(counts: Floats, human: Floats) -> Floats:
    """Jensen-Shannon divergence in nats between each row and the human distribution.

    Args:
        counts: Shape ``(n, n_windows)``, non-negative.
        human: Shape ``(n_windows,)``, non-negative, not all zero.

    Returns:
        Shape ``(n,)``, in [0, ln 2].
    """
    p = counts + SMOOTHING
    p /= p.sum(axis=1, keepdims=True)
    q = human / human.sum()
    middle = (p + q) / 2
    to_p = (p * np.log(p / middle)).sum(axis=1)
    to_q = (q * np.log(np.where(q > 0, q, 1.0) / middle)).sum(axis=1)
    divergence: Floats = np.maximum((to_p + to_q) / 2, 0.0)
    return divergence


def count_matches(events_s: Floats, peaks_s: Sequence[float]) -> Counts:
    """Size of a maximum one-to-one matching of events to peaks at most 1.0 s away, for each row.

    Two pointers suffice: all intervals are equally long, so the earliest pair that fits is part of some maximum matching.

    Args:
        events_s: Shape ``(n, k)``, each row ascending.
        peaks_s: Ascending.

    Returns:
        Shape ``(n,)``.
    """
    n_rows, n_events = events_s.shape
    matches = np.zeros(n_rows, np.int64)
    if n_events == 0 or not peaks_s:
        return matches
    tolerance_s = MATCH_TOLERANCE_S + _SLACK_S
    events_s = np.concatenate([events_s, np.full((n_rows, 1), np.inf)], axis=1)
    event = np.zeros(n_rows, np.int64)
    rows = np.arange(n_rows)
    for peak_s in peaks_s:
        is_passed = events_s[rows, event] < peak_s - tolerance_s
        while is_passed.any():
            event += is_passed
            is_passed = events_s[rows, event] < peak_s - tolerance_s
        is_match = events_s[rows, event] <= peak_s + tolerance_s
        matches += is_match
        event += is_match
    return matches
