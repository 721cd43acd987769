"""A model beside people of one's own choice, and one that is heard by several ears."""

from __future__ import annotations

import json
import shutil

import pytest

from fdbench.human.reference import shipped_reference
from fdbench.io.files import digest_of
from tests.conftest import fdbench

TASKS = ("--tasks", "mini/pause_handling,mini/turn_taking", "--limit", "3", "--asr", "none", "--protocol", "fdbench")


@pytest.fixture
def run(record_once, tmp_path):
    recorded = record_once("vad-endpointer", *TASKS)
    return shutil.copytree(recorded, tmp_path / "out" / recorded.name)


@pytest.fixture
def people(tmp_path):
    content = {**shipped_reference().content, "id": "ours", "hold": {"clips": [[1, 10]]}, "shift": {"clips": [[9, 10]]}}
    path = tmp_path / "ours.json"
    path.write_text(json.dumps({**content, "sha256": digest_of(content)}))
    return path


def test_runs_are_compared_beside_the_people_that_both_have(run, people, record_once):
    assert fdbench("score", run, "--asr", "none", "--protocol", "fdbench", "--human", people).status == 0
    other = record_once("vad-endpointer", *TASKS, "--arg", "silence_ms=900")
    for pair in ((run, other), (other, run)):
        compared = fdbench("compare", *pair)
        assert compared.status == 0, compared.err
    only = shutil.copytree(run, run.parent.parent / "only" / run.name)
    manifest = json.loads((only / "manifest.json").read_text())
    manifest["scored"] = [each for each in manifest["scored"] if each.get("human")]
    (only / "manifest.json").write_text(json.dumps(manifest))
    for path in only.glob("scores/*/summary.json"):
        if not json.loads(path.read_text()).get("human"):
            shutil.rmtree(path.parent)
    refused = fdbench("compare", only, other)
    assert refused.status == 2 and "the people that timing is set beside" in refused.err
    assert "fdbench score RUN" in refused.err


def conversations(run):
    found = [json.loads(path.read_text()) for path in sorted(run.glob("scores/*/summary.json"))]
    return {each["conversation"]["mini"]["human"].rpartition("-")[0]: each for each in found}


def test_a_run_is_set_beside_the_people_that_its_user_has(run, people):
    finished = fdbench("score", run, "--asr", "none", "--protocol", "fdbench", "--human", people)
    assert finished.status == 0, finished.err
    found = conversations(run)
    assert found.keys() == {"switchboard-hist", "ours"}, "each beside the other"
    holds = found["ours"]["conversation"]["mini"]["holds"]
    assert holds["people"]["value"] == 0.1 and holds["model"]["value"] >= 0.5
    assert holds["difference"]["value"] == pytest.approx(holds["model"]["value"] - 0.1)
    assert found["switchboard-hist"]["conversation"]["mini"]["holds"]["people"] is None
    signature = found["ours"]["tasks"]["mini/turn_taking"]["metrics"]["human_distance_s"]["signature"]
    assert f"human:ours-{digest_of(found['ours']['human'])[:8]}" in signature
    verified = fdbench("verify", run)
    assert verified.status == 0, verified.out + verified.err


def test_people_that_somebody_changed_are_noticed(run, people):
    assert fdbench("score", run, "--asr", "none", "--protocol", "fdbench", "--human", people).status == 0
    (path,) = (path for path in run.glob("scores/*/summary.json") if json.loads(path.read_text()).get("human"))
    summary = json.loads(path.read_text())
    summary["human"]["hold"]["clips"] = [[5, 10]]
    path.write_text(json.dumps(summary))
    assert fdbench("verify", run).status == 3


def test_people_that_are_none_are_two_lines(run, tmp_path):
    finished = fdbench("score", run, "--asr", "none", "--human", "nobody")
    assert finished.status == 2 and "human reference 'nobody'" in finished.err
    (tmp_path / "bad.json").write_text('{"id": "x"}')
    finished = fdbench("score", run, "--asr", "none", "--human", tmp_path / "bad.json")
    assert finished.status == 2 and "bad.json" in finished.err and "material" in finished.err


def test_several_detectors_say_how_far_a_number_depends_on_them(run):
    pytest.importorskip("webrtcvad", reason="webrtcvad-wheels is not installed")
    finished = fdbench("score", run, "--asr", "none", "--vad", "silero,webrtc", "--protocol", "fdbench")
    assert finished.status == 0, finished.err
    assert "who hears changes" in finished.out and "B: none, webrtc" in finished.out
    engines = {json.loads(path.read_text())["engines"]["vad"].partition("-")[0] for path in run.glob("scores/*/summary.json")}
    assert engines == {"silero", "webrtc"}
    assert fdbench("verify", run).status == 0
    page = run.parent.parent / "page" / "LEADERBOARD.md"
    assert fdbench("leaderboard", "--results", run.parent, "--out", page).status == 0
    assert "ears" in page.read_text()
