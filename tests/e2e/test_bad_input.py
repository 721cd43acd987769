"""Whatever is wrong with one sample is that sample's status, named by file and id; the rest goes on unchanged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fdbench.task.load import load_samples, task_specs
from tests.conftest import fdbench

RATE = 16000
TASK = "v1/turn_taking.candor"
SET = "candor_turn_taking"


def write_clip(folder: Path, seed: int) -> Path:
    """A clip of the embedded suite in upstream's layout."""
    samples = load_samples(task_specs()["mini/turn_taking"], None).samples
    sample = samples[seed % len(samples)]
    prompt, (turn_end,) = sample.stimuli["main"].load(), sample.of_kind("turn_end")
    folder.mkdir(parents=True)
    soundfile.write(folder / "input.wav", prompt.samples, prompt.sample_rate, subtype="PCM_16")
    annotation = [{"text": "[TURN]", "timestamp": [turn_end.span.start_s, turn_end.span.end_s]}]
    (folder / "turn_taking.json").write_text(json.dumps(annotation))
    return folder


def write_set(root: Path, n: int = 4) -> Path:
    for index in range(n):
        write_clip(root / "v1.0" / SET / str(index), index)
    return root / "v1.0" / SET


def truncate(clip):
    data = (clip / "input.wav").read_bytes()
    (clip / "input.wav").write_bytes(data[: len(data) // 2])


def make_stereo(clip):
    soundfile.write(clip / "input.wav", np.zeros((RATE, 2), np.float32), RATE)


def make_empty(clip):
    soundfile.write(clip / "input.wav", np.zeros(0, np.float32), RATE)


def make_nan(clip):
    soundfile.write(clip / "input.wav", np.full(RATE, np.nan, np.float32), RATE, subtype="FLOAT")


def make_text(clip):
    (clip / "input.wav").write_text("this is not audio")


def make_zero_bytes(clip):
    (clip / "input.wav").write_bytes(b"")


def rename(clip):
    (clip / "input.wav").rename(clip / "Input.wav")


def annotate(content):
    def write(clip):
        (clip / "turn_taking.json").write_text(content if isinstance(content, str) else json.dumps(content))

    return write


FAULTS = {
    "missing wav": (lambda clip: (clip / "input.wav").unlink(), "input.wav"),
    "wrongly named wav": (rename, "input.wav"),
    "truncated wav": (truncate, "truncated"),
    "stereo wav": (make_stereo, "expected mono, found 2 channels"),
    "empty wav": (make_empty, "empty"),
    "NaN in a wav": (make_nan, "not finite"),
    "a text file as wav": (make_text, "not a readable audio file"),
    "no bytes as wav": (make_zero_bytes, "input.wav"),
    "no annotation": (lambda clip: (clip / "turn_taking.json").unlink(), "turn_taking.json"),
    "annotation is not JSON": (annotate("{"), "turn_taking.json"),
    "annotation is an empty list": (annotate([]), "turn_taking.json"),
    "annotation lacks its key": (annotate([{"text": "x"}]), "timestamp"),
    "annotation has a null time": (annotate([{"timestamp": [None, None]}]), "turn_taking.json"),
    "annotation is text": (annotate([{"timestamp": ["a", "b"]}]), "turn_taking.json"),
    "annotation before the beginning": (annotate([{"timestamp": [-1.0, 0.0]}]), "turn_taking.json"),
}


@pytest.fixture(scope="module")
def sound_run(tmp_path_factory):
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    root = tmp_path_factory.mktemp("sound")
    write_set(root)
    finished = run(root, root / "out")
    assert finished.status == 0, finished.err
    return finished.run


def run(data, out, model="random-backchannel"):
    return fdbench(
        "run", "--model", model, "--tasks", TASK, "--data", data, "--asr", "sphinx", "--workers", "1", "--slots", "8",
        "--out", out,
    )  # fmt: skip


def test_each_fault_is_one_samples_status_and_the_rest_is_byte_equal(tmp_path, sound_run):
    folder = write_set(tmp_path)
    names = {}
    for index, (name, (spoil, _)) in enumerate(FAULTS.items()):
        clip = write_clip(folder / f"bad-{index}", 7)
        spoil(clip)
        names[clip.name] = name
    (folder / "notes.txt").write_text("a stray file")
    (folder / "old").mkdir()
    (tmp_path / "v1.0" / "unrelated").mkdir()

    finished = run(tmp_path, tmp_path / "out")
    assert finished.status == 3, finished.err
    assert "Traceback" not in finished.err
    (summary,) = finished.run.glob("scores/fdb-2026-05-*/samples.jsonl")
    lines = {line["id"]: line for line in map(json.loads, summary.read_text().splitlines())}
    assert set(lines) == {"0", "1", "2", "3", *names}
    for sample_id, name in names.items():
        scores = lines[sample_id]["scores"]
        assert {score["status"] for score in scores.values()} == {"error"}, name
        assert all(score["value"] is None for score in scores.values()), name
        told = " ".join(lines[sample_id]["messages"])
        assert FAULTS[name][1] in told, (name, told)
        assert sample_id in told, (name, told)
        assert f"{TASK} {sample_id}: " in finished.err, name
    for path in sound_run.rglob("*"):
        relative = path.relative_to(sound_run)
        if path.is_file() and relative.parts[0] in ("takes", "audio"):
            assert (finished.run / relative).read_bytes() == path.read_bytes(), relative


def test_a_repaired_sample_is_tried_again_and_nothing_else_is(tmp_path):
    folder = write_set(tmp_path)
    make_nan(folder / "2")
    assert run(tmp_path, tmp_path / "out").status == 3
    shutil.rmtree(folder / "2")
    write_clip(folder / "2", 2)
    finished = run(tmp_path, tmp_path / "out")
    assert finished.status == 0, finished.err
    lines = (finished.run / "attempts.jsonl").read_text().splitlines()
    made = [line["take"].split("/")[-1] for line in map(json.loads, lines) if "take" in line]
    assert sorted(made) == sorted([*(f"{i}@main.r0" for i in (0, 1, 3)), "2@main.r0", "2@main.r0"])


WORDS = {"text": "a b", "chunks": [{"text": "a", "timestamp": [1.6, 2.0]}, {"text": "b", "timestamp": [2.1, 3.2]}]}


def write_recording(folder, words=WORDS):
    folder.mkdir(parents=True)
    (folder / "output.json").write_text(words if isinstance(words, str) else json.dumps(words))
    (folder / "turn_taking.json").write_text(json.dumps([{"timestamp": [1.5, 1.8]}]))
    return folder


TRANSCRIPTS = {
    "not JSON": ("{", "error"),
    "no chunks": ({"text": "a"}, "error"),
    "chunk without timestamp": ({"text": "a", "chunks": [{"text": "a"}]}, "error"),
    "time is text": ({"text": "a", "chunks": [{"text": "a", "timestamp": ["x", 1]}]}, "error"),
    "last end is null": ({"text": "a", "chunks": [{"text": "a", "timestamp": [1.6, None]}]}, "error"),
    "unsorted words": ({"text": "", "chunks": WORDS["chunks"][::-1]}, "scored"),
    "overlapping words": (
        {"text": "", "chunks": [{"text": "a", "timestamp": [1.6, 2.9]}, {"text": "b", "timestamp": [1.7, 2.8]}]},
        "scored",
    ),
}


def test_a_bad_transcript_is_one_samples_status_and_the_rest_is_unchanged(tmp_path):
    write_recording(tmp_path / "good")
    for index, (transcript, _) in enumerate(TRANSCRIPTS.values()):
        write_recording(tmp_path / f"bad-{index}", transcript)
    finished = fdbench("score", tmp_path, "--task", TASK, "--protocol", "fdb-2026-05", "--json", "-")
    assert finished.status == 3
    assert "Traceback" not in finished.err
    scores = {sample["id"]: sample["scores"]["takeover_rate"] for sample in json.loads(finished.out)["samples"]}
    assert scores["good"]["value"] == 1.0
    for index, (name, (_, status)) in enumerate(TRANSCRIPTS.items()):
        assert scores[f"bad-{index}"]["status"] == status, (name, scores[f"bad-{index}"])
        if status == "error":
            assert f"bad-{index}" in finished.err, name


def test_an_empty_or_missing_folder_is_a_two_line_error(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "missing"):
        finished = fdbench("score", tmp_path / folder, "--task", TASK, "--protocol", "fdbench")
        assert finished.status == 2
        assert folder in finished.err
        assert len(finished.err.strip().splitlines()) == 2


@pytest.mark.parametrize("rating", ["[4]", None, True, "NaN", 10**400])
def test_a_rating_that_is_none_is_an_error_of_its_sample(tmp_path, rating):
    scores, finished = score_ratings(tmp_path, "fdb-2026-05", rating)
    assert finished.status == 3
    assert scores["good"] == {"value": 4.0, "status": "scored", "reason": ""}
    assert scores["bad"]["status"] == "error"
    assert "rating.json" in finished.err


@pytest.mark.parametrize("rating", [9, -1])
def test_a_rating_out_of_range_counts_where_the_published_script_takes_it_and_is_an_error_elsewhere(tmp_path, rating):
    published, finished = score_ratings(tmp_path, "fdb-2026-05", rating)
    assert finished.status == 0, finished.err
    assert published["bad"] == {"value": float(rating), "status": "scored", "reason": ""}
    corrected, finished = score_ratings(tmp_path, "fdbench", rating)
    assert finished.status == 3
    assert corrected["good"] == {"value": 4.0, "status": "scored", "reason": ""}
    assert corrected["bad"] == {"value": None, "status": "error", "reason": "rating_out_of_range"}


def score_ratings(root, protocol, rating):
    for name, value in (("good", 4), ("bad", rating)):
        folder = root / name
        if not folder.exists():
            write_recording(folder)
        (folder / "output.full.json").write_text(json.dumps(WORDS))
        (folder / "output.vad.json").write_text(json.dumps({"segments": [{"start": 1.6, "end": 3.2}]}))
        (folder / "interrupt.json").write_text(json.dumps([{"context": "c", "interrupt": "i", "timestamp": [0.5, 1.5]}]))
        (folder / "rating.json").write_text(json.dumps({"analysis": "x", "rating": value}))
    finished = fdbench(
        "score", root, "--task", "v1/user_interruption.synthetic", "--protocol", protocol, "--asr", "given", "--vad", "given",
        "--judge", "given", "--json", "-",
    )  # fmt: skip
    return {sample["id"]: sample["scores"]["relevance"] for sample in json.loads(finished.out)["samples"]}, finished


def test_an_agent_that_breaks_in_the_middle_is_one_samples_status(tmp_path):
    write_set(tmp_path, 8)
    agent = """
import numpy as np
from fdbench.adapter.base import Agent, Port

class Flaky(Agent):
    hears = says = Port(16000, 320)
    def __init__(self, breaks: bool = True): self.breaks = breaks
    def reset(self, brief): self.n, self.seed = 0, brief.seed
    def step(self, heard):
        self.n += 1
        if self.n == 20 and self.seed % 8 == SEED:
            raise RuntimeError("lost my train of thought")
        return np.zeros_like(heard)
"""
    from fdbench.call.clock import seed_for
    from fdbench.core.take_id import TakeId

    seeds = {index: seed_for(0, TakeId(TASK, str(index))) % 1009 for index in range(8)}
    agent = agent.replace("% 8 == SEED", f"% 1009 == {seeds[3]}")
    assert list(seeds.values()).count(seeds[3]) == 1
    (tmp_path / "flaky.py").write_text(agent)
    finished = fdbench(
        "run", "--model", f"{tmp_path / 'flaky.py'}:Flaky", "--tasks", TASK, "--data", tmp_path, "--asr", "sphinx",
        "--protocol", "fdb-2026-05", "--out", tmp_path / "out",
    )  # fmt: skip
    assert finished.status == 3
    assert "lost my train of thought" in finished.err
    quiet = run(tmp_path, tmp_path / "quiet", "silence").run
    for index in range(8):
        take = finished.run / "takes" / TASK / f"{index}@main.r0.json"
        if index == 3:
            assert json.loads(take.read_text())["failure"]["message"].startswith("step() raised RuntimeError")
        else:
            assert take.read_bytes() == (quiet / "takes" / TASK / take.name).read_bytes()


def test_missing_data_is_a_line_a_task():
    finished = fdbench("run", "--model", "silence", "--tasks", "v1")
    assert finished.status == 2 and "\\n" not in finished.err
    assert "  v1/turn_taking.candor (119 clips): no --data given" in finished.err.splitlines()
