"""Somebody who is not speaking into the microphone: turned away from it, or across the room.

::

    turned away       -8 dB, above 2.5 kHz 9 dB less of it, four early reflections
    across the room   -15 dB, nothing above 2 kHz, an echo
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.signal import butter, sosfilt

from fdbench.core.sound import Samples

ASIDE_DB: Final = -8.0
BACKGROUND_DB: Final = -15.0
"""Against the level of the same voice at the microphone."""
SHELF_HZ, SHELF_DB = 2500.0, -9.0
REFLECTIONS: Final = ((0.007, -7.0), (0.013, -9.0), (0.021, -12.0), (0.034, -15.0))
LOW_PASS_HZ: Final = 2000.0
ECHO: Final = ((0.09, -6.0), (0.17, -12.0))
"""Delay in s and gain in dB of each."""


def turned_away(samples: Samples, sample_rate: int) -> Samples:
    """Somebody who speaks into the room beside the microphone; longer by the last reflection."""
    high = sosfilt(butter(2, SHELF_HZ, "highpass", fs=sample_rate, output="sos"), samples)
    dull = samples - (1 - 10 ** (SHELF_DB / 20)) * high
    return _scaled(_with_reflections(dull, REFLECTIONS, sample_rate), samples, ASIDE_DB)


def across_the_room(samples: Samples, sample_rate: int) -> Samples:
    """Somebody far away; longer by the echo."""
    low = sosfilt(butter(4, LOW_PASS_HZ, "lowpass", fs=sample_rate, output="sos"), samples)
    return _scaled(_with_reflections(low, ECHO, sample_rate), samples, BACKGROUND_DB)


def _with_reflections(samples: Samples, taps: tuple[tuple[float, float], ...], sample_rate: int) -> Samples:
    out = np.concatenate([samples, np.zeros(round(taps[-1][0] * sample_rate))])
    for delay_s, gain_db in taps:
        at = round(delay_s * sample_rate)
        out[at : at + len(samples)] += 10 ** (gain_db / 20) * samples
    return out


def _scaled(samples: Samples, reference: Samples, gain_db: float) -> Samples:
    """At ``gain_db`` against the level of what it was made from."""
    rms, wanted = (float(np.sqrt(np.mean(np.square(each, dtype=np.float64)))) for each in (samples, reference))
    return (samples * (wanted * 10 ** (gain_db / 20) / rms)).astype(np.float32)
