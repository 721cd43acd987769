"""One model at many settings: a run for each, one table, one file, one curve."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import fdbench

TASKS = (
    "--tasks", "mini/pause_handling,mini/turn_taking", "--limit", "3", "--asr", "none", "--protocol", "fdbench",
    "--workers", "1",
)  # fmt: skip
ENDPOINTER = ("sweep", "--model", "vad-endpointer")


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    out = tmp_path_factory.mktemp("swept")
    finished = fdbench(*ENDPOINTER, "--arg", "silence_ms=300,900", "--arg", "yield_ms=200", *TASKS, "--out", out)
    assert finished.status == 0, finished.err
    return out, finished


def test_who_waits_longer_breaks_in_less(swept):
    out, finished = swept
    assert "hypervolume" in finished.out and "1 of 2: silence_ms=300" in finished.err
    sweep = json.loads((out / "sweeps" / "vad-endpointer-silence_ms.json").read_text())
    first, second = sweep["points"]
    assert [each["settings"] for each in (first, second)] == [{"silence_ms": "300"}, {"silence_ms": "900"}]
    assert second["wait_s"]["value"] - first["wait_s"]["value"] == pytest.approx(0.6, abs=0.1)
    assert second["broken"]["value"] <= first["broken"]["value"]
    assert 0 < sweep["hypervolume"] < 1
    assert {path.name for path in out.iterdir()} == {first["run_id"], second["run_id"], "sweeps"}


def test_it_goes_on_where_it_stopped_and_makes_no_call_twice(swept):
    out, first = swept
    again = fdbench(*ENDPOINTER, "--arg", "silence_ms=300,900", "--arg", "yield_ms=200", *TASKS, "--out", out)
    assert again.status == 0 and again.out == first.out
    assert "6 of 6 calls were there already" in again.err


def test_shards_fill_all_runs_of_a_sweep_and_write_its_table(tmp_path):
    from tests.e2e.test_shards import calls_made

    command = [sys.executable, "-m", "fdbench.cli", *ENDPOINTER, "--arg", "silence_ms=300,900", "--arg", "yield_ms=200", *TASKS]
    command += ["--out", str(tmp_path / "results"), "--slots", "1", "--silence", "60"]
    shards = [
        subprocess.Popen([*command, "--shard", which], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for which in ("1/2", "2/2")
    ]
    said = [each.communicate(timeout=240) for each in shards]
    assert [each.returncode for each in shards] == [0, 0], said
    one = fdbench(*command[3:])
    assert one.status == 0 and "6 of 6 calls were there already" in one.err
    assert all(out.splitlines()[:-1] == one.out.splitlines()[:-1] for out, _ in said), "every one of them writes the table"
    for run in (path.parent for path in (tmp_path / "results").glob("*/manifest.json")):
        assert len(calls_made(run)) == len(set(calls_made(run))) == 6
        assert not (run / "leases").exists()


def test_its_curve_is_on_the_page(swept):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    out, _ = swept
    page = out / "board" / "LEADERBOARD.md"
    assert fdbench("leaderboard", "--results", out, "--out", page).status == 0
    assert "frontier.svg" in page.read_text() and (page.parent / "frontier.svg").is_file()


def test_models_seeds_and_conditions_are_varied_alike(tmp_path):
    options = ("--model", "silence,random-backchannel", "--seeds", "0:1:1", "--json", "-")
    finished = fdbench("sweep", *options, *TASKS[:2], "--limit", "1", *TASKS[4:], "--out", tmp_path)
    found = json.loads(finished.out)
    assert [each["settings"] for each in found["points"]] == [
        {"model": model, "seed": seed} for model in ("silence", "random-backchannel") for seed in ("0", "1")
    ]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--arg", "silence_ms=500"), "nothing is varied"),
        (("--arg", "silence_ms=1:0:1"), "silence_ms=1:0:1"),
        (("--arg", "silence_ms=300,300"), "there twice"),
        (("--arg", "silence_mss=300,500"), "silence_ms"),
        (("--seeds", "a,b"), "--seeds: a is no whole number"),
        (("--arg", "silence_ms=300,500", "--to", "../x"), "--to ../x"),
        (("--arg", "silence_ms=300,500", "--name", "mine"), "--name mine"),
    ],
)
def test_what_cannot_be_swept_is_two_lines(tmp_path, options, what):
    finished = fdbench(*ENDPOINTER, *options, *TASKS[:2], "--limit", "1", *TASKS[4:], "--out", tmp_path)
    assert finished.status == 2 and what in finished.err
