"""Takes are asked for as slots are free, and none just now holds nobody up."""

from __future__ import annotations

import numpy as np

from fdbench.adapter.base import Agent, AgentParty, Port
from fdbench.call.call import Ending
from fdbench.call.examined_calls import ExaminedCalls
from fdbench.call.examiner.options import ExaminerOptions
from fdbench.call.source import PromptCalls
from fdbench.core.conversation import Sample, Take
from fdbench.core.sound import Audio


class Mute(Agent):
    hears = says = Port(16_000, 1280)

    def reset(self, brief):
        pass

    def step(self, heard):
        return np.zeros(1280, np.float32)


class Beep:
    digest = "beep"

    def load(self):
        return Audio.silence(0.5, 16_000)


def source(slots):
    model = AgentParty(Mute, slots)
    ending = Ending(0.1, 0.2)
    return ExaminedCalls(model, ExaminerOptions(), lambda user, longest_s: PromptCalls(model, 0, 0.0, ending, user=user))


def test_no_more_takes_are_asked_for_than_there_are_slots():
    asked = []

    def offers():
        for index in range(6):
            asked.append(index)
            yield Take(Sample(str(index), "mini/turn_taking", {"main": Beep()}))

    outcomes = source(2).collect(offers())
    next(outcomes)
    assert asked == [0, 1]
    assert len(list(outcomes)) == 5 and asked == [*range(6)]


def test_where_there_is_none_just_now_the_calls_that_are_going_on_end():
    ended = []

    def offers():
        yield Take(Sample("0", "mini/turn_taking", {"main": Beep()}))
        while not ended:
            yield None
        yield None
        yield Take(Sample("1", "mini/turn_taking", {"main": Beep()}))

    for take, _ in source(2).collect(offers()):
        ended.append(take.sample.id)
    assert ended == ["0", "1"]
