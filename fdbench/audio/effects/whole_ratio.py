"""Between two rates of which one is a multiple of the other, at a third of the cost of ``resampler``.

::

    down   y[m] = sum over k of h[k] * x[m R - k]          h: linear phase, 20 R + 1 taps, so 10 R samples late
    up     y[n] = sum over k of h[k] * z[n - k]            z: x with R - 1 zeros behind each sample

Each output sample is the same sum in the same order however the sound is cut, and needs nothing that is not there yet.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np

from fdbench.audio.effects.resampler import Resampler
from fdbench.core.sound import Samples

_ZERO_CROSSINGS: Final = 10
_ROLLOFF: Final = 0.95
_KAISER_BETA: Final = 8.0


class Down:
    """To a rate ``ratio`` times lower; ``ceil(n / ratio)`` samples for the first n."""

    def __init__(self, ratio: int, old_hz: int) -> None:
        self._ratio, self._taps = ratio, _taps(ratio)
        self._kept = np.zeros(len(self._taps) - 1)  # before the next output's place
        self._to_next = 0  # samples from what comes next to that place
        self.delay_s = _ZERO_CROSSINGS * ratio / old_hz

    def step(self, sound: Samples) -> Samples:
        from scipy.signal import upfirdn

        n_reach = len(self._taps) - 1
        known = np.concatenate([self._kept, sound])
        n_out = max(0, -(-(len(sound) - self._to_next) // self._ratio))
        first = self._to_next  # in ``known``, of the first sample that the first output needs
        self._to_next += n_out * self._ratio - len(sound)
        self._kept = known[len(known) - n_reach :]
        if not n_out:
            return np.zeros(0, np.float32)
        last = first + n_reach + (n_out - 1) * self._ratio + 1
        sums = upfirdn(self._taps, known[first:last], 1, self._ratio)
        n_partial = n_reach // self._ratio
        out: Samples = sums[n_partial : n_partial + n_out].astype(np.float32)
        return out


class Up:
    """To a rate ``ratio`` times higher; ``ratio`` samples for each."""

    def __init__(self, ratio: int, new_hz: int) -> None:
        self._ratio, self._taps = ratio, _taps(ratio) * ratio
        self._kept = np.zeros(2 * _ZERO_CROSSINGS)
        self.delay_s = _ZERO_CROSSINGS * ratio / new_hz

    def step(self, sound: Samples) -> Samples:
        from scipy.signal import upfirdn

        known = np.concatenate([self._kept, sound])
        self._kept = known[len(sound) :]
        if not len(sound):
            return np.zeros(0, np.float32)
        begin = 2 * _ZERO_CROSSINGS * self._ratio
        sums = upfirdn(self._taps, known, self._ratio, 1)
        out: Samples = sums[begin : begin + self._ratio * len(sound)].astype(np.float32)
        return out


def between(old_hz: int, new_hz: int) -> Down | Up | Resampler:
    """What brings sound from one rate to the other at the least cost."""
    if old_hz % new_hz == 0:
        return Down(old_hz // new_hz, old_hz)
    return Up(new_hz // old_hz, new_hz) if new_hz % old_hz == 0 else Resampler(old_hz, new_hz)


@cache
def _taps(ratio: int) -> Any:
    from scipy.signal import firwin

    return firwin(2 * _ZERO_CROSSINGS * ratio + 1, _ROLLOFF / ratio, window=("kaiser", _KAISER_BETA))
