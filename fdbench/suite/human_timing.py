"""Where listeners of a monologue could backchannel: a rule, as nobody was recorded for our own speech.

A bump 0.3 s after each phrase that is not the last, at least 2 s from the bump before it, on a floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from fdbench.core.peaks import WINDOW_S

BUMP_AFTER_PHRASE_S: Final = 0.3
BUMP_SD_S: Final = 0.25
MIN_PEAK_DISTANCE_S: Final = 2.0
FLOOR_SHARE: Final = 0.05
"""Of the probability mass, spread evenly."""


def human_timing(phrase_ends_s: Sequence[float], duration_s: float) -> list[float]:
    """Probability mass per window of ``WINDOW_S``."""
    peaks: list[float] = []
    for end_s in phrase_ends_s[:-1]:
        peak_s = end_s + BUMP_AFTER_PHRASE_S
        if not peaks or peak_s - peaks[-1] >= MIN_PEAK_DISTANCE_S:
            peaks.append(peak_s)
    n = int(duration_s / WINDOW_S) + 1
    middles = (np.arange(n) + 0.5) * WINDOW_S
    bumps = np.sum([np.exp(-0.5 * ((middles - peak_s) / BUMP_SD_S) ** 2) for peak_s in peaks], axis=0)
    mass = (1 - FLOOR_SHARE) * bumps / bumps.sum() + FLOOR_SHARE / n
    return [round(float(value), 9) for value in mass]
