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
import numpy.typing as npt

from fdbench.core.sound import Audio, Samples

_ZERO_CROSSINGS: Final = 6
_ROLLOFF: Final = 0.99
_MIN_BLOCK: Final = 64
_PRODUCTS_AT_ONCE: Final = 1 << 18  # OpenBLAS starts threads above this; workers on all cores have no use for them
_MAX_MATRIX: Final = 1 << 20  # float64, several of them: 40 MB; no rate that audio is commonly sold at comes near it
_OUTPUTS_AT_ONCE: Final = 1 << 11


def resampled_by_sinc(audio: Audio, sample_rate: int) -> Audio:
    """The same sound at another rate: zero delay, ``ceil(n * new / old)`` samples."""
    if audio.sample_rate == sample_rate:
        return audio
    old, new = _block_lengths(audio.sample_rate, sample_rate)
    if old * new > _MAX_MATRIX:
        return Audio(_one_by_one(audio.samples, old, new), sample_rate)
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


def _one_by_one(samples: Samples, old: int, new: int) -> Samples:
    """The same sums for rates that share no useful divisor (16001 Hz), whose matrix would have 10 GB, nearly all of it zeros.

    Each output sample has its own filter over the few input samples that it reaches; the next block has the same filters.
    """
    reach = _reach(old, new)
    n_out = -(-len(samples) * new // old)
    n_rows = -(-n_out // new)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (reach, reach + old)), 2 * reach + 1)
    out = np.empty((n_rows, new), np.float32)
    for first in range(0, new, _OUTPUTS_AT_ONCE):
        outputs = np.arange(first, min(new, first + _OUTPUTS_AT_ONCE))
        nearest = outputs * old // new
        at_input = (nearest[:, None] + np.arange(-reach, reach + 1)[None, :]) / old
        filters = _filter(at_input, (outputs / new)[:, None], old, new)
        for row in range(n_rows):
            # Past the last sample there are only outputs that are cut off below.
            at = np.minimum(nearest + row * old, len(windows) - 1)
            out[row, outputs] = np.einsum("ij,ij->i", windows[at], filters)
    return out.reshape(-1)[:n_out]


def _block_lengths(old_rate: int, new_rate: int) -> tuple[int, int]:
    """Samples before and after of the shortest whole block of at least 64 new samples.

    The result does not depend on the block's length; a product of matrices is only fast when none of them is thin.
    """
    common = math.gcd(old_rate, new_rate)
    repeats = -(-_MIN_BLOCK // (new_rate // common))
    return repeats * old_rate // common, repeats * new_rate // common


def _kernels(old: int, new: int) -> tuple[Samples, int]:
    """One filter per output sample of a block, shape ``(2 * reach + old, new)``, and how far it reaches before a sample."""
    reach = _reach(old, new)
    at_input = np.arange(-reach, reach + old)[:, None] / old
    at_output = np.arange(new)[None, :] / new
    return _filter(at_input, at_output, old, new), reach


def _reach(old: int, new: int) -> int:
    return math.ceil(_ZERO_CROSSINGS * old / (_ROLLOFF * min(old, new)))


def _filter(at_input: npt.NDArray[np.float64], at_output: npt.NDArray[np.float64], old: int, new: int) -> Samples:
    """What an input sample counts in an output sample, by their times in blocks."""
    cutoff = _ROLLOFF * min(old, new)
    lobes = np.clip((at_input - at_output) * cutoff, -_ZERO_CROSSINGS, _ZERO_CROSSINGS)
    window = np.cos(lobes * math.pi / (2 * _ZERO_CROSSINGS)) ** 2
    return np.asarray(np.sinc(lobes) * window * cutoff / old, np.float32)
