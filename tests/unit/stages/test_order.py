"""In which order calls are begun: the longest first, and some held back where that is over sooner."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdbench.core.conversation import Sample, Take
from fdbench.stages.order import end_s, in_order, order_of
from fdbench.task.stimulus import FileStimulus, ScriptStimulus


def take(name, seconds=1.0):
    return Take(Sample(str(name), "mini/turn_taking", {"main": ScriptStimulus((), round(seconds * 16_000), 24_000)}))


def test_the_longest_are_begun_first_and_what_cannot_be_read_is_begun_last(tmp_path):
    unreadable = Take(Sample("x", "mini/turn_taking", {"main": FileStimulus(tmp_path / "none.wav")}))
    takes = [take(1, 2.0), unreadable, take(2, 5.0), take(3, 3.0)]
    ordered = in_order(takes, dialogue_s=60.0, around_s=9.0, slots=1)
    assert [each.sample.id for each in ordered] == ["2", "3", "1", "x"]


def test_by_hand_holding_back_ends_sooner():
    """Two slots: 3 2 | 3 2 and a 2 that is left over end at 7; 3 3 | 2 2 2 end at 6."""
    lengths_s = [3.0, 3.0, 2.0, 2.0, 2.0]
    assert end_s(range(5), lengths_s, 2) == 7.0
    assert end_s(order_of(lengths_s, 2), lengths_s, 2) == 6.0


@given(st.lists(st.floats(0.0, 90.0), max_size=60), st.integers(1, 12))
def test_every_call_is_made_once_and_never_later_than_with_the_longest_first(lengths_s, slots):
    order = order_of(lengths_s, slots)
    longest_first = sorted(range(len(lengths_s)), key=lambda index: -lengths_s[index])
    assert sorted(order) == list(range(len(lengths_s)))
    assert end_s(order, lengths_s, slots) <= end_s(longest_first, lengths_s, slots)


@pytest.mark.parametrize("seed", range(3))
def test_where_lengths_are_only_expected_it_is_still_over_sooner(seed):
    """Four calls and a bit for each slot of eight GPUs, of 13 to 39 s, each of which takes up to 4 s more or less."""
    draw = random.Random(seed)
    expected_s = [draw.uniform(13, 39) for _ in range(2181)]
    real_s = [each + draw.uniform(-4, 4) for each in expected_s]
    longest_first = sorted(range(2181), key=lambda index: -expected_s[index])
    assert end_s(order_of(expected_s, 512), real_s, 512) < end_s(longest_first, real_s, 512)
