"""``--on slurm``, by submitit's executor for one machine: jobs that are shards, one of them pre-empted in a call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import fdbench
from tests.e2e.test_shards import MEANINGLESS, TASKS, calls_made, content, until

AGENT = f"{Path(__file__).with_name('gated_agent.py')}:Gated"


@pytest.mark.slow
def test_jobs_fill_one_run_and_one_that_is_pre_empted_is_queued_again(tmp_path):
    pytest.importorskip("submitit", reason="needs pip install 'fdbench[slurm]'")
    assert fdbench("run", "--model", AGENT, *TASKS, "--slots", "1", "--out", tmp_path / "one").status == MEANINGLESS
    gate = tmp_path / "gate" / "closed"
    gate.parent.mkdir()
    gate.touch()
    command = [sys.executable, "-m", "fdbench.cli", "run", "--model", AGENT, *TASKS, "--slots", "1", "--silence", "20"]
    command += ["--out", "jobs", "--on", "slurm:local", "--nodes", "2", "--time", "60", "--wait"]
    waiting = subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "GATE": str(gate)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: len(list(gate.parent.glob("*.waits"))) == 2)
    first = next(gate.parent.glob("*.waits"))
    os.kill(int(first.stem), signal.SIGUSR2)
    until(lambda: not Path(f"/proc/{first.stem}").exists())
    gate.unlink()
    out, err = waiting.communicate(timeout=240)
    assert waiting.returncode == 0, out + err
    assert "2 jobs" in err and "8 of 8 calls recorded, 0 failed" in out
    (one,), (run,) = ([path.parent for path in (tmp_path / name).glob("*/manifest.json")] for name in ("one", "jobs"))
    assert any("Requeued job" in path.read_text() for path in (tmp_path / "jobs" / ".slurm").rglob("*_log.*"))
    made = calls_made(run)
    assert len(made) == len(set(made)) == 8
    assert content(run) == content(one)
    assert fdbench("verify", run).status == 0


def test_without_submitit_or_slurm_it_is_two_lines(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "submitit", None)
        done = fdbench("run", "--model", "silence", *TASKS, "--out", tmp_path, "--on", "slurm")
    assert done.status == 2 and "fdbench[slurm]" in done.err and not list(tmp_path.iterdir())
    pytest.importorskip("submitit", reason="needs pip install 'fdbench[slurm]'")
    done = fdbench("run", "--model", "silence", *TASKS, "--out", tmp_path, "--on", "slurm", PATH="/nowhere")
    assert done.status == 2 and "--on slurm" in done.err and "sbatch" in done.err


@pytest.mark.parametrize(
    "options",
    [
        ("--nodes", "2"),
        ("--wait",),
        ("--on", "slurm", "--shard", "1/2"),
        ("--on", "slurm", "--nodes", "0"),
        ("--on", "slurm", "--time", "soon"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, options):
    assert fdbench("run", "--model", "silence", "--out", tmp_path, *options).status == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "minutes"), [("90", 90), ("12:00:00", 720), ("30:00", 30), ("1-12", 2160), ("2-01:30", 2970), ("0:00:10", 1)]
)
def test_slurms_times_are_read(text, minutes):
    from fdbench.command.slurm import _minutes_of

    assert _minutes_of(text) == minutes
