"""A run's folder over its life: more samples, more repeats, data that breaks or goes, scorings that grow stale."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.conftest import fdbench
from tests.e2e.test_bad_input import TASK, write_clip, write_set

pytestmark = pytest.mark.usefixtures("sphinx")


@pytest.fixture(scope="module")
def sphinx():
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")


def run(data, *options):
    return fdbench(
        "run", "--model", "silence", "--tasks", TASK, "--data", data, "--asr", "sphinx", "--out", data / "out", *options
    )  # fmt: skip


def made(finished):
    logged = (finished.run / "attempts.jsonl").read_text().splitlines()
    return [line["take"].split("/")[-1] for line in map(json.loads, logged) if "take" in line]


def lines(folder, protocol="fdb-2026-05"):
    (path,) = folder.glob(f"scores/{protocol}-*/samples.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_recording_outlives_the_data_it_was_made_from(tmp_path):
    folder = write_set(tmp_path, 3)
    assert run(tmp_path).status == 0
    (folder / "1" / "turn_taking.json").write_text("{")
    shutil.rmtree(folder / "2")
    broken = run(tmp_path)
    assert broken.status == 3
    by_id = {line["id"]: line for line in lines(broken.run)}
    for sample_id, told in (("1", "turn_taking.json"), ("2", "not in the data any more")):
        assert {score["status"] for score in by_id[sample_id]["scores"].values()} == {"error"}
        assert told in " ".join(by_id[sample_id]["messages"])
    assert by_id["0"]["scores"]["takeover_rate"]["value"] == 0.0
    for seed in (1, 2):
        shutil.rmtree(folder / str(seed), ignore_errors=True)
        write_clip(folder / str(seed), seed)
    again = run(tmp_path)
    assert again.status == 0, again.err
    assert sorted(made(again)) == ["0@main.r0", "1@main.r0", "2@main.r0"], "no finished call was made again"


def test_more_repeats_of_fewer_samples_leave_nothing_open(tmp_path):
    write_set(tmp_path, 3)
    assert run(tmp_path, "--limit", "2").status == 0
    more = run(tmp_path, "--limit", "1", "--repeats", "2")
    assert more.status == 0, more.err
    assert sorted(made(more)) == ["0@main.r0", "0@main.r1", "1@main.r0"]
    assert [(line["id"], line.get("repeat", 0)) for line in lines(more.run)] == [("0", 0), ("0", 1), ("1", 0)]


def test_a_scoring_of_fewer_samples_is_not_kept(tmp_path):
    write_set(tmp_path, 3)
    short = run(tmp_path, "--limit", "1")
    assert len(list(short.run.glob("scores/*"))) == 3
    longer = run(tmp_path, "--limit", "2", "--protocol", "fdbench")
    assert [path.name.rsplit("-", 1)[0] for path in longer.run.glob("scores/*")] == ["fdbench"]
    assert len(lines(longer.run, "fdbench")) == 2
    assert "1 samples" not in longer.out


def test_a_damaged_recording_is_made_again(tmp_path):
    write_set(tmp_path, 2)
    first = run(tmp_path)
    file = next(first.run.glob(f"audio/{TASK}/1@main.r0.model.flac"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    shutil.rmtree(first.run / "annotations")
    assert run(tmp_path).status == 0
    assert file.read_bytes() == whole
    assert sorted(made(first)) == ["0@main.r0", "1@main.r0", "1@main.r0"]


def test_what_an_adapter_prints_does_not_mix_with_the_result(tmp_path):
    write_set(tmp_path, 1)
    (tmp_path / "loud.py").write_text(
        """
import numpy as np
from fdbench.adapter.base import Agent, Port

class Loud(Agent):
    hears = says = Port(16000, 320)
    def __init__(self): print("LOADING")
    def reset(self, brief): print("HELLO")
    def step(self, heard): return np.zeros(320, np.float32)
"""
    )
    finished = fdbench(
        "run", "--model", f"{tmp_path / 'loud.py'}:Loud", "--tasks", TASK, "--data", tmp_path, "--asr", "sphinx",
        "--out", tmp_path / "out", "--json", "-",
    )  # fmt: skip
    assert finished.status == 0
    assert json.loads(finished.out)["errors"] == 0
    assert "HELLO" in finished.err


def test_annotate_and_score_leave_a_folder_that_is_no_run_alone(tmp_path):
    (tmp_path / ".movie.part").write_text("mine")
    (tmp_path / "notes").write_text("mine")
    for command in ("annotate", "score"):
        finished = fdbench(command, tmp_path, "--asr", "sphinx")
        assert finished.status == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".movie.part", "notes"]


def test_a_run_has_no_given_transcripts_and_that_is_told_before_any_call(tmp_path):
    write_set(tmp_path, 1)
    finished = run(tmp_path, "--asr", "given")
    assert finished.status == 2
    assert "no given transcripts" in finished.err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
