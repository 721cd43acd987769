"""Several processes fill one run: the same bytes as one, no finished call made twice, also where one is killed or frozen."""

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

from tests.conftest import fdbench

TASKS = (
    "--tasks", "mini/pause_handling,mini/turn_taking", "--limit", "4", "--asr", "none", "--protocol", "fdbench",
    "--workers", "1",
)  # fmt: skip
AGENT = f"{Path(__file__).with_name('gated_agent.py')}:Gated"
PATIENCE_S = 120.0
MEANINGLESS = 3
"""What a run ends with whose model never spoke."""
ONE_BY_ONE = ("--slots", "1", "--silence", "1")


def content(run):
    """Every file of a run but its logs, by path."""
    kept = (path for path in run.rglob("*") if path.is_file() and not path.name.startswith(("attempts", ".lock")))
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in kept}


def calls_made(run):
    lines = (line for path in run.glob("attempts*.jsonl") for line in path.read_text().splitlines())
    return [event["take"] for event in map(json.loads, lines) if event.get("status") == "recorded"]


def the_run(out):
    (run,) = (path for path in out.iterdir() if path.is_dir())
    return run


def shard(out, which, *more, model="vad-endpointer", **options):
    command = [sys.executable, "-m", "fdbench.cli", "run", "--model", model, *TASKS, "--out", str(out), "--shard", which, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def ended(process):
    out, err = process.communicate(timeout=PATIENCE_S * 2)
    assert process.returncode in (0, MEANINGLESS), err
    return out + err


def until(is_so, patience_s=PATIENCE_S):
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_shards_at_once_make_what_one_process_makes(record_once, tmp_path):
    whole = content(record_once("vad-endpointer", *TASKS))
    said = [ended(process) for process in [shard(tmp_path, f"{number}/3") for number in (1, 2, 3)]]
    run = the_run(tmp_path)
    assert content(run) == whole
    assert sorted(calls_made(run)) == sorted(set(calls_made(run))) and len(calls_made(run)) == 8
    assert any("lost seconds" in each or "takes the turn" in each for each in said), "the last one scores"
    assert not (run / "leases").exists()
    assert fdbench("verify", run).status == 0


def test_one_shard_alone_makes_the_others_shares_too(record_once, tmp_path):
    assert fdbench("run", "--model", "vad-endpointer", *TASKS, "--out", tmp_path, "--shard", "2/16").status == 0
    assert content(the_run(tmp_path)) == content(record_once("vad-endpointer", *TASKS))


def test_a_shard_that_is_killed_loses_what_it_was_at_and_another_makes_it(tmp_path):
    whole = fdbench("run", "--model", AGENT, *TASKS, *ONE_BY_ONE, "--out", tmp_path / "whole")
    assert whole.status == MEANINGLESS, whole.err
    gate = tmp_path / "gate"
    gate.touch()
    first = shard(tmp_path / "shared", "1/2", *ONE_BY_ONE, model=AGENT, env={**os.environ, "GATE": str(gate)})
    until(lambda: gate.with_name(f"{first.pid}.waits").exists())  # it is in the middle of its second call
    done = calls_made(the_run(tmp_path / "shared"))
    assert len(done) == 1
    first.kill()
    first.wait()
    ended(shard(tmp_path / "shared", "2/2", *ONE_BY_ONE, model=AGENT))
    run = the_run(tmp_path / "shared")
    assert content(run) == content(the_run(tmp_path / "whole"))
    assert len(calls_made(run)) == len(set(calls_made(run))) == 8, "no finished call is made twice"


def test_a_shard_that_is_frozen_past_its_lease_wakes_to_find_its_call_made(tmp_path):
    gate = tmp_path / "gate"
    gate.touch()
    first = shard(tmp_path, "1/2", *ONE_BY_ONE, model=AGENT, env={**os.environ, "GATE": str(gate)})
    until(lambda: gate.with_name(f"{first.pid}.waits").exists())
    first.send_signal(signal.SIGSTOP)
    second = shard(tmp_path, "2/2", *ONE_BY_ONE, model=AGENT)
    run = next(path for path in tmp_path.iterdir() if path.is_dir())
    until(lambda: len(set(calls_made(run))) == 8)
    records = content(run / "takes")
    gate.unlink()
    first.send_signal(signal.SIGCONT)
    ended(first), ended(second)
    assert content(run / "takes") == records, "what was there stays, byte for byte"
    assert fdbench("verify", run).status == 0


def test_records_that_show_late_are_not_made_again(tmp_path, monkeypatch):
    """As on a network file system: another's record is seen only some time after its lease says that the call has ended."""
    from fdbench.store.run import Run

    monkeypatch.setattr(Run, "is_done", lambda self, take: False)
    monkeypatch.setattr("fdbench.stages.run._score", lambda *arguments: ())
    monkeypatch.setattr("fdbench.stages.run._hear_share", lambda *arguments: None)
    for which in ("1/2", "2/2"):
        monkeypatch.setattr("fdbench.store.run.forget_ended", lambda run: None)
        assert fdbench("run", "--model", "silence", *TASKS, "--out", tmp_path, "--shard", which).status == 0
    assert len(calls_made(the_run(tmp_path))) == len(set(calls_made(the_run(tmp_path)))) == 8


def test_each_shard_hears_its_own_share_and_who_scores_hears_nothing(record_once, tmp_path, monkeypatch):
    """Stopped where the last one would score: what two shards have heard until then is all that there is to hear."""
    whole = content(record_once("vad-endpointer", *TASKS))

    def stop(*arguments):
        raise KeyboardInterrupt

    heard = []
    monkeypatch.setattr("fdbench.stages.run._score", stop)
    for which in ("1/2", "2/2"):
        assert fdbench("run", "--model", "vad-endpointer", *TASKS, "--out", tmp_path, "--shard", which).status == 130
        heard.append({name for name in content(the_run(tmp_path)) if name.startswith("annotations")})
    assert heard[0] < heard[1] == {name for name in whole if name.startswith("annotations")}


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4", "1.5/4"])
def test_a_shard_that_is_none_is_two_lines(tmp_path, text):
    finished = fdbench("run", "--model", "silence", "--out", tmp_path, f"--shard={text}")
    assert finished.status == 2 and f"--shard {text}" in finished.err and "3/16" in finished.err


def test_again_and_silence_are_checked(tmp_path):
    assert "--again" in fdbench("run", "--model", "silence", "--out", tmp_path, "--shard", "1/2", "--again").err
    assert "--silence" in fdbench("run", "--model", "silence", "--out", tmp_path, "--shard", "1/2", "--silence", "0").err


def test_status_says_how_far_a_run_is_from_its_files(record_once, tmp_path):
    run = shutil.copytree(record_once("vad-endpointer", *TASKS), tmp_path / "run")
    said = fdbench("status", run).out
    assert "8 of 8 calls recorded, 0 failed" in said and "scored" in said and "this run" in said
    for record in list((run / "takes").rglob("*.json"))[:3]:
        record.unlink()
    (run / "leases").mkdir()
    (run / "leases" / "x.json").write_text('{"owner": "3-of-4@host:1:ab", "state": "held", "beat": 1}')
    found = json.loads(fdbench("status", run, "--json").out)
    assert (found["n_takes"], found["n_recorded"], found["n_left"], found["n_going_on"]) == (8, 5, 3, 1)
    assert fdbench("status", tmp_path).status == 2


def test_status_says_how_fast_and_where_calls_were_made(record_once, tmp_path):
    run = shutil.copytree(record_once("vad-endpointer", *TASKS), tmp_path / "run")
    logged = [json.loads(line) for line in (run / "attempts.jsonl").read_text().splitlines()]
    calls = [line for line in logged if line.get("status") == "recorded"]
    assert all(line["length_s"] > 3 for line in calls), "the lead-in alone has three seconds"
    made = [
        {**line, "at": f"2026-11-28T12:00:{10 * index:02d}Z", "host": f"node{index % 2}", "length_s": 30.0}
        for index, line in enumerate(calls[:4])
    ]
    (run / "attempts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in made))
    for line in calls[4:]:
        (run / "takes" / f"{line['take']}.json").unlink()
    said = fdbench("status", run).out
    assert "lately 6 calls a minute, 4 x real time; about 1 minutes left" in said
    assert "this run, node0" in said and "this run, node1" in said
    (run / "attempts.jsonl").rename(run / "attempts.1-of-4.jsonl")  # a job that was queued again goes on elsewhere
    (run / "leases").mkdir()
    (run / "leases" / "x.json").write_text('{"owner": "1-of-4@node1:1:ab", "state": "held", "beat": 1}')
    (worker,) = json.loads(fdbench("status", run, "--json").out)["workers"]
    assert (worker["name"], worker["n_made"], worker["n_going_on"]) == ("1-of-4", 4, 1)


def test_parts_that_were_made_apart_are_united(record_once, tmp_path):
    whole = record_once("vad-endpointer", *TASKS)
    parts = [shutil.copytree(whole, tmp_path / name / whole.name) for name in ("a", "b")]
    records = sorted(path.relative_to(whole) for path in (whole / "takes").rglob("*.json"))
    for part, gone in zip(parts, (records[:3], records[5:]), strict=True):
        for record in gone:
            (part / record).unlink()
    merged = fdbench("merge", *parts, "--into", tmp_path / "c")
    assert merged.status == 0 and "8 calls added" in merged.out
    united = tmp_path / "c" / whole.name
    assert fdbench("score", united, "--asr", "none", "--protocol", "fdbench").status == 0
    assert {name: data for name, data in content(united).items() if not name.startswith("annotations")} == {
        name: data for name, data in content(whole).items() if not name.startswith("annotations")
    }
    assert "0 calls added" in fdbench("merge", *parts, "--into", tmp_path / "c").out
    assert fdbench("verify", united).status == 0


def test_what_does_not_belong_together_is_refused(record_once, tmp_path):
    one, other = record_once("vad-endpointer", *TASKS), record_once("silence", *TASKS)
    refused = fdbench("merge", one, other, "--into", tmp_path)
    assert refused.status == 2 and "they differ in" in refused.err and "model" in refused.err
    copies = [shutil.copytree(one, tmp_path / name / one.name) for name in ("a", "b")]
    record = next((copies[1] / "takes").rglob("*.json"))
    value = json.loads(record.read_text())
    record.write_text(json.dumps({**value, "notes": ["another call"]}))
    refused = fdbench("merge", *copies, "--into", tmp_path / "c")
    assert refused.status == 2 and "are not the same call" in refused.err
    assert "is one of those" in fdbench("merge", copies[0], "--into", copies[0].parent).err
