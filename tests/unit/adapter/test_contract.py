"""What goes wrong in an adapter is told in one line, whatever it raises and wherever."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fdbench.adapter.base import Agent, AgentParty, Batch, Brief, Opening, Port, Spoken
from fdbench.adapter.contract import check_party
from fdbench.adapter.load import find_model, resolve
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.event import Event
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.errors import AdapterError

PORT = Port(16000, 320)


class Party:
    """A batch model that says nothing; tests break one thing at a time."""

    hears = says = PORT

    def __init__(self, slots: int = 2) -> None:
        self.slots = slots

    def open(self, slot, brief):
        return Opening()

    def step(self, heard):
        return Spoken(np.zeros((len(heard.slots), 320), np.float32))

    def close(self, slot):
        pass


def outcomes(party, n=3):
    stimulus = Audio(np.zeros(1600, np.float32), 16000)
    invitations = [Invitation(Take(Sample(str(i), "t", {})), Brief(stimulus=stimulus), Brief()) for i in range(n)]
    return [outcome for _, outcome in Driver(party, None, Ending(0.2, 0.4)).run(invitations)]


def raises(error):
    def method(self, *_):
        raise error

    return method


@pytest.mark.parametrize("error", [RuntimeError("no memory"), SystemExit(0), AssertionError()])
@pytest.mark.parametrize("method", ["open", "step"])
def test_whatever_a_party_raises_is_its_calls_status(method, error):
    party = type("Broken", (Party,), {method: raises(error)})()
    found = outcomes(party)
    assert len(found) == 3
    assert all(isinstance(outcome, FailedCall) and type(error).__name__ in outcome.message for outcome in found)


def test_a_close_that_raises_costs_nothing():
    assert all(isinstance(each, Recording) for each in outcomes(type("B", (Party,), {"close": raises(RuntimeError())})()))


def test_an_opening_that_fails_while_it_is_polled_is_a_status():
    def ready():
        raise RuntimeError("prefill failed")

    party = type("B", (Party,), {"open": lambda self, slot, brief: Opening(ready)})()
    told = {each.message for each in outcomes(party)}
    assert len(told) == 1 and re.fullmatch(
        r"ready\(\) raised RuntimeError: prefill failed \(test_contract\.py:\d+ in ready\)", told.pop()
    )


def test_a_slow_opening_holds_up_no_other_slot():
    class Slow(Party):
        polls = 0

        def open(self, slot, brief):
            return Opening(self.is_ready if slot == 0 else (lambda: True))

        def is_ready(self):
            self.polls += 1
            return self.polls > 5

    assert all(isinstance(each, Recording) for each in outcomes(Slow()))


ANSWERS = {
    "nothing": lambda heard: None,
    "an array": lambda heard: np.zeros((len(heard.slots), 320), np.float32),
    "one row too few": lambda heard: Spoken(np.zeros((len(heard.slots) - 1, 320), np.float32)),
    "integers": lambda heard: Spoken(np.zeros((len(heard.slots), 320), np.int16)),
    "text": lambda heard: Spoken(np.full((len(heard.slots), 320), "a")),
    "a failure that is text": lambda heard: Spoken(np.zeros((len(heard.slots), 320), np.float32), failed={0: "oom"}),
    "an event that is text": lambda heard: Spoken(np.zeros((len(heard.slots), 320), np.float32), events={0: ["hi"]}),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_of_the_wrong_kind_is_a_breach_of_contract(answer):
    party = type("B", (Party,), {"step": lambda self, heard: ANSWERS[answer](heard)})()
    found = outcomes(party)
    assert [each.reason for each in found] == ["contract"] * 3
    assert all(each.message.startswith("step() returned") for each in found)


def test_a_party_may_use_its_array_again_and_tell_events():
    class Counter(Party):
        def __init__(self, slots=1):
            super().__init__(slots)
            self.out = np.zeros((slots, 320), np.float32)

        def step(self, heard: Batch):
            self.out += 0.01
            return Spoken(self.out[: len(heard.slots)], events={0: [Event("text", Span(heard.t_s[0], heard.t_s[0]), "x")]})

    (recording,) = outcomes(Counter(), 1)
    levels = recording.model.audio.samples[::320]
    assert levels[:4] == pytest.approx([0.0, 0.01, 0.02, 0.03])
    assert [event.span.start_s for event in recording.events][:3] == pytest.approx([0.0, 0.02, 0.04])


SOURCE = """
from __future__ import annotations
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
import numpy as np
from fdbench.adapter.base import Agent, Port
if TYPE_CHECKING:
    from nowhere import Undefined

@dataclass
class Setting:
    gain: float = 1.0

class Base(Agent):
    hears = says = Port(16000, 320)
    def reset(self, brief): pass
    def step(self, heard): return heard.copy()

class Odd(Base):
    def __init__(self, x: Undefined = 3, **more): pass

class InitRaises(Base):
    def __init__(self): raise RuntimeError("no weights here")

class InitExits(Base):
    def __init__(self): sys.exit(0)

class Abstract(Agent):
    hears = says = Port(16000, 320)

class NoPorts(Agent):
    def reset(self, brief): pass
    def step(self, heard): return heard

class Lopsided(Base):
    says = Port(16000, 640)

class NoSlots:
    hears = says = Port(16000, 320)
    def __init__(self): pass

class Few:
    hears = says = Port(16000, 320)
    def __init__(self, slots): self.slots = 0
    def open(self, slot, brief): pass
    def step(self, heard): pass
    def close(self, slot): pass

class BadDefault(Base):
    def __init__(self, setting=Setting()): pass

class StepExits(Base):
    def step(self, heard): sys.exit(0)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "odd.py"
    path.write_text(SOURCE)
    return path


@pytest.mark.parametrize("name", ["InitRaises", "InitExits", "Abstract", "NoPorts", "Lopsided", "NoSlots", "Few", "BadDefault"])
def test_an_adapter_that_cannot_be_made_is_an_error_naming_it(file, name):
    with pytest.raises(AdapterError) as error:
        resolve(find_model(f"{file}:{name}"), {}).open_party(2)
    assert "odd.py" in error.value.what
    assert error.value.remedy


def test_annotations_for_type_checkers_only_and_keywords_do_no_harm(file):
    adapter = resolve(find_model(f"{file}:Odd"), {"x": "4"})
    assert adapter.arguments == {"x": 4}
    assert isinstance(adapter.open_party(1), AgentParty)


def test_doctor_names_what_raised(file):
    party = resolve(find_model(f"{file}:StepExits"), {}).open_party(1)
    (check,) = check_party(party, Brief())
    assert not check.holds
    assert "SystemExit" in check.detail


def test_an_agent_is_one_slot_of_a_party():
    class Quiet(Agent):
        hears = says = PORT

        def reset(self, brief):
            raise ValueError("not today")

        def step(self, heard):
            return heard

    (told,) = {each.message for each in outcomes(AgentParty(Quiet, 2))}
    assert re.fullmatch(r"open\(\) raised ValueError: not today \(test_contract\.py:\d+ in reset\)", told)


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
