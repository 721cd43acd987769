"""How loud a stretch of audio is, and whether a word can have been spoken in it.

Recognisers invent words on silence. A word is believed only if there is sound under it::

    loudest 20 ms frame under the word (+- 50 ms)      believed
    -------------------------------------------------  --------
    under -70 dBFS                                     no: no microphone and no codec is that quiet while someone speaks
    under -50 dBFS and 30 dB or more below the speech  no: quiet in itself, and quiet for this recording
    anything else                                      yes

The second line takes both conditions so that neither a recording that is quiet throughout loses its words (nothing in it
is far below its speech), nor one whose speech is very loud (its soft words are above -50 dBFS).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np

from fdbench.core.sound import Audio, Samples, Track
from fdbench.core.span import Span

SILENT_DBFS: Final = -70.0
QUIET_DBFS: Final = -50.0
FAR_BELOW_SPEECH_DB: Final = 30.0
WORD_TIME_ERROR_S: Final = 0.05
"""How far a recogniser's word times may be off."""

_FRAME_S: Final = 0.02
_HOP_S: Final = 0.01


def rms_dbfs(samples: Samples) -> float:
    """Level of float32 samples, shape ``(n,)``, in dB relative to a square wave of amplitude 1; -inf for none or zeros."""
    if len(samples) == 0:
        return -math.inf
    return _dbfs(float(np.mean(np.square(samples, dtype=np.float64))))


def levels_from_start(track: Track, window_s: float) -> tuple[float, ...]:
    """Level of each whole window from t = 0 to the end of a track."""
    audio = track.cut(Span(0.0, max(0.0, track.span.end_s))).audio
    size = max(1, round(window_s * audio.sample_rate))
    n = len(audio.samples) // size
    power = np.square(audio.samples[: n * size], dtype=np.float64).reshape(n, size).mean(axis=1)
    return tuple(_dbfs(float(each)) for each in power)


def loudest_frame_dbfs(audio: Audio, span: Span) -> float:
    """Level of the loudest 20 ms inside ``span`` (seconds from the first sample); -inf where there is no audio."""
    rate = audio.sample_rate
    inside = audio.samples[max(0, round(span.start_s * rate)) : max(0, round(span.end_s * rate))]
    frame, hop = max(1, round(_FRAME_S * rate)), max(1, round(_HOP_S * rate))
    if len(inside) <= frame:
        return rms_dbfs(inside)
    energy = np.concatenate(([0.0], np.cumsum(np.square(inside, dtype=np.float64))))
    return _dbfs(float(np.max(energy[frame::hop] - energy[:-frame:hop])) / frame)


def speech_level_dbfs(audio: Audio, speech: Iterable[Span]) -> float:
    """Level over all the stretches of ``speech`` together; -inf for none."""
    rate = audio.sample_rate
    parts = [audio.samples[max(0, round(span.start_s * rate)) : round(span.end_s * rate)] for span in speech]
    return rms_dbfs(np.concatenate(parts)) if parts else -math.inf


def has_energy_under(audio: Audio, span: Span, speech_dbfs: float) -> bool:
    """Whether a word can have been spoken in ``span`` of a recording whose speech is at ``speech_dbfs``."""
    around = Span(span.start_s - WORD_TIME_ERROR_S, span.end_s + WORD_TIME_ERROR_S)
    loudest = loudest_frame_dbfs(audio, around)
    if loudest < SILENT_DBFS:
        return False
    return loudest >= QUIET_DBFS or loudest > speech_dbfs - FAR_BELOW_SPEECH_DB


def _dbfs(mean_square: float) -> float:
    # A sum of squares as a difference of two running sums can fall below zero by a rounding error.
    return 10 * math.log10(mean_square) if mean_square > 0 else -math.inf
