"""What one side of a call has said: frames that it spoke, sound that is known beforehand, or what a listener's client played.

A tape is read by place, in samples of the side's own rate from the beginning of the call; where nothing was said there is
silence. What ``read`` gives may be a view of what is kept, and is never written to.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from fdbench.audio.playout import Playout
from fdbench.core.sound import Audio, Samples
from fdbench.io.wav import as_pcm16


class Tape(Protocol):
    """What one side has said.

    Attributes:
        known: Up to which sample it is final.
    """

    @property
    def known(self) -> float: ...

    def read(self, first: int, n: int) -> Samples:
        """``n`` samples from ``first`` on, float32, shape ``(n,)``."""


class SpokenTape:
    """Frames of one size after a leading silence. Frames are kept, not copied."""

    def __init__(self, frame_samples: int, leading_silence: int = 0) -> None:
        self._frame = frame_samples
        self._lead = leading_silence
        self._frames: list[Samples] = []

    @property
    def known(self) -> float:
        return self._lead + len(self._frames) * self._frame

    def append(self, frame: Samples) -> None:
        self._frames.append(frame)

    def read(self, first: int, n: int) -> Samples:
        at, frame = first - self._lead, self._frame
        index, offset = divmod(at, frame)
        if offset == 0 and n == frame and 0 <= index < len(self._frames):
            return self._frames[index]
        touched = self._frames[max(0, index) : max(0, -(-(at + n) // frame))]
        said = np.concatenate([np.zeros(max(0, -at), np.float32), *touched])[max(0, at) - max(0, index) * frame :][:n]
        return said if len(said) == n else np.concatenate([said, np.zeros(n - len(said), np.float32)])


class KnownTape:
    """All that a side is going to say is known, and silence follows it."""

    known = float("inf")

    def __init__(self, samples: Samples) -> None:
        self._samples, self._n = samples, len(samples)

    def read(self, first: int, n: int) -> Samples:
        if first >= 0 and first + n <= self._n:
            return self._samples[first : first + n]
        piece = self._samples[max(0, first) : max(0, first + n)]
        row = np.zeros(n, np.float32)
        begin = max(0, -first)
        row[begin : begin + len(piece)] = piece
        return row


class PlayedTape:
    """What a listener's client plays of sound that arrives in pieces; what lies in the past is final."""

    known = float("inf")  # whoever reads it waits for the clock

    def __init__(self, playout: Playout, sample_rate: int) -> None:
        self._playout, self._rate = playout, sample_rate

    def read(self, first: int, n: int) -> Samples:
        return self._playout.samples(first, n)


def as_kept(samples: Samples) -> Samples:
    """Samples as a recording keeps them, so that what follows from them now follows from the recording for ever."""
    kept: Samples = as_pcm16(Audio(samples, 1)).astype(np.float32) / np.float32(32768)
    return kept
