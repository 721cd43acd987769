"""Where people backchannel: the peaks of a clip's human timing distribution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WINDOW_S = 0.2
"""Width of the windows of a human timing distribution; window i covers ``[i * 0.2, (i + 1) * 0.2)`` of the prompt."""

MIN_DISTANCE_S = 1.0


def human_peaks(distribution: Sequence[float]) -> tuple[float, ...]:
    """Times (s) of the local maxima above mean + 1 SD, at least 1.0 s apart (the higher one stays), in order of time.

    A plateau counts once, at its first window; each time is the middle of its window.

    Args:
        distribution: One non-negative number per 0.2 s window; need not be normalised.
    """
    heights = np.asarray(distribution, np.float64)
    if len(heights) == 0:
        return ()
    floor = heights.mean() + heights.std()
    before = np.concatenate([[-np.inf], heights[:-1]])
    after = np.concatenate([heights[1:], [-np.inf]])
    candidates = np.flatnonzero((heights > floor) & (heights > before) & (heights >= after))
    kept: list[int] = []
    for index in sorted(candidates, key=lambda i: (-heights[i], i)):
        if all(abs(index - other) * WINDOW_S >= MIN_DISTANCE_S - 1e-9 for other in kept):
            kept.append(int(index))
    return tuple((index + 0.5) * WINDOW_S for index in sorted(kept))
