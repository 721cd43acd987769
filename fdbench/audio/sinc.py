"""The resampler that the published scripts put in front of their detector: a short windowed sinc.

::

    output sample i  =  sum over input samples k of  x[k] * h(i / new - k / old)
    h(t)             =  sinc(c t) * cos(pi c t / 12)^2 * c / old     for |c t| < 6, else 0      c = 0.99 * min(old, new)

Everything else in the project is resampled by ``fdbench.io.wav.resampled``, whose filter is far steeper. The difference
does not matter to an ear, but it moves a detector's probabilities in their third digit: enough, in one of six golden
recordings, to move an onset by a window of 32 ms, and after rounding by 0.1 s. So the detector hears this one, always.

References: the defaults of ``torchaudio.functional.resample`` (Hann window, width 6, rolloff 0.99).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from fdbench.core.sound import Audio, Samples

_ZERO_CROSSINGS: Final = 6
_ROLLOFF: Final = 0.99
_MIN_BLOCK: Final = 64
_PRODUCTS_AT_ONCE: Final = 1 << 18  # OpenBLAS starts threads above this; workers on all cores have no use for them


def resampled_by_sinc(audio: Audio, sample_rate: int) -> Audio:
    """The same sound at another rate: zero delay, ``ceil(n * new / old)`` samples."""
    if audio.sample_rate == sample_rate:
        return audio
    old, new = _block_lengths(audio.sample_rate, sample_rate)
    kernels, reach = _kernels(old, new)
    n = len(audio.samples)
    n_rows = n // old + 1
    padded = np.pad(audio.samples, (reach, reach + old))
    rows = np.lib.stride_tricks.sliding_window_view(padded, len(kernels))[::old][:n_rows]
    out = np.empty((n_rows, new), np.float32)
    step = max(1, _PRODUCTS_AT_ONCE // kernels.size)
    for first in range(0, n_rows, step):
        np.matmul(rows[first : first + step], kernels, out=out[first : first + step])
    return Audio(out.reshape(-1)[: -(-n * new // old)], sample_rate)


def _block_lengths(old_rate: int, new_rate: int) -> tuple[int, int]:
    """Samples before and after of the shortest whole block of at least 64 new samples.

    The result does not depend on the block's length; a product of matrices is only fast when none of them is thin.
    """
    common = math.gcd(old_rate, new_rate)
    repeats = -(-_MIN_BLOCK // (new_rate // common))
    return repeats * old_rate // common, repeats * new_rate // common


def _kernels(old: int, new: int) -> tuple[Samples, int]:
    """One filter per output sample of a block, shape ``(2 * reach + old, new)``, and how far it reaches before a sample."""
    cutoff = _ROLLOFF * min(old, new)
    reach = math.ceil(_ZERO_CROSSINGS * old / cutoff)
    at_input = np.arange(-reach, reach + old)[:, None] / old
    at_output = np.arange(new)[None, :] / new
    lobes = np.clip((at_input - at_output) * cutoff, -_ZERO_CROSSINGS, _ZERO_CROSSINGS)
    window = np.cos(lobes * math.pi / (2 * _ZERO_CROSSINGS)) ** 2
    return (np.sinc(lobes) * window * cutoff / old).astype(np.float32), reach
