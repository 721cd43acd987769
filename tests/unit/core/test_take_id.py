"""The one name of a take: its text, its order, its pair, its shard."""

from __future__ import annotations

from collections import Counter

import pytest

from fdbench.core.take_id import TakeId

TASK = "mini/turn_taking"


@pytest.mark.parametrize(
    ("id", "text"),
    [
        (TakeId(TASK, "tt-01"), "mini/turn_taking/tt-01@main.r0"),
        (TakeId("v1/pause_handling.candor", "7", repeat=12), "v1/pause_handling.candor/7@main.r12"),
        (TakeId(TASK, "tt-01", "clean", 2), "mini/turn_taking/tt-01@clean.r2"),
        (TakeId(TASK, "tt-01", condition="echo-60ms"), "mini/turn_taking/tt-01@main+echo-60ms.r0"),
        (TakeId(TASK, "a@b.r3+c"), "mini/turn_taking/a@b.r3+c@main.r0"),
    ],
)
def test_text_and_id_say_the_same(id, text):
    assert str(id) == text
    assert TakeId.parse(text) == id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tt-01@main.r0",
        "mini/turn_taking/tt-01",
        "mini/turn_taking/tt-01@main",
        "a/b@main.rx",
        "a/b@main.r01",
        "a/b@main+clean.r0",
        "a/b@main.r\u0663",
    ],
)
def test_what_names_no_take_is_refused(text):
    with pytest.raises(ValueError, match="expected TASK/SAMPLE@STIMULUS"):
        TakeId.parse(text)


def test_ids_sort_by_task_sample_stimulus_and_repeat():
    ids = [TakeId(TASK, "b"), TakeId(TASK, "a", "main", 1), TakeId(TASK, "a", "clean"), TakeId(TASK, "a"), TakeId("a/b", "z")]
    assert [str(id) for id in sorted(ids)] == [
        "a/b/z@main.r0", "mini/turn_taking/a@clean.r0", "mini/turn_taking/a@main.r0", "mini/turn_taking/a@main.r1",
        "mini/turn_taking/b@main.r0",
    ]  # fmt: skip


def test_takes_that_are_compared_are_a_pair():
    assert TakeId(TASK, "a", "clean", 1).pair == TakeId(TASK, "a", "main", 1, "noise").pair == TakeId(TASK, "a", repeat=1)


def test_takes_of_a_sample_stay_together_and_shards_fill_evenly():
    assert TakeId(TASK, "a", "clean").shard(7) == TakeId(TASK, "a", repeat=3, condition="noise").shard(7)
    sizes = Counter(TakeId(TASK, str(index)).shard(4) for index in range(400))
    assert set(sizes) == {0, 1, 2, 3} and min(sizes.values()) > 60
