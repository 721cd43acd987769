"""PersonaPlex as a user meets it: set up, run, and told in two lines what is missing or wrong.

The package in the environment is a stand-in with the fork's public names (``tests/personaplex_stand_in.py``).
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import fdbench
from tests.personaplex_stand_in import write_checkpoint, write_package, write_wheelhouse

pytest.importorskip("torch", reason="the stand-in draws with torch")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Environment variables: a cache of its own, and pip without a network."""
    folder = tmp_path_factory.mktemp("personaplex")
    wheels = write_wheelhouse(folder / "wheels")
    return {"FDBENCH_CACHE": str(folder / "cache"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}


@pytest.fixture(scope="module")
def set_up(settings, tmp_path_factory):
    """`fdbench setup personaplex --source DIR`, done once."""
    source = write_package(tmp_path_factory.mktemp("source"))
    interrupted = Path(settings["FDBENCH_CACHE"]) / "environments" / "personaplex" / "venv" / "bin"
    interrupted.mkdir(parents=True)
    (interrupted / "python").write_text("half an interpreter")  # without a record it is none
    finished = fdbench("setup", "personaplex", "--source", source, "--json", **settings)
    assert finished.status == 0, finished.err
    return source, json.loads(finished.out)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "tiny-plex")


def run(settings, checkpoint, out, *arguments, **environment):
    return fdbench(
        "run", "--model", "personaplex", "--arg", f"checkpoint={checkpoint}", "--arg", "device=cpu", "--out", out,
        "--tasks", "mini/turn_taking", "--limit", "2", "--slots", "2", "--asr", "sphinx",
        *arguments, **{**settings, **environment},
    )  # fmt: skip


def test_a_set_up_environment_says_what_is_in_it(set_up, settings):
    source, record = set_up
    assert record["source"] == str(source / "moshi")
    assert "moshi-personaplex 9.9" in record["found"]
    assert record["python"].startswith(settings["FDBENCH_CACHE"])
    again = fdbench("setup", "personaplex", "--source", source, **settings)
    assert again.status == 0
    assert "is set up already" in again.err
    other = fdbench("setup", "personaplex", "--source", source, "--torch", "torch==0", **settings)
    assert other.status == 2
    assert "--force" in other.err


def test_a_run_holds_its_calls_in_workers_and_keeps_the_text(set_up, settings, checkpoint, tmp_path):
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    finished = run(settings, checkpoint, tmp_path / "many", "--arg", "workers=2")
    assert finished.status == 0, finished.err
    manifest = (finished.run / "manifest.json").read_text()
    collection = json.loads(manifest)["collection"]
    assert collection["arguments"]["checkpoint"] == "tiny-plex"
    assert collection["arguments"]["voice"].startswith("NATF2.wav@")
    assert collection["weights_revision"].startswith("sha256:")
    assert not {"python", "workers", "step_timeout_s"} & collection["arguments"].keys()
    assert str(checkpoint.parent) not in manifest
    takes = [json.loads(path.read_text()) for path in sorted(finished.run.rglob("takes/**/*.json"))]
    assert len(takes) == 2
    for take in takes:
        texts = [event for event in take["events"] if event["kind"] == "text"]
        assert "".join(event["text"] for event in texts[:4]) == " hello hello"
        starts = [event["start_s"] for event in texts[:3]]
        assert np.diff(starts) == pytest.approx([0.24, 0.24])
        assert starts[0] == pytest.approx(0.08)  # the first frame is answered when it is over
    loudness = [np.abs(soundfile.read(path)[0]).max() for path in finished.run.rglob("*.model.flac")]
    assert min(loudness) > 0.01  # it heard something

    fewer = run(settings, checkpoint, tmp_path / "one", "--arg", "workers=1", "--arg", "step_timeout_s=30")
    assert fewer.run.name == finished.run.name  # neither is in the run's id, for no reply depends on them
    ours, theirs = ({path.name: path.read_bytes() for path in each.run.rglob("*.flac")} for each in (finished, fewer))
    assert len(ours) == 4
    assert ours == theirs


