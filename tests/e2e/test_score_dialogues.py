"""`fdbench score DIR` on dialogues held elsewhere: what a judge wrote beside them, and what can be known without one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import Finished, fdbench

CASES = json.loads((Path(__file__).parents[1] / "golden" / "data" / "v2_judge_text.json").read_text(encoding="utf-8"))
TASK = "v2/correction.slow"


def score(folder: Path, *options: object, task: str = TASK) -> tuple[Finished, dict]:
    target = folder.parent / "result.json"
    finished = fdbench("score", folder, "--task", task, "--json", target, *options, FDBENCH_DATA="")
    return finished, json.loads(target.read_text()) if target.exists() else {}


@pytest.mark.parametrize("protocol", ["fdb-2026-05", "fdbench"])
def test_every_given_text_is_read_and_summed_up(tmp_path, protocol):
    for index, case in enumerate(CASES):
        clip = tmp_path / "d" / f"{index:03}"
        clip.mkdir(parents=True)
        (clip / "judge.txt").write_text(case["text"], encoding="utf-8")
    finished, found = score(tmp_path / "d", "--judge", "given", "--protocol", protocol)
    assert finished.status == (0 if protocol == "fdb-2026-05" else 3), (
        finished.err
    )  # nothing else can be measured without audio
    samples = {sample["id"]: sample for sample in found["samples"]}
    assert len(samples) == len(CASES)
    rows = []
    for index, case in enumerate(CASES):
        sample, expected = samples[f"{index:03}"], case["expected"]["Turn-taking event and score"]
        assert sample["details"]["events"] == expected
        assert sample["scores"]["task_score"]["value"] == case["expected"].get("Task-specific score")
        rows.append([each[1] for each in expected if None not in each])
        mean = sum(rows[-1]) / len(rows[-1]) if rows[-1] else None
        assert sample["scores"]["turn_taking_fluency"]["value"] == (None if mean is None else pytest.approx(mean))
    means = [sum(row) / len(row) for row in rows if row]
    every = [value for row in rows for value in row]
    summary = found["metrics"]["turn_taking_fluency"]
    over = means if protocol == "fdb-2026-05" else every
    assert summary["value"] == pytest.approx(sum(over) / len(over))
    assert "judge:given" in summary["signature"]
    assert {"from_0_to_15_s", "from_0_to_75_s", "from_105_to_120_s"} <= summary["details"].keys()


def write_dialogue(clip: Path, *, model_says: bool = True) -> None:
    clip.mkdir(parents=True)
    rng = np.random.default_rng(len(clip.name))
    silence = np.zeros(16_000 * 6)
    a, b = silence.copy(), silence.copy()
    a[16_000:32_000] = 0.1 * rng.standard_normal(16_000)
    b[40_000:60_000] = 0.1 * rng.standard_normal(20_000) * model_says
    for name, sound in (("A", a), ("B", b)):
        soundfile.write(clip / f"{name}.wav", sound, 16_000, subtype="PCM_16")
    examiner = [{"text": "A table for six.", "timestamp": [1.0, 2.0]}]
    model = [{"text": "Sure, for six.", "timestamp": [2.5, 3.7]}] if model_says else []
    for name, words in (("A", examiner), ("B", model)):
        text = " ".join(word["text"] for word in words)
        (clip / f"{name}.json").write_text(json.dumps({"text": text, "chunks": words}), encoding="utf-8")


def test_a_text_that_cannot_be_read_or_is_not_there_is_an_error_that_names_its_file(tmp_path):
    for name in ("good", "bad", "none"):
        write_dialogue(tmp_path / "d" / name)
    (tmp_path / "d" / "good" / "judge.txt").write_text('{"analysis": "", "events": [], "task_score": 4}')
    (tmp_path / "d" / "bad" / "judge.txt").write_text("I would rather not say.")
    (tmp_path / "d" / "stray").mkdir()
    finished, found = score(tmp_path / "d", "--judge", "given", "--protocol", "fdb-2026-05")
    assert finished.status == 3
    samples = {sample["id"]: sample for sample in found["samples"]}
    reasons = {name: sample["scores"]["task_score"]["reason"] for name, sample in samples.items()}
    assert reasons == {"good": "", "bad": "rating_unreadable", "none": "rating_missing"}
    assert any("bad/judge.txt" in message and "no list" in message for message in samples["bad"]["messages"])
    assert samples["good"]["scores"]["turn_taking_fluency"]["reason"] == "nothing_rated"
    assert "stray: not a sample, left out" in finished.err


def test_without_a_judge_the_timeline_is_measured(tmp_path):
    write_dialogue(tmp_path / "d" / "one")
    (tmp_path / "d" / "one" / "A.vad.json").write_text('{"segments": [{"start": 1.0, "end": 2.0}]}')
    (tmp_path / "d" / "one" / "B.vad.json").write_text('{"segments": [{"start": 2.5, "end": 3.75}]}')
    finished, found = score(tmp_path / "d", "--vad", "given")
    assert finished.status == 0, finished.err
    scores = found["samples"][0]["scores"]
    assert scores["turn_taking_fluency"]["reason"] == "no_judge"
    assert scores["floor_transfer_offset_s"]["value"] == pytest.approx(0.5)


def test_tasks_are_listed_and_their_data_is_asked_for(tmp_path):
    listed = json.loads(fdbench("list", "tasks", "--json").out)
    v2 = {task["name"]: task["n"] for task in listed if task["name"].startswith("v2/")}
    families = ("correction", "daily", "entity_tracking", "safety")
    assert v2 == {f"v2/{family}.{pace}": 50 for family in families for pace in ("fast", "slow")}
    finished = fdbench("run", "--model", "silence", "--tasks", "v2/daily.slow", "--out", tmp_path, FDBENCH_DATA="")
    assert finished.status != 0
    assert "v2/daily.slow (50 dialogues): no --data given" in finished.err
    assert "fdbench data download v2/daily.slow" in finished.err
