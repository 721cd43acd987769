"""Exact call time: whole ticks, so that parties with unequal frames never drift against each other."""

from __future__ import annotations

import hashlib
import math

from fdbench.adapter.base import Port
from fdbench.errors import AdapterError


def ticks_of_frames(*ports: Port) -> tuple[int, tuple[int, ...]]:
    """A tick rate in Hz in which every port's frame is a whole number of ticks, and those numbers."""
    rate = math.lcm(*(port.sample_rate for port in ports))
    return rate, tuple(port.frame_samples * (rate // port.sample_rate) for port in ports)


def check_ports(name: str, hears: Port, says: Port) -> None:
    """A party steps once per frame, so what it hears and what it says must take equally long.

    Raises:
        AdapterError: They do not, or a frame is empty.
    """
    if min(hears.frame_samples, says.frame_samples, hears.sample_rate, says.sample_rate) <= 0:
        raise AdapterError(f"{name}: a port needs a positive rate and frame size, found {hears} and {says}")
    if hears.frame_s != says.frame_s:
        raise AdapterError(
            f"{name}: hears frames of {float(hears.frame_s):g} s but says frames of {float(says.frame_s):g} s",
            "one step hears one frame and says one: make both equally long",
        )


def seed_for(run_seed: int, take_name: str) -> int:
    """The seed of one call: depends on the run's seed and the take's name only, so not on order or neighbours."""
    return int.from_bytes(hashlib.sha256(f"{run_seed}|{take_name}".encode()).digest()[:8], "big") >> 1
