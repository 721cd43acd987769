"""The user's side of most calls: plays a prompt at its place on the clock and then stays silent."""

from __future__ import annotations

import numpy as np

from fdbench.adapter.base import Batch, Brief, Opening, Port, Spoken
from fdbench.core.sound import Samples
from fdbench.io.wav import resampled


class PromptPlayer:
    """A virtual party that hears nothing and plays ``brief.stimulus`` after ``brief.lead_in_s`` of silence.

    The prompt is resampled as a whole to the listener's rate before the call, so every sample lies exactly where the
    script of the task puts it.
    """

    def __init__(self, hears: Port, says: Port, slots: int) -> None:
        self.hears, self.says, self.slots = hears, says, slots
        self._prompts: dict[int, Samples] = {}

    def open(self, slot: int, brief: Brief) -> Opening:
        if brief.stimulus is None:
            raise ValueError("a prompt player needs a stimulus")
        rate = self.says.sample_rate
        prompt = resampled(brief.stimulus, rate).samples
        lead_in = round(brief.lead_in_s * rate)
        self._prompts[slot] = np.concatenate([np.zeros(lead_in, np.float32), prompt]) if lead_in else prompt
        return Opening(speaks_until_s=lead_in / rate + brief.stimulus.duration_s)

    def step(self, heard: Batch) -> Spoken:
        n = self.says.frame_samples
        out = np.zeros((len(heard.slots), n), np.float32)
        # The user's side leads: the frame that answers what was heard in [t, t + frame) is heard at t + frame.
        first = np.rint(heard.t_s * self.says.sample_rate).astype(np.int64) + n
        for row, slot, start in zip(out, heard.slots, first, strict=True):
            piece = self._prompts[slot][start : start + n]
            row[: len(piece)] = piece
        return Spoken(out)

    def close(self, slot: int) -> None:
        self._prompts.pop(slot, None)
