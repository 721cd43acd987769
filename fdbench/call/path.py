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

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from fdbench.audio.effects.drift import Drift
from fdbench.audio.effects.resampler import Resampler
from fdbench.audio.effects.scene import NOWHERE, Scene
from fdbench.audio.effects.self_echo import SelfEcho
from fdbench.audio.effects.table import effect_of
from fdbench.core.condition import EffectFacts
from fdbench.core.sound import Samples


@runtime_checkable
class _Realising(Protocol):
    """An effect that draws or measures something."""

    def realised(self, n_heard: int) -> dict[str, float]: ...


class Path:
    """One direction of one call.

    Args:
        effects: Facts of each, from a condition.
        said_hz: Rate at which the speaker speaks.
        heard_hz: Rate at which the listener hears.
        back_hz: Rate at which the listener speaks.
        scene: What is known of the call beforehand.

    Attributes:
        delay_s: By how much the speaker is heard later.

    Raises:
        UsageError: An effect is unknown or lacks a parameter.
    """

    def __init__(
        self, effects: Sequence[EffectFacts], said_hz: int, heard_hz: int, back_hz: int, scene: Scene = NOWHERE
    ) -> None:
        self._effects = [effect_of(facts, heard_hz, scene) for facts in effects]
        self._to_heard = None if said_hz == heard_hz else Resampler(said_hz, heard_hz)
        self._back = None if back_hz == heard_hz else Resampler(back_hz, heard_hz)
        self._n_heard = 0
        self._pending, self._pending_back = np.zeros(0, np.float32), np.zeros(0, np.float32)
        self.delay_s = (self._to_heard.delay_s if self._to_heard else 0.0) + sum(effect.delay_s for effect in self._effects)

    @property
    def hears_back(self) -> bool:
        """Whether what the listener says changes what it hears."""
        return any(getattr(effect, "hears_back", False) for effect in self._effects)

    def realised(self, n_heard: int) -> dict[str, float]:
        """What chance and the listener's own voice made of so many samples: losses, the signal-to-echo ratio."""
        told = [effect.realised(n_heard) for effect in self._effects if isinstance(effect, _Realising)]
        return {name: value for each in told for name, value in each.items()}

    @property
    def echo_s(self) -> float | None:
        """How late the listener hears itself, where it may; None where it never does."""
        return next((effect.echo_s for effect in self._effects if isinstance(effect, SelfEcho)), None)

    def delay_at_s(self, t_s: float) -> float:
        """By how much the speaker is heard later at this time of the call, which changes where clocks drift."""
        drifts = sum(each.delay_at_s(t_s) - each.delay_s for each in self._effects if isinstance(each, Drift))
        return self.delay_s + drifts

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


def path_between(
    effects: Sequence[EffectFacts], said_hz: int, heard_hz: int, back_hz: int, scene: Scene = NOWHERE
) -> Path | None:
    """The path of one direction; None where the listener hears exactly what is said."""
    return None if not effects and said_hz == heard_hz else Path(effects, said_hz, heard_hz, back_hz, scene)


def _cut(pending: Samples, new: Samples, n: int) -> tuple[Samples, Samples]:
    """The next ``n`` samples, and what is left over."""
    both: Any = np.concatenate([pending, new]) if len(pending) else new
    return both[:n], both[n:]
