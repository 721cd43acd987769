"""The contract of an effect, and the simple ones: louder, later, through a filter, with an echo.

An effect holds the state of one direction of one call. Whatever the pieces in which sound is handed to it, the samples that
come out are the same to the last bit, so a call does not depend on the size of anybody's frames.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from fdbench.core.sound import Samples


class Effect(Protocol):
    """One direction of one call, at one rate.

    Attributes:
        delay_s: By how much it makes the speaker's sound later.

    One that needs what the listener says has ``hears_back``; one that draws or measures has ``realised``.
    """

    delay_s: float

    def step(self, said: Samples, back: Samples) -> Samples:
        """What the listener hears in a stretch of time.

        Args:
            said: What the speaker said then, float32, shape ``(n,)``.
            back: What the listener itself said then, at the same rate, shape ``(n,)``.

        Returns:
            float32, shape ``(n,)``; a new array, or ``said`` itself where nothing was changed.
        """


class Gain:
    """Louder or softer by so many decibels."""

    delay_s = 0.0

    def __init__(self, gain_db: float) -> None:
        self._factor = factor_of(gain_db)

    def step(self, said: Samples, back: Samples) -> Samples:
        return said * self._factor


class Delay:
    """Later, by a whole number of samples: the nearest to ``delay_s``."""

    def __init__(self, delay_s: float, sample_rate: int) -> None:
        self._line = DelayLine(round(delay_s * sample_rate))
        self.delay_s = round(delay_s * sample_rate) / sample_rate

    def step(self, said: Samples, back: Samples) -> Samples:
        return self._line.step(said)


class Echo:
    """The listener hears itself beside the speaker, as through a loudspeaker that stands near a microphone.

    Args:
        gain_db: Of its own voice.
        delay_s: Of its own voice, to the nearest sample; 0 = what it says is in what it hears at the same moment.
        response: Impulse response between loudspeaker and microphone at this rate, shape ``(n,)``; None = a single path.
    """

    delay_s = 0.0
    hears_back = True

    def __init__(self, gain_db: float, delay_s: float, sample_rate: int, response: Samples | None = None) -> None:
        self._factor = factor_of(gain_db)
        self._line = DelayLine(round(delay_s * sample_rate))
        self._filter = None if response is None else Filter(response)

    def step(self, said: Samples, back: Samples) -> Samples:
        heard = self._line.step(back)
        if self._filter is not None:
            heard = self._filter.step(heard)
        mixed: Samples = said + self._factor * heard
        return mixed


class DelayLine:
    """Sound, so many samples later; silence before it."""

    def __init__(self, n_samples: int) -> None:
        self._waiting = np.zeros(n_samples, np.float32)

    def step(self, sound: Samples) -> Samples:
        if not len(self._waiting):
            return sound
        both = np.concatenate([self._waiting, sound])
        self._waiting = both[len(sound) :]
        return both[: len(sound)]


class Filter:
    """A finite impulse response, one sample after the other and so without regard to how sound is cut into pieces."""

    def __init__(self, response: Samples) -> None:
        self._response = np.asarray(response, np.float64)
        self._state: Any = np.zeros(len(self._response) - 1)

    def step(self, sound: Samples) -> Samples:
        if len(self._response) == 1:
            scaled: Samples = (sound * self._response[0]).astype(np.float32)
            return scaled
        from scipy.signal import lfilter  # a second to import, and few calls are filtered

        filtered, self._state = lfilter(self._response, [1.0], sound.astype(np.float64), zi=self._state)
        out: Samples = filtered.astype(np.float32)
        return out


def factor_of(gain_db: float) -> np.float32:
    """The factor of an amplitude."""
    factor: np.float32 = np.float32(10 ** (gain_db / 20))
    return factor
