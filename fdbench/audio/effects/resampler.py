"""Sound at another rate, piece by piece, with a delay of one and a half milliseconds or less.

::

    output sample i  =  sum over input samples k of  x[k] * h(i / new - delay - k / old)       h: a windowed sinc

A whole recording is resampled by ``fdbench.io.wav.resampled``, which sees all of it and adds no delay. This one is for what
is said while it is heard. Each output sample is one sum over a fixed number of products in a fixed order, so it does not
depend on how the sound is cut; and it needs nothing that is not there yet, as the delay is longer than the filter's reach.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fdbench.core.sound import Samples

_ZERO_CROSSINGS: Final = 10
_ROLLOFF: Final = 0.95
_KAISER_BETA: Final = 8.0


class Resampler:
    """One stream from ``old_hz`` to ``new_hz``.

    Time ``t`` of the output is complete when the input is known up to ``t``: output samples at ``i / new_hz < n / old_hz`` are
    given for the first ``n`` input samples.
    """

    def __init__(self, old_hz: int, new_hz: int) -> None:
        self._ratio = Fraction(old_hz, new_hz)
        cutoff_hz = _ROLLOFF * min(old_hz, new_hz)
        self._reach = math.ceil(_ZERO_CROSSINGS * old_hz / cutoff_hz)
        self._delay = self._reach + 1  # in samples of the input
        self.delay_s = self._delay / old_hz
        self._phases = self._ratio.denominator
        self._taps = self._filters(cutoff_hz / old_hz)
        self._kept = np.zeros(self._delay + self._reach, np.float32)
        self._n_in = self._n_out = 0

    def step(self, sound: Samples) -> Samples:
        """The output that the next piece of input completes, float32, shape ``(m,)``, where m may vary by one."""
        known = np.concatenate([self._kept, sound])
        begins = self._n_in - len(self._kept)  # number of the first input sample in ``known``
        self._n_in += len(sound)
        n_done = math.ceil(self._n_in / self._ratio)
        numbers = np.arange(self._n_out, n_done, dtype=np.int64)
        self._n_out = n_done
        # In 1 / phases of an input sample: where each output sample lies, after the delay.
        at = numbers * self._ratio.numerator - self._delay * self._phases
        middle, phase = at // self._phases, at % self._phases
        first = middle - self._reach + 1 - begins
        windows = np.lib.stride_tricks.sliding_window_view(known, 2 * self._reach)[first]
        sums: npt.NDArray[np.float64] = (windows * self._taps[phase]).sum(axis=1)
        out: Samples = sums.astype(np.float32)
        self._kept = known[len(known) - self._delay - self._reach :]
        return out

    def _filters(self, cutoff: float) -> npt.NDArray[np.float64]:
        """One filter for each place of an output sample between two input samples, shape ``(phases, 2 * reach)``."""
        offsets = np.arange(1 - self._reach, self._reach + 1)[None, :] - np.arange(self._phases)[:, None] / self._phases
        inside = np.clip(offsets / self._reach, -1.0, 1.0)
        window: Any = np.i0(_KAISER_BETA * np.sqrt(1.0 - inside**2)) / np.i0(_KAISER_BETA)
        taps = cutoff * np.sinc(cutoff * offsets) * window
        scaled: npt.NDArray[np.float64] = taps / taps.sum(axis=1, keepdims=True)
        return scaled
