"""What hears on a cluster: a cluster that answers at once stands in for Ray."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

from fdbench.core.conversation import Take
from fdbench.hear.stage import Engines
from fdbench.stages import hear_away, ray_ears
from fdbench.stages.derive import cases_of
from fdbench.stages.options import ScoringOptions
from fdbench.store.run import Run
from fdbench.task.load import TaskLoader
from tests.e2e.test_shards import TASKS, content


class Cluster:
    """Every task is done, in this process, when its answer is asked for; what goes over the wire is pickled."""

    def __init__(self, task, memory=8e9):
        self.task, self.asked, self.memory = task, [], memory

    def remote(self, function):
        return self

    def options(self, **options):
        self.wants = options
        return self._Handle(self)

    class _Handle:
        def __init__(self, cluster):
            self.cluster = cluster

        def remote(self, *arguments):
            self.cluster.asked.append(pickle.dumps(arguments))
            return len(self.cluster.asked) - 1

    def cluster_resources(self):
        return {"CPU": 2.0}

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": 2.0, "memory": self.memory}}, {"Alive": False, "Resources": {}}]

    def wait(self, answers, num_returns, timeout):
        return answers, []

    def get(self, answer):
        return self.task(*pickle.loads(self.asked[answer]))

    def cancel(self, answer, force):
        raise AssertionError("nothing was left to be cancelled")


@pytest.fixture
def unheard(record_once, tmp_path):
    """A run of which nothing has been heard, its takes, and what was heard of it elsewhere."""
    whole = record_once("vad-endpointer", *TASKS)
    run = Run(shutil.copytree(whole, tmp_path / "run"))
    heard = {name: data for name, data in content(run.folder).items() if name.startswith("annotations/")}
    shutil.rmtree(run.annotations)
    cases = cases_of(run, run.manifest(), TaskLoader(None))
    return run, [Take(case.sample, repeat=case.repeat) for case in cases], heard


def listen(run, takes, cluster, *, sends=False):
    ears = ray_ears.RayEars(lambda: cluster, run, ScoringOptions(Engines("none"), ("fdbench",)), sends=sends)
    told = []
    for take in takes[:3]:
        ears.add(take)
    ears.finish(takes, lambda *step: told.append(step))
    ears.cancel()
    return ears, told


def kept(run):
    return {name: data for name, data in content(run.folder).items() if name.startswith("annotations/")}


@pytest.mark.parametrize("sends", [False, True])
def test_what_is_heard_away_is_what_is_heard_here(unheard, sends):
    run, takes, heard = unheard
    cluster = Cluster(hear_away.hear_away)
    ears, told = listen(run, takes, cluster, sends=sends)
    assert kept(run) == heard and ears.n_heard == len(takes) == 8 and ears.notes == ()
    assert cluster.wants["num_cpus"] == 1 and cluster.wants["memory"] > 500 << 20
    assert all(stage == "annotation" and done <= total for stage, done, total, *_ in told)
    again, _ = listen(run, takes, Cluster(None))
    assert again.n_heard == 0, "what is known is not heard again"


def test_sound_is_sent_to_machines_that_do_not_see_the_folder(unheard):
    run, takes, heard = unheard

    def elsewhere(folder, *arguments):
        return hear_away.hear_away(None if folder is None else Path("/nowhere"), *arguments)

    listen(run, takes, Cluster(elsewhere))
    assert kept(run) == heard


def test_what_the_cluster_cannot_hear_is_left_with_a_word(unheard):
    run, takes, _ = unheard

    def broken(*arguments):
        raise RuntimeError("no onnxruntime here")

    cluster = Cluster(broken)
    ears, _ = listen(run, takes, cluster)
    assert kept(run) == {} and "no onnxruntime here" in ears.notes[0] and ears.n_heard == 0
    assert len(cluster.asked) < len(takes), "after some failures nothing more is asked for"


def test_a_cluster_of_small_machines_is_not_waited_for(unheard):
    run, takes, _ = unheard
    cluster = Cluster(hear_away.hear_away, memory=1e8)
    ears, _ = listen(run, takes, cluster)
    assert not cluster.asked and "no machine of the cluster has a CPU and 0.7 GiB for none" in ears.notes[0]
