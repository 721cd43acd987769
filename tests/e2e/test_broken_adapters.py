"""An adapter that raises: its author is told where, and a run in which nothing works ends early."""

from __future__ import annotations

import json
import re

import pytest

from fdbench.adapter.base import failure_of
from tests.conftest import fdbench
from tests.e2e.test_bad_input import TASK, truncate, write_clip

TURNS = "mini/turn_taking"
AGENT = """
import itertools
from pathlib import Path

import numpy as np
from fdbench.adapter.base import Agent, Port

KEY = "sk-0123456789abcdef"
STEPS = itertools.count()

class Broken(Agent):
    hears = says = Port(16000, 320)

    def __init__(self, manner: str = "always"):
        self.manner, self.calls = manner, 0

    def reset(self, brief):
        self.calls += 1

    def step(self, heard):
        n = next(STEPS)
        if self.manner == "always" and Path(__file__).with_name("broken").exists():
            self.think(n)
        if self.manner == "in two ways":
            raise ValueError("odd" if n % 2 else "even")
        if self.manner == "now and then" and self.calls > 1:
            raise ValueError("again")
        return np.zeros_like(heard)

    def think(self, n):
        np.array([1.0]).reshape(2)  # cannot be done; KEY is sk-0123456789abcdef
"""


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / "home" / "somebody" / "models"
    folder.mkdir(parents=True)
    (folder / "broken").touch()
    (folder / "parrot.py").write_text(AGENT)
    return folder / "parrot.py"


def run(file, tmp_path, *options):
    return fdbench(
        "run", "--model", f"{file}:Broken", "--tasks", TURNS, "--asr", "none", "--protocol", "fdbench", *options,
        "--out", tmp_path / "out",
    )  # fmt: skip


def takes(finished):
    paths = sorted((finished.run / "takes" / TURNS).glob("*.json"))
    return {path.name.partition("@")[0]: json.loads(path.read_text()) for path in paths}


def attempts(finished):
    lines = [json.loads(line) for line in (finished.run / "attempts.jsonl").read_text().splitlines()]
    return [line for line in lines if "take" in line]


def test_after_eight_equal_failures_in_a_row_a_run_ends_with_one_line(file, tmp_path):
    finished = run(file, tmp_path)
    assert finished.status == 3
    (line,) = finished.err.strip().splitlines()
    assert line.startswith(
        "fdbench: 8 calls in a row failed alike, 4 are left (--keep-going makes them all the same): adapter: "
    )
    assert "adapter: step() raised ValueError: cannot reshape array of size 1 into shape (2,) (parrot.py:31 in think)" in line
    assert [take.get("failure") is None for take in takes(finished).values()] == [False] * 8
    assert len(attempts(finished)) == 8


def test_the_same_command_goes_on_where_it_ended(file, tmp_path):
    run(file, tmp_path)
    (file.parent / "broken").unlink()
    finished = run(file, tmp_path)
    assert (finished.status, finished.err) == (3, "fdbench: the model never spoke in 12 of 12 calls\n")
    assert [take.get("failure") for take in takes(finished).values()] == [None] * 12


def test_keep_going_makes_every_call(file, tmp_path):
    finished = run(file, tmp_path, "--keep-going")
    assert finished.status == 3
    assert len(takes(finished)) == len(attempts(finished)) == 12
    assert "tt-12: adapter: step() raised ValueError" in finished.err and "in a row" not in finished.err


@pytest.mark.parametrize(("manner", "n_failed"), [("in two ways", 12), ("now and then", 4)])
def test_failures_of_several_kinds_or_between_others_end_nothing(manner, n_failed, file, tmp_path):
    finished = run(file, tmp_path, "--arg", f"manner={manner}")
    assert sum("failure" in take and take["failure"] is not None for take in takes(finished).values()) == n_failed
    assert len(takes(finished)) == 12


def test_eight_broken_clips_are_eight_broken_clips(tmp_path):
    for index in range(10):
        truncate(write_clip(tmp_path / "v1.0" / "candor_turn_taking" / str(index), index))
    finished = fdbench(
        "run", "--model", "silence", "--tasks", TASK, "--data", tmp_path, "--asr", "none", "--protocol", "fdbench",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert finished.status == 3 and "in a row" not in finished.err
    assert len(list(finished.run.glob("takes/**/*.json"))) == 10


def test_the_log_of_attempts_has_the_traceback_without_folders_or_keys(file, tmp_path):
    finished = run(file, tmp_path)
    text = (finished.run / "attempts.jsonl").read_text()
    assert "somebody" not in text and str(tmp_path) not in text and "sk-0123" not in text
    trace = attempts(finished)[0]["traceback"]
    assert re.search(r'File "models/parrot\.py", line \d+, in step\n    self\.think\(n\)', trace)
    assert trace.strip().endswith("ValueError: cannot reshape array of size 1 into shape (2,)")
    assert all("traceback" not in path.read_text().lower() for path in finished.run.glob("takes/**/*.json"))


def test_the_place_is_the_authors_even_where_a_library_raises():
    def author(values):
        return json.loads(values)

    try:
        author("{")
    except ValueError as error:
        failure = failure_of("step()", error)
    assert failure.message.startswith("step() raised JSONDecodeError: ")
    assert failure.message.endswith(f"(test_broken_adapters.py:{author.__code__.co_firstlineno + 1} in author)")
    assert "in raw_decode" in failure.trace and (failure.reason, failure.log) == ("adapter", None)
    assert failure_of("open()", ValueError("never raised")).message == "open() raised ValueError: never raised"
