"""How loud speech is while somebody speaks, and when that is: the level that signal-to-noise ratios are about.

::

    frames of 20 ms    |..|##|##|..|##|##|##|.|..|        '#' within 30 dB of the loudest frame: active
    level              mean square over the active frames, in dBFS (a full-scale square wave: 0)

A pause inside a sentence thus does not make speech softer than it is. ITU-T P.56 has a floating threshold and a hangover for
the same end; for prompts without noise both agree within a few tenths of a decibel, and this one can be said in a line.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from fdbench.core.sound import Audio
from fdbench.core.span import Span, merged

FRAME_S: Final = 0.02
ACTIVE_DB: Final = 30.0
"""A frame this far below the loudest is no speech."""
SILENT_DBFS: Final = -90.0
"""Sound whose loudest frame is below this holds no speech."""


def active_speech(audio: Audio) -> tuple[float | None, tuple[Span, ...]]:
    """The level of active speech in dBFS, None where there is none; and when it is, in s from the first sample."""
    frame = max(1, round(FRAME_S * audio.sample_rate))
    n = len(audio.samples) // frame
    if not n:
        return None, ()
    frames = audio.samples[: n * frame].reshape(n, frame)
    powers = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / frame
    loudest = float(powers.max())
    if loudest < 10 ** (SILENT_DBFS / 10):
        return None, ()
    is_active = powers >= loudest * 10 ** (-ACTIVE_DB / 10)
    level_dbfs = 10 * math.log10(float(powers[is_active].mean()))
    step_s = frame / audio.sample_rate
    spans = (Span(float(k) * step_s, float(k + 1) * step_s) for k in np.flatnonzero(is_active))
    return level_dbfs, merged(spans, step_s / 2)
