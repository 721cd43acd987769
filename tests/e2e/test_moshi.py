"""Moshi as a user runs it: the official package on a tiny random checkpoint, from the command line to the scores."""

from __future__ import annotations

import json

import pytest

from tests.conftest import fdbench, summaries
from tests.e2e.test_resume import attempts, files, start_and_kill

# Programs that run side by side wait for each other's threads; one each is faster.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NO_TORCH_COMPILE": "1"}


@pytest.fixture(scope="module")
def command(tiny_moshi):
    """Four calls, two at a time, that end soon after their prompts."""
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    return (
        "run", "--model", "moshi", "--arg", f"checkpoint={tiny_moshi}", "--tasks", "mini/turn_taking,mini/pause_handling",
        "--limit", "2", "--slots", "2", "--lead-in", "0.4", "--tail-limit", "2", "--asr", "sphinx",
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(command, tmp_path_factory):
    """A run that was never interrupted. Random weights make noise at full scale and no speech, which the run says: status 3."""
    finished = fdbench(*command, "--out", tmp_path_factory.mktemp("whole"), **ONE_THREAD)
    assert finished.status == 3 and "the model never spoke in 4 of 4 calls" in finished.err, finished.err
    return finished.run


def records(run):
    return [json.loads(path.read_text()) for path in sorted(run.rglob("takes/**/*.json"))]


def test_a_run_records_what_the_model_wrote_and_scores_whether_it_can_be_understood(whole):
    assert len(records(whole)) == 4
    for record in records(whole):
        texts = [event for event in record["events"] if event["kind"] == "text"]
        assert texts and texts == sorted(texts, key=lambda event: event["start_s"])
        assert texts[0]["start_s"] >= -0.4 + 2 * 0.08, "no frame of the reply is earlier"
        assert texts[-1]["end_s"] <= record["model"]["start_s"] + record["model"]["n_samples"] / 24000 + 0.08 + 1e-9
    for task in summaries(whole)["fdbench"].values():
        # Random weights write words that their noise does not say: this is how broken audio looks.
        assert task["metrics"]["own_text_wer"]["n_scored"] == 2
        assert task["metrics"]["own_text_wer"]["value"] > 0.9


def test_the_manifest_names_weights_by_content_and_holds_no_path(whole, tiny_moshi):
    collection = json.loads((whole / "manifest.json").read_text())["collection"]
    assert collection["weights_revision"].startswith("sha256:")
    assert collection["arguments"]["checkpoint"] == tiny_moshi.name
    assert (collection["arguments"]["program"], collection["arguments"]["greedy"]) == ("server", False)
    assert (collection["lead_in_s"], collection["published_shift_s"], collection["slots"]) == (0.4, -0.08, 2)
    assert str(tiny_moshi.parent) not in (whole / "manifest.json").read_text()


@pytest.mark.slow
def test_a_run_killed_among_its_calls_goes_on_to_the_same_bytes(command, whole, tmp_path):
    run = tmp_path / whole.name
    n_kills = sum(start_and_kill(tmp_path, run, n_files, command, **ONE_THREAD) for n_files in (5, 8))
    assert n_kills == 2
    made_before = attempts(run)
    assert 0 < len(set(made_before)) < 4
    finished = fdbench(*command, "--out", tmp_path, **ONE_THREAD)
    assert finished.status == 3, finished.err
    assert finished.run.name == whole.name
    assert files(finished.run) == files(whole)
    assert sorted(attempts(run)) == sorted(set(attempts(run))), "no finished call is made twice"


def test_the_published_place_is_scored_from_the_same_recordings(whole):
    """80 ms earlier than what was heard: the signature says so, and no call is made."""
    before = records(whole)
    finished = fdbench("score", whole, "--asr", "sphinx", "--protocol", "fdbench", "--placement", "published")
    assert finished.status == 3, finished.err
    assert records(whole) == before
    signatures = [
        metric["signature"]
        for path in whole.glob("scores/fdbench-*/summary.json")
        for task in json.loads(path.read_text())["tasks"].values()
        for metric in task["metrics"].values()
    ]
    facts = {part for signature in signatures for part in signature.split("|")}
    assert {part for part in facts if part.startswith("placement:")} == {"placement:causal", "placement:published"}
    (settings,) = (part for part in facts if part.startswith("with:"))
    assert {"temp=0.8", "checkpoint=tiny-moshi"} <= set(settings.removeprefix("with:").split(","))
    assert any(part.startswith("weights:") for part in facts)


def test_doctor_says_what_is_there_and_how_fast_it_goes(tiny_moshi):
    finished = fdbench("doctor", "--model", "moshi", "--arg", f"checkpoint={tiny_moshi}", "--json", **ONE_THREAD)
    assert finished.status == 0, finished.out
    checks = {check["name"]: check for check in json.loads(finished.out)}
    assert all(checks[name]["holds"] for name in ("package moshi", "package torch", "loads", "device", "dtype"))
    assert "x real time" in checks["one call of 2 s"]["detail"]
    assert checks["a neighbour in the batch changes nothing"]["holds"]
    assert checks["licence of the weights"]["detail"] == "CC BY 4.0"


@pytest.mark.parametrize("model", ["moshi", "moshika-rl-seamless"])
def test_without_weights_doctor_gives_the_command_that_gets_them_and_loads_nothing(model, tmp_path):
    pytest.importorskip("huggingface_hub", reason="needs pip install 'fdbench[moshi]'")
    finished = fdbench("doctor", "--model", model, "--json", HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    assert finished.status == 3
    checks = {check["name"]: check for check in json.loads(finished.out)}
    (weights,) = (check for name, check in checks.items() if name.startswith("weights kyutai/"))
    assert not weights["holds"] and "hf download kyutai/" in weights["detail"] and "hf auth login" in weights["detail"]
    assert "loads" not in checks


def test_missing_weights_end_a_run_in_two_lines_before_anything_is_written(tmp_path):
    pytest.importorskip("moshi", reason="needs pip install 'fdbench[moshi]'")
    here = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    for checkpoint, hub in (("kyutai/moshika-pytorch-bf16", here), (str(tmp_path / "nowhere"), {})):
        finished = fdbench("run", "--model", "moshi", "--arg", f"checkpoint={checkpoint}", "--out", tmp_path / "out", **hub)
        assert finished.status == 2
        assert len(finished.err.strip().splitlines()) == 2 and checkpoint in finished.err
        assert not (tmp_path / "out").exists()


def test_the_list_of_models_says_what_is_missing_here_and_under_which_licence(tmp_path):
    finished = fdbench("list", "models", "--json", HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    rows = {row["name"]: row for row in json.loads(finished.out)}
    assert "weights kyutai/moshika-pytorch-bf16" in rows["moshi"]["missing"]
    assert (rows["moshi"]["licence"], rows["moshi"]["clock"]) == ("CC BY 4.0", "lockstep")
    assert "CC BY-NC 4.0" in rows["moshika-rl-seamless"]["licence"]
    assert rows["oracle"]["missing"] == "-"
