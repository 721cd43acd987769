"""What is there already is told and can be made anew; what is not what was recorded is neither scored nor published."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from fdbench.store.run import Run
from tests.conftest import fdbench

COMMAND = ("run", "--model", "random-backchannel", "--tasks", "mini/pause_handling", "--limit", "2", "--asr", "sphinx")
PROTOCOL = ("--protocol", "fdbench", "--workers", "1")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    return fdbench(*COMMAND, *PROTOCOL, "--out", tmp_path_factory.mktemp("made"))


@pytest.fixture()
def run(made, tmp_path):
    assert "already" not in made.err
    shutil.copytree(made.run, tmp_path / made.run.name)
    return tmp_path / made.run.name


def n_calls(run):
    return sum("take" in json.loads(line) for line in (run / "attempts.jsonl").read_text().splitlines())


def test_calls_that_were_there_are_told_with_their_date(run):
    log = run / "attempts.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    log.write_text("".join(json.dumps({**line, "at": "2026-11-21T10:00:00Z"}) + "\n" for line in lines))
    done = fdbench(*COMMAND, *PROTOCOL, "--out", run.parent)
    assert "fdbench: 2 of 2 calls were there already (2026-11-21); --again makes them anew\n" in done.err
    assert n_calls(run) == 2


def test_without_a_log_the_date_is_that_of_the_files(run):
    (run / "attempts.jsonl").unlink()
    for take in Run(run).takes():
        os.utime(Run(run).record_file(take), (1.0, 86_400.0 * 400))
    assert "(1971-02-05)" in fdbench(*COMMAND, *PROTOCOL, "--out", run.parent).err


def test_again_makes_them_anew(run):
    done = fdbench(*COMMAND, *PROTOCOL, "--again", "--out", run.parent)
    assert done.status == 0
    assert "already" not in done.err
    assert n_calls(run) == 4


def test_another_whole_recording_under_the_same_name_is_not_scored_and_again_mends_it(run):
    one, other = (Run(run).audio_file(take, "model") for take in Run(run).takes())
    right = one.read_bytes()
    shutil.copy(other, one)
    shutil.rmtree(run / "annotations")
    scored = fdbench("score", run, "--asr", "sphinx", *PROTOCOL)
    assert scored.status == 3
    assert f"{one}: is not what was recorded" in scored.err
    one.write_bytes(right)
    assert fdbench("score", run, "--asr", "sphinx", *PROTOCOL).status == 0
    assert fdbench("verify", run, "--annotations", "stored").status == 0


def test_a_recording_that_is_not_the_records_is_not_published(run, tmp_path):
    pytest.importorskip("datasets")
    one, other = (Run(run).audio_file(take, "model") for take in Run(run).takes())
    shutil.copy(other, one)
    exported = fdbench("export", run, "--to", tmp_path / "export")
    assert exported.status == 3
    assert f"{one}: left out: cannot be read ({one}: is not what was recorded)" in exported.err
    assert not (tmp_path / "export" / one.relative_to(run)).exists()
