"""Where a known prompt is heard in a recording, and how loud: by correlation of the two, both whitened.

::

    prompt      |--- the user ---|                    what was played, sample for sample
    recording   ......|~~~ the user ~~~|..MODEL...    found at +0.3 s, at -38 dB

Every stretch of 32 ms and every frequency counts the same in it, loud or soft, so that a leak 40 dB below stands out between
the words of a model that talks all the time. What is found is this very sound: another voice, or the same voice that says
something else, has nothing in common with it at any one lag.

References: Knapp and Carter (1976), the generalised correlation with phase transform, here in short stretches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import fft

from fdbench.core.sound import Audio, Samples
from fdbench.io.wav import resampled

RATE_HZ: Final = 8000
SURE_AT: Final = 20.0
"""Height of the correlation in its own standard deviations; other sounds gave up to 17 (960 pairs of the embedded suite)."""
LIKELY_AT: Final = 14.0
LIKELY_GAIN_DB: Final = -50.0
"""From ``LIKELY_AT`` on it is the prompt if it is that loud, taken over everything; other sounds of that height were softer."""
OTHER_SPEEDS: Final = (3 / 2, 2 / 3, 2.0, 1 / 2, 3.0, 1 / 3, 48000 / 44100, 44100 / 48000)
SAME_PLACE_S: Final = 0.1
"""A room's reflections lie closer to the sound than that."""
_FRAME: Final = 256
_HOP: Final = _FRAME // 2
_FLOOR: Final = 3e-4
"""Of a frame's spectrum: a step of 16 bits is below it, speech at -80 dBFS is above."""
_LEAST_OVERLAP_S: Final = 0.5
_LEAST_POWER: Final = 0.02
_SILENT_POWER: Final = 1e-7
_ALIKE: Final = 0.3
"""Of two stretches of 32 ms that hold the same sound; what chance gives has a standard deviation of 0.06."""
_PROMPT_AT_OTHER_SPEED_S: Final = 5.0
_RECORDING_AT_OTHER_SPEED_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Heard:
    """A prompt in a recording.

    Attributes:
        at_s: Where its first sample lies, from the recording's first; negative where the recording began later.
        gain_db: How loud it is, against the prompt.
        confidence: Height of the correlation in its own standard deviations.
    """

    at_s: float
    gain_db: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Whitened:
    """A sound at 8 kHz, and the same with all levels and frequencies made even."""

    plain: Samples
    even: Samples

    @classmethod
    def of(cls, audio: Audio) -> Whitened:
        plain = resampled(audio, RATE_HZ).samples
        return cls(plain, _evened(plain))


def find(prompt: Whitened, recording: Whitened) -> tuple[Heard, ...]:
    """Where a prompt is heard, the surest first; a second place only where parts of it surely lie elsewhere than the rest."""
    n_prompt, n = len(prompt.even), len(recording.even)
    least = round(_LEAST_OVERLAP_S * RATE_HZ)
    if min(n_prompt, n) <= least:
        return ()
    size = fft.next_fast_len(n + n_prompt, real=True)
    spectrum = fft.rfft(prompt.even, size)
    together = fft.irfft(fft.rfft(recording.even, size) * np.conj(spectrum), size)
    squared = np.square(prompt.even)
    powers = fft.irfft(fft.rfft(np.square(recording.even), size) * np.conj(fft.rfft(squared, size)), size)
    lags = np.arange(least - n_prompt, n - least)
    # What unrelated sounds of these powers give by chance; where next to nothing meets, nothing is found.
    chance = np.sqrt(np.maximum(powers[lags], max(1e-9, _LEAST_POWER * float(np.sum(np.square(squared))))))
    values = together[lags] / chance
    first = _heard_at(int(np.argmax(np.abs(values))), values, lags, prompt, recording)
    if first is None:
        return ()
    # What is left without the prompt at its first place: other parts of it, and not what the prompt repeats itself.
    best = int(np.argmax(np.abs(values)))
    alone = fft.irfft(np.abs(spectrum) ** 2, size)
    values = values - values[best] * chance[best] / alone[0] * alone[(lags - lags[best]) % size] / chance
    values[np.abs(lags - lags[best]) <= SAME_PLACE_S * RATE_HZ] = 0
    second = _heard_at(int(np.argmax(np.abs(values))), values, lags, prompt, recording)
    return (first,) if second is None or second.confidence < SURE_AT else (first, second)


