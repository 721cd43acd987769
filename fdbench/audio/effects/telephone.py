"""A narrow-band line: 8 kHz, the telephone's band, a code.

The band is 300 to 3400 Hz, by a filter of linear phase: it delays every frequency by the same 8 ms, which are declared. A
recursive filter would be quicker, and would have no one delay.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from fdbench.audio.effects.base import Filter
from fdbench.audio.effects.frames import AtRate, Each, Stage
from fdbench.audio.effects.g711 import round_trip
from fdbench.audio.effects.gsm import Gsm
from fdbench.core.sound import Samples
from fdbench.errors import UsageError

LINE_HZ: Final = 8000
BAND_HZ: Final = (300.0, 3400.0)
_BAND_TAPS: Final = 129
CODES: Final = ("none", "mu", "a", "gsm")


class Band:
    """300 to 3400 Hz at 8 kHz."""

    delay = _BAND_TAPS // 2

    def __init__(self) -> None:
        from scipy.signal import firwin

        taps = firwin(_BAND_TAPS, BAND_HZ, pass_zero=False, fs=LINE_HZ)
        self._filter = Filter(taps.astype(np.float32))

    def step(self, sound: Samples) -> Samples:
        return self._filter.step(sound)


def telephone(sample_rate: int, code: str = "none", *, band: bool = False) -> AtRate:
    """A line.

    Args:
        code: ``none`` (8 kHz only), ``mu`` or ``a`` (G.711), ``gsm`` (GSM 06.10).
        band: Whether the band is filtered before.

    Raises:
        UsageError: There is no such code.
    """
    if code not in CODES:
        raise UsageError(f"code '{code}': expected {', '.join(CODES)}", "mend the condition")
    stages: list[Stage] = [Band()] if band else []
    if code == "gsm":
        stages.append(Gsm())
    elif code != "none":
        stages.append(Each(partial(round_trip, "mu" if code == "mu" else "a")))
    return AtRate(sample_rate, LINE_HZ, stages)
