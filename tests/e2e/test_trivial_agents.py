"""The whole chain - real speech, real frames, real VAD and ASR - gives every trivial agent what it must get."""

from __future__ import annotations

import pytest

from tests.committed import clean_row
from tests.conftest import AGENTS, summaries
from tests.e2e.agents_by_hand import BY_HAND

HEARD = [pytest.param(agent, marks=() if agent == "silence" else pytest.mark.slow) for agent in AGENTS]


@pytest.mark.parametrize("agent", HEARD)
@pytest.mark.parametrize("protocol", BY_HAND)
def test_agent_gets_what_the_table_by_hand_says(mini_run, agent, protocol):
    assert_by_hand(mini_run(agent), agent, protocol)


@pytest.mark.parametrize("agent", AGENTS)
def test_agent_gets_it_where_speech_alone_decides(mini_run, agent):
    assert_by_hand(mini_run(agent, asr="none"), agent, "fdbench")


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("protocol", BY_HAND)
def test_the_committed_rows_are_as_the_table_by_hand(agent, protocol):
    assert_by_hand(clean_row(agent), agent, protocol)


def assert_by_hand(run, agent, protocol):
    tasks = summaries(run)[protocol]
    wrong = []
    for behaviour, metrics in BY_HAND[protocol][agent].items():
        for metric, expected in metrics.items():
            summary = tasks[f"mini/{behaviour}"]["metrics"][metric]
            if not agrees(summary["value"], expected):
                wrong.append(f"{behaviour} {metric}: expected {expected}, got {summary['value']}")
            if summary["n_error"]:
                wrong.append(f"{behaviour} {metric}: {summary['n_error']} errors")
    assert not wrong, "\n".join(wrong)


def agrees(value, expected):
    if expected is None:
        return value is None
    if value is None:
        return False
    low, high = expected if isinstance(expected, tuple) else (expected - 1e-9, expected + 1e-9)
    return low <= value <= high


def test_the_table_leaves_no_agent_task_or_protocol_out():
    for protocol, agents in BY_HAND.items():
        assert set(agents) == set(AGENTS), protocol
        for agent, tasks in agents.items():
            assert set(tasks) == {"pause_handling", "turn_taking", "user_interruption", "backchannel"}, (protocol, agent)