def find_at_other_speed(prompt: Whitened, recording: Whitened) -> float | None:
    """How many times as fast as it was played a prompt is heard; None = at none of the usual mistakes of a sample rate."""
    known = prompt.plain[: round(_PROMPT_AT_OTHER_SPEED_S * RATE_HZ)]
    n = round(_RECORDING_AT_OTHER_SPEED_S * RATE_HZ)
    begin = Whitened(recording.plain[:n], recording.even[:n])
    for speed in OTHER_SPEEDS:
        at = np.arange(round(len(known) / speed)) * speed
        faster = np.interp(at, np.arange(len(known)), known).astype(np.float32)
        if find(Whitened(faster, _evened(faster)), begin):
            return float(speed)
    return None


def sounds_with(prompt: Whitened, recording: Whitened) -> bool:
    """Whether there is any sound in a recording, over -70 dBFS, during a third of what is said in a prompt."""
    n = min(len(prompt.plain), len(recording.plain)) // _FRAME * _FRAME
    said, there = (np.mean(np.square(each.plain[:n].reshape(-1, _FRAME)), axis=1) for each in (prompt, recording))
    if not n or not said.any():
        return False
    speaks = said > np.max(said) / 1000
    return 3 * int(np.sum(speaks & (there > _SILENT_POWER))) >= int(np.sum(speaks))


def _heard_at(
    index: int, values: npt.NDArray[np.floating], lags: npt.NDArray[np.int64], prompt: Whitened, recording: Whitened
) -> Heard | None:
    confidence, lag = float(abs(values[index])), int(lags[index])
    if confidence < LIKELY_AT:
        return None
    first = max(0, lag)
    n = (min(len(recording.plain), lag + len(prompt.plain)) - first) // _FRAME * _FRAME
    x, p, x_even, p_even = (
        samples[at : at + n].reshape(-1, _FRAME).astype(np.float64)
        for samples, at in (
            (recording.plain, first), (prompt.plain, first - lag), (recording.even, first), (prompt.even, first - lag),
        )
    )  # fmt: skip
    if confidence < SURE_AT and _gain_db(x, p) < LIKELY_GAIN_DB:
        return None
    norms = np.sqrt(np.sum(x_even**2, axis=1) * np.sum(p_even**2, axis=1))
    alike = np.abs(np.sum(x_even * p_even, axis=1)) > _ALIKE * np.maximum(norms, 1e-9)
    return Heard(lag / RATE_HZ, _gain_db(x[alike], p[alike]) if alike.any() else _gain_db(x, p), confidence)


def _evened(samples: Samples) -> Samples:
    window = np.sin(np.pi * (np.arange(_FRAME, dtype=np.float32) + 0.5) / _FRAME).astype(np.float32)
    padded = np.pad(samples, (_HOP, _FRAME + _HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP] * window
    spectra = fft.rfft(frames, axis=1)
    spectra /= np.abs(spectra) + np.float32(_FLOOR)
    even = fft.irfft(spectra, _FRAME, axis=1) * window
    out = np.zeros(_HOP * (len(even) + 1), np.float32)
    out[: _HOP * len(even)] += even[:, :_HOP].reshape(-1)
    out[_HOP:] += even[:, _HOP:].reshape(-1)
    return out[_HOP : _HOP + len(samples)]


def _gain_db(recording: npt.NDArray[np.float64], prompt: npt.NDArray[np.float64]) -> float:
    """The gain that explains stretches of a recording, shape ``(n, 256)``, best; each counts the less the louder it is."""
    weight = 1 / (np.sum(recording**2, axis=1) + 1e-6)
    own = float(np.sum(weight * np.sum(prompt**2, axis=1)))
    gain = abs(float(np.sum(weight * np.sum(recording * prompt, axis=1)))) / own if own > 0 else 0.0
    return 20 * math.log10(gain) if gain > 0 else -math.inf
