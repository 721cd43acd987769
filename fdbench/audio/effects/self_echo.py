"""The model hears itself: its own voice comes back through a loudspeaker, a room and a microphone.

::

    what it says      |###########|
    in what it hears       .####======-----        after the delay, through the room, at a level fixed before the call

The level is a signal-to-echo ratio (SER): active level of the user's speech over that of the echo, for a model that speaks at
the nominal -26 dBFS. A louder model gets a louder echo, as in life; the ratio as it came out is reported.

The 46 dB of a handset are 3GPP TS 26.132, 8.7.1; delays and room are those of a loudspeaker on a table.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from fdbench.audio.effects.base import DelayLine, factor_of
from fdbench.audio.effects.convolution import Convolution
from fdbench.audio.effects.room import exponential, of_energy_one
from fdbench.audio.effects.scene import NOMINAL_DBFS, Scene
from fdbench.core.sound import Samples

DRR_DB: Final = 6.0
_BLOCK_S: Final = 0.02
_ACTIVE_POWER: Final = 1e-5
"""A block of the model's own voice below -50 dBFS is silence."""


class SelfEcho:
    """The listener's own voice, beside the speaker's.

    Args:
        ser_db: Signal to echo; None = no echo at all, a control.
        echo_s: How late it is heard.
        t60_s: Of the room; 0 = no room.
    """

    delay_s = 0.0
    hears_back = True

    def __init__(self, ser_db: float | None, echo_s: float, t60_s: float, sample_rate: int, scene: Scene) -> None:
        self.echo_s = echo_s
        self._line = DelayLine(round(echo_s * sample_rate))
        self._room = Convolution(of_energy_one(exponential(t60_s, DRR_DB, sample_rate)), sample_rate) if t60_s else None
        gain_db = None if ser_db is None else scene.level_dbfs - ser_db - NOMINAL_DBFS
        self._factor = None if gain_db is None else factor_of(gain_db)
        self._level = scene.level_dbfs
        self._block = round(_BLOCK_S * sample_rate)
        self._rest = np.zeros(0, np.float32)
        self._powers: list[float] = []

    def step(self, said: Samples, back: Samples) -> Samples:
        if self._factor is None:
            return said
        self._weigh(back)
        heard = self._line.step(back)
        if self._room is not None:
            heard = self._room.step(heard)
        mixed: Samples = said + self._factor * heard
        return mixed

    def realised(self, n_heard: int) -> dict[str, float]:
        """The signal-to-echo ratio of this call, from how loud the model spoke; nothing where it said nothing."""
        active = [power for power in self._powers[: n_heard // self._block] if power > _ACTIVE_POWER]
        if not active or self._factor is None:
            return {}
        echo_db = 10 * math.log10(sum(active) / len(active)) + 20 * math.log10(float(self._factor))
        return {"ser_db": round(self._level - echo_db, 1)}

    def _weigh(self, back: Samples) -> None:
        known = np.concatenate([self._rest, back])
        n = len(known) // self._block
        self._rest = known[n * self._block :]
        for block in known[: n * self._block].reshape(n, self._block).astype(np.float64):
            self._powers.append(float(block @ block) / self._block)
