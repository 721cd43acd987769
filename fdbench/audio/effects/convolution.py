"""A long impulse response, in blocks that lie at fixed places of the call: the same bytes however sound is cut.

::

    response   |d . . . . .|t0 . . . .|t1 . . . .|t2 ...     d: direct sound and whatever comes within the first block
    block j    is done when all of it is there; each part of the tail then speaks into a later block:
               out[j + 1] += t0 * in[j], out[j + 2] += t1 * in[j], ...

What is heard in a block thus needs only blocks that are over, so the tail adds no delay (uniformly partitioned convolution in
the frequency domain). The first block of the response is a short filter in the time domain, or one factor where nothing but the
direct sound lies in it.

Reference: Gardner 1995, JAES 43:127, without the non-uniform part.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from fdbench.audio.effects.base import Filter
from fdbench.core.sound import Samples

BLOCK_S: Final = 0.01


class Convolution:
    """One stream through an impulse response.

    Args:
        response: At the stream's rate, shape ``(n,)``, the direct sound first.
        sample_rate: Hz; blocks are ``BLOCK_S`` long.
    """

    def __init__(self, response: Samples, sample_rate: int) -> None:
        block = self._block = max(1, round(BLOCK_S * sample_rate))
        head = np.trim_zeros(np.asarray(response[:block], np.float64), "b")
        self._head = Filter(head.astype(np.float32) if len(head) else np.zeros(1, np.float32))
        tail = np.asarray(response[block:], np.float64)
        self._n_parts = -(-len(tail) // block)
        parts = np.zeros((self._n_parts, 2 * block))
        for k in range(self._n_parts):
            piece = tail[k * block : (k + 1) * block]
            parts[k, : len(piece)] = piece
        self._parts: Any = np.fft.rfft(parts, axis=1)
        self._spectra: Any = np.zeros((self._n_parts, block + 1), np.complex128)
        """Of the blocks that are over, the last one first, as a ring."""
        self._newest = 0
        self._overlap = np.zeros(block)
        self._known = np.zeros(0, np.float32)  # of the block that is going on
        self._tail = np.zeros(block)  # what earlier blocks speak into the block that is going on

    def step(self, sound: Samples) -> Samples:
        heard = self._head.step(sound)
        if not self._n_parts:
            return heard
        out = heard.astype(np.float64)
        done = 0
        while done < len(sound):
            at = len(self._known)
            n = min(self._block - at, len(sound) - done)
            out[done : done + n] += self._tail[at : at + n]
            self._known = np.concatenate([self._known, sound[done : done + n]])
            done += n
            if len(self._known) == self._block:
                self._end_block()
        mixed: Samples = out.astype(np.float32)
        return mixed

    def _end_block(self) -> None:
        self._newest = (self._newest - 1) % self._n_parts
        self._spectra[self._newest] = np.fft.rfft(self._known.astype(np.float64), 2 * self._block)
        first = self._n_parts - self._newest  # how many of the parts meet the blocks from the newest to the ring's end
        total = np.einsum("ij,ij->j", self._parts[:first], self._spectra[self._newest :])
        if self._newest:
            total = total + np.einsum("ij,ij->j", self._parts[first:], self._spectra[: self._newest])
        spoken = np.fft.irfft(total, 2 * self._block)
        self._tail = spoken[: self._block] + self._overlap
        self._overlap = spoken[self._block :]
        self._known = np.zeros(0, np.float32)
