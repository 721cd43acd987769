"""Conformance checks: what a party must keep for its numbers to mean anything. ``fdbench doctor --model X`` runs them.

Every conversation here is one of three, each with its own seed and its own sound. Whatever goes on beside it, it must be, to
the sample, what it is alone::

    slot 0    |--A--|-B-|----C----|          a slot that is free is opened again at once, the last one when it steps;
    slot 1    |----B----|--C--|-A-|          at each frame some of the slots step, in some order: all orders of all
    slot 2    |-C-| |----A----| |--B--|      subsets have their turn, shuffled
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations, repeat
from typing import Final

import numpy as np
import numpy.typing as npt

from fdbench.adapter.base import Batch, Brief, Opening, VirtualParty
from fdbench.adapter.failure import FOREIGN, with_place
from fdbench.core.sound import Samples
from fdbench.errors import AdapterError

CHECK_S: Final = 2.0
"""Length of a checking conversation."""

CHECK_SLOTS: Final = 3
"""So many conversations are held at once: with two, whoever takes the other one for its own may be right by accident."""

_LENGTHS: Final = (0.5, 1.0, 0.25)
"""Of a slot's conversations, as parts of the whole; one that is hung up early is the beginning of the whole."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried."""

    name: str
    holds: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Talk:
    """A conversation to be held: what the party is told and what it hears, frames of shape ``(n, hears.frame_samples)``."""

    brief: Brief
    heard: npt.NDArray[np.float32]


def check_party(party: VirtualParty, brief: Brief) -> tuple[Check, ...]:
    """Hold short conversations with a party and compare them.

    Args:
        party: Freshly loaded, nobody else talking to it.
        brief: What it is told; its seed is what "the same seed" means.
    """
    one, two, three = (noise(party, brief, number) for number in (1, 2, 3))
    try:
        quiet = converse(party, silence(party, brief))
        first = converse(party, one)
        second = converse(party, one)
        other = converse(party, two)
        third = converse(party, one)
        checks = [
            Check("silence in: finite frames of the right size out", True, f"{quiet.size / party.says.sample_rate:g} s"),
            _equal("the same call gives the same reply", [[first]], [[second]]),
            _equal("a call in between leaves no trace (A B A gives A)", [[first]], [[third]]),
        ]
        n_slots = min(party.slots, CHECK_SLOTS)
        if n_slots > 1:
            talks, alone = [one, two, three], [first, other, converse(party, three)]
            beside = hold(party, [[talk] for talk in talks[:n_slots]], repeat(range(n_slots)))
            checks.append(_equal("a neighbour in the batch changes nothing", [[said] for said in alone], beside))
            parts = [_in_slot(slot) for slot in range(n_slots)]
            turning = [[replace(talks[n], heard=_beginning(talks[n].heard, part)) for n, part in each] for each in parts]
            expected = [[_beginning(alone[n], part) for n, part in each] for each in parts]
            mixed = hold(party, turning, _all_orders(n_slots, brief.seed))
            checks.append(_equal("row i answers slots[i], in any order and subset", expected, mixed))
        return tuple(checks)
    except AdapterError as error:
        return (Check("frames of the right size and finite", False, error.what),)
    except FOREIGN as error:
        return (Check("a conversation without an exception", False, with_place(error)),)


def silence(party: VirtualParty, brief: Brief) -> Talk:
    return Talk(brief, np.zeros((_n_frames(party), party.hears.frame_samples), np.float32))


