"""Exact call time: whole ticks, so that parties with unequal frames never drift against each other."""

from __future__ import annotations

import hashlib
import math

from fdbench.adapter.base import Port


def ticks_of_frames(*ports: Port) -> tuple[int, tuple[int, ...]]:
    """A tick rate in Hz in which every port's frame is a whole number of ticks, and those numbers."""
    rate = math.lcm(*(port.sample_rate for port in ports))
    return rate, tuple(port.frame_samples * (rate // port.sample_rate) for port in ports)


def seed_for(run_seed: int, take_name: str) -> int:
    """The seed of one call: depends on the run's seed and the take's name only, so not on order or neighbours."""
    return int.from_bytes(hashlib.sha256(f"{run_seed}|{take_name}".encode()).digest()[:8], "big") >> 1
