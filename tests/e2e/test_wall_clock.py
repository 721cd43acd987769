"""Runs on the wall clock as a user sees them: calls, logs, replay, budget, and what ends a run at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import fdbench, sample_scores, summaries

ANSWERER = f"{Path(__file__).parent / 'live_stand_ins.py'}:Answerer"
# The one run on a real clock may be late: other tests keep this machine busy.
PATIENT = (
    "--tasks",
    "mini/turn_taking",
    "--tail-limit",
    "4",
    "--asr",
    "none",
    "--most-late",
    "3000",
    "--protocol",
    "fdbench",
)
FOUR = (*PATIENT, "--limit", "4", "--slots", "4")
TWO = (*PATIENT, "--limit", "2", "--slots", "1")


def live(*arguments):
    """A command whose calls take no time."""
    return fdbench(*arguments, FDBENCH_TEST_TIME="virtual")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Four calls at once with a server that answers 300 ms after it hears silence, and breaks off the first."""
    out = tmp_path_factory.mktemp("live")
    finished = live("run", "--model", ANSWERER, "--arg", "breaks=1", *FOUR, "--out", out)
    assert finished.status == 0, finished.err
    return finished


def records(run):
    return [json.loads(path.read_text()) for path in sorted((run / "takes").rglob("*.json"))]


def test_calls_are_made_side_by_side_and_told_beforehand(run):
    (told,) = (line for line in run.err.splitlines() if "calls on the wall clock" in line)
    assert "4 calls on the wall clock, 4 at once" in told and "about 0.50 to 0.50 at the price given" in told
    (spent,) = (line for line in run.err.splitlines() if "min of conversation on the wall clock" in line)
    assert "at a cost of 2" in spent, "four replies at 0.5 each"


def test_a_reply_is_scored_where_it_was_played(run):
    """The server counts 15 silent frames of 20 ms after the last loud one; speech ends inside that one and fades before."""
    scores = sample_scores(run.run, "fdbench")
    latencies = [each["response_latency_s"]["value"] for each in scores.values()]
    assert len(latencies) == 4 and all(0.1 < latency < 0.4 for latency in latencies), latencies
    for record in records(run.run):
        events = {event["kind"]: event for event in record["events"]}
        assert events["decided"]["start_s"] <= events["arrived"]["start_s"] <= events["played"]["start_s"]
        assert record["clock"] == "realtime" and record["log"]
    assert summaries(run.run)["fdbench"]["mini/turn_taking"]["metrics"]["takeover_rate"]["value"] == 1.0


def test_a_call_that_broke_is_made_again_and_both_are_on_record(run):
    attempts = [json.loads(line) for line in (run.run / "attempts.jsonl").read_text().splitlines()]
    calls = [attempt["call"] for attempt in attempts if "take" in attempt]
    assert len(calls) == 4 and all(call["minutes"] > 0 and call["round_trip_ms"] == 1.0 for call in calls)
    assert [call["broken_tries"] for call in calls if "broken_tries" in call] == [["dropped: the line went dead"]]


def test_a_replay_gives_every_recording_and_score_again_without_the_server(run, tmp_path):
    done = fdbench("replay", run.run, "--asr", "none", "--protocol", "fdbench", "--out", tmp_path)
    assert done.status == 0, done.err
    assert "4 calls replayed: everything that was compared agrees" in done.err
    for path in run.run.glob("scores/*/samples.jsonl"):
        assert (tmp_path / run.run.name / "scores" / path.parent.name / path.name).read_bytes() == path.read_bytes()


def test_a_replay_names_what_a_log_that_was_altered_gives(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run.run, copy)
    (lines,) = sorted(copy.glob("logs/**/*.jsonl"))[:1]
    lines.write_text(lines.read_text().replace('"t_s"', '"t_s" ', 1))
    done = fdbench("replay", copy, "--asr", "none", "--protocol", "fdbench")
    assert done.status == 3
    assert "is not the log that was recorded" in done.err and "differences" in done.err.strip().splitlines()[-1]


def test_verify_makes_each_recording_again_from_its_log(run, tmp_path):
    agrees = fdbench("verify", run.run, "--annotations", "stored", "--json", "-")
    assert agrees.status == 0, agrees.out
    groups = {group["name"]: group for group in json.loads(agrees.out)["groups"]}
    assert groups["logs"]["compared"] == {"logs": 4, "recordings replayed": 4}
    copy = tmp_path / "copy"
    shutil.copytree(run.run, copy)
    (sound,) = sorted(copy.glob("logs/**/*.flac"))[:1]
    shutil.copy(next(copy.glob("audio/**/*.user.flac")), sound)
    differs = fdbench("verify", copy, "--annotations", "stored", "--json", "-")
    assert differs.status == 3
    (difference,) = (each for group in json.loads(differs.out)["groups"] for each in group["differences"])
    assert "is not the sound that was recorded" in difference["what"]


def test_the_other_clocks_are_told_beside_the_one_that_is_scored(run):
    metrics = summaries(run.run)["fdbench"]["mini/turn_taking"]["metrics"]
    decided, arrived, heard = (metrics[f"{name}_latency_s"] for name in ("decided", "arrived", "response"))
    assert decided["n_scored"] == arrived["n_scored"] == 4
    assert decided["value"] <= arrived["value"] < heard["value"] + 0.1
    assert "yield_latency_s" not in metrics, "nobody interrupts here"


