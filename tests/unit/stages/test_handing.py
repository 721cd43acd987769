"""Who is handed which call, and what becomes of those that a lost worker held."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fdbench.core.conversation import Sample, Take
from fdbench.stages.handing import MOST_LOSSES, HandOut
from fdbench.task.stimulus import ScriptStimulus


def take(name, seconds=1.0):
    return Take(Sample(str(name), "mini/turn_taking", {"main": ScriptStimulus((), round(seconds * 16_000), 24_000)}))


def test_each_gets_its_share_where_there_are_fewer_calls_than_slots():
    handing = HandOut([take(index) for index in range(8)], slots=64)
    assert handing.room("a", 3) == 3


def test_a_call_that_was_held_as_every_worker_was_lost_is_given_up():
    handing = HandOut([take(0), take(1)], slots=1)
    for loss in range(1, MOST_LOSSES + 1):
        deadly = handing.give("a")
        assert deadly.sample.id == "0"
        again, given_up = handing.lose("a")
        assert (len(again), len(given_up)) == ((1, 0) if loss < MOST_LOSSES else (0, 1))
    assert handing.give("a").sample.id == "1" and handing.end("a", take(1).id) is not None and handing.is_over


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["ask", "end", "lose"])), max_size=200))
def test_no_call_is_forgotten_held_twice_or_ended_twice(happenings):
    ids = {take(index).id for index in range(12)}
    handing = HandOut([take(index) for index in range(12)], slots=3)
    ended = set()
    for worker, what in happenings:
        if what == "ask":
            for _ in range(handing.room(worker, 4)):
                handing.give(worker)
            assert len(handing.held_by(worker)) <= 3
        elif what == "end" and handing.held_by(worker):
            first = handing.held_by(worker)[0].id
            assert handing.end(worker, first) is not None and handing.end(worker, first) is None
            ended.add(first)
        elif what == "lose":
            ended |= {each.id for each in handing.lose(worker)[1]}
        held = [each.id for each in handing.waiting] + [each.id for name in range(4) for each in handing.held_by(name)]
        assert len(held) == len(set(held)) and set(held) | ended == ids and not set(held) & ended
