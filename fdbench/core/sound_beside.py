"""Sound that is not speech: music, hum, breath, beeps and clicks, which a detector of speech takes for silence.

::

    level    ....|~~~~~~~~~|.......|=======|....|~~|..      windows of 0.1 s, above -50 dBFS: sound
    speech   ......................|-------|..........
    counted      |~~~~~~~~~|  no:  |- 0.5 -|- 0.5 -|        more than 0.5 s from detected speech

Conventions: levels are those of the channel at its own rate, from t = 0 on, a window at a time; a part of a window is none.
Real monologues have 0.3 %, clicks 15, beeps and breath 25, hum and music 94 %.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fdbench.core.span import ROUNDING_S, Span, merged

WINDOW_S: Final = 0.1
LOUD_DBFS: Final = -50.0
"""Above this level a window is sound; relative to a square wave at full scale."""
NEAR_SPEECH_S: Final = 0.5
"""A detector's edges are not the sound's: so near to speech, sound belongs to it."""


def count_sound_beside_speech(levels_dbfs: Sequence[float], speech: Iterable[Span]) -> int:
    """How many windows are sound and lie more than 0.5 s from speech.

    Args:
        levels_dbfs: RMS of each window of 0.1 s, from t = 0.
        speech: As detected.
    """
    near = merged(Span(span.start_s - NEAR_SPEECH_S, span.end_s + NEAR_SPEECH_S) for span in speech)
    n, index = 0, 0
    for window, level_dbfs in enumerate(levels_dbfs):
        start_s, end_s = window * WINDOW_S, (window + 1) * WINDOW_S
        while index < len(near) and near[index].end_s < start_s - ROUNDING_S:
            index += 1
        is_near = index < len(near) and near[index].start_s <= end_s + ROUNDING_S
        n += level_dbfs > LOUD_DBFS and not is_near
    return n
