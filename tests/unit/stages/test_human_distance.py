"""How far a task's latencies are from people's onsets."""

from __future__ import annotations

import pytest

from fdbench.core.onsets import SampledOnsets
from fdbench.core.score import Score, none_score
from fdbench.human.reference import shipped_reference
from fdbench.stages.human_distance import LATENCY, summarise_distance

PEOPLE = SampledOnsets((-0.2, 0.0, 0.2, 0.4, 0.6))


def summary(*times_s, human=PEOPLE, clips=None):
    scores = [
        none_score(LATENCY, "no_reply", censored_at_s=5.0) if time_s is None else Score(LATENCY, time_s) for time_s in times_s
    ]
    return summarise_distance(scores, clips or [str(index) for index in range(len(scores))], human, "signed")


def test_who_answers_as_people_do_is_at_no_distance_and_who_is_half_a_second_late_at_half_a_second():
    assert summary(-0.2, 0.0, 0.2, 0.4, 0.6).value == pytest.approx(0, abs=1e-9)
    late = summary(0.3, 0.5, 0.7, 0.9, 1.1)
    assert late.value == pytest.approx(0.5)
    assert (late.metric, late.unit, late.higher_is_better, late.n_scored) == ("human_distance_s", "s", False, 5)
    assert late.ci_low is not None and late.ci_low <= 0.5 <= late.ci_high
    assert late.details["floor_s"] > 0 and late.details["late_or_never"] == 0


def test_who_never_answers_is_as_far_as_the_window_goes_and_of_nobody_there_is_no_distance():
    never = summary(None, None, None)
    assert never.value == pytest.approx(4.0 - 0.2)
    assert never.details["late_or_never"] == 1 and (never.n_scored, never.n_censored) == (3, 0)
    nobody = summarise_distance([none_score(LATENCY, "audio_missing")], ["a"], PEOPLE, "signed")
    assert (nobody.value, nobody.details, nobody.n_error) == (None, {}, 1)


def test_repeats_of_a_clip_are_one_clip():
    assert summary(0.1, 0.2, clips=["a", "a"]).ci_low is None, "one clip has no interval"
    assert summary(0.1, 0.2, human=shipped_reference().onsets).value > 0
