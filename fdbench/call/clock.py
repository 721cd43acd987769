"""Exact call time: whole ticks, so that parties with unequal frames never drift against each other."""

from __future__ import annotations

import hashlib
import math

from fdbench.adapter.base import Port
from fdbench.core.take_id import TakeId


def ticks_of_frames(*ports: Port) -> tuple[int, tuple[int, ...]]:
    """A tick rate in Hz in which every port's frame is a whole number of ticks, and those numbers."""
    rate = math.lcm(*(port.sample_rate for port in ports))
    return rate, tuple(port.frame_samples * (rate // port.sample_rate) for port in ports)


def seed_for(run_seed: int, take: TakeId) -> int:
    """The seed of one call: depends on the run's seed and the take alone, so not on order or neighbours.

    Calls that are compared with each other (a clean twin, the same prompt under another condition) have the same.
    """
    return int.from_bytes(hashlib.sha256(f"{run_seed}|{take.pair}".encode()).digest()[:8], "big") >> 1
