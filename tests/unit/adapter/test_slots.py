"""`fdbench doctor` finds a party that mixes conversations up, or breaks the contract otherwise."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fdbench.adapter.base import Batch, Brief, Opening, Port, Spoken
from fdbench.adapter.contract import check_party
from tests.unit.adapter.test_contract import Party, outcomes


class Rememberer(Party):
    """Answers each frame with the sum of all that its conversation has heard; kept by slot, as it must be."""

    def __init__(self, slots=2):
        super().__init__(slots)
        self.sums = np.zeros(slots, np.float32)

    def open(self, slot, brief):
        self.sums[slot] = 0
        return Opening()

    def places(self, heard: Batch):
        return list(heard.slots)

    def step(self, heard: Batch):
        places = self.places(heard)
        self.sums[places] += heard.audio.sum(axis=1)
        return Spoken(np.repeat(self.sums[places, None], self.says.frame_samples, axis=1).astype(np.float32))


class RowRememberer(Rememberer):
    """The same, kept by row: right only while everybody is there, in order."""

    def places(self, heard: Batch):
        return list(range(len(heard.slots)))


def mistakes(party):
    return {check.name: check.detail for check in check_party(party, Brief(seed=1)) if not check.holds}


ORDERS = "row i answers slots[i], in any order and subset"
NEIGHBOUR = "a neighbour in the batch changes nothing"
TRACE = "a call in between leaves no trace (A B A gives A)"


@pytest.mark.parametrize("slots", [1, 2, 3, 5])
def test_a_batch_party_that_keeps_its_slots_apart_passes(slots):
    assert all(check.holds for check in check_party(Rememberer(slots), Brief(seed=1)))
    assert all(check.holds for check in check_party(Sampler(slots), Brief(seed=1)))


@pytest.mark.parametrize("frame", [320, 1920, 16000])
def test_frames_of_any_length_are_enough_to_find_a_row_taken_for_its_slot(frame):
    port = Port(16000, frame)
    named = {"hears": port, "says": port}
    assert mistakes(type("Right", (Rememberer,), named)(3)) == {}
    assert list(mistakes(type("Wrong", (RowRememberer,), named)(3))) == [ORDERS]


def test_a_party_that_takes_a_row_for_its_slot_is_found_out():
    assert all(check.holds for check in check_party(Rememberer(), Brief(seed=1)))
    failed = [check.name for check in check_party(RowRememberer(), Brief(seed=1)) if not check.holds]
    assert failed == ["row i answers slots[i], in any order and subset"]


class Sorter(Rememberer):
    """Answers in the order of slots, whatever the order of rows."""

    def step(self, heard: Batch):
        spoken = super().step(heard)
        return Spoken(spoken.audio[np.argsort(heard.slots)])


class Forgetful(Rememberer):
    """Resets everything when a conversation begins and nobody else is there, and nothing when somebody is."""

    def __init__(self, slots=3):
        super().__init__(slots)
        self.open_slots = set()

    def open(self, slot, brief):
        if not self.open_slots:
            self.sums[:] = 0
        self.open_slots.add(slot)
        return Opening()

    def close(self, slot):
        self.open_slots.discard(slot)


class NeverResets(Rememberer):
    def open(self, slot, brief):
        return Opening()


class Haunted(Rememberer):
    """A row whose conversation is over still takes part in the sum of all."""

    def __init__(self, slots=3):
        super().__init__(slots)
        self.is_over = np.zeros(slots, bool)

    def open(self, slot, brief):
        self.is_over[slot] = False
        return super().open(slot, brief)

    def close(self, slot):
        self.is_over[slot] = True

    def step(self, heard: Batch):
        alive = set(range(self.slots)) - set(np.flatnonzero(self.is_over))
        spoken = super().step(heard)
        beside = self.sums[self.is_over].sum() if len(alive) > 1 or len(heard.slots) > 1 else 0
        return Spoken((spoken.audio + np.float32(beside)).astype(np.float32))


class Pair(Rememberer):
    """Made for two: a third one gets the memory of the first."""

    def places(self, heard: Batch):
        return [slot % 2 for slot in heard.slots]


class Sampler(Rememberer):
    """Draws each frame at random, from its conversation's own seed."""

    def open(self, slot, brief):
        self.draws = {**getattr(self, "draws", {}), slot: np.random.default_rng(brief.seed)}
        return Opening()

    def step(self, heard: Batch):
        return Spoken(
            np.stack([self.draws[slot].normal(size=self.says.frame_samples) for slot in heard.slots]).astype(np.float32)
        )


class SharedSampler(Sampler):
    """Draws of a batch come from the generator of its first slot: right as long as nobody is beside."""

    def step(self, heard: Batch):
        first = self.draws[heard.slots[0]]
        return Spoken(first.normal(size=heard.audio.shape).astype(np.float32))


MUTANTS = {
    "answers row i with slot i": (RowRememberer, ORDERS),
    "mixes rows up when their order is reversed": (Sorter, ORDERS),
    "does not reset a slot that is opened again beside others": (Forgetful, ORDERS),
    "never resets": (NeverResets, TRACE),
    "keeps what a closed neighbour left": (Haunted, ORDERS),
    "is right for two slots and wrong for three": (Pair, NEIGHBOUR),
    "samples by row": (SharedSampler, NEIGHBOUR),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_party_that_mixes_conversations_up_is_found_out_and_told_where(mutant):
    party, check = MUTANTS[mutant]
    found = mistakes(party(3))
    assert check in found
    assert re.fullmatch(r"slot \d(, conversation \d)? differs from the same alone from frame \d+ on", found[check])


def test_with_two_slots_nobody_finds_what_is_wrong_with_the_third():
    assert mistakes(Pair(2)) == {}


def test_checking_a_party_takes_no_more_than_ten_times_its_conversation():
    class Counting(Rememberer):
        steps = 0

        def step(self, heard: Batch):
            self.steps += 1
            return super().step(heard)

    party = Counting(3)
    check_party(party, Brief(seed=1))
    assert party.steps <= 10.5 * 100


def test_an_open_that_gives_no_opening_is_named():
    class Async(Rememberer):
        def open(self, slot, brief):
            return "a conversation"

    (check,) = check_party(Async(), Brief())
    assert (check.holds, check.detail) == (False, "open() returned str, expected Opening")


def test_an_adapter_that_raises_is_a_check_that_fails_and_a_status_of_its_calls():
    class Raising(Rememberer):
        def step(self, heard: Batch):
            raise ZeroDivisionError("frame 0")

    (check,) = check_party(Raising(), Brief(seed=1))
    assert not check.holds and "ZeroDivisionError: frame 0" in check.detail
    assert [each.reason for each in outcomes(Raising(2))] == ["adapter"] * 3
