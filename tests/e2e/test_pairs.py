"""Runs over pairs of takes: both are collected, resumed, replayed, exported, verified; and what is wrong with one is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import soundfile

from tests.conftest import fdbench, sample_scores, summaries
from tests.e2e.test_resume import attempts, files
from tests.pairs_tree import IDS, write_prompts

TASK, SET = "v1.5/user_interruption", "user_interruption"
MINI = "mini/overlap.user_interruption"
QUICK = ("--asr", "none", "--protocol", "fdbench", "--tail-limit", "2", "--workers", "1")
TAKES = [f"{TASK}/{id}@{stimulus}.r0" for id in IDS for stimulus in ("main", "clean")]

TALKER = '''
import os, signal
import numpy as np
from fdbench.adapter.base import Agent, Port
from fdbench.adapter.clips import Mouth, load_clips


class Talker(Agent):
    """Says one reply from 2.4 s on, whatever it hears; how loud, its seed says.

    As the environment says it: its process dies as call DIES_AT begins, call FAILS_AT fails, calls of CLICKS are clicks.
    """

    hears = says = Port(16000, 320)
    begun = 0

    def reset(self, brief):
        Talker.begun += 1
        call = str(Talker.begun)
        if call == os.environ.get("DIES_AT"):
            os.kill(os.getpid(), signal.SIGKILL)
        if call == os.environ.get("FAILS_AT"):
            raise RuntimeError("no such call")
        self.clicks, self.n, self.mouth = call in os.environ.get("CLICKS", ""), 0, Mouth()
        self.gain = np.float32(0.5 + brief.seed % 100 / 200)

    def step(self, heard):
        self.n += 1
        if self.n == 120:
            self.mouth.say(self.gain * load_clips("reply")[0].samples)
        said = self.mouth.next(320)
        return np.float32(0.5) * (np.arange(320) % 160 == 0).astype(np.float32) if self.clicks else said
'''


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("pairs") / "data"
    write_prompts(root / "v1.5" / SET)
    return root


def collected(data, out, model="vad-endpointer", *options, process=False, **environment):
    return fdbench(
        "run", "--model", model, "--tasks", TASK, "--data", data, "--out", out, *QUICK, *options, process=process, **environment
    )


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    finished = collected(data, tmp_path_factory.mktemp("run"))
    assert finished.status == 0, finished.err
    assert finished.err == "", "nothing is wrong"
    return finished.run


def record(run, take):
    task, _, name = take.rpartition("/")
    return json.loads((run / "takes" / task / f"{name}.json").read_text())


def test_both_takes_of_a_sample_are_collected_one_after_the_other(run, data):
    assert attempts(run) == TAKES
    for take in TAKES:
        stored = record(run, take)
        assert (stored["status"], stored["stimulus"]) == ("recorded", take.rpartition("@")[2].removesuffix(".r0"))
        assert {(run / stored[side]["file"]).is_file() for side in ("user", "model")} == {True}
        prompt = "input.wav" if stored["stimulus"] == "main" else "clean_input.wav"
        samples, _ = soundfile.read(data / "v1.5" / SET / stored["sample"] / prompt, dtype="int16")
        heard, _ = soundfile.read(run / stored["user"]["file"], dtype="int16")
        assert (heard[: len(samples)] == samples).all()
    lines = sample_scores(run, "fdbench")
    assert set(lines) == {(TASK, id) for id in IDS}, "a pair is one line"
    assert [lines[TASK, id]["stop_rate"]["value"] for id in IDS] == [1.0, 1.0]


def test_it_is_shown_with_its_calls_counted(run):
    facts = json.loads(fdbench("show", run, "--json").out)
    counts = {name: facts["tasks"][TASK][name] for name in ("n_samples", "n_calls", "n_recorded", "n_missing")}
    assert counts == {"n_samples": 2, "n_calls": 4, "n_recorded": 4, "n_missing": 0}
    assert facts["damaged"] == []
    assert fdbench("show", run).status == 0


def test_the_same_command_again_makes_no_call_and_changes_no_file(run, data, tmp_path):
    copy = shutil.copytree(run, tmp_path / run.name)
    before = files(copy)
    again = collected(data, tmp_path)
    assert (again.status, again.run) == (0, copy)
    assert "4 of 4 calls were there already" in again.err
    assert files(copy) == before


@pytest.fixture(scope="module")
def talker(tmp_path_factory):
    """A model of one's own, one conversation at a time."""
    file = tmp_path_factory.mktemp("talker") / "talker.py"
    file.write_text(TALKER)
    return f"{file}:Talker", "--slots", "1"


