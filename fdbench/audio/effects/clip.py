"""An overdriven microphone: louder, and cut off where the converter ends."""

from __future__ import annotations

import numpy as np

from fdbench.audio.effects.base import factor_of
from fdbench.core.sound import Samples


class Clip:
    """Louder by so many decibels, then cut at full scale.

    Args:
        gain_db: Before the cut; 0 = cut only.
        at_dbfs: Where the cut is, 0 = full scale.
    """

    delay_s = 0.0

    def __init__(self, gain_db: float, at_dbfs: float = 0.0) -> None:
        self._factor, self._limit = factor_of(gain_db), factor_of(at_dbfs)

    def step(self, said: Samples, back: Samples) -> Samples:
        return np.clip(said * self._factor, -self._limit, self._limit)
