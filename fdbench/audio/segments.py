"""From speech probabilities to stretches of speech: Silero's state machine, for an unlimited length of speech.

::

    probability  __.6_.9_.9_.4_.2_.1_.1_.1_.1_..     one number per window of 512 samples (32 ms)
    state        off| on ..............|off          on at >= threshold
                    |start     |end                  off once >= min_silence has passed since the first value under
                                                     threshold - 0.15; the end lies where that silence began

A value between the two thresholds neither ends speech nor keeps it going. Stretches not longer than ``min_speech`` are
dropped, then each is widened by ``pad``; neighbours closer than two pads share the silence between them.

Times agree with ``silero_vad.get_speech_timestamps`` to the sample (and, in seconds, to the bit).

References: silero-vad 6.2.3, ``utils_vad.py`` (MIT licence).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from fdbench.core.annotation import VadSettings
from fdbench.core.span import Span

VAD_RATE: Final = 16_000
"""Hz; the rate at which the detector hears."""
WINDOW_SAMPLES: Final = 512
"""Samples per probability, 32 ms."""

_HYSTERESIS: Final = 0.15
_LOWEST_EXIT: Final = 0.01

Probabilities = npt.NDArray[np.float32]


def speech_segments(probabilities: Probabilities, n_samples: int, settings: VadSettings, lead: int = 0) -> tuple[Span, ...]:
    """Stretches of speech of one pass, in order of time.

    Args:
        probabilities: Shape ``(ceil((lead + n_samples) / 512),)``, one per window.
        n_samples: Length of the audio at 16 kHz; no stretch ends after it.
        settings: ``rate`` and ``phases`` are not looked at.
        lead: How many samples before the audio its first window begins; no stretch begins there.

    Returns:
        Spans in seconds from the first sample: whole samples / 16000, or rounded to 0.1 s with the end capped at the
        length if ``settings.decisecond``.
    """
    found = _padded(_runs_of_speech(probabilities, n_samples, settings, lead), n_samples, settings.pad_ms)
    if not settings.decisecond:
        return tuple(Span(start / VAD_RATE, end / VAD_RATE) for start, end in found)
    return tuple(_decisecond(start, end, n_samples) for start, end in found)


def _runs_of_speech(probabilities: Probabilities, n_samples: int, settings: VadSettings, lead: int) -> list[tuple[int, int]]:
    enter, leave = settings.threshold, max(settings.threshold - _HYSTERESIS, _LOWEST_EXIT)
    min_speech, min_silence = _in_samples(settings.min_speech_ms), _in_samples(settings.min_silence_ms)
    runs: list[tuple[int, int]] = []
    start: int | None = None
    silent_since: int | None = None
    for index, probability in enumerate(_as_floats(probabilities)):
        now = max(0, index * WINDOW_SAMPLES - lead)
        if probability >= enter:
            silent_since = None
            if start is None:
                start = now
        elif start is not None and probability < leave:
            if silent_since is None:
                silent_since = now
            if now - silent_since >= min_silence:
                if silent_since - start > min_speech:
                    runs.append((start, silent_since))
                start = silent_since = None
    if start is not None and n_samples - start > min_speech:
        runs.append((start, n_samples))
    return runs


def _padded(runs: list[tuple[int, int]], n_samples: int, pad_ms: int) -> list[tuple[int, int]]:
    pad = _in_samples(pad_ms)
    starts, ends = [start for start, _ in runs], [end for _, end in runs]
    if runs:
        starts[0] = int(max(0, starts[0] - pad))
        ends[-1] = int(min(n_samples, ends[-1] + pad))
    for left in range(len(runs) - 1):
        gap = runs[left + 1][0] - runs[left][1]
        shared = gap // 2 if gap < 2 * pad else pad
        ends[left] = int(min(n_samples, ends[left] + shared))
        starts[left + 1] = int(max(0, starts[left + 1] - shared))
    return list(zip(starts, ends, strict=True))


def _decisecond(start: int, end: int, n_samples: int) -> Span:
    start_s = round(start / VAD_RATE, 1)
    # The library can only turn a stretch around when min_speech_ms is under 100; ours then is empty instead.
    return Span(start_s, max(start_s, min(round(end / VAD_RATE, 1), n_samples / VAD_RATE)))


def _in_samples(milliseconds: int) -> float:
    return VAD_RATE * milliseconds / 1000


def _as_floats(probabilities: Probabilities) -> Iterable[float]:
    floats: list[float] = probabilities.tolist()  # float32 -> float, as the library compares them
    return floats
