"""`--condition NAME`: what stands between the two sides is in every name and signature, and only the model hears it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile

from tests.conftest import fdbench, sample_scores, summaries

ONE = ("--tasks", "mini/turn_taking", "--limit", "1", "--asr", "sphinx", "--protocol", "fdbench")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same agent, alone and hearing itself 60 ms later; it answers after silence, and takes its own echo for the user."""
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    out = tmp_path_factory.mktemp("conditions")
    command = ("run", "--model", "vad-endpointer", *ONE, "--out", out)
    finished = {name: fdbench(*command, "--condition", name) for name in ("clean", "echo-60ms")}
    assert all(each.status == 0 for each in finished.values()), {name: each.err for name, each in finished.items()}
    return {name: each.run for name, each in finished.items()}


def records(run):
    return [json.loads(path.read_text()) for path in sorted((run / "takes").rglob("*.json"))]


def test_a_condition_is_in_the_takes_names_the_runs_id_and_the_signature(runs):
    clean, echoed = (runs[name] for name in ("clean", "echo-60ms"))
    assert clean.name != echoed.name
    assert sorted(path.name for path in (echoed / "takes").rglob("*.json"))[0] == "tt-01@main+echo-60ms.r0.json"
    collection = json.loads((echoed / "manifest.json").read_text())["collection"]
    assert collection["condition"] == "echo-60ms"
    assert collection["condition_facts"] == {
        "version": 1, "to_model": [{"effect": "echo", "gain_db": -20, "delay_ms": 60}], "to_user": [],
    }  # fmt: skip
    assert "condition_facts" not in json.loads((clean / "manifest.json").read_text())["collection"]
    for run, named in ((clean, "|condition:clean|"), (echoed, "|condition:echo-60ms@1|")):
        metrics = summaries(run)["fdbench"]["mini/turn_taking"]["metrics"]
        assert all(named in metric["signature"] for metric in metrics.values())


def test_only_what_the_model_hears_is_changed_and_it_is_kept(runs):
    for record in records(runs["echo-60ms"]):
        user, model, heard = (
            soundfile.read(runs["echo-60ms"] / record[name]["file"])[0] for name in ("user", "model", "model_heard")
        )
        rate = record["user"]["sample_rate"]
        later = np.concatenate([np.zeros(round(0.06 * rate)), model])[: len(user)]
        np.testing.assert_allclose(heard, user + 0.1 * later, atol=1e-4)
    for clean, echoed in zip(records(runs["clean"]), records(runs["echo-60ms"]), strict=True):
        assert "model_heard" not in clean
        n = min(clean["user"]["n_samples"], echoed["user"]["n_samples"])
        said = [soundfile.read(runs[name] / each["user"]["file"])[0][:n] for name, each in
                (("clean", clean), ("echo-60ms", echoed))]  # fmt: skip
        np.testing.assert_array_equal(*said, "the user says the same")
    assert sample_scores(runs["echo-60ms"], "fdbench").keys() == sample_scores(runs["clean"], "fdbench").keys()


def test_a_run_in_virtual_time_is_made_again_from_what_it_left_behind(runs, tmp_path):
    for run in runs.values():
        done = fdbench("replay", run, "--asr", "sphinx", "--protocol", "fdbench", "--out", tmp_path)
        assert done.status == 0 and "1 calls replayed: everything that was compared agrees" in done.err, done.err
        again = tmp_path / run.name
        for part in ("takes", "audio", "scores"):
            for path in (path for path in (run / part).rglob("*") if path.is_file()):
                assert (again / path.relative_to(run)).read_bytes() == path.read_bytes(), path
        verified = fdbench("verify", run, "--annotations", "stored")
        assert verified.status == 0, verified.out


def test_a_replay_names_a_call_whose_path_gives_something_else(runs, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(runs["echo-60ms"], copy)
    (record,) = (copy / "takes").rglob("tt-01@*.json")
    facts = json.loads(record.read_text())
    path = copy / facts["model_heard"]["file"]
    samples, rate = soundfile.read(path)
    soundfile.write(path, samples * 0.5, rate, subtype="PCM_16")
    done = fdbench("verify", copy, "--annotations", "stored")
    assert done.status == 3 and facts["model_heard"]["file"] in done.out


def test_a_condition_that_there_is_not_is_two_lines(tmp_path):
    done = fdbench("run", "--model", "silence", *ONE, "--out", tmp_path, "--condition", "echo-60")
    assert done.status == 2 and len(done.err.strip().splitlines()) == 2
    assert "condition" in done.err and "echo-60ms" in done.err
    assert not list(tmp_path.iterdir())
    nobody = fdbench("run", "--model", "recordings:.", *ONE, "--condition", "echo-60ms", cwd=tmp_path)
    assert nobody.status == 2 and "--condition" in nobody.err


def test_conditions_are_listed():
    listed = json.loads(fdbench("list", "conditions", "--json").out)
    assert listed[0]["name"] == "clean" and {"echo-0ms", "echo-60ms"} <= {each["name"] for each in listed}
