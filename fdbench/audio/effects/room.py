"""What a room adds to a voice: reflections that die away.

::

    direct  |#|.........                        the loudspeaker's or speaker's own sound, not delayed
    tail         |####=====-----.......|        from 10 ms on, chance under an exponential, -60 dB at T60

``exponential`` is a tail as such: the reverberation time and the ratio of direct to reverberant energy (DRR) are what was asked
for, and no wall stands anywhere. ``image_source`` is a shoebox computed by pyroomacoustics, with the delay of its direct path
taken out.

References: Moorer 1979, Computer Music Journal 3:13 (the tail); Allen & Berkley 1979, JASA 65:943 (image sources).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Final

import numpy as np

from fdbench.audio.effects.convolution import BLOCK_S, Convolution
from fdbench.core.sound import Samples
from fdbench.errors import MissingExtraError, UsageError

FIRST_REFLECTION_S: Final = BLOCK_S
_ROOM_M: Final = (5.0, 4.0, 2.7)
_SPEAKER_M: Final = (1.5, 1.2, 1.4)
_MICROPHONE_M: Final = (3.2, 2.6, 1.1)
_SEED: Final = 20261128


class Room:
    """The speaker, in a room.

    Args:
        response: The direct sound first, at the stream's rate.
    """

    delay_s = 0.0

    def __init__(self, response: Samples, sample_rate: int) -> None:
        self._convolution = Convolution(response, sample_rate)

    def step(self, said: Samples, back: Samples) -> Samples:
        return self._convolution.step(said)


@lru_cache(maxsize=32)
def exponential(t60_s: float, drr_db: float, sample_rate: int) -> Samples:
    """A response with the direct sound of 1 and a tail with its energy ``drr_db`` below that.

    Raises:
        UsageError: A reverberation time that no tail has.
    """
    if not 0.05 <= t60_s <= 10:
        raise UsageError(f"t60_s {t60_s:g}: expected 0.05 to 10 s", "mend the condition")
    first, n = round(FIRST_REFLECTION_S * sample_rate), round((FIRST_REFLECTION_S + 1.2 * t60_s) * sample_rate)
    random = np.random.Generator(np.random.PCG64(_SEED))
    at_s = np.arange(n - first) / sample_rate
    # Chance of one size: a tail whose energy falls as the exponential says, and not a little more slowly by chance.
    tail = np.where(random.random(n - first) < 0.5, -1.0, 1.0) * 10 ** (-3 * at_s / t60_s)
    tail *= math.sqrt(10 ** (-drr_db / 10) / float(np.sum(tail**2)))
    response = np.zeros(n, np.float32)
    response[0], response[first:] = 1.0, tail
    return response


@lru_cache(maxsize=8)
def image_source(t60_s: float, sample_rate: int) -> Samples:
    """A room of 5 x 4 x 2.7 m, speaker and microphone 2.2 m apart; the direct sound first, of 1.

    Raises:
        MissingExtraError: pyroomacoustics is not installed.
        UsageError: No room of this size reverberates so.
    """
    try:
        import pyroomacoustics
    except ImportError:
        raise MissingExtraError("pyroomacoustics", "rooms", "an image-source room") from None
    try:
        absorption, order = pyroomacoustics.inverse_sabine(t60_s, _ROOM_M)
    except ValueError as error:
        raise UsageError(f"t60_s {t60_s:g}: {error}", "use another time, or the exponential tail") from None
    room: Any = pyroomacoustics.ShoeBox(
        _ROOM_M, fs=sample_rate, materials=pyroomacoustics.Material(absorption), max_order=order
    )
    room.add_source(_SPEAKER_M)
    room.add_microphone(_MICROPHONE_M)
    room.compute_rir()
    response = np.asarray(room.rir[0][0], np.float64)
    direct = int(np.argmax(np.abs(response)))
    trimmed: Samples = (response[direct:] / response[direct]).astype(np.float32)
    return trimmed


def of_energy_one(response: Samples) -> Samples:
    """A response that leaves the level of speech what it is."""
    scaled: Samples = (response / np.sqrt(np.sum(np.square(response, dtype=np.float64)))).astype(np.float32)
    return scaled


def rooms_build() -> str:
    """The version of what computes rooms. Raises MissingExtraError."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pyroomacoustics")
    except PackageNotFoundError:
        raise MissingExtraError("pyroomacoustics", "rooms", "an image-source room") from None
