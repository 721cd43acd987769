"""All tasks of mini, by every engine, with what dies on the way: the same bytes, and no finished call made twice. For releases.

An agent plays all samples; the tiny Moshi, which takes its time, four of each task.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import fdbench
from tests.e2e.test_shards import MEANINGLESS, calls_made, content, the_run, until

pytestmark = pytest.mark.slow
MODELS = ("vad-endpointer", "moshi")
N_TO_DIE_AT = (12, 50)
"""Calls that have been made when something dies."""
PATIENCE_S = 1800.0


@pytest.fixture(scope="module", params=MODELS)
def command(request):
    """The same for all: one call at a time, so that many are made while something dies."""
    command = ["run", "--model", request.param, "--tasks", "mini", "--asr", "faster-whisper:tiny.en", "--workers", "1"]
    if request.param == "moshi":
        checkpoint = request.getfixturevalue("tiny_moshi")
        command += ["--arg", f"checkpoint={checkpoint}", "--tail-limit", "3", "--limit", "4"]
    return (*command, "--slots", "2")


@pytest.fixture(scope="module")
def whole(command, tmp_path_factory):
    """What one process makes of it."""
    out = tmp_path_factory.mktemp("whole")
    finish([start(command, out)])
    return content(the_run(out))


def start(command, out, *more):
    line = [sys.executable, "-m", "fdbench.cli", *command, "--out", str(out), *more]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(processes):
    said = [process.communicate(timeout=2 * PATIENCE_S) for process in processes]
    for process, (out, err) in zip(processes, said, strict=True):
        assert process.returncode in (0, MEANINGLESS), out + err
    return "".join(out + err for out, err in said)


def n_made(out):
    return sum(1 for _ in out.glob("*/takes/**/*.json"))


def processes_named(pattern):
    named = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if re.search(pattern, (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")):
                named.append(int(process.name))
        except OSError:
            continue
    return named


def is_the_same(run, whole):
    made = calls_made(run)
    assert len(made) == len(set(made)), "no finished call is made twice"
    assert content(run) == whole
    verified = fdbench("verify", run)
    assert verified.status == 0, verified.out + verified.err


def test_four_shards_at_once(command, whole, tmp_path):
    finish([start(command, tmp_path, "--shard", f"{number}/4") for number in (1, 2, 3, 4)])
    is_the_same(the_run(tmp_path), whole)


def test_three_nodes_of_ray_of_which_an_actor_and_a_node_die(command, whole, tmp_path):
    pytest.importorskip("ray", reason="needs pip install 'fdbench[ray]'")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        driver = start(command, tmp_path, "--on", f"ray:{cluster.address}")
        until(lambda: n_made(tmp_path) >= N_TO_DIE_AT[0], PATIENCE_S)
        os.kill(processes_named(r"^ray::CallActor")[0], signal.SIGKILL)
        until(lambda: n_made(tmp_path) >= N_TO_DIE_AT[1], PATIENCE_S)
        cluster.remove_node(nodes[0], allow_graceful=False)
        said = finish([driver])
    finally:
        cluster.shutdown()
    assert "actors died: 2 on" in said, said
    is_the_same(the_run(tmp_path), whole)


def test_jobs_of_submitit_of_which_one_is_pre_empted(command, whole, tmp_path):
    pytest.importorskip("submitit", reason="needs pip install 'fdbench[slurm]'")
    waiting = start(command, tmp_path / "results", "--on", "slurm:local", "--nodes", "2", "--silence", "20", "--wait")
    until(lambda: n_made(tmp_path / "results") >= N_TO_DIE_AT[0], PATIENCE_S)
    os.kill(min(processes_named(rf"submitit\.core\._submit.*{re.escape(str(tmp_path))}")), signal.SIGUSR2)
    finish([waiting])
    logs = (tmp_path / "results" / ".slurm").rglob("*_log.*")
    assert any("Requeued job" in path.read_text() for path in logs)
    (run,) = (path.parent for path in (tmp_path / "results").glob("*/manifest.json"))
    is_the_same(run, whole)
