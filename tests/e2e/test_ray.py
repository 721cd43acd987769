"""``--on ray``, on Ray's own cluster of several nodes on one machine: the same bytes as here, whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from tests.conftest import fdbench
from tests.e2e.test_shards import MEANINGLESS, TASKS, calls_made, content, ended, the_run, until

AGENT = f"{Path(__file__).with_name('gated_agent.py')}:Gated"
WAITING = 3
"""Actors of the cluster: one on each node of one CPU."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Three nodes of one CPU, whose processes wait where a gate is closed."""
    pytest.importorskip("ray", reason="needs pip install 'fdbench[ray]'")
    from ray.cluster_utils import Cluster

    gate = tmp_path_factory.mktemp("gate") / "closed"
    with mock.patch.dict(
        os.environ, {"GATE": str(gate), "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1", "FDBENCH_TEST_TIME": "virtual"}
    ):
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        for _ in range(WAITING - 1):
            cluster.add_node(num_cpus=1)
        cluster.gate = gate
        yield cluster
        cluster.shutdown()


@pytest.fixture
def closed(cluster):
    """The gate, closed; gives the processes that wait there."""
    cluster.gate.touch()
    for left in cluster.gate.parent.glob("*.waits"):
        left.unlink()
    yield lambda: [int(path.stem) for path in cluster.gate.parent.glob("*.waits")]
    cluster.gate.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """What one process makes of it."""
    out = tmp_path_factory.mktemp("here")
    assert fdbench("run", "--model", AGENT, *TASKS, "--slots", "1", "--out", out).status == MEANINGLESS
    return content(the_run(out))


