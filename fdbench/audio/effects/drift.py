"""Two clocks that do not agree: the speaker's sound card runs a few parts per million faster or slower than the listener's.

::

    delay (ms)   20 |   /|   /|   /|        a slow speaker: later and later, and 20 ms are left out where it is 20 ms late
                 10 |  / |  / |  / |
                  0 | /  | /  | /  |        a fast one: the other way round, and 20 ms are heard twice

A receiver waits 10 ms on the average, and slips by a packet when its buffer is empty or full. At 50 ppm that is once in 200 s,
so hardly a clip has a slip; what it has is a delay that moves by 0.5 ms in ten seconds. Each output sample is a windowed-sinc
sum at its place between two input samples, to 1/1024 of one, so it does not depend on how sound is cut.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from fdbench.core.sound import Samples
from fdbench.errors import UsageError

BUFFER_S: Final = 0.02
_REACH: Final = 10
_PHASES: Final = 1024
_KAISER_BETA: Final = 8.0


class Drift:
    """The speaker's clock, ``ppm`` parts per million slower than the listener's (negative: faster)."""

    def __init__(self, ppm: float, sample_rate: int) -> None:
        if not -1000 <= ppm <= 1000:
            raise UsageError(f"ppm {ppm:g}: expected -1000 to 1000", "mend the condition")
        self._rate, self._ppm = sample_rate, ppm
        self._buffer = round(BUFFER_S * sample_rate)
        self.delay_s = (self._buffer / 2 + _REACH) / sample_rate
        self._n = 0
        self._kept = np.zeros(self._buffer + 2 * _REACH + 1, np.float32)
        offsets = np.arange(1 - _REACH, _REACH + 1)[None, :] - np.arange(_PHASES)[:, None] / _PHASES
        window: Any = np.i0(_KAISER_BETA * np.sqrt(1 - np.clip(offsets / _REACH, -1, 1) ** 2)) / np.i0(_KAISER_BETA)
        taps = np.sinc(offsets) * window
        self._taps: Samples = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)

    def delay_at_s(self, t_s: float) -> float:
        """By how much what is heard at this time of the call is late."""
        return (float(self._behind(np.array([t_s * self._rate]))[0]) + _REACH) / self._rate

    def step(self, said: Samples, back: Samples) -> Samples:
        known = np.concatenate([self._kept, said])
        begins = self._n - len(self._kept)
        numbers = np.arange(self._n, self._n + len(said))
        self._n += len(said)
        at = np.rint((numbers - self._behind(numbers) - _REACH - begins) * _PHASES).astype(np.int64)
        middle, phase = at // _PHASES, at % _PHASES
        windows = np.lib.stride_tricks.sliding_window_view(known, 2 * _REACH)[middle - _REACH + 1]
        out: Samples = np.einsum("ij,ij->i", windows, self._taps[phase])
        self._kept = known[len(said) :]
        return out

    def _behind(self, numbers: Any) -> Any:
        """By how many samples each is behind, without the filter's reach: from 0 to the buffer's length."""
        return (self._buffer / 2 + numbers * (self._ppm * 1e-6)) % self._buffer
