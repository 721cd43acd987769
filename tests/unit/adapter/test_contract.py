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