def test_a_run_killed_between_the_takes_of_a_pair_equals_one_that_was_not(data, talker, tmp_path):
    whole = collected(data, tmp_path / "whole", *talker, process=True)
    assert whole.status == 0, whole.err
    folder = tmp_path / "killed" / whole.run.name
    for dies_at, n_made in (("2", 1), ("3", 3)):  # of the second start, which has three calls left
        killed = collected(data, tmp_path / "killed", *talker, process=True, DIES_AT=dies_at)
        assert killed.status < 0
        assert attempts(folder) == TAKES[:n_made]
    resumed = collected(data, tmp_path / "killed", *talker, process=True)
    assert resumed.status == 0, resumed.err
    assert attempts(folder) == TAKES, "no call that was finished was made again"
    assert files(folder) == files(whole.run)


def test_it_is_replayed_and_verified(run, data):
    replayed = fdbench("replay", run, "--data", data, "--asr", "none", "--protocol", "fdbench", "--workers", "1")
    assert replayed.status == 0, replayed.err
    assert "4 calls replayed: everything that was compared agrees" in replayed.err
    verified = fdbench("verify", run, "--data", data, "--workers", "1")
    assert verified.status == 0, verified.out
    assert "everything that was checked agrees" in verified.out
    assert "4 records" in verified.out and "4 prompts" in verified.out


def test_a_changed_recording_of_a_twin_is_named_alone(run, data, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / run.name))
    one, other = (copy / record(run, TAKES[at])["model"]["file"] for at in (1, 3))
    one.write_bytes(other.read_bytes())
    verified = fdbench("verify", copy, "--data", data, "--workers", "1", "--json", tmp_path / "found.json")
    assert verified.status == 3
    found = json.loads((tmp_path / "found.json").read_text())
    told = {(each["file"], name["name"]) for name in found["groups"] for each in name["differences"]}
    assert told == {(str(one.relative_to(copy)), "audio")}


def test_a_changed_clean_prompt_is_another_benchmark(run, data, tmp_path):
    copy = Path(shutil.copytree(data, tmp_path / "data"))
    clips = copy / "v1.5" / SET
    (clips / "1" / "clean_input.wav").write_bytes((clips / "2" / "clean_input.wav").read_bytes())
    refused = fdbench("score", run, "--data", copy, "--asr", "none", "--protocol", "fdbench")
    assert refused.status == 2
    assert "1 samples differ: 1" in refused.err
    verified = fdbench("verify", run, "--data", copy, "--workers", "1")
    assert verified.status == 3
    assert f"{TASK} 1 digest" in verified.out


def test_a_pair_whose_clean_prompt_is_missing_is_broken_and_the_other_is_not(data, tmp_path):
    copy = Path(shutil.copytree(data, tmp_path / "data"))
    gone = copy / "v1.5" / SET / "2" / "clean_input.wav"
    gone.unlink()
    finished = collected(copy, tmp_path / "out")
    assert finished.status == 3
    assert f"{gone}: no such file" in finished.err
    scores = sample_scores(finished.run, "fdbench")
    assert {(each["status"], each["reason"]) for each in scores[TASK, "2"].values()} == {("error", "bad_annotation")}
    assert scores[TASK, "1"]["stop_rate"]["value"] == 1.0
    assert [record(finished.run, take)["status"] for take in TAKES] == ["recorded", "recorded", "failed", "failed"]


def test_a_call_with_the_twin_that_failed_costs_what_needs_it_and_is_made_again(data, talker, tmp_path):
    finished = collected(data, tmp_path, *talker, process=True, FAILS_AT="2")
    assert finished.status == 3
    assert f"{TASK} 1: clean: " in finished.err and "no such call" in finished.err
    found = sample_scores(finished.run, "fdbench")[TASK, "1"]
    assert found["stop_rate"]["value"] == 0.0, "it talks through, which needs no twin"
    again = collected(data, tmp_path, *talker, process=True)
    assert again.status == 0, again.err
    assert attempts(finished.run) == [*TAKES, TAKES[1]]


def test_what_is_wrong_with_a_twin_is_told(data, talker, tmp_path):
    finished = collected(data, tmp_path, *talker, process=True, CLICKS="2,4")
    assert finished.status == 0
    assert f"is no speech in 2 of 4 replies (first: {TASK} 1 clean, " in finished.err


