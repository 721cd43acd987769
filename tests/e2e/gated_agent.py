"""An agent that says nothing; while the file that ``GATE`` names is there, its process stays in its second call."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from fdbench.adapter.base import Agent, Port

_calls = 0


class Gated(Agent):
    """Silent. A process that waits says so by a file beside the gate that has its number for a name."""

    hears = says = Port(16_000, 1280)

    def reset(self, brief):
        global _calls
        _calls += 1
        self._n_steps = 0

    def step(self, heard):
        self._n_steps += 1
        gate = Path(os.environ.get("GATE", "/nowhere"))
        if _calls == 2 and self._n_steps == 20:
            if gate.exists():
                gate.with_name(f"{os.getpid()}.waits").touch()
            while gate.exists():
                time.sleep(0.01)
        return np.zeros(self.says.frame_samples, np.float32)


class Broken(Gated):
    """Cannot be made."""

    def __init__(self):
        raise RuntimeError("no weights here")


class Deadly(Gated):
    """Ends its process in the very first call."""

    def step(self, heard):
        os._exit(1)
