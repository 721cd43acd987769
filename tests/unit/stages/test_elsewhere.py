"""What machines settle each for itself, where calls are made on others than the one the command is typed on."""

from __future__ import annotations

import pytest

from fdbench.stages.elsewhere import settled_arguments
from fdbench.stages.plan import make_plan
from fdbench.stages.request import RunRequest

AGENT = """
import numpy as np
from fdbench.adapter.base import Agent, Port

class Placed(Agent):
    hears = says = Port(16_000, 1280)

    def __init__(self, device: str = "auto", loud: bool = False):
        pass

    def step(self, heard):
        return np.zeros(1280, np.float32)
"""


@pytest.fixture
def agent(tmp_path):
    (tmp_path / "placed.py").write_text(AGENT)
    return f"{tmp_path / 'placed.py'}:Placed"


def test_where_there_are_gpus_the_model_is_on_one_whatever_is_here(agent):
    assert settled_arguments(agent, {}, has_gpus=True) == {"device": "cuda"}
    assert settled_arguments(agent, {"device": "cpu", "loud": "true"}, has_gpus=True) == {"device": "cpu", "loud": "true"}


def test_what_an_agent_does_not_settle_is_left_out(agent):
    assert settled_arguments(agent, {}, has_gpus=False) == {}
    assert settled_arguments("vad-endpointer", {}, has_gpus=True) == {}


def test_moshi_is_given_the_threads_of_this_machine_or_a_gpu(tiny_moshi, tmp_path):
    given = {"checkpoint": str(tiny_moshi)}
    here = settled_arguments("moshi", given, has_gpus=False)
    assert here["device"] == "cpu" and int(here["threads"]) >= 1 and here["dtype"] == "float32"
    there = settled_arguments("moshi", given, has_gpus=True)
    assert there == {**given, "device": "cuda"}
    names = [
        make_plan(RunRequest("moshi", tasks="mini/turn_taking", out=tmp_path, arguments=each)).collection.run_id
        for each in (given, here, there)
    ]
    assert names[0] == names[1] != names[2], "a run on GPUs has its name also where there are none"