MISTAKES = {
    "bad voice": (("--arg", "voice=NATF3"), "did you mean 'NATF2'? known: NATF2, NATM1"),
    "voice file": (("--arg", "voice=./mine.wav"), "no such file"),
    "empty prompt": (("--arg", "prompt="), "does not work with an empty one"),
    "missing weights": (("--arg", "checkpoint=./empty"), "lacks model.safetensors"),
    "missing folder": (("--arg", "checkpoint=./nowhere"), "no such folder"),
    "missing python": (("--arg", "python=./python"), "no such program"),
    "temperature": (("--arg", "temp=0"), "--arg greedy=true"),
    "workers": (("--arg", "workers=0"), "expected at least 1"),
    "device": (("--arg", "device=tpu"), "expected auto, cpu, cuda"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_wrong_is_told_in_two_lines(set_up, settings, checkpoint, tmp_path, mistake):
    (tmp_path / "empty").mkdir()
    arguments, told = MISTAKES[mistake]
    finished = fdbench(
        "run", "--model", "personaplex", "--arg", f"checkpoint={checkpoint}", "--arg", "device=cpu", "--limit", "1",
        "--asr", "sphinx", *arguments, "--out", tmp_path / "out", cwd=tmp_path, **settings,
    )  # fmt: skip
    assert finished.status == 2
    assert told in finished.err
    assert len(finished.err.strip().splitlines()) == 2


def test_the_official_package_is_named_and_refused(set_up, settings, checkpoint, tmp_path):
    pytest.importorskip("moshi", reason="needs pip install 'fdbench[moshi]'")
    finished = run(settings, checkpoint, tmp_path, "--arg", f"python={sys.executable}")
    assert finished.status == 2
    assert "has moshi " in finished.err
    assert "which is not NVIDIA's fork" in finished.err
    assert finished.err.strip().endswith("fdbench setup personaplex")
    adopted = fdbench("setup", "personaplex", "--python", sys.executable, **{**settings, "FDBENCH_CACHE": str(tmp_path)})
    assert adopted.status == 2
    assert "it is not NVIDIA's fork" in adopted.err


def test_an_interpreter_without_any_moshi_is_named(settings, checkpoint, tmp_path):
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{sys._base_executable}" -S "$@"\n')
    bare.chmod(0o755)
    finished = run(settings, checkpoint, tmp_path, "--arg", f"python={bare}")
    assert finished.status == 2
    assert "bare has no package 'moshi'" in finished.err


def test_without_an_environment_the_command_is_named(settings, checkpoint, tmp_path):
    finished = run(settings, checkpoint, tmp_path / "out", FDBENCH_CACHE=str(tmp_path / "none"))
    assert finished.status == 2
    assert finished.err.strip().endswith("fdbench setup personaplex")
    assert len(finished.err.strip().splitlines()) == 2


def test_an_existing_interpreter_is_adopted(set_up, settings, checkpoint, tmp_path):
    _, record = set_up
    cache = {**settings, "FDBENCH_CACHE": str(tmp_path)}
    adopted = fdbench("setup", "personaplex", "--python", record["python"], "--json", **cache)
    assert adopted.status == 0, adopted.err
    assert json.loads(adopted.out)["python"] == record["python"]


def test_a_setup_that_fails_leaves_no_environment(settings, checkpoint, tmp_path):
    source = write_package(tmp_path / "source")
    (source / "moshi" / "backend.py").write_text("raise RuntimeError('this backend is broken')")
    cache = {**settings, "FDBENCH_CACHE": str(tmp_path / "cache")}
    failed = fdbench("setup", "personaplex", "--source", source, **cache)
    assert failed.status == 2
    assert "pip install" in failed.err
    assert "setup.log" in failed.err
    assert run(cache, checkpoint, tmp_path / "out").err.strip().endswith("fdbench setup personaplex")


@pytest.mark.parametrize("content", ["nothing", "another project"])
def test_a_source_that_is_not_the_fork_is_refused(settings, tmp_path, content):
    if content == "another project":
        shutil.move(write_package(tmp_path / "fork") / "moshi", tmp_path / "source")
        lm = tmp_path / "source" / "moshi" / "models" / "lm.py"
        lm.write_text(lm.read_text().replace("step_system_prompts", "step_prompts"))
    else:
        (tmp_path / "source").mkdir()
    finished = fdbench(
        "setup", "personaplex", "--source", tmp_path / "source", **{**settings, "FDBENCH_CACHE": str(tmp_path / "cache")}
    )
    assert finished.status == 2
    assert {"nothing": "holds no Python project", "another project": "it is not NVIDIA's fork"}[content] in finished.err
    assert "https://github.com/NVIDIA/personaplex" in finished.err.strip().splitlines()[-1]


def test_an_unknown_model_to_set_up_is_named(settings):
    finished = fdbench("setup", "personaplexx", **settings)
    assert finished.status == 2
    assert "did you mean 'personaplex'" in finished.err


def test_git_is_needed_without_a_source(settings, tmp_path):
    finished = fdbench("setup", "personaplex", **{**settings, "FDBENCH_CACHE": str(tmp_path), "PATH": str(tmp_path)})
    assert finished.status == 2
    assert "git is not installed" in finished.err
    assert list(tmp_path.iterdir()) == []