def start(cluster, out, *more, model=AGENT):
    """A driver in a process of its own."""
    command = [sys.executable, "-m", "fdbench.cli", "run", "--model", model, *TASKS, "--slots", "1", "--out", str(out)]
    command += ["--on", f"ray:{cluster.address}", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def is_alive(pid):
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_the_same(run, whole):
    """Nothing differs, and no finished call was made twice."""
    made = calls_made(run)
    assert len(made) == len(set(made)) == 8
    assert content(run) == whole
    assert fdbench("verify", run).status == 0


@pytest.mark.parametrize("store", ["auto", pytest.param("driver", marks=pytest.mark.slow)])
def test_a_cluster_makes_what_one_process_makes(cluster, record_once, tmp_path, store):
    on = ("--on", f"ray:{cluster.address}", "--store", store)
    done = fdbench("run", "--model", "vad-endpointer", *TASKS, "--out", tmp_path, *on)
    assert done.status == 0, done.err
    is_the_same(the_run(tmp_path), content(record_once("vad-endpointer", *TASKS)))
    assert not list(tmp_path.rglob("*.part"))


def deaf(*arguments):
    raise AssertionError("this process heard a recording")


@pytest.mark.parametrize("store", ["auto", pytest.param("driver", marks=pytest.mark.slow)])
def test_recordings_are_heard_on_the_cluster_while_calls_go_on(cluster, record_once, tmp_path, monkeypatch, store):
    whole = content(record_once("vad-endpointer", *TASKS))
    monkeypatch.setattr("fdbench.hear.stage.detect_speech", deaf)
    monkeypatch.setattr("fdbench.stages.progress.LINE_EVERY_S", 0.0)
    on = ("--on", f"ray:{cluster.address}", "--actors", "2", "--slots", "1", "--store", store)
    one = tuple(option for option in TASKS if option != "--slots")
    done = fdbench("run", "--model", "vad-endpointer", *one, "--out", tmp_path, *on)
    assert done.status == 0, done.err
    assert "2 actors" in done.err and "x real time" in done.err and "min left" in done.err
    run = the_run(tmp_path)
    assert {name for name in content(run) if "annotations" in name} == {name for name in whole if "annotations" in name}
    assert fdbench("run", "--model", "vad-endpointer", *one, "--out", tmp_path, *on).status == 0, "what was heard is known"


def test_whoever_waits_for_an_actor_hears_why(cluster, tmp_path, monkeypatch):
    from fdbench.stages import ray_calls

    looks = []

    def look(ray, options):
        looks.append(free_in(ray, options))
        if len(looks) == 2:
            raise KeyboardInterrupt
        return looks[-1]

    free_in = ray_calls.free_in
    monkeypatch.setattr(ray_calls, "room_in", lambda *asked: (1, {"num_cpus": 99, "num_gpus": 0}))
    monkeypatch.setattr(ray_calls, "free_in", look)
    monkeypatch.setattr("fdbench.stages.progress.LINE_EVERY_S", 0.0)
    done = fdbench("run", "--model", "silence", *TASKS, "--out", tmp_path, "--on", f"ray:{cluster.address}")
    assert done.status == 130 and "no actor is ready yet" in done.err and "of the cluster's 3 CPUs are free" in done.err


@pytest.mark.slow
def test_an_actor_that_is_killed_in_a_call_is_replaced(cluster, closed, here, tmp_path):
    driver = start(cluster, tmp_path)
    until(lambda: len(closed()) == WAITING)
    os.kill(closed()[0], signal.SIGKILL)
    cluster.gate.unlink()
    assert "actors died: 1 on" in ended(driver)
    is_the_same(the_run(tmp_path), here)


@pytest.mark.slow
def test_a_node_that_goes_takes_only_what_was_going_on_there(cluster, closed, here, tmp_path):
    driver = start(cluster, tmp_path)
    until(lambda: len(closed()) == WAITING)
    waiting = closed()
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
    until(lambda: not all(is_alive(pid) for pid in waiting))
    cluster.gate.unlink()
    said = ended(driver)
    cluster.add_node(num_cpus=1)
    assert "actors died: 1 on" in said
    is_the_same(the_run(tmp_path), here)


@pytest.mark.slow
def test_a_driver_that_is_killed_goes_on_where_it_was(cluster, closed, here, tmp_path):
    driver = start(cluster, tmp_path)
    until(lambda: len(closed()) == WAITING)
    second = start(cluster, tmp_path)
    assert second.wait(120) == 2 and "another fdbench is at work here" in second.stderr.read()
    before = set(calls_made(the_run(tmp_path)))
    driver.kill()
    driver.wait()
    cluster.gate.unlink()
    ended(start(cluster, tmp_path))
    assert before
    is_the_same(the_run(tmp_path), here)


@pytest.mark.slow
def test_an_interrupt_ends_all_actors_and_the_same_command_goes_on(cluster, closed, here, tmp_path):
    driver = start(cluster, tmp_path)
    until(lambda: len(closed()) == WAITING)
    waiting = closed()
    driver.send_signal(signal.SIGINT)
    assert driver.wait(60) == 130
    until(lambda: not any(is_alive(pid) for pid in waiting))
    cluster.gate.unlink()
    ended(start(cluster, tmp_path))
    is_the_same(the_run(tmp_path), here)


@pytest.mark.slow
def test_moshi_gives_the_same_on_a_cluster_whose_machines_have_other_cores(cluster, tiny_moshi, tmp_path):
    """Ray has its actors use one thread; here there are two, and sums of more threads are other sums."""
    command = ("run", "--model", "moshi", "--arg", f"checkpoint={tiny_moshi}", "--tasks", "mini/turn_taking", "--limit", "3")
    command += ("--asr", "none", "--protocol", "fdbench", "--workers", "1", "--tail-limit", "2")
    one = fdbench(*command, "--out", tmp_path / "one", process=True, OMP_NUM_THREADS="2")
    on = ("--on", f"ray:{cluster.address}")
    other = fdbench(*command, "--out", tmp_path / "other", *on, process=True, OMP_NUM_THREADS="2")
    assert one.status == other.status, other.err
    assert content(the_run(tmp_path / "one")) == content(the_run(tmp_path / "other"))


@pytest.mark.slow
def test_a_budget_holds_for_the_whole_cluster(cluster, tmp_path):
    """Three actors with a call of 0.5 each would be at 1.5."""
    answerer = f"{Path(__file__).with_name('live_stand_ins.py')}:Answerer"
    command = ("run", "--model", answerer, "--tasks", "mini/turn_taking", "--limit", "4", "--slots", "3", "--tail-limit", "4")
    command += ("--asr", "none", "--protocol", "fdbench", "--workers", "1", "--most-late", "3000", "--max-cost", "1.2")
    done = fdbench(*command, "--out", tmp_path, "--on", f"ray:{cluster.address}")
    assert "2 calls are left" in done.err, done.err
    assert "at a cost of 1" in done.err and len(calls_made(the_run(tmp_path))) == 2


@pytest.mark.slow
def test_a_call_that_kills_every_actor_is_given_up_or_all_is(cluster, tmp_path):
    _, err = start(cluster, tmp_path, model=AGENT.replace(":Gated", ":Deadly")).communicate()
    assert "actors died one after the other" in err, err


@pytest.mark.slow
def test_an_actor_that_cannot_write_is_replaced_and_what_it_was_at_is_made_elsewhere(cluster, record_once, tmp_path):
    """As where one machine's disk is full: the first actor that writes fails, and its replacement does not."""
    module = tmp_path / "full_disk.py"
    module.write_text(
        "from pathlib import Path\n"
        "from fdbench.store.run import Run\n"
        "from fdbench.adapter.base import Agent, Port\n"
        "import numpy as np\n"
        "whole = Run.write\n"
        "def write(self, take, outcome):\n"
        f"    broken = Path({str(tmp_path / 'broken')!r})\n"
        "    if not broken.exists():\n"
        "        broken.touch()\n"
        "        raise OSError(28, 'No space left on device')\n"
        "    whole(self, take, outcome)\n"
        "class Silent(Agent):\n"
        "    hears = says = Port(16_000, 1280)\n"
        "    def reset(self, brief):\n"
        "        if 'ray' in __import__('sys').modules: Run.write = write\n"
        "    def step(self, heard):\n"
        "        return np.zeros(1280, np.float32)\n"
    )
    driver = start(cluster, tmp_path / "results", model=f"{module}:Silent")
    out, err = driver.communicate(timeout=240)
    assert driver.returncode == MEANINGLESS, err
    made = calls_made(the_run(tmp_path / "results"))
    assert "actors died: 1 on" in out + err and len(made) == len(set(made)) == 8


def test_a_model_that_cannot_be_loaded_is_two_lines(cluster, tmp_path):
    broken = AGENT.replace(":Gated", ":Broken")
    done = fdbench("run", "--model", broken, *TASKS, "--out", tmp_path, "--on", f"ray:{cluster.address}")
    assert done.status == 2 and "no weights here" in done.err and len(done.err.strip().splitlines()) <= 3


def test_without_ray_it_is_two_lines(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = fdbench("run", "--model", "silence", *TASKS, "--out", tmp_path, "--on", "ray")
    assert done.status == 2 and "fdbench[ray]" in done.err and not list(tmp_path.iterdir())


def test_ray_is_imported_by_nobody_else(tmp_path):
    code = "import sys; from fdbench.cli import main; main(['list', 'models']); assert 'ray' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    "options", [("--on", "moon"), ("--actors", "2"), ("--on", "ray", "--actors", "0"), ("--on", "ray", "--shard", "1/2")]
)
def test_what_makes_no_sense_is_refused(tmp_path, options):
    assert fdbench("run", "--model", "silence", "--out", tmp_path, *options).status == 2
