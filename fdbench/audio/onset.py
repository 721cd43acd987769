"""Hearing that somebody begins to speak, while it happens.

::

    level     ....|#|........|########....####|.........
    speaking            no   |      yes            until it has been quiet for ``hangover_s``
    told                         ^ after ``shortest_s`` of sound, with the time at which it began

A level cannot tell a voice from other noise; it is what can be known within some hundredths of a second. Whatever the pieces
in which sound is handed over, the onsets are the same.
"""

from __future__ import annotations

import numpy as np

from fdbench.core.sound import Samples

CHUNK_S = 0.01
"""Loudness is judged in stretches of this length."""


class OnsetDetector:
    """Listens to one voice.

    Args:
        sample_rate: Of what is heard, in Hz.
        loud_dbfs: Stretches above this level are sound.
        shortest_s: Shorter sounds are none of a voice.
        hangover_s: A voice that pauses for less than this goes on.

    Attributes:
        is_speaking: Somebody has begun to speak and not fallen silent since.
    """

    def __init__(self, sample_rate: int, loud_dbfs: float = -45.0, shortest_s: float = 0.05, hangover_s: float = 0.3) -> None:
        self._rate = sample_rate
        self._chunk = max(1, round(CHUNK_S * sample_rate))
        self._amplitude = 10 ** (loud_dbfs / 20)
        self._shortest, self._hangover = round(shortest_s / CHUNK_S), round(hangover_s / CHUNK_S)
        self._pending = np.zeros(0, np.float32)
        self._at = self._n_loud = self._n_quiet = self._began = 0
        self.is_speaking = False

    def hear(self, sound: Samples) -> list[float]:
        """The next piece of sound, float32, shape ``(n,)``.

        Returns:
            When those began to speak of whom it is certain now, in seconds from the first sample ever heard.
        """
        both = np.concatenate([self._pending, sound])
        n_chunks = len(both) // self._chunk
        chunks, self._pending = both[: n_chunks * self._chunk].reshape(n_chunks, -1), both[n_chunks * self._chunk :]
        onsets = []
        for chunk in chunks:
            if self._take(chunk):
                onsets.append(self._began / self._rate)
        return onsets

    def _take(self, chunk: Samples) -> bool:
        """Whether a stretch makes it certain that somebody began to speak."""
        at, self._at = self._at, self._at + len(chunk)
        if np.sqrt(np.mean(np.square(chunk, dtype=np.float64))) < self._amplitude:
            self._n_loud, self._n_quiet = 0, self._n_quiet + 1
            if self._n_quiet >= self._hangover:
                self.is_speaking = False
            return False
        if not self._n_loud and not self.is_speaking:
            self._began = at + int(np.argmax(np.abs(chunk) >= self._amplitude))
        self._n_loud, self._n_quiet = self._n_loud + 1, 0
        if self.is_speaking or self._n_loud < self._shortest:
            return False
        self.is_speaking = True
        return True
