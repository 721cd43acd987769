"""``--on slurm``: by submitit's executor for one machine, by stand-ins for Slurm's commands, and by a Slurm if one answers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

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


@pytest.mark.slow
def test_jobs_fill_all_runs_of_a_sweep_and_whoever_waits_makes_its_table(tmp_path):
    pytest.importorskip("submitit", reason="needs pip install 'fdbench[slurm]'")
    command = [sys.executable, "-m", "fdbench.cli", "sweep", "--model", "vad-endpointer", "--arg", "silence_ms=300,900", *TASKS]
    command += ["--out", "results", "--on", "slurm:local", "--nodes", "2", "--wait"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 jobs" in done.stderr and done.stdout.count("8 of 8 calls recorded, 0 failed") == 2
    assert "hypervolume" in done.stdout and (tmp_path / "results" / "sweeps" / "vad-endpointer-silence_ms.json").is_file()
    for run in (path.parent for path in (tmp_path / "results").glob("*/manifest.json")):
        assert len(calls_made(run)) == len(set(calls_made(run))) == 8


def test_jobs_on_gpus_make_the_run_that_the_login_node_names(tiny_moshi, tmp_path, monkeypatch):
    """The machine on which the command is typed has no GPU."""
    from fdbench.command import slurm

    asked = []
    monkeypatch.setattr(slurm, "submit", lambda arguments, folders: asked.append((arguments, folders)) or 0)
    command = ("run", "--model", "moshi", "--arg", f"checkpoint={tiny_moshi}", *TASKS, "--out", tmp_path)
    on = ("--on", "slurm", "--gpus-per-node", "1")
    assert fdbench(*command, *on).status == 0
    assert fdbench(*command, *on, "--condition", "clean,babble-10dB").status == 0
    assert fdbench("sweep", *command[1:], *on, "--arg", "temp=0.6,0.8").status == 0
    for arguments, folders in asked:
        assert "device=cuda" in arguments.arg
        assert len({folder.name for folder in folders}) == len(folders)
    assert [len(folders) for _, folders in asked] == [1, 2, 2]
    assert asked[0][1][0] in asked[1][1], "the same run, by whichever command"
    refused = fdbench(*command, "--arg", "device=cuda")
    assert refused.status == 2 and "no CUDA device" in refused.err


def test_without_submitit_or_slurm_it_is_two_lines(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "submitit", None)
        done = fdbench("run", "--model", "silence", *TASKS, "--out", tmp_path, "--on", "slurm")
    assert done.status == 2 and "fdbench[slurm]" in done.err and not list(tmp_path.iterdir())
    pytest.importorskip("submitit", reason="needs pip install 'fdbench[slurm]'")
    done = fdbench("run", "--model", "silence", *TASKS, "--out", tmp_path, "--on", "slurm", PATH="/nowhere")
    assert done.status == 2 and "--on slurm" in done.err and "sbatch" in done.err


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Commands that stand for Slurm's: ``sbatch`` keeps what it is given, ``squeue`` shows the lines of a file."""
    pytest.importorskip("submitit", reason="needs pip install 'fdbench[slurm]'")
    folder = tmp_path / "slurm"
    folder.mkdir()
    for name, script in {
        "sbatch": f'cp "$1" {folder}/script; env > {folder}/environment; echo "Submitted batch job 77"',
        "squeue": f"cat {folder}/queue",
        "srun": "exit 1",
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def submitted(tmp_path, *options, **environment):
    return fdbench("run", "--model", "silence", *TASKS, "--out", tmp_path / "out", "--on", "slurm", *options, **environment)


def sleep_with(monkeypatch, sleep):
    """Have it done while the command waits, and there only."""
    clock = SimpleNamespace(sleep=sleep, monotonic=time.monotonic, time=time.time)
    monkeypatch.setattr("fdbench.command.slurm_queue.time", clock)


def test_what_sbatch_is_given(slurm, tmp_path):
    asked = ("account=lab", "cpus-per-task=8", "gpus-per-node=a100:1", "exclusive", "setup=module load cuda", "setup=A=1")
    options = [part for text in asked for part in ("--slurm", text)]
    done = submitted(tmp_path, "--gpus-per-node", "4", "--partition", "gpu", "--time", "30", *options)
    assert (done.status, done.out) == (0, "77\n"), done.err
    assert "4 jobs: 77" in done.err
    script = (slurm / "script").read_text()
    for line in ("account=lab", "cpus-per-task=8", "gpus-per-node=a100:1", "exclusive", "partition=gpu", "time=30", "requeue"):
        assert script.count(f"#SBATCH --{line}\n") == 1, line
    assert "--array=0-3%4" in script and script.count("gpus-per-node") == 1
    setup, _, command = script.partition("\n# command")
    assert setup.endswith("module load cuda\nA=1\n")
    assert "srun" in command and "--cpus-per-task=8" in command and "--export=ALL" in command


def test_a_job_in_which_it_is_typed_does_not_show_in_the_new_ones(slurm, tmp_path):
    of_job = {"SLURM_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "3", "SLURM_CONF": "/etc/elsewhere.conf", "SBATCH_ACCOUNT": "lab"}
    assert submitted(tmp_path, **of_job).status == 0
    seen = dict(line.partition("=")[::2] for line in (slurm / "environment").read_text().splitlines())
    assert {name: seen.get(name) for name in of_job} == {**of_job, "SLURM_JOB_ID": None, "SLURM_ARRAY_TASK_ID": None}


def test_what_is_typed_goes_before_what_sbatch_finds_in_the_environment(slurm, tmp_path):
    found = {"SBATCH_PARTITION": "slow", "SBATCH_TIMELIMIT": "5"}
    assert submitted(tmp_path, "--partition", "fast", **found).status == 0
    seen = (slurm / "environment").read_text()
    assert "SBATCH_PARTITION" not in seen and "SBATCH_TIMELIMIT=5" in seen, "no --time was typed"


def test_what_sbatch_says_is_said_once(slurm, tmp_path):
    (slurm / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: invalid partition specified: nope' >&2; exit 1\n")
    done = submitted(tmp_path, "--partition", "nope")
    assert done.status == 2 and "login node" not in done.err
    assert done.err.count("invalid partition specified: nope") == 1 and "sinfo" in done.err


def test_the_status_of_a_run_whose_jobs_have_not_begun(slurm, tmp_path):
    done = submitted(tmp_path)
    (run,) = (path for path in (tmp_path / "out" / ".slurm").iterdir())
    assert f"1 job: 77; their output: {run}" in done.err
    said = fdbench("status", tmp_path / "out" / run.name)
    assert said.status == 2 and "none of its jobs has begun a call" in said.err and "squeue" in said.err


def test_waiting_ends_with_jobs_that_end_without_a_result(slurm, tmp_path, monkeypatch):
    monkeypatch.setattr("fdbench.command.slurm_queue._ASK_S", 0.0)
    shown = ["77_0|PENDING|Priority\n77_1|RUNNING|None\n", None, "77_0|CANCELLED|None\n", "77_0|CANCELLED|None\n"]

    def show_next(_seconds):
        (slurm / "queue").unlink(missing_ok=True)
        if (lines := shown.pop(0)) is not None:
            (slurm / "queue").write_text(lines)

    (slurm / "queue").write_text("77_0|PENDING|Resources\n77_1|PENDING|Resources\n")
    sleep_with(monkeypatch, show_next)
    done = submitted(tmp_path, "--nodes", "2", "--wait")
    said = ["2 PENDING (Resources)", "1 PENDING (Priority), 1 RUNNING", "squeue does not answer"]
    said += ["job 77_0: CANCELLED, without a result", "job 77_1: no longer known to Slurm, without a result"]
    at = [done.err.index(each) for each in said]
    assert at == sorted(at) and not shown
    assert (done.status, done.out) == (2, ""), "there is no run; what submitit logs is no result"


def test_an_interrupt_ends_the_waiting_and_says_what_ends_the_jobs(slurm, tmp_path, monkeypatch):
    def interrupt(_seconds):
        raise KeyboardInterrupt

    (slurm / "queue").write_text("77|RUNNING|None\n")
    sleep_with(monkeypatch, interrupt)
    done = submitted(tmp_path, "--wait")
    assert done.status == 130 and "scancel 77" in done.err and "same command" not in done.err


def test_a_job_that_breaks_says_why(tmp_path):
    pytest.importorskip("submitit", reason="needs pip install 'fdbench[slurm]'")
    broken = ("--model", AGENT.replace("Gated", "Broken"), *TASKS, "--out", tmp_path, "--on", "slurm:local", "--wait")
    done = fdbench("run", *broken)
    (line,) = (line for line in done.err.splitlines() if line.startswith("fdbench: job "))
    assert done.status == 2 and "no weights here" in line


def test_a_job_has_no_more_workers_than_its_cpus(monkeypatch):
    from fdbench.command.slurm import ShardJob

    pytest.importorskip("submitit", reason="needs pip install 'fdbench[slurm]'")
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "3")
    before = signal.getsignal(signal.SIGUSR2)
    try:
        made = [ShardJob({"handler": lambda arguments: arguments.workers, "workers": n}, str(Path.cwd()))() for n in (2, 64)]
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert made == [2, 3]


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Waits for jobs at a gate of a Slurm that is there."""
    pytest.importorskip("submitit", reason="needs pip install 'fdbench[slurm]'")
    if not shutil.which("sinfo") or subprocess.run(["sinfo"], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("needs a Slurm whose `sinfo` answers, and a folder that its nodes share: pytest --basetemp")
    gate = tmp_path / "gate" / "closed"
    gate.parent.mkdir()
    gate.touch()
    monkeypatch.setenv("GATE", str(gate))
    command = [sys.executable, "-m", "fdbench.cli", "run", "--model", AGENT, *TASKS, "--slots", "1", "--silence", "20"]
    command += ["--out", "jobs", "--on", "slurm", "--nodes", "2", "--time", "60", "--wait"]
    waiting = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: len(list(gate.parent.glob("*.waits"))) == 2)
    (logs,) = (tmp_path / "jobs" / ".slurm").iterdir()
    (script,) = logs.glob("*_submission.sh")
    job = script.name.partition("_")[0]
    yield gate, waiting, job
    subprocess.run(["scancel", job], check=False)
    waiting.kill()


@pytest.mark.slow
def test_slurm_queues_a_job_again_in_a_call(cluster, tmp_path, monkeypatch):
    gate, waiting, job = cluster
    subprocess.run(["scontrol", "requeue", f"{job}_0"], check=True)
    time.sleep(10)
    gate.unlink()
    out, err = waiting.communicate(timeout=600)
    assert waiting.returncode == 0, out + err
    monkeypatch.delenv("GATE")
    assert fdbench("run", "--model", AGENT, *TASKS, "--slots", "1", "--out", tmp_path / "one").status == MEANINGLESS
    (one,), (run,) = ([path.parent for path in (tmp_path / name).glob("*/manifest.json")] for name in ("one", "jobs"))
    made = calls_made(run)
    assert len(made) == len(set(made)) == 8
    assert content(run) == content(one)
    assert fdbench("verify", run).status == 0


@pytest.mark.slow
def test_slurm_cancels_jobs_in_a_call(cluster):
    _, waiting, job = cluster
    subprocess.run(["scancel", job], check=True)
    out, err = waiting.communicate(timeout=300)
    assert waiting.returncode == 3 and "2 of 8 calls recorded" in out
    assert f"job {job}_0: CANCELLED" in err and f"job {job}_1: CANCELLED" in err


@pytest.mark.parametrize(
    "options",
    [
        ("--nodes", "2"),
        ("--slurm", "account=lab"),
        ("--on", "slurm", "--slurm", "=lab"),
        ("--on", "slurm", "--slurm", "time=1"),
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