@pytest.mark.parametrize("option", ["--max-minutes", "--max-cost", "--most-late"])
@pytest.mark.parametrize("model", ["silence", "recordings:."])
def test_what_limits_live_calls_is_refused_where_nobody_is_called_live(tmp_path, model, option):
    done = fdbench("run", "--model", model, "--tasks", "mini/turn_taking", "--limit", "1", option, "50", cwd=tmp_path)
    assert done.status == 2 and option in done.err and len(done.err.strip().splitlines()) == 2


def test_recordings_made_elsewhere_have_no_calls_to_replay(tmp_path):
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    made = fdbench("run", "--model", "silence", "--tasks", "mini/turn_taking", "--limit", "1", "--asr", "sphinx", cwd=tmp_path)
    folder = tmp_path / "mini" / "turn_taking"
    folder.mkdir(parents=True)
    shutil.copy(next((tmp_path / made.run / "audio").rglob("*.model.flac")), folder / "tt-01.flac")
    command = ("run", "--model", "recordings:.", "--tasks", "mini/turn_taking", "--limit", "1", "--asr", "sphinx")
    given = fdbench(*command, "--arg", "name=elsewhere", cwd=tmp_path)
    done = fdbench("replay", tmp_path / given.run, "--asr", "sphinx")
    assert done.status == 2 and "its recordings were made elsewhere" in done.err


def test_a_budget_ends_a_run_between_calls_and_a_larger_one_goes_on(tmp_path):
    command = ("run", "--model", ANSWERER, *TWO, "--out", tmp_path)
    first = live(*command, "--max-cost", "0.6")
    assert first.status == 3, first.err
    assert "the budget is spent: 1 calls are left" in first.err
    assert len(records(first.run)) == 1
    none = live(*command, "--max-minutes", "0.1")
    assert none.status == 3 and "1 calls are left" in none.err, "a call that might take longer is not begun"
    again = live(*command)
    assert again.status == 0, again.err
    assert again.run == first.run and len(records(first.run)) == 2


def test_a_budget_counts_what_earlier_starts_of_the_run_took(tmp_path):
    """A call costs 0.5: with 0.6 for the run there is one, however often it is started; the other is left, not failed."""
    command = ("run", "--model", ANSWERER, *TWO, "--out", tmp_path, "--max-cost", "0.6")
    first, second = live(*command), live(*command)
    for done in (first, second):
        assert done.status == 3 and "the budget is spent: 1 calls are left" in done.err
        assert "at a cost of 0.5" in done.err and len(records(done.run)) == 1
    (left,) = [each for each in sample_scores(second.run, "fdbench").values() if each["takeover_rate"]["status"] != "scored"]
    assert (left["takeover_rate"]["status"], left["takeover_rate"]["reason"]) == ("not_applicable", "not_called")


def test_what_a_killed_process_was_doing_counts_with_all_that_was_set_aside(tmp_path):
    """Nobody knows what a call took of whose end nothing is on record."""
    command = ("run", "--model", ANSWERER, *TWO, "--out", tmp_path)
    first = live(*command, "--max-cost", "0.6")
    lines = (first.run / "attempts.jsonl").read_text().splitlines()
    begun = next(line for line in lines if '"begun"' in line)
    (first.run / "attempts.jsonl").write_text("\n".join([*lines, begun]) + "\n")
    again = live(*command, "--max-cost", "1.2")
    assert again.status == 3 and "the budget is spent: 1 calls are left" in again.err


def test_a_limit_on_costs_needs_a_price(tmp_path):
    done = fdbench("run", "--model", "moshi-server", "--arg", "url=ws://localhost:1", "--max-cost", "5", "--out", tmp_path)
    assert done.status == 2 and "what moshi-server costs is not known here" in done.err
    assert len(done.err.strip().splitlines()) == 2


def test_a_replay_by_other_engines_says_that_it_compared_no_score(run):
    pytest.importorskip("webrtcvad", reason="needs pip install 'fdbench[webrtc-vad]'")
    done = fdbench("replay", run.run, "--asr", "none", "--vad", "webrtc", "--protocol", "fdbench")
    assert done.status == 0, done.err
    assert "the run has none by these engines to compare with" in done.err


def test_a_key_that_is_not_accepted_is_two_lines_and_nothing_is_spent(tmp_path):
    done = live("run", "--model", ANSWERER, "--arg", "refuses=true", *FOUR, "--out", tmp_path)
    assert done.status == 2
    lines = [line for line in done.err.strip().splitlines() if "calls on the wall clock" not in line]
    assert lines[0] == "fdbench: the key in ANSWERER_KEY is not accepted" and len(lines) == 2
    assert not list(tmp_path.rglob("takes/**/*.json"))


def test_ctrl_c_ends_a_run_cleanly_and_it_goes_on(tmp_path):
    """Interrupted while calls are going on, on a real clock: at once, with what is finished kept."""
    patient = (*TWO, "--most-late", "12000")  # 3 s by the clock on the wall, on which it is four times as fast
    command = [sys.executable, "-m", "fdbench.cli", "run", "--model", ANSWERER, *patient, "--out", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "FDBENCH_TEST_TIME": "quick"})
    while not list(tmp_path.rglob("takes/**/*.json")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "the same command goes on from here" in err
    kept = {path.name: path.read_bytes() for path in tmp_path.rglob("takes/**/*.json")}
    assert len(kept) == 1
    finished = live(*command[3:])
    assert finished.status == 0, finished.err
    after = {path.name: path.read_bytes() for path in tmp_path.rglob("takes/**/*.json")}
    assert len(after) == 2 and kept.items() <= after.items()
