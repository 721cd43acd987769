"""A run killed at any moment and started again gives the files of a run that was never killed, and repeats no finished call."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import MINI_ALONE, fdbench

KILLS_PER_ROUND = 5
VOLATILE = {"attempts.jsonl", ".lock"}
COMMAND = ("run", "--model", "random-backchannel", "--tasks", MINI_ALONE, "--limit", "1", "--asr", "sphinx", "--workers", "2")


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in VOLATILE
    }


def attempts(run: Path) -> list[str]:
    lines = (run / "attempts.jsonl").read_text().splitlines()
    return [line["take"] for line in map(json.loads, lines) if "take" in line]


def start_and_kill(out: Path, run: Path, n_files: int, command: Sequence[str] = COMMAND, **environment: str) -> bool:
    """Start the run in a process group of its own and kill all of it as soon as there are so many files; whether it ran on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fdbench.cli", *command, "--out", str(out)],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and sum(path.is_file() and path.name not in VOLATILE for path in run.rglob("*")) < n_files:
        time.sleep(0.01)
    was_running = process.poll() is None
    if was_running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return was_running


@pytest.mark.parametrize("rounds", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_equals_one_that_was_not(rounds, tmp_path):
    """Runs, each killed five times: when a random number of its files are there, half-written ones included."""
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    whole = fdbench(*COMMAND, "--workers", "1", "--out", tmp_path / "whole")
    assert whole.status == 0, whole.err
    uninterrupted = files(whole.run)

    moments, n_killed, left_behind = random.Random(20261121), 0, set()
    for number in range(rounds):
        out = tmp_path / f"killed-{number}"
        run = out / whole.run.name
        n_all = len(uninterrupted)  # the last six are scores
        targets = [*moments.sample(range(2, n_all - 6), KILLS_PER_ROUND - 1), n_all - moments.randint(1, 5)]
        for n_files in sorted(targets):
            n_killed += start_and_kill(out, run, n_files)
            left_behind |= {path.parts[0] for path in map(Path, files(run) if run.exists() else ())}
        finished = fdbench(*COMMAND, "--out", out)
        assert finished.status == 0, finished.err
        made = attempts(run)
        assert len(made) == len(set(made)), "a call that was finished was made again"
        killed = files(run)
        assert killed.keys() == uninterrupted.keys()
        assert [name for name in killed if killed[name] != uninterrupted[name]] == []
    assert n_killed >= 0.75 * rounds * KILLS_PER_ROUND, "the kills must hit a run at work"
    assert {"takes", "audio", "annotations", "scores"} <= left_behind, "in every stage of it"


def test_the_same_command_again_makes_no_call_and_changes_no_file(tmp_path):
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    command = ("run", "--model", "echo", "--tasks", "mini/turn_taking", "--limit", "2", "--asr", "sphinx", "--out", tmp_path)
    first = fdbench(*command)
    before, n_made = files(first.run), len(attempts(first.run))
    again = fdbench(*command)
    assert again.run == first.run
    assert files(again.run) == before
    assert len(attempts(again.run)) == n_made


def test_a_longer_run_goes_on_from_a_shorter_one(tmp_path):
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    command = ("run", "--model", "silence", "--tasks", "mini/turn_taking", "--asr", "sphinx", "--out", tmp_path)
    short = fdbench(*command, "--limit", "2")
    longer = fdbench(*command, "--limit", "4")
    assert longer.run == short.run
    assert len(attempts(longer.run)) == 4
    assert fdbench("score", longer.run, "--asr", "sphinx").status == 0
