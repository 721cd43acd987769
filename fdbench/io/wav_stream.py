"""A recording of any length, a block at a time, so that an hour of it takes no more memory than a minute."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile

from fdbench.errors import DataError
from fdbench.io.files import open_plain
from fdbench.io.wav import MAX_PEAK, MAX_RATE_HZ, MIN_RATE_HZ, UNKNOWN_FRAMES
from fdbench.io.wav_header import fault_of_header

BLOCK_S: Final = 1.0
Block: TypeAlias = npt.NDArray[np.float32]
"""Shape ``(n, channels)``."""


@dataclass(frozen=True, slots=True)
class SoundStream:
    """An open file.

    Attributes:
        rate: Hz.
    """

    name: str
    rate: int
    n_channels: int
    _file: Any

    def blocks(self, seconds: float = BLOCK_S) -> Iterator[Block]:
        """All of it, in order; the last block is shorter.

        Raises:
            DataError: It is damaged, or holds what is no sound; says where.
        """
        n, size = 0, max(1, round(seconds * self.rate))
        try:
            while len(block := self._file.read(size, dtype="float32", always_2d=True)):
                self._refuse_noise(block, n)
                yield block
                n += len(block)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise DataError(f"{self.name}: damaged after {n / self.rate:.1f} s ({error})", "export it again as WAV") from None
        if n < self._file.frames < UNKNOWN_FRAMES and self._file.format == "FLAC":
            what = f"{self.name}: truncated, the header promises {self._file.frames} samples, the file holds {n}"
            raise DataError(what, "export it again as WAV or FLAC")
        if not n:
            raise DataError(f"{self.name}: empty, it holds no samples", "record it again")

    def _refuse_noise(self, block: Block, n: int) -> None:
        peak = float(np.abs(block).max())
        if not peak <= MAX_PEAK:
            what = f"{self.name}: expected samples between -1 and 1, found {peak:g} after {n / self.rate:.1f} s"
            raise DataError(what, "scale it, or export it as 16 bit")


def _fault_of_header(file: BinaryIO) -> str | None:
    """``fault_of_header`` of a file that need not fit into memory."""
    if not os.fstat(file.fileno()).st_size:
        return None
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return fault_of_header(data)


@contextmanager
def open_stream(path: Path) -> Iterator[SoundStream]:
    """Open a recording with any number of channels.

    Raises:
        DataError: Missing, not a plain file, not sound, at a rate that nobody speaks at, or not what its header promises.
    """
    try:
        with open_plain(path) as plain:
            fault = _fault_of_header(plain)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or 'cannot be read'}", "name a WAV, FLAC or other sound file") from None
    if fault is not None:
        raise DataError(f"{path}: {fault}", "export it again as WAV or FLAC")
    try:
        file = soundfile.SoundFile(str(path))
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        why = getattr(error, "error_string", type(error).__name__)
        raise DataError(f"{path}: not a readable audio file ({why})", "export it again as WAV or FLAC") from None
    with file:
        if not MIN_RATE_HZ <= file.samplerate <= MAX_RATE_HZ:
            what = f"{path}: expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, found {file.samplerate} Hz"
            raise DataError(what, "resample it")
        yield SoundStream(str(path), file.samplerate, file.channels, file)
