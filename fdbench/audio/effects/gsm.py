"""GSM 06.10, full rate: libsndfile's coder, fed frame by frame.

The coder and the decoder of a call each stay open over a file in memory; the decoder is told that the file is longer than it
will ever be, and is asked only for frames whose bytes are there. So frames come out as from a file that was coded as a whole.
"""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np

from fdbench.audio.effects.frames import Framed
from fdbench.core.sound import Samples

FRAME: Final = 160
FRAME_BYTES: Final = 33
_LINE_HZ: Final = 8000
_ENDLESS_BYTES: Final = FRAME_BYTES * 50 * 86_400
_FORMAT: Final = {"samplerate": _LINE_HZ, "channels": 1, "format": "RAW", "subtype": "GSM610"}


class Gsm(Framed):
    """Both ends of a GSM line at 8 kHz."""

    def __init__(self) -> None:
        import soundfile

        super().__init__(FRAME, self._code, takes_many=True)
        self._wire = _Wire()
        self._coder: Any = soundfile.SoundFile(_Writer(self._wire), "w", **_FORMAT)
        self._decoder: Any = None

    def _code(self, frames: Samples) -> Samples:
        import soundfile

        self._coder.write(frames)
        if self._decoder is None:
            self._decoder = soundfile.SoundFile(_Reader(self._wire), "r", **_FORMAT)
        decoded: Samples = self._decoder.read(len(frames), dtype="float32")
        return np.concatenate([decoded, np.zeros(len(frames) - len(decoded), np.float32)])


class _Wire:
    def __init__(self) -> None:
        self.data = bytearray()


class _Writer(io.RawIOBase):
    """Where the coder writes."""

    def __init__(self, wire: _Wire) -> None:
        self._wire, self._at = wire, 0

    def write(self, data: Any) -> int:
        self._wire.data[self._at : self._at + len(data)] = bytes(data)
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, len(self._wire.data))[whence]
        return self._at

    def tell(self) -> int:
        return self._at


class _Reader(io.RawIOBase):
    """Where the decoder reads: a file that is said to have no end."""

    def __init__(self, wire: _Wire) -> None:
        self._wire, self._at = wire, 0

    def readinto(self, buffer: Any) -> int:
        data = self._wire.data[self._at : self._at + len(buffer)]
        buffer[: len(data)] = bytes(data)
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, _ENDLESS_BYTES)[whence]
        return self._at

    def tell(self) -> int:
        return self._at