def noise(party: VirtualParty, brief: Brief, number: int) -> Talk:
    """Noise, then silence, and a seed; the same for the same number."""
    samples = np.random.default_rng(number).normal(0, 0.1, _n_frames(party) * party.hears.frame_samples)
    samples[len(samples) // 2 :] = 0
    heard = samples.astype(np.float32).reshape(-1, party.hears.frame_samples)
    return Talk(replace(brief, seed=brief.seed + number), heard)


def converse(party: VirtualParty, talk: Talk) -> npt.NDArray[np.float32]:
    """What the party says in a conversation that nobody else is beside, frame by frame. Raises as ``hold``."""
    return hold(party, [[talk]], repeat((0,)))[0][0]


def hold(
    party: VirtualParty, talks: Sequence[Sequence[Talk]], turns: Iterable[Sequence[int]]
) -> list[list[npt.NDArray[np.float32]]]:
    """What the party says in each conversation of each slot, frame by frame.

    Args:
        talks: Of each slot, one after the other.
        turns: Which slots step together, row by row; those that have nothing left to say are passed over.

    Raises:
        AdapterError: The party broke the contract; says how.
    """
    slots = [_Slot(party, number, each) for number, each in enumerate(talks)]
    for slot in slots[:-1]:
        slot.begin()
    turn = iter(turns)
    while not all(slot.is_done for slot in slots):
        rows = [slots[number] for number in next(turn) if not slots[number].is_done]
        if not rows:
            continue
        for slot in rows:
            if not slot.is_open:
                slot.begin()
        t_s = np.array([len(slot.said[-1]) for slot in rows]) * float(party.hears.frame_s)
        spoken = party.step(Batch(tuple(slot.number for slot in rows), np.stack([slot.hears for slot in rows]), t_s))
        for number, failure in spoken.failed.items():
            raise AdapterError(f"slot {number}: {failure.message}")
        for slot, frame in zip(rows, _checked(spoken.audio, (len(rows), party.says.frame_samples)), strict=True):
            slot.say(frame)
            if slot is not slots[-1] and not slot.is_open and not slot.is_done:
                slot.begin()
    return [[np.stack(each) for each in slot.said] for slot in slots]


@dataclass(slots=True)
class _Slot:
    """The conversations of a slot, and what the party has said in those that have begun."""

    party: VirtualParty
    number: int
    talks: Sequence[Talk]
    said: list[list[Samples]] = field(default_factory=list)
    is_open: bool = False

    @property
    def is_done(self) -> bool:
        return not self.is_open and len(self.said) == len(self.talks)

    @property
    def hears(self) -> Samples:
        frame: Samples = self._talk.heard[len(self.said[-1])]
        return frame

    def begin(self) -> None:
        self.said.append([])
        opening: object = self.party.open(self.number, self._talk.brief)
        if not isinstance(opening, Opening):
            raise AdapterError(f"open() returned {type(opening).__name__}, expected Opening")
        self.is_open = True

    def say(self, frame: Samples) -> None:
        self.said[-1].append(frame.copy())
        if len(self.said[-1]) == len(self._talk.heard):
            self.party.close(self.number)
            self.is_open = False

    @property
    def _talk(self) -> Talk:
        return self.talks[len(self.said) - 1]


def _in_slot(slot: int) -> list[tuple[int, float]]:
    """Which of the three conversations a slot holds, one after the other, and how much of each."""
    return [((slot + n) % CHECK_SLOTS, _LENGTHS[(slot + 2 * n) % CHECK_SLOTS]) for n in range(CHECK_SLOTS)]


def _beginning(frames: npt.NDArray[np.float32], part: float) -> npt.NDArray[np.float32]:
    return frames[: max(1, round(part * len(frames)))]


def _all_orders(n_slots: int, seed: int) -> Iterator[tuple[int, ...]]:
    """Every order of every subset, shuffled, again and again."""
    orders = [order for size in range(1, n_slots + 1) for order in permutations(range(n_slots), size)]
    random = np.random.default_rng(seed)
    while True:
        yield from (orders[index] for index in random.permutation(len(orders)))


def _equal(
    name: str, expected: Sequence[Sequence[npt.NDArray[np.float32]]], found: Sequence[Sequence[npt.NDArray[np.float32]]]
) -> Check:
    """Whether conversations by slot are what they should be; says which is the first that is not, and from where on."""
    for slot, conversations in enumerate(found):
        for number, said in enumerate(conversations):
            differs = (said != expected[slot][number]).any(axis=1)
            if differs.any():
                which = f", conversation {number + 1}" if len(conversations) > 1 else ""
                return Check(name, False, f"slot {slot}{which} differs from the same alone from frame {differs.argmax()} on")
    return Check(name, True)


def _checked(audio: npt.NDArray[np.float32], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    if audio.shape != shape or audio.dtype != np.float32 or not np.isfinite(audio).all():
        raise AdapterError(f"step() gave {audio.dtype} {audio.shape}, expected finite float32 {shape}")
    return audio


def _n_frames(party: VirtualParty) -> int:
    return max(1, round(CHECK_S / float(party.hears.frame_s)))
