"""Sound in frames, and at another rate: what a codec needs, behind a function that may be handed pieces of any size.

::

    in       a b|c d e|f g h i|...             pieces of any size
    frames   [a b c d][e f g h]                each worked on when it is whole
    out      0 0|0 0 A|B C D E|...             so later by one frame, and as many samples as came in
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from fdbench.audio.effects.whole_ratio import between
from fdbench.core.sound import Samples


class Stage(Protocol):
    """Something that is done to sound at one rate: as many samples out as in, later by ``delay`` of them."""

    delay: int

    def step(self, sound: Samples) -> Samples: ...


class Framed:
    """A function of whole frames.

    Args:
        work: From one frame to as many samples.
        later: Further samples by which the function itself makes sound later.
        takes_many: It takes any number of whole frames at once.
    """

    def __init__(self, frame: int, work: Callable[[Samples], Samples], later: int = 0, *, takes_many: bool = False) -> None:
        self._frame, self._work, self._takes_many = frame, work, takes_many
        self._in, self._out = np.zeros(0, np.float32), np.zeros(frame, np.float32)
        self.delay = frame + later

    def step(self, sound: Samples) -> Samples:
        known = np.concatenate([self._in, sound])
        n_whole = len(known) // self._frame
        piece = max(1, n_whole) * self._frame if self._takes_many else self._frame
        done = [self._work(known[at : at + piece]) for at in range(0, n_whole * self._frame, piece)]
        self._in = known[n_whole * self._frame :]
        ready = np.concatenate([self._out, *done])
        self._out = ready[len(sound) :]
        return ready[: len(sound)]


class Each:
    """A function of each sample by itself."""

    delay = 0

    def __init__(self, work: Callable[[Samples], Samples]) -> None:
        self._work = work

    def step(self, sound: Samples) -> Samples:
        return self._work(sound)


class AtRate:
    """An effect: sound is brought to a rate, goes through stages there, and is brought back.

    Args:
        sample_rate: At which it comes and goes, Hz.
        stage_hz: Of the stages.
    """

    def __init__(self, sample_rate: int, stage_hz: int, stages: Sequence[Stage]) -> None:
        same = sample_rate == stage_hz
        self._down = None if same else between(sample_rate, stage_hz)
        self._up = None if same else between(stage_hz, sample_rate)
        self._stages = stages
        self._ready = np.zeros(0, np.float32)
        resamplers = sum(each.delay_s for each in (self._down, self._up) if each is not None)
        self.delay_s = resamplers + sum(stage.delay for stage in stages) / stage_hz

    def step(self, said: Samples, back: Samples) -> Samples:
        sound = said if self._down is None else self._down.step(said)
        for stage in self._stages:
            sound = stage.step(sound)
        if self._up is None:
            return sound
        # Up to a sample's time more is complete at the higher rate than was asked for.
        ready = np.concatenate([self._ready, self._up.step(sound)])
        self._ready = ready[len(said) :]
        return ready[: len(said)]
