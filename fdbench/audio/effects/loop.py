"""Noise that goes round and round: a stretch of it made once, begun at a place of its own in each call.

::

    loop     |a b c d e f g h|        made once per process, one power throughout; its end leads into its beginning
    call     c d e f g h a b c d ...  from a place that chance draws, times a gain that is fixed before the call

What is heard at a sample of the call depends on the number of that sample alone, and costs one multiplication and one sum.

Gain: the noise's power is taken where the user speaks, if that is known, so that the ratio of the user's active speech to the
noise beside it is the one that was asked for, exactly; else over the whole loop.
"""

from __future__ import annotations

import math

import numpy as np

from fdbench.audio.effects.scene import Scene
from fdbench.core.sound import Samples


class Noise:
    """Noise beside the speaker, all the time, also before and after the prompt.

    Args:
        loop: The noise, shape ``(n,)``, not silent.
        snr_db: Active speech over noise.
        scene: Its level and places say how loud, its chance from where on.
    """

    delay_s = 0.0

    def __init__(self, loop: Samples, snr_db: float, sample_rate: int, scene: Scene) -> None:
        self._n = len(loop)
        self._at = int(scene.random("noise").integers(self._n))
        self._loop: Samples = loop * np.float32(self._gain(loop, snr_db, sample_rate, scene))

    def step(self, said: Samples, back: Samples) -> Samples:
        mixed: Samples = said + self._next(len(said))
        return mixed

    def _next(self, n: int) -> Samples:
        begin, end = self._at, self._at + n
        self._at = end % self._n
        if end <= self._n:
            piece: Samples = self._loop[begin:end]
            return piece
        wrapped: Samples = np.take(self._loop, np.arange(begin, end), mode="wrap")
        return wrapped

    def _gain(self, loop: Samples, snr_db: float, rate: int, scene: Scene) -> float:
        wished = 10 ** ((scene.level_dbfs - snr_db) / 10)
        pieces = [np.arange(round(span.start_s * rate), round(span.end_s * rate)) for span in scene.speech]
        beside = loop if not pieces else np.take(loop, self._at + np.concatenate(pieces), mode="wrap")
        power = float(np.mean(np.square(beside, dtype=np.float64))) if len(beside) else 0.0
        power = power or float(np.mean(np.square(loop, dtype=np.float64)))
        return math.sqrt(wished / power)
