"""A constant in the sound of a channel, which is none of it: levels and a detector would take it for sound that never ends."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from fdbench.io.wav_stream import Block, open_stream

FRAME_S: Final = 0.01
_LEAST: Final = 1e-3
"""Less (-60 dBFS) is left in it."""


def find_offsets(path: Path) -> Block:
    """The constant of each channel, 0 where there is as good as none: the middle one of its frames' means.

    Raises:
        DataError: As ``open_stream``.
    """
    with open_stream(path) as stream:
        frame = round(FRAME_S * stream.rate)
        whole = (block[: len(block) // frame * frame] for block in stream.blocks(100 * FRAME_S))
        means = [block.reshape(-1, frame, stream.n_channels).mean(axis=1) for block in whole]
        middles = np.median(np.concatenate(means), axis=0) if any(map(len, means)) else np.zeros(stream.n_channels)
    return np.where(np.abs(middles) > _LEAST, middles, 0.0).astype(np.float32)
