"""WebRTC's echo canceller (AEC3) between the microphone and the model: what it says is taken out of what it hears.

::

    loudspeaker (what the model says)  --|            |--> reference
                                         room        AEC3 --> what the model hears, 8 ms and a frame later
    user  -------------------------------+--> microphone

It works in frames of 10 ms at 16 kHz, so a model that hears at another rate hears nothing above 8 kHz. It has to learn the
room: in the first seconds it takes out 23 to 29 dB, later more than 40, so the first three seconds are reported apart.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from fdbench.audio.effects.frames import AtRate, Framed
from fdbench.audio.effects.whole_ratio import between
from fdbench.core.sound import Samples
from fdbench.errors import MissingExtraError
from fdbench.io.files import sha256_of_file

CANCELLER_HZ: Final = 16000
FRAME: Final = 160
OWN_DELAY: Final = 126
"""Samples by which what comes out of AEC3 is late, measured (124 to 128)."""


class Canceller(AtRate):
    """AEC3 behind an echo.

    Raises:
        MissingExtraError: pywebrtc-audio is not installed.
    """

    hears_back = True

    def __init__(self, sample_rate: int) -> None:
        module = _module()
        self._canceller: Any = module.EchoCanceller(sample_rate=CANCELLER_HZ)
        self._far_down = None if sample_rate == CANCELLER_HZ else between(sample_rate, CANCELLER_HZ)
        self._far = np.zeros(0, np.float32)
        super().__init__(sample_rate, CANCELLER_HZ, [Framed(FRAME, self._cancel, OWN_DELAY)])

    def step(self, said: Samples, back: Samples) -> Samples:
        far = back if self._far_down is None else self._far_down.step(back)
        self._far = np.concatenate([self._far, far])
        return super().step(said, back)

    def _cancel(self, near: Samples) -> Samples:
        far, self._far = self._far[:FRAME], self._far[FRAME:]
        cleaned: Samples = self._canceller.process(np.ascontiguousarray(near), np.ascontiguousarray(far))
        return np.asarray(cleaned, np.float32)


def canceller_build() -> str:
    """Version and hash of the library. Raises MissingExtraError."""
    from importlib.metadata import version

    folder = Path(_module().__file__).parent
    (library,) = sorted(folder.glob("_webrtc_audio*.so")) or [Path(_module().__file__)]
    return f"{version('pywebrtc-audio')} sha256:{sha256_of_file(library)}"


@cache
def _module() -> Any:
    try:
        import pywebrtc_audio
    except ImportError:
        raise MissingExtraError("pywebrtc-audio", "aec", "WebRTC's echo canceller") from None
    return pywebrtc_audio
