"""The way of sound from one side of a call to the other: another rate, and the effects of a condition.

::

    speaker says   |--s0--|--s1--|--s2--|                  at its own rate
                       resampler, effects                  state of this direction of this call
    listener hears |--h0--|--h1--|--h2--|                  at its rate, later by ``delay_s``, which is declared
    listener says  |--b0--|--b1--|--b2--|  -> echo         what it said in window k is there before it hears window k

A path is handed one of the listener's frames after the other, so a call through it is the same however the speaker's own
frames are cut. Where neither rates nor a condition stand between the two sides there is no path at all, and no cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from fdbench.audio.effects.base import Delay, Echo, Effect, Gain, factor_of
from fdbench.audio.effects.resampler import Resampler
from fdbench.core.condition import EffectFacts
from fdbench.core.sound import Samples
from fdbench.errors import UsageError, unknown_name


class Path:
    """One direction of one call.

    Args:
        effects: Facts of each, from a condition.
        said_hz: Rate at which the speaker speaks.
        heard_hz: Rate at which the listener hears.
        back_hz: Rate at which the listener speaks.

    Attributes:
        delay_s: By how much the speaker is heard later.

    Raises:
        UsageError: An effect is unknown or lacks a parameter.
    """

    def __init__(self, effects: Sequence[EffectFacts], said_hz: int, heard_hz: int, back_hz: int) -> None:
        self._effects = [effect_of(facts, heard_hz) for facts in effects]
        self._to_heard = None if said_hz == heard_hz else Resampler(said_hz, heard_hz)
        self._back = None if back_hz == heard_hz else Resampler(back_hz, heard_hz)
        self._n_heard = 0
        self._pending, self._pending_back = np.zeros(0, np.float32), np.zeros(0, np.float32)
        self.delay_s = (self._to_heard.delay_s if self._to_heard else 0.0) + sum(effect.delay_s for effect in self._effects)

    def step(self, said: Samples, back: Samples, n: int) -> Samples:
        """The listener's next frame.

        Args:
            said: What the speaker said in its time, at the speaker's rate.
            back: What the listener said in its time, at the rate of its own speech.
            n: Samples of the frame.
        """
        heard = said if self._to_heard is None else self._to_heard.step(said)
        echo = back if self._back is None else self._back.step(back)
        # Where rates have no common frame, a stretch may complete a sample more or less than a frame.
        heard, self._pending = _cut(self._pending, heard, n)
        echo, self._pending_back = _cut(self._pending_back, echo, n)
        for effect in self._effects:
            heard = effect.step(heard, echo)
        return heard


def path_between(effects: Sequence[EffectFacts], said_hz: int, heard_hz: int, back_hz: int) -> Path | None:
    """The path of one direction; None where the listener hears exactly what is said."""
    return None if not effects and said_hz == heard_hz else Path(effects, said_hz, heard_hz, back_hz)


def effect_of(facts: EffectFacts, sample_rate: int) -> Effect:
    """The effect that a condition's facts describe.

    Raises:
        UsageError: There is none of that name, or a parameter is missing, unknown or no number.
    """
    parameters = dict(facts)
    kind = str(parameters.pop("effect", ""))
    if kind not in _EFFECTS:
        raise unknown_name("effect", kind, _EFFECTS)
    try:
        return _EFFECTS[kind](sample_rate, **parameters)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"effect '{kind}' of a condition: {error}", "docs of fdbench/audio/effects list the parameters"
        ) from None


def _gain(sample_rate: int, *, gain_db: float) -> Effect:
    return Gain(float(gain_db))


def _delay(sample_rate: int, *, delay_ms: float) -> Effect:
    return Delay(_seconds(delay_ms), sample_rate)


def _echo(sample_rate: int, *, gain_db: float, delay_ms: float, reflections: Sequence[Sequence[float]] = ()) -> Effect:
    """``reflections``: [milliseconds after the direct sound, decibels relative to it] of each."""
    response = None
    if reflections:
        places = [(round(_seconds(after_ms) * sample_rate), factor_of(float(db))) for after_ms, db in reflections]
        response = np.zeros(1 + max(place for place, _ in places), np.float32)
        response[0] = 1.0
        for place, factor in places:
            response[place] += factor
    return Echo(float(gain_db), _seconds(delay_ms), sample_rate, response)


def _seconds(milliseconds: float) -> float:
    if not 0 <= milliseconds <= 10_000:
        raise ValueError(f"expected 0 to 10000 ms, found {milliseconds}")
    return milliseconds / 1000


_EFFECTS: Final[Mapping[str, Callable[..., Effect]]] = {"gain": _gain, "delay": _delay, "echo": _echo}


def _cut(pending: Samples, new: Samples, n: int) -> tuple[Samples, Samples]:
    """The next ``n`` samples, and what is left over."""
    both: Any = np.concatenate([pending, new]) if len(pending) else new
    return both[:n], both[n:]
