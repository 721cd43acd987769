"""How turns pass over a family's tasks: sums over clips, beside people where that is fair."""

from __future__ import annotations

import pytest

from fdbench.core.score import Score, none_score
from fdbench.core.take_id import TakeId
from fdbench.human.reference import HumanReference, shipped_reference
from fdbench.stages.conversation import conversation_of

TASKS = {"mini/pause_handling": "pause_handling", "mini/turn_taking": "turn_taking", "mini/backchannel": "backchannel"}
PEOPLE = HumanReference.model_validate(
    {
        "id": "by-hand",
        "material": "none",
        "source": "by hand",
        "cutting": {"by": "segments", "min_silence_s": 0.2},
        "onsets": {"kind": "counted", "start_s": -2.0, "step_s": 0.2, "below": 0, "counts": (1,) * 30, "above": 0},
        "hold": {"clips": ((1, 10), (1, 10))},
        "shift": {"clips": ((9, 10), (7, 10))},
        "backchannels": {"rate_hz": 0.1, "intervals_s": (0.4, 2.2)},
    }
)


def boundary(true_claims, claims, met, ends=1):
    components = {"true_claims": true_claims, "claims": claims, "ends": ends}
    components |= {"recall_within_1_s": met, "ends_recall_within_1_s": ends}
    if not claims:
        return none_score("boundary_f1", "no_takeover", **components)
    return Score("boundary_f1", 1.0, components=components)


def taken(metric, k, n):
    return Score(metric, k / n, components={"numerator": k, "denominator": n})


def broken(*turns):
    n = sum(is_broken for _, is_broken in turns)
    components = {"numerator": n, "denominator": len(turns)}
    return Score("broken_turns_rate", n / len(turns), components=components, details={"turns": [list(turn) for turn in turns]})


def overlap(held_s, speech_s):
    kinds = dict.fromkeys(("backchannel", "yielded", "terminal", "competitive"), 0.0) | {"held": 60 * held_s}
    return Score(
        "competing_overlap", 60 * held_s / speech_s, components={"numerator": 60 * held_s, "denominator": speech_s, **kinds}
    )


PAUSE = (TakeId("mini/pause_handling", "p1"), [
    boundary(1, 3, 1), taken("holds_taken_rate", 2, 2), taken("shifts_taken_rate", 1, 1), broken((0.4, True)),
    overlap(1.0, 5.0),
])  # fmt: skip
TURN = (TakeId("mini/turn_taking", "t1"), [
    boundary(0, 0, 0), taken("holds_taken_rate", 0, 6), taken("shifts_taken_rate", 0, 1), broken((5.0, False)),
    overlap(0.0, 5.0), none_score("response_latency_s", "no_reply", censored_at_s=5.0),
])  # fmt: skip
SPOKEN = {"backchannels_s": [[1.0, 1.3], [3.2, 3.5]], "clip_s": 10.0}
LISTENED = (
    TakeId("mini/backchannel", "b1"),
    [Score("takeover_rate", 0.0, details=SPOKEN), broken((None, False)), overlap(0.0, 10.0)],
)
SAMPLES = [PAUSE, TURN, LISTENED]


def test_sums_over_clips_decide():
    found = conversation_of(SAMPLES, TASKS, "mini", PEOPLE, "silero-6.2.3")
    assert found.boundaries is not None and found.frontier is not None and found.competing is not None
    assert (found.boundaries.precision, found.boundaries.recall) == (1 / 3, {"recall_within_1_s": 1 / 2})
    assert found.boundaries.f1.value == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert found.boundaries.f1.n == 2
    assert found.competing.value == pytest.approx(60 * 1.0 / 20.0)
    assert found.overlap_s_per_minute["held"] == pytest.approx(3.0)
    assert (found.frontier.wait_s.value, found.frontier.wait_s.n) == (pytest.approx((0.4 + 5.0) / 2), 2)
    assert (found.frontier.broken.value, found.frontier.n_turns) == (1 / 3, 3)
    assert found.frontier.hypervolume == pytest.approx((5 - 2.7) / 5 * 2 / 3)


def test_rates_are_set_beside_peoples_where_the_moments_were_not_chosen_by_what_people_did():
    holds = conversation_of(SAMPLES, TASKS, "mini", PEOPLE, "silero").holds
    assert holds is not None and holds.people is not None and holds.difference is not None
    assert (holds.model.value, holds.people.value) == (2 / 8, 2 / 20)
    assert holds.difference.value == pytest.approx(0.15)
    assert holds.difference.low is not None and holds.difference.low < 0.15 < (holds.difference.high or 0)
    of_v1 = conversation_of(SAMPLES, TASKS, "v1", PEOPLE, "silero").holds
    assert of_v1 is not None and of_v1.model.value == 2 / 8 and of_v1.people is None and of_v1.difference is None
    without = conversation_of(SAMPLES, TASKS, "mini", shipped_reference(), "silero").shifts
    assert without is not None and without.people is None


def test_intervals_between_backchannels_are_set_beside_a_memoryless_process_and_people():
    rhythm = conversation_of(SAMPLES, TASKS, "mini", PEOPLE, "silero").rhythm
    assert rhythm is not None and rhythm.n_intervals == 1
    assert rhythm.rate_hz == pytest.approx(1 / 9.0)  # 2.2 s, and 6.8 s in which no other came
    assert rhythm.people_bits is not None and 0 < rhythm.memoryless_bits < 1
    assert conversation_of([PAUSE], TASKS, "mini", PEOPLE, "silero").rhythm is None


def test_who_is_not_cut_as_people_were_is_told_so():
    assert "the model is cut by silero-6" in conversation_of(SAMPLES, TASKS, "mini", PEOPLE, "silero-6").human_note


def test_of_nothing_nothing_is_said():
    found = conversation_of([], TASKS, "mini", PEOPLE, "silero")
    assert [found.boundaries, found.holds, found.shifts, found.competing, found.frontier, found.rhythm, found.onsets] == [
        None
    ] * 7
