"""The user's side of most calls: plays a prompt at its place on the clock and then stays silent."""

from __future__ import annotations

import numpy as np

from fdbench.adapter.base import Batch, Brief, Opening, Port, Spoken
from fdbench.adapter.equipped import Equipped
from fdbench.core.sound import Samples
from fdbench.io.wav import resampled


class PromptPlayer(Equipped):
    """A virtual party that hears nothing and says ``brief.stimulus`` after ``brief.lead_in_s`` of silence.

    The prompt is resampled as a whole to the listener's rate before the call, so every sample lies exactly where the
    script of the task puts it. All that it says is known from the beginning, so it is never asked for a frame.
    """

    def __init__(self, hears: Port, says: Port, slots: int) -> None:
        self.hears, self.says, self.slots = hears, says, slots
        self._prepared: dict[int, tuple[Brief, Samples]] = {}

    def prepare(self, brief: Brief) -> None:
        """Resample a prompt before its call begins."""
        if brief.stimulus is not None and id(brief) not in self._prepared:
            self._prepared[id(brief)] = brief, resampled(brief.stimulus, self.says.sample_rate).samples

    def open(self, slot: int, brief: Brief) -> Opening:
        if brief.stimulus is None:
            raise ValueError("a prompt player needs a stimulus")
        rate = self.says.sample_rate
        self.prepare(brief)
        _, prompt = self._prepared.pop(id(brief))
        lead_in = round(brief.lead_in_s * rate)
        says = np.concatenate([np.zeros(lead_in, np.float32), prompt]) if lead_in else prompt
        return Opening(speaks_until_s=lead_in / rate + brief.stimulus.duration_s, says=says)

    def step(self, heard: Batch) -> Spoken:
        raise NotImplementedError("what a prompt player says is known when it is opened")

    def close(self, slot: int) -> None:
        """Nothing is held."""
