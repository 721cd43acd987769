"""`fdbench compare`, and commands that are told a run by its name: what a user types and sees."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import MINI_ALONE, fdbench
from tests.paired_runs import TASK, each_once, write_scored_run

UNHEARD = ("--asr", "none", "--protocol", "fdbench")
ENDPOINTER = ("--tasks", "mini/pause_handling,mini/turn_taking", *UNHEARD)


@pytest.fixture(scope="module")
def patience(record_once) -> tuple[Path, Path]:
    """vad-endpointer that takes the turn after 0.3 s of silence, and after 0.9 s."""
    quick, slow = (record_once("vad-endpointer", *ENDPOINTER, "--arg", f"silence_ms={ms}") for ms in (300, 900))
    return quick, slow


def test_two_seeds_of_one_agent_show_no_difference(record_once):
    runs = [record_once("random-backchannel", "--tasks", MINI_ALONE, *UNHEARD, "--seed", str(seed)) for seed in (1, 2)]
    finished = fdbench("compare", *runs)
    assert finished.status == 0, finished.err
    assert "verdict: no difference in any of" in finished.out.splitlines()[-1]
    assert len(finished.out.splitlines()) <= 24


def test_more_patience_is_a_later_reply_by_that_much_and_fewer_break_ins(patience):
    finished = fdbench("compare", *patience, "--json")
    (found,) = json.loads(finished.out)["comparisons"]
    metrics = {(each["task"], each["metric"]): each for each in found["metrics"]}
    latency = metrics["mini/turn_taking", "response_latency_s"]
    assert latency["difference"] == pytest.approx(0.6, abs=0.03)
    assert latency["ci_low"] > 0.5
    assert (latency["verdict"], latency["test"]) == ("worse", "sign flips")
    assert metrics["mini/pause_handling", "lost_per_turn_s"]["verdict"] == "better"
    assert metrics["mini/turn_taking", "takeover_rate"]["verdict"] == "no difference"
    text = fdbench("compare", *patience).out
    assert "turn_taking response_latency_s" in text
    assert "+0.6" in text


def test_a_broken_rule_is_status_1_and_a_failure_in_junit(patience, tmp_path):
    junit = tmp_path / "junit.xml"
    rules = ("--fail-if", "response_latency_s>+0.1", "--fail-if", "takeover_rate<-0.05")
    finished = fdbench("compare", *patience, *rules, "--junit", junit)
    assert finished.status == 1
    assert "FAILED response_latency_s>+0.1: mini/turn_taking response_latency_s: +0.6" in finished.err
    root = ElementTree.parse(junit).getroot()
    assert int(root.get("failures", "0")) >= 1
    assert {case.get("name") for case in root.iter("testcase") if case.find("failure") is not None} == {"response_latency_s"}
    assert fdbench("compare", *patience, "--fail-if", "response_latency_s>+0.9").status == 0
    assert fdbench("compare", *patience[::-1], *rules).status == 0, "the other way round it falls"


@pytest.mark.parametrize("rule", ["latency>+0.1", "response_latency_s>0.1", "relevance>+0.1"])
def test_a_rule_that_would_never_fail_is_misuse_in_two_lines(rule, patience):
    finished = fdbench("compare", *patience, "--fail-if", rule)
    assert finished.status == 2
    assert len(finished.err.strip().splitlines()) == 2


def test_what_does_not_compare_is_refused_in_two_lines(tmp_path):
    runs = [
        write_scored_run(tmp_path, f"m{asr}", {TASK: {"takeover_rate": each_once([1.0] * 12)}}, engines={"asr": asr})
        for asr in "ab"
    ]
    finished = fdbench("compare", *runs)
    assert finished.status == 2
    assert "heard by other recognisers: a and b" in finished.err
    assert len(finished.err.strip().splitlines()) == 2
    assert fdbench("compare", runs[0]).err.strip().splitlines()[-1].strip() == "name a second run, or --against latest"
    assert fdbench("compare", runs[0], runs[0]).status == 2


def test_the_newest_comparable_run_is_what_it_is_compared_with(patience, tmp_path):
    for run in patience:
        shutil.copytree(run, tmp_path / run.name)
    quick, slow = (tmp_path / run.name for run in patience)
    finished = fdbench("compare", slow, "--against", "latest")
    assert finished.status == 0, finished.err
    assert f"A  {quick.name}" in finished.out
    assert f"B  {slow.name}" in finished.out


def test_a_run_is_known_by_its_name_and_by_the_beginning_of_its_id(patience, tmp_path):
    for run in patience:
        shutil.copytree(run, tmp_path / "results" / run.name)
    quick, slow = (run.name for run in patience)
    assert f"A  {quick}" in fdbench("compare", quick[:-6], slow[:-6], cwd=tmp_path).out
    ambiguous = fdbench("show", "vad-end", cwd=tmp_path)
    assert ambiguous.status == 2
    assert quick in ambiguous.err
    assert slow in ambiguous.err
    assert len(ambiguous.err.strip().splitlines()) == 2
    assert fdbench("show", "moshi", cwd=tmp_path).err.startswith("fdbench: moshi: holds no manifest.json")


def test_a_run_that_was_given_a_name_keeps_its_id_and_is_listed(tmp_path):
    command = (
        "run",
        "--model",
        "silence",
        "--tasks",
        "mini/turn_taking",
        "--limit",
        "2",
        "--asr",
        "none",
        "--protocol",
        "fdbench",
    )
    named = fdbench(*command, "--name", "quiet", cwd=tmp_path)
    assert named.status == 0, named.err
    again = fdbench(*command, cwd=tmp_path)
    assert again.run == named.run, "a name is no setting: the same run"
    (row,) = json.loads(fdbench("list", "runs", "--json", cwd=tmp_path).out)
    assert (row["run"], row["name"], row["n"], row["tasks"]) == (named.run.name, "quiet", 2, "mini/turn_taking")
    assert "quiet" in fdbench("list", "runs", cwd=tmp_path).out
    assert fdbench("show", "quiet", cwd=tmp_path).status == 0
    assert fdbench("list", "runs", "--out", "results", cwd=tmp_path).out == fdbench("list", "runs", cwd=tmp_path).out
    taken = fdbench("run", "--model", "echo", *command[3:], "--name", "quiet", cwd=tmp_path)
    assert taken.status == 2
    assert "is called so" in taken.err
    assert len(list((tmp_path / "results").iterdir())) == 1
    assert "called" not in named.err + again.err
    (tmp_path / "quiet").mkdir()
    for command_of_runs in (("show",), ("status",), ("verify",), ("score", "--asr", "none", "--protocol", "fdbench")):
        taken_by_name = fdbench(*command_of_runs, "quiet", cwd=tmp_path)
        assert taken_by_name.status == 0, "a folder that is no run hides no name: " + taken_by_name.err
    of_recordings = fdbench("score", "quiet", "--task", "mini/turn_taking", cwd=tmp_path)
    assert of_recordings.status == 2 and "quiet" in of_recordings.err and named.run.name not in of_recordings.err
    renamed = fdbench(*command, "--name", "hush", cwd=tmp_path)
    assert renamed.run == named.run and "the run was called 'quiet' before and is called 'hush' now" in renamed.err
    several = fdbench(*command, "--name", "both", "--condition", "clean,quiet-20dB", cwd=tmp_path)
    assert several.status == 2 and "--name is for one run" in several.err


@pytest.mark.parametrize("name", ["a/b", "latest", "-x", " x"])
def test_what_is_no_name_is_misuse(name, tmp_path):
    finished = fdbench("run", "--model", "silence", f"--name={name}", cwd=tmp_path)
    assert finished.status == 2
    assert "not a name for a run" in finished.err
    assert list(tmp_path.iterdir()) == []


def test_lists_fit_into_100_columns_and_of_nothing_there_is_a_word(tmp_path):
    for listing in (("list", "models"), ("list", "tasks"), ("list", "conditions"), ("data", "list", "--data", tmp_path)):
        assert max(map(len, fdbench(*listing, COLUMNS="100").out.splitlines())) <= 100
    assert "https://drive.google.com/uc?id=" in fdbench("data", "list", "--json").out
    assert fdbench("list", "runs", "--out", tmp_path).out == f"no runs in {tmp_path}\n"
    assert fdbench("list", "runs", "--out", tmp_path / "nowhere").status == 2
