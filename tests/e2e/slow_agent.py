"""An agent that says nothing, and in its second call waits until it is let on where ``SLOW_GATE`` names a file that does so."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from fdbench.adapter.base import Agent, Port

_calls = 0


class Slow(Agent):
    """Silent; a step of its second call takes as long as the test wants."""

    hears = says = Port(16_000, 1280)

    def reset(self, brief):
        global _calls
        _calls += 1
        self._n_steps = 0

    def step(self, heard):
        self._n_steps += 1
        gate = os.environ.get("SLOW_GATE")
        if gate and _calls == 2 and self._n_steps == 20:
            Path(gate).with_suffix(".reached").touch()
            while not Path(gate).exists():
                time.sleep(0.01)
        return np.zeros(self.says.frame_samples, np.float32)
