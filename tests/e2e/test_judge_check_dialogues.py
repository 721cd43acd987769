"""`fdbench judge check --of dialogue` and `fdbench score --judge` on dialogues: the real client, a judge on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs pip install 'fdbench[judge]'")

from fdbench.judge.calibration_dialogue import labelled_dialogues
from tests.conftest import Finished, fdbench
from tests.e2e.test_score_dialogues import write_dialogue
from tests.judge_server import JudgeServer

N = len(labelled_dialogues()["turn_taking"].items)


def check(server: JudgeServer, out: Path, *more: object) -> Finished:
    command = ("judge", "check", "--of", "dialogue", "--judge", "vllm:words", "--judge-url", server.base_url, "--out", out)
    return fdbench(*command, *more, VLLM_API_KEY="a-key-0815", FDBENCH_DATA="")


def test_every_dialogue_is_asked_once_and_each_score_has_its_agreement(tmp_path):
    with JudgeServer() as server:
        first = check(server, tmp_path, "--json", tmp_path / "found.json")
        again = check(server, tmp_path)
        assert len(server.requests) == N
    assert first.status == again.status == 0, first.err
    found = json.loads((tmp_path / "found.json").read_text())
    assert found.keys() == {"turn_taking", "instruction", "task"}
    assert [each["n_rated"] for each in found.values()] == [N, N, found["task"]["agreement"]["n"]]
    assert found["turn_taking"]["labelled"]["scale"] == "dialogue-1:turn_taking"
    assert "/dialogue-1-" in found["task"]["judge"]
    assert sorted(path.name.rpartition("-")[0] for path in (tmp_path / "judges").glob("*.json")) == [
        "words-instruction",
        "words-task",
        "words-turn-taking",
    ]
    assert first.out.count("weighted kappa") == 3
    assert f"0 asked (0 requests), {N} known already" in again.out


def test_a_folder_is_rated_by_a_model_and_who_never_spoke_is_not_asked_about(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_dialogue(tmp_path / "d" / "speaks")
    write_dialogue(tmp_path / "d" / "silent", model_says=False)
    command = ("score", tmp_path / "d", "--task", "v2/safety.fast", "--protocol", "fdb-2026-05", "--json", tmp_path / "r.json")
    with JudgeServer() as server:
        finished = fdbench(*command, "--judge", "vllm:words", "--judge-url", server.base_url, FDBENCH_DATA="", VLLM_API_KEY="k")
        assert len(server.requests) == 1
    assert finished.status == 0, finished.err
    found = json.loads((tmp_path / "r.json").read_text())
    scores = {sample["id"]: {name: each["value"] for name, each in sample["scores"].items()} for sample in found["samples"]}
    assert scores["silent"] == dict.fromkeys(("turn_taking_fluency", "instruction_following", "task_score"), 1.0)
    assert scores["speaks"]["turn_taking_fluency"] == 5.0
    assert "|dialogues:dialogue-1-" in found["metrics"]["task_score"]["signature"]
