"""Agents that understand nothing get what the table by hand says, and win nothing that it does not grant them."""

from __future__ import annotations

from statistics import fmean

import pytest

import fdbench
from fdbench.audio import vad
from fdbench.core.metric import METRICS
from fdbench.hear import stage
from fdbench.report.ranking import best_of, is_rankable
from fdbench.report.rows import read_run
from tests.conftest import AGENTS
from tests.e2e.test_trivial_agents import agrees
from tests.e2e.zoo import ZOO
from tests.e2e.zoo_by_hand import ZOO_BY_HAND

LOST = "lost_per_turn_s"


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """The rows of every agent by behaviour. All hear the same prompts, which the detector therefore hears once."""
    model = vad.load_vad_model()
    out = tmp_path_factory.mktemp("zoo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vad, "_REMEMBERED", 1000)
        patch.setattr(stage, "load_vad_model", lambda: model)
        runs = {
            name: fdbench.run(kind, "mini", out=out, name=name, arguments=arguments, asr="none")
            for name, (kind, arguments) in ZOO.items()
        }
    return {name: rows_of(run.path) for name, run in runs.items()}


def rows_of(run):
    return {row.scored.behaviour: row for row in read_run(run)}


@pytest.mark.parametrize("agent", ZOO)
def test_agent_gets_what_the_table_by_hand_says(zoo, agent):
    wrong = []
    for behaviour, metrics in ZOO_BY_HAND[agent].items():
        for metric, expected in metrics.items():
            summary = zoo[agent][behaviour].metrics[metric]
            if not agrees(summary.value, expected):
                wrong.append(f"{behaviour} {metric}: expected {expected}, got {summary.value}")
            if summary.n_error:
                wrong.append(f"{behaviour} {metric}: {summary.n_error} errors")
    assert not wrong, "\n".join(wrong)
