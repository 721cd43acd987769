"""The leaderboard's rows are what this checkout measures: a part of each is measured again and compared byte for byte.

Of ``silence`` everything, of two agents that speak one task. All of every row is measured by ``make test-all``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fdbench.core.metric import PROTOCOLS
from fdbench.store.run import Run

RESULTS = Path(__file__).parents[2] / "results"
TASKS = ("mini/backchannel", "mini/pause_handling", "mini/turn_taking", "mini/user_interruption")
MEASURED_AGAIN = [("silence", task) for task in TASKS] + [
    ("oracle", "mini/turn_taking"),
    ("vad-endpointer", "mini/turn_taking"),
]


def committed(run: Path) -> Path:
    """The committed folder of the same run; its id is made from every setting."""
    assert (RESULTS / run.name).is_dir(), f"{run.name} is not committed: a setting moved, run `make leaderboard`"
    return RESULTS / run.name


@pytest.fixture
def measured(mini_run):
    """All of ``silence`` is one run, which other tests look at, too."""
    return lambda agent, task: mini_run(agent) if agent == "silence" else mini_run(agent, task)


@pytest.mark.parametrize(("agent", "task"), MEASURED_AGAIN)
def test_a_call_gives_the_record_that_is_committed(measured, agent, task):
    run = Run(measured(agent, task))
    rows, takes = Run(committed(run.folder)), [take for take in run.takes() if take.task == task]
    assert takes
    for take in takes:
        assert run.record_bytes(take) == rows.record_bytes(take) is not None, take


def test_rows_keep_what_the_page_and_verify_need_and_nothing_else():
    for row in RESULTS.glob("*/manifest.json"):
        kept = {path.name for path in row.parent.iterdir()} - {"audio", "annotations", "attempts.jsonl", ".lock"}
        assert kept == {"manifest.json", "takes.jsonl", "scores"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("agent", "task"), MEASURED_AGAIN)
def test_its_scores_and_their_summary_are_those_that_are_committed(measured, agent, task, protocol):
    run = measured(agent, task)
    (made,), (stored,) = (folder.glob(f"scores/{protocol}-*") for folder in (run, committed(run)))
    assert made.name == stored.name
    lines = [
        [line for line in (folder / "samples.jsonl").read_text().splitlines() if json.loads(line)["task"] == task]
        for folder in (made, stored)
    ]
    assert lines[0] == lines[1]
    summaries = [json.loads((folder / "summary.json").read_text())["tasks"][task] for folder in (made, stored)]
    assert summaries[0] == summaries[1]


def test_every_committed_row_is_of_an_agent_that_the_leaderboard_is_made_of():
    rows = {path.parent.name.rpartition("-")[0] for path in RESULTS.glob("*/manifest.json")}
    assert rows == {"silence", "always-talking", "echo", "vad-endpointer", "random-backchannel", "oracle"}
