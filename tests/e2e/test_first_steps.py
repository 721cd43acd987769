"""What decides in the first minutes whether somebody stays: help, completion, remedies that work, the right mistake first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fdbench.command import installed
from fdbench.command.installed import suited
from fdbench.errors import MissingExtraError
from tests.conftest import fdbench


def test_the_package_can_be_run_as_a_module():
    done = subprocess.run([sys.executable, "-m", "fdbench", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("fdbench ")


@pytest.mark.parametrize("command", ["run", "score", "compare", "look"])
def test_help_shows_commands_that_can_be_typed(command):
    text = fdbench(command, "--help").out
    assert "examples:\n  fdbench " + command in text
    assert max(map(len, text.split("examples:")[1].splitlines())) <= 120


def test_every_option_of_run_says_what_it_does():
    text = fdbench("run", "--help", COLUMNS="200").out
    lines = [line for line in text.splitlines() if line.startswith("  --seed")]
    assert lines
    assert "another is another run" in lines[0]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_shells_complete_commands(shell):
    pytest.importorskip("shtab", reason="needs pip install 'fdbench[completion]'")
    script = fdbench("completion", shell).out
    assert all(command in script for command in ("compare", "leaderboard", "--fail-if"))
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


def test_doctor_ends_with_a_verdict(tmp_path):
    assert fdbench("doctor").out.splitlines()[-1].startswith("verdict: ")
    assert fdbench("doctor", "--model", "silence").out.splitlines()[-1] == "verdict: silence can be measured here"
    broken = tmp_path / "loud.py"
    broken.write_text(
        "from fdbench.adapter.base import Agent, Port\n"
        "class Loud(Agent):\n"
        "    hears = says = Port(16000, 320)\n"
        "    def reset(self, brief): pass\n"
        "    def step(self, heard): return heard[:7]\n"
    )
    finished = fdbench("doctor", "--model", f"{broken}:Loud")
    assert finished.status == 3
    assert "cannot be measured here: " in finished.out.splitlines()[-1]


TOLD = "first pip install 'fdbench[data]', then pip install --upgrade 'fdbench[tiny-en,vad]'"


def remedy_in(monkeypatch: pytest.MonkeyPatch, clone: Path | None) -> str:
    monkeypatch.setattr(installed, "clone_of_fdbench", lambda: clone)
    monkeypatch.setattr(installed, "_pip", lambda: "pip")
    return suited(TOLD)


def test_remedies_fit_how_fdbench_was_installed(monkeypatch, tmp_path):
    assert remedy_in(monkeypatch, None) == TOLD
    assert remedy_in(monkeypatch, Path("/clone")) == TOLD.replace("'fdbench[", "-e '/clone[")
    monkeypatch.chdir(tmp_path)
    assert remedy_in(monkeypatch, tmp_path).startswith("first pip install -e '.[data]'")
    assert suited("nothing to install") == "nothing to install"


def test_what_the_user_got_wrong_is_said_before_what_is_missing_here(monkeypatch, tmp_path):
    def nothing_hears(spec: str) -> str:
        raise MissingExtraError("faster-whisper", "tiny-en", "--asr auto")

    monkeypatch.setattr("fdbench.hear.engines.chosen_asr", nothing_hears)
    for wrong, told in (
        (("--model", "vad-endpoint"), "did you mean 'vad-endpointer'"),
        (("--model", "echo", "--tasks", "mini/turntaking"), "did you mean 'mini/turn_taking'"),
        (("--model", "echo", "--arg", "x=1"), "argument of echo"),
        (("--model", "echo", "--protocol", "fdb"), "fdb-2026-05"),
    ):
        assert told in fdbench("run", *wrong, cwd=tmp_path).err
    assert "faster-whisper" in fdbench("run", "--model", "echo", cwd=tmp_path).err
    assert list(tmp_path.iterdir()) == []