# --- exports ----------------------------------------------------------------------------------------------------------

datasets = pytest.importorskip("datasets", reason="needs pip install 'fdbench[data]'")


def rows(folder, config, cache):
    found = datasets.load_dataset(str(folder), config, split="test", cache_dir=str(cache))
    for name, feature in found.features.items():
        if isinstance(feature, datasets.Audio):
            found = found.cast_column(name, datasets.Audio(decode=False))
    return list(found)


def stored_scores(run):
    return sample_scores(run, "fdbench"), summaries(run)["fdbench"][TASK]["metrics"]


@pytest.mark.parametrize("options", [(), ("--no-prompts",)])
def test_a_run_is_exported_scored_without_its_data_verified_and_exported_again(run, data, tmp_path, options):
    to = tmp_path / "dataset"
    assert fdbench("export", run, "--data", data, "--to", to, *options).status == 0
    copy = Path(shutil.copytree(to, tmp_path / "copy"))
    shutil.rmtree(copy / "scores")
    scored = fdbench("score", copy, "--asr", "none", "--protocol", "fdbench", "--workers", "1")
    assert scored.status == 0, scored.err
    assert stored_scores(copy) == stored_scores(run)
    verified = fdbench("verify", to, "--workers", "1")
    assert verified.status == 0, verified.out
    for row in rows(to, "v1.5--user_interruption", tmp_path / "cache"):
        prompts = [row[name] and row[name]["bytes"] for name in ("audio", "audio_clean")]
        wanted = [(data / "v1.5" / SET / row["id"] / name).read_bytes() for name in ("input.wav", "clean_input.wav")]
        assert prompts == ([None, None] if options else wanted)
        assert [bool(event["text"]) for event in row["events"]] == [not options] * 2
    assert len(list(to.rglob("*.user.flac"))) == (0 if options else 4)
    assert len(list(to.rglob("*.model.flac"))) == 4
    assert fdbench("export", to, "--to", tmp_path / "again", *options).status == 0
    assert files(tmp_path / "again").keys() == files(to).keys()
    replayed = fdbench("replay", to, "--asr", "none", "--protocol", "fdbench", "--workers", "1")
    if options:
        assert "exported without its prompts" in replayed.err
    else:
        assert replayed.status == 0, replayed.err
    assert "Traceback" not in replayed.err


def test_without_prompts_a_given_label_is_kept(run, data, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / run.name))
    place = copy / "ratings" / TASK / "1@main.r0.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps({"behaviour": ["C_RESPOND"], "why": "the user said so"}))
    finished = fdbench("export", copy, "--data", data, "--to", tmp_path / "dataset", "--no-prompts")
    assert (finished.status, finished.err) == (0, "")
    assert json.loads((tmp_path / "dataset" / place.relative_to(copy)).read_text()) == {"behaviour": ["C_RESPOND"]}


def test_the_samples_come_back_from_a_dataset_with_the_same_digests(run, data, tmp_path):
    exported = fdbench("data", "export", "--tasks", TASK, "--data", data, "--to", tmp_path / "dataset")
    assert exported.status == 0, exported.err
    finished = collected(tmp_path / "dataset", tmp_path / "out", FDBENCH_CACHE=str(tmp_path / "cache"))
    assert finished.status == 0, finished.err
    stored, again = (json.loads((each / "manifest.json").read_text())["tasks"] for each in (run, finished.run))
    assert stored == again
    assert stored_scores(finished.run) == stored_scores(run)


def test_a_clean_prompt_that_cannot_be_decoded_is_left_out_of_a_dataset_and_told(data, tmp_path):
    copy = Path(shutil.copytree(data, tmp_path / "data"))
    (copy / "v1.5" / SET / "2" / "clean_input.wav").write_bytes(b"RIFF")
    finished = fdbench("data", "export", "--tasks", TASK, "--data", copy, "--to", tmp_path / "dataset")
    assert finished.status == 3
    assert f"{TASK} 2: left out: " in finished.err and "clean_input.wav" in finished.err
    assert [row["id"] for row in rows(tmp_path / "dataset", "v1.5--user_interruption", tmp_path / "cache")] == ["1"]
    called = collected(copy, tmp_path / "out")
    assert called.status == 3
    assert sample_scores(called.run, "fdbench")[TASK, "2"]["stop_rate"]["reason"] in ("twin_missing", "not_exercised")
    assert fdbench("export", called.run, "--data", copy, "--to", tmp_path / "run").status == 0
