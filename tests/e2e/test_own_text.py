"""What a model wrote while it spoke against what is heard: from the command line to every file and table it appears in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fdbench.adapter.clips import load_clips
from fdbench.verify.run import VerifyRequest, verify_run
from tests.conftest import fdbench, sample_scores, summaries

WRITER = Path(__file__).parent / "stand_ins.py"
TASK = "mini/turn_taking"
ASR = ("--asr", "sphinx", "--workers", "1")
N_WRITTEN = len(load_clips("reply")[0].text.split())

pytestmark = pytest.mark.usefixtures("sphinx")


@pytest.fixture(scope="module")
def sphinx():
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")


def run_writer(out, *options, model=f"{WRITER}:Writer", tasks=TASK):
    finished = fdbench("run", "--model", model, "--tasks", tasks, "--limit", "2", "--out", out, *ASR, *options)
    assert finished.status == 0, finished.err
    return finished


@pytest.fixture(scope="module")
def finished(sphinx, tmp_path_factory):
    """A model that says what it writes, on two samples of two tasks."""
    options = ("--protocol", "fdbench,fdb-2026-05")
    return run_writer(tmp_path_factory.mktemp("written"), *options, tasks=f"{TASK},mini/backchannel")


def wer(run, task=TASK):
    return summaries(run)["fdbench"][task]["metrics"]["own_text_wer"]


def test_what_is_said_as_it_was_written_has_few_errors_in_every_task(finished):
    tasks = summaries(finished.run)["fdbench"]
    assert len(tasks) == 2
    for task in tasks:
        found = wer(finished.run, task)
        assert found["n_scored"] == 2
        assert found["value"] <= 0.2
        assert (found["unit"], found["higher_is_better"]) == ("WER", False)
        assert found["signature"].startswith(f"own_text_wer|task:{task}|")
    shown = [line.split() for line in fdbench("show", finished.run).out.splitlines() if line.startswith("own_text_wer")]
    assert [row[1] for row in shown] == ["lower"] * 2


def test_each_sample_says_which_words_went_wrong_and_the_task_sums_them_up(finished):
    scores = [each["own_text_wer"] for (task, _), each in sample_scores(finished.run, "fdbench").items() if task == TASK]
    parts = [score["components"] for score in scores]
    for score, part in zip(scores, parts, strict=True):
        assert part["denominator"] == N_WRITTEN == part["hits"] + part["substitutions"] + part["deletions"]
        assert part["numerator"] == part["substitutions"] + part["deletions"] + part["insertions"]
        assert score["value"] == part["numerator"] / N_WRITTEN
    assert wer(finished.run)["value"] == sum(part["numerator"] for part in parts) / (2 * N_WRITTEN)
    assert wer(finished.run)["details"]["hits"] == sum(part["hits"] for part in parts)


def test_the_published_protocols_know_nothing_of_it(finished):
    assert not any("own_text_wer" in task["metrics"] for task in summaries(finished.run)["fdb-2026-05"].values())


@pytest.mark.parametrize(("says", "at_least"), [("another", 0.8), ("noise", 0.8), ("nothing", 1.0)])
def test_audio_that_is_not_what_was_written_is_seen_at_once(tmp_path, says, at_least):
    run = run_writer(tmp_path, "--arg", f"says={says}", "--protocol", "fdbench").run
    found = wer(run)
    assert found["n_scored"] == 2
    assert found["value"] >= at_least
    if says == "nothing":
        assert found["value"] == found["details"]["median"] == 1.0
        assert found["details"]["deletions"] == 2 * N_WRITTEN


def test_text_before_the_prompt_is_not_compared(tmp_path):
    """It is written within the lead-in, whose audio nobody listens to."""
    run = run_writer(tmp_path, "--arg", "writes=early", "--lead-in", "3", "--protocol", "fdbench").run
    found = wer(run)
    assert (found["value"], found["n_scored"], found["n_not_applicable"]) == (None, 0, 2)
    assert {score["own_text_wer"]["reason"] for score in sample_scores(run, "fdbench").values()} == {"no_own_text"}


def test_a_model_without_a_text_has_no_such_metric_anywhere(tmp_path):
    finished = run_writer(tmp_path, "--arg", "writes=never", "--protocol", "fdbench")
    assert "own_text" not in finished.out
    written = [path.read_text() for path in finished.run.rglob("scores/*/*")]
    assert len(written) == 2
    assert not any("own_text" in text for text in written)
    assert "own text" not in fdbench("show", finished.run).out


def test_scoring_a_run_again_verifying_and_showing_it_agree(finished, tmp_path):
    run = Path(shutil.copytree(finished.run, tmp_path / "run"))
    before = {path.name: path.read_bytes() for path in run.glob("scores/fdbench-*/*")}
    assert fdbench("score", run, *ASR, "--protocol", "fdbench").status == 0
    assert {path.name: path.read_bytes() for path in run.glob("scores/fdbench-*/*")} == before
    assert fdbench("verify", run, "--annotations", "stored").status == 0
    assert "own text  of 4 recording(s)" in fdbench("show", run).out


def differences(run):
    found = verify_run(run, VerifyRequest(annotations="stored"), lambda *_: None)
    return [(each.group, each.what.split(":")[0]) for each in found.differences]


def test_an_edited_error_rate_is_named_by_verify(finished, tmp_path):
    run = Path(shutil.copytree(finished.run, tmp_path / "run"))
    (path,) = run.glob("scores/fdbench-*/samples.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    line = next(line for line in lines if line["id"] == "tt-01")
    line["scores"]["own_text_wer"]["value"] = 0.5
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    assert differences(run) == [("scores", f"{TASK} tt-01 own_text_wer value")]


def test_an_edited_text_belies_the_error_rate_made_from_it(finished, tmp_path):
    run = Path(shutil.copytree(finished.run, tmp_path / "run"))
    path = run / f"takes/{TASK}/tt-01@main.r0.json"
    path.write_text(path.read_text().replace(" often", " seldom"))
    found = differences(run)
    assert {group for group, _ in found} == {"takes", "scores", "summaries"}
    assert all(" own_text_wer " in what for group, what in found if group != "takes")


def test_a_text_that_lies_nowhere_makes_its_record_unreadable(finished, tmp_path):
    run = Path(shutil.copytree(finished.run, tmp_path / "run"))
    path = run / f"takes/{TASK}/tt-01@main.r0.json"
    record = json.loads(path.read_text())
    record["events"][0]["end_s"] = -100.0
    path.write_text(json.dumps(record))
    assert differences(run) == [("takes", f"{TASK} tt-01")]


def test_a_lost_recording_hides_no_text_from_the_others_of_its_task(finished, tmp_path):
    """One sample alone wrote something; its recording is gone, and the other's score still is what it was."""
    run = Path(shutil.copytree(finished.run, tmp_path / "run"))
    path = run / f"takes/{TASK}/tt-02@main.r0.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "events": []}))
    assert fdbench("score", run, *ASR, "--protocol", "fdbench").status == 0
    assert (wer(run)["n_scored"], wer(run)["n_not_applicable"]) == (1, 1)
    assert sample_scores(run, "fdbench")[TASK, "tt-02"]["own_text_wer"]["reason"] == "no_own_text"
    (run / f"audio/{TASK}/tt-01@main.r0.model.flac").unlink()
    assert differences(run) == [("audio", f"{TASK} tt-01")]


def test_the_leaderboard_has_a_column_for_it(finished, tmp_path):
    board = tmp_path / "board.md"
    assert fdbench("leaderboard", "--results", finished.run.parent, "--out", board).status == 0
    headers = [line for line in board.read_text().splitlines() if line.startswith("| model")]
    assert sum("| own text wer ↓ |" in line for line in headers) == 2  # once per task
