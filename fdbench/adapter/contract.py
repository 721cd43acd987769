"""Conformance checks: what a party must keep for its numbers to mean anything. ``fdbench doctor --model X`` runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from fdbench.adapter.base import FOREIGN, Batch, Brief, VirtualParty, in_one_line
from fdbench.core.sound import Samples
from fdbench.errors import AdapterError

CHECK_S = 2.0
"""Length of a checking conversation."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried."""

    name: str
    holds: bool
    detail: str = ""


def check_party(party: VirtualParty, brief: Brief) -> tuple[Check, ...]:
    """Hold short conversations with a party and compare them.

    Args:
        party: Freshly loaded, nobody else talking to it.
        brief: What it is told; its seed is what "the same seed" means.
    """
    try:
        quiet = converse(party, brief, silence(party))
        first = converse(party, brief, noise(party, 1))
        second = converse(party, brief, noise(party, 1))
        converse(party, brief, noise(party, 2))
        third = converse(party, brief, noise(party, 1))
        checks = [
            Check("silence in: finite frames of the right size out", True, f"{len(quiet) / party.says.sample_rate:g} s"),
            Check("the same call gives the same reply", np.array_equal(first, second)),
            Check("a call in between leaves no trace (A B A gives A)", np.array_equal(first, third)),
        ]
        if party.slots > 1:
            beside = converse(party, brief, noise(party, 1), noise(party, 2))
            checks.append(Check("a neighbour in the batch changes nothing", np.array_equal(first, beside)))
            # A party that takes a row's number for its slot's mixes conversations up here; slot 0 hangs up halfway.
            order = partial(_changing_places, _n_frames(party) // 2)
            mixed = converse(party, brief, noise(party, 2), noise(party, 1), of=1, order=order)
            checks.append(Check("row i answers slots[i], in any order and subset", np.array_equal(first, mixed)))
        return tuple(checks)
    except AdapterError as error:
        return (Check("frames of the right size and finite", False, error.what),)
    except FOREIGN as error:
        return (Check("a conversation without an exception", False, in_one_line(error)),)


def silence(party: VirtualParty) -> Samples:
    return np.zeros(_n_frames(party) * party.hears.frame_samples, np.float32)


def noise(party: VirtualParty, seed: int) -> Samples:
    """Bursts of noise with pauses, the same for the same seed."""
    samples = np.random.default_rng(seed).normal(0, 0.1, _n_frames(party) * party.hears.frame_samples)
    samples[len(samples) // 2 :] = 0
    return samples.astype(np.float32)


def converse(
    party: VirtualParty, brief: Brief, *heard: Samples, of: int = 0, order: Callable[[int], Sequence[int]] | None = None
) -> Samples:
    """What the party says in slot ``of`` while it hears one thing in each slot, side by side.

    Args:
        order: Which slots step at a frame, row by row; one that is left out has hung up. None = all of them, in order.

    Raises:
        AdapterError: The party broke the contract; says how.
    """
    slots = tuple(range(len(heard)))
    for slot in slots:
        party.open(slot, brief)
    n, rows = party.hears.frame_samples, []
    for index in range(_n_frames(party)):
        before, slots = slots, tuple(order(index)) if order else slots
        for slot in set(before) - set(slots):
            party.close(slot)
        frames = np.stack([heard[slot][index * n : (index + 1) * n] for slot in slots])
        spoken = party.step(Batch(slots, frames, np.full(len(slots), index * n / party.hears.sample_rate)))
        for slot, failure in spoken.failed.items():
            raise AdapterError(f"slot {slot}: {failure.message}")
        rows.append(_checked(spoken.audio, (len(slots), party.says.frame_samples))[slots.index(of)].copy())
    for slot in slots:
        party.close(slot)
    return np.concatenate(rows)


def _changing_places(half: int, index: int) -> tuple[int, ...]:
    if index > half:
        return (1,)
    return (0, 1) if index % 2 else (1, 0)


def _checked(audio: npt.NDArray[np.float32], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    if audio.shape != shape or audio.dtype != np.float32 or not np.isfinite(audio).all():
        raise AdapterError(f"step() gave {audio.dtype} {audio.shape}, expected finite float32 {shape}")
    return audio


def _n_frames(party: VirtualParty) -> int:
    return max(1, round(CHECK_S / float(party.hears.frame_s)))
