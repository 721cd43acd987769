"""`fdbench score DIR` on upstream's layout gives the published scripts' numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import fdbench

DATA = Path(__file__).parents[1] / "golden" / "data"
TOLERANCE = 1e-9
FREQUENCY_TOLERANCE = 5e-5


def golden(name):
    return json.loads((DATA / f"{name}.json").read_text())


def write(folder, files):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))


def score(folder, task, protocol, *options):
    target = folder / "result.out"
    finished = fdbench("score", folder, "--task", task, "--protocol", protocol, "--json", target, *options)
    assert finished.status == 0, finished.err
    result = json.loads(target.read_text())
    assert (result["task"], result["protocol"]) == (task, protocol)
    return result, {sample["id"]: sample["scores"] for sample in result["samples"]}


def agree(score, expected, tolerance=TOLERANCE):
    if expected is None:
        return score["value"] is None and score["status"] != "scored" and score["reason"]
    return score["value"] == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("protocol", ["fdb-2026-05", "fdb-2026-02"])
def test_pause_handling(tmp_path, protocol):
    items = golden("pause_handling")
    for item in items:
        write(tmp_path / item["id"], item["files"])
    result, scores = score(tmp_path, "v1/pause_handling.synthetic", protocol)
    assert len(scores) == len(items) == 120
    for item in items:
        assert agree(scores[item["id"]]["takeover_rate"], item["expected"]["takeover"]), item["id"]
    assert agree(result["metrics"]["takeover_rate"], golden("aggregate")["pause_handling"]["takeover_rate"])


@pytest.mark.parametrize("protocol", ["fdb-2026-05", "fdb-2026-02"])
def test_turn_taking(tmp_path, protocol):
    items = golden("smooth_turn_taking")
    for item in items:
        write(tmp_path / item["id"], item["files"])
    result, scores = score(tmp_path, "v1/turn_taking.candor", protocol)
    assert len(scores) == len(items)
    for item in items:
        assert agree(scores[item["id"]]["takeover_rate"], item["expected"]["takeover"]), item["id"]
        assert agree(scores[item["id"]]["response_latency_s"], item["expected"]["latency_s"]), item["id"]
    for metric, value in golden("aggregate")["smooth_turn_taking"].items():
        assert agree(result["metrics"][metric], value), metric


@pytest.mark.parametrize("protocol", ["fdb-2026-05", "fdb-2026-02"])
def test_user_interruption_with_given_ratings(tmp_path, protocol):
    items = golden("user_interruption")
    for item in items:
        write(tmp_path / item["id"], {**item["files"], "rating.json": {"analysis": "x", "rating": item["judge_rating"]}})
    result, scores = score(tmp_path, "v1/user_interruption.synthetic", protocol, "--judge", "given")
    assert len(scores) == len(items)
    for item in items:
        assert agree(scores[item["id"]]["takeover_rate"], item["expected"]["takeover"]), item["id"]
        assert agree(scores[item["id"]]["response_latency_s"], item["expected"]["latency_s"]), item["id"]
        assert agree(scores[item["id"]]["relevance"], item["expected"]["rating"]), item["id"]
    for metric, value in golden("aggregate")["user_interruption"].items():
        assert agree(result["metrics"][metric], value), metric
    assert "judge:given" in result["metrics"]["relevance"]["signature"]


def test_interruption_without_a_judge_has_no_relevance_and_says_why(tmp_path):
    items = golden("user_interruption")[:6]
    for item in items:
        write(tmp_path / item["id"], item["files"])
    _, scores = score(tmp_path, "v1/user_interruption.synthetic", "fdb-2026-05")
    for each in scores.values():
        assert each["relevance"]["status"] == "not_applicable"
        assert each["relevance"]["reason"] in ("no_judge", "no_takeover")


def write_backchannel(folder, item, sound, rate):
    write(folder, {"output.json": item["transcript"]})
    soundfile.write(folder / "output.wav", sound, rate, subtype="PCM_16")


@pytest.mark.parametrize("protocol", ["fdb-2026-05", "fdb-2026-02"])
def test_backchannel_from_given_segments(tmp_path, protocol):
    items = golden("backchannel_segments")
    for item in items:
        folder = tmp_path / item["id"]
        write_backchannel(folder, item, np.zeros(round(item["duration_s"] * 16000), np.int16), 16000)
        segments = [{"start": start, "end": end} for start, end in (pair(s) for s in item["speech"])]
        (folder / "output.vad.json").write_text(json.dumps({"segments": segments}))
    timing = {item["id"]: item["human_distribution"] for item in items}
    (tmp_path / "icc_gt_distribution.json").write_text(json.dumps(timing))
    _, scores = score(tmp_path, "v1/backchannel.icc", protocol, "--vad", "given")
    assert len(scores) == len(items)
    for item in items:
        check_backchannel(scores[item["id"]], item["expected"], item["id"])


def pair(segment):
    return (segment["start"], segment["end"]) if isinstance(segment, dict) else segment


def check_backchannel(scores, expected, name):
    assert agree(scores["takeover_rate"], expected["takeover"]), name
    assert agree(scores["backchannel_frequency_hz"], expected["frequency_hz"], FREQUENCY_TOLERANCE), name
    assert agree(scores["backchannel_js_distance"], expected["js_distance"]), name


@pytest.mark.parametrize(("protocol", "tolerance"), [("fdb-2026-02", TOLERANCE), ("fdb-2026-05", 0.005)])
def test_backchannel_from_audio_through_the_real_vad(tmp_path, protocol, tolerance):
    pytest.importorskip("onnxruntime", reason="needs pip install 'fdbench[vad]'")
    items = json.loads((DATA / "audio" / "backchannel_audio.json").read_text())
    for item in items:
        sound, rate = soundfile.read(DATA / "audio" / item["wav"], dtype="int16")
        write_backchannel(tmp_path / item["id"], item, sound, rate)
    timing = {item["id"]: item["human_distribution"] for item in items}
    (tmp_path / "human.json").write_text(json.dumps(timing))
    _, scores = score(tmp_path, "v1/backchannel.icc", protocol, "--human-timing", tmp_path / "human.json")
    for item in items:
        expected = item["expected"][protocol]
        js_tolerance = TOLERANCE if item["sample_rate"] == 16000 else tolerance
        assert agree(scores[item["id"]]["takeover_rate"], expected["takeover"])
        assert agree(scores[item["id"]]["backchannel_frequency_hz"], expected["frequency_hz"], max(js_tolerance, 5e-5))
        assert agree(scores[item["id"]]["backchannel_js_distance"], expected["js_distance"], js_tolerance)


def test_the_json_has_the_documented_shape_and_the_signature_names_everything(tmp_path):
    item = golden("smooth_turn_taking")[0]
    write(tmp_path / "a", item["files"])
    result, _ = score(tmp_path, "v1/turn_taking.candor", "fdb-2026-05")
    assert set(result) == {"task", "protocol", "metrics", "samples"}
    for summary in result["metrics"].values():
        assert {
            "value",
            "unit",
            "higher_is_better",
            "n_scored",
            "n_not_applicable",
            "n_censored",
            "n_error",
            "signature",
        } <= set(summary)
    for sample in result["samples"]:
        assert {"value", "status", "reason"} <= set(sample["scores"]["takeover_rate"])
    signature = result["metrics"]["takeover_rate"]["signature"]
    for part in (
        "takeover_rate|",
        "task:v1/turn_taking.candor",
        "protocol:fdb-2026-05",
        "n:1",
        "asr:given",
        "vad:silero",
        "fdbench:",
    ):
        assert part in signature, part


@pytest.mark.parametrize(("protocol", "expected"), [("fdb-2026-05", 1.0), ("fdbench", 1.0)])
def test_a_recording_that_goes_on_after_the_prompt_is_heard_to_its_end(tmp_path, protocol, expected):
    clip = tmp_path / "1"
    write(
        clip, {"turn_taking.json": [{"timestamp": [1.5, 1.6]}], "output.vad.json": {"segments": [{"start": 2.4, "end": 4.2}]}}
    )
    words = [{"text": f"w{n}", "timestamp": [2.4 + 0.3 * n, 2.6 + 0.3 * n]} for n in range(6)]
    (clip / "output.json").write_text(json.dumps({"text": "", "chunks": words}))
    for name, seconds in (("input", 2), ("output", 6)):
        soundfile.write(clip / f"{name}.wav", np.zeros(16_000 * seconds, np.int16), 16_000)
    result, scores = score(tmp_path, "v1/turn_taking.candor", protocol, "--vad", "given")
    assert scores["1"]["takeover_rate"]["value"] == expected
    assert "|crop:none" in result["metrics"]["takeover_rate"]["signature"]
