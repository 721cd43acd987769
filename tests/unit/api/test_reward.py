"""``fdbench.reward`` and ``fdbench.rewards``: arrays in, one number each out, as a training loop calls them."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import fdbench
from fdbench.errors import FdbenchError
from fdbench.task.load import load_samples, task_specs

RATE = 16_000
EXAMPLE = Path(__file__).parents[3] / "examples" / "reward_policy.py"
SILENCE = np.zeros(4 * RATE, np.float32)


@pytest.fixture(scope="module")
def voice():
    return load_samples(task_specs()["mini/turn_taking"], None).samples[0].stimuli["main"].load().samples[: 2 * RATE]


@pytest.fixture(scope="module")
def reply(voice):
    """Two seconds of a voice from 5.0 s on, in a recording of 9 s."""
    side = np.zeros(9 * RATE, np.float32)
    side[5 * RATE : 7 * RATE] = voice
    return side


def test_a_reply_costs_its_delay_and_silence_five_seconds(reply):
    events = [("turn_end", 3.9)]
    found = fdbench.reward(SILENCE, reply, RATE, "turn", events)
    onset_s = 5.0 + next(i for i, x in enumerate(reply[5 * RATE :]) if abs(x) > 0.02) / RATE
    assert found.published == pytest.approx(-(onset_s - 3.9), abs=0.1)
    assert found.minus_lost_s == pytest.approx(found.published)
    assert found.bounded == pytest.approx(1 + found.published / 5)
    assert fdbench.reward(SILENCE, np.zeros_like(reply), RATE, "turn", events).minus_lost_s == -5.0


def test_many_at_once_are_each_as_alone_and_the_same_each_time(reply):
    axes = ["turn", "pause", "backchannel", "interruption"]
    events = [
        [("turn_end", 3.9)],
        [("pause", 1.0, 2.0), ("turn_end", 3.9)],
        [("backchannel", 1.0, 1.4)],
        [("context", 0.0, 1.0), ("interruption", 2.0, 3.9)],
    ]
    together = fdbench.rewards([SILENCE] * 4, [reply] * 4, RATE, axes, events)
    alone = [fdbench.reward(SILENCE, reply, RATE, axis, each) for axis, each in zip(axes, events, strict=True)]
    assert together == alone == fdbench.rewards([SILENCE] * 4, [reply] * 4, RATE, axes, events)
    assert [each.axis for each in together] == axes
    assert together[1].published == -1.0 and together[2].published == 0.0
    assert together[0].published == together[3].published
    assert fdbench.rewards([], [], RATE, "turn", []) == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"axis": "trun"}, "unknown axis 'trun'"),
        ({"events": []}, "needs an event 'turn_end'"),
        ({"axis": "interruption"}, "needs an event 'interruption'"),
        ({"events": [("turn_end", 4.5)]}, "the user's audio is 4 s long"),
        ({"events": [("turn_end", 1.0), ("turn_end", 2.0)]}, "2 events 'turn_end'"),
        ({"events": [("breath", 1.0, 2.0)]}, "unknown event 'breath'"),
        ({"events": 3}, "expected a list"),
        ({"model": np.zeros(2 * RATE, np.float32)}, "is 2 s long, and is asked at 3.9 s"),
        ({"model": np.zeros(0, np.float32)}, "model 0: expected samples"),
    ],
)
def test_what_makes_no_sense_is_refused_in_two_lines(reply, arguments, what):
    good = {"user": SILENCE, "model": reply, "sample_rate": RATE, "axis": "turn", "events": [("turn_end", 3.9)]}
    with pytest.raises(FdbenchError, match=what) as caught:
        fdbench.reward(**(good | arguments))
    assert caught.value.remedy


def test_as_many_of_each_are_needed(reply):
    with pytest.raises(FdbenchError, match="found 1 users, 2 models, 1 axes, 1 lists of events"):
        fdbench.rewards([SILENCE], [reply, reply], RATE, "turn", [[]])


def test_the_example_rewards_a_policy_and_improves_it(capsys):
    assert runpy.run_path(str(EXAMPLE))["main"](["--steps", "3"]) == 0
    assert "users lose" in capsys.readouterr().out
