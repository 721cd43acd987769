"""What lies beside a recording is believed only where it can be its own; what was not heard is not decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.conftest import fdbench

SAID = [("well", 2.5, 2.75), ("that", 2.8, 3.05), ("is", 3.1, 3.35), ("nice", 3.4, 3.7), ("to", 3.8, 4.0), ("hear", 4.0, 4.3)]
USER = [("so", 0.2, 0.5), ("home", 0.6, 1.0), ("early", 1.1, 1.78)]
SILENCE = np.zeros(8_000, np.int16)


def written(words: list[tuple[Any, ...]]) -> dict[str, Any]:
    return {"text": " ".join(word[0] for word in words), "chunks": [{"text": t, "timestamp": [a, b]} for t, a, b in words]}


def clip(folder: Path, seconds: float = 6.0, recorded_s: float | None = None, **files: Any) -> Path:
    """A clip with a prompt and a recording of so many seconds; ``files`` replaces what else lies in it."""
    folder.mkdir(parents=True)
    one = np.tile(SILENCE, 2)
    for name, length_s in (("input.wav", seconds), ("output.wav", recorded_s or seconds)):
        soundfile.write(folder / name, np.resize(one, round(length_s * 16_000)), 16_000)
    lying = {
        "output": written(SAID),
        "output.vad": {"segments": [{"start": 2.5, "end": 4.3}]},
        "transcription": written(USER),
        "turn_taking": [{"timestamp": [1.8, 2.0]}],
        **files,
    }
    for name, content in lying.items():
        if content is not None:
            (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def score(folder: Path, task: str, protocol: str = "fdbench") -> tuple[dict[str, Any], str]:
    """The scores of the folder's only clip, and what was printed."""
    finished = fdbench("score", folder, "--task", task, "--protocol", protocol, "--vad", "given", "--json", folder / "r.out")
    (only,) = json.loads((folder / "r.out").read_text())["samples"]
    return only["scores"], finished.err


TURN, PAUSE, BARGE_IN, BACK = (
    "v1/turn_taking.candor", "v1/pause_handling.candor", "v1/user_interruption.synthetic", "v1/backchannel.icc",
)  # fmt: skip


@pytest.mark.parametrize(
    ("task", "file", "content", "reason"),
    [
        (TURN, "turn_taking", [{"timestamp": [28_800, 32_000]}], "bad_annotation"),  # samples
        (PAUSE, "pause", [{"timestamp": [22, 30]}], "bad_annotation"),  # frames
        (BARGE_IN, "interrupt", [{"context": "a", "interrupt": "b", "timestamp": [1200, 1800]}], "bad_annotation"),  # ms
        (TURN, "output.vad", {"segments": [{"start": 2500, "end": 4300}]}, "implausible_segments"),
        (BACK, "output.vad", {"segments": [{"start": 60_000, "end": 64_000}]}, "implausible_segments"),
        (PAUSE, "output", written([(w, a * 1000, b * 1000) for w, a, b in SAID]), "implausible_words"),
        (BACK, "output", written([(w, a * 12.5, b * 12.5) for w, a, b in SAID]), "implausible_words"),
    ],
)
def test_another_unit_is_an_error_that_names_file_and_value(
    tmp_path: Path, task: str, file: str, content: Any, reason: str
) -> None:
    extra = {"pause": [{"timestamp": [0.5, 0.6]}], "interrupt": [{"interrupt": "b", "timestamp": [1.0, 1.8]}]}
    clip(tmp_path / "1", **{**extra, "output.full": written(SAID), file: content})
    scores, err = score(tmp_path, task)
    assert {each["reason"] for each in scores.values() if each["status"] == "error"} >= {reason}
    assert scores["takeover_rate"]["reason"] == reason
    assert f"{file}.json: " in err and "6.000 s" in err


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("output", written([*SAID[:3], *((w, a - 3.1, b - 3.1) for w, a, b in SAID[3:])]), "in order of time"),
        ("turn_taking", [{"timestamp": [28_800, 32_000]}], "behind the end of the clip"),
        ("output", written([*SAID, ("bye", 5.9, 6.4)]), "an end behind"),
        ("output", written([("well that", 2.5, 3.1), ("is nice", 3.2, 4.4)]), "several words"),
    ],
)
def test_the_published_number_stands_and_a_note_beside_it(tmp_path: Path, file: str, content: Any, told: str) -> None:
    clip(tmp_path / "1", **{file: content})
    scores, err = score(tmp_path, TURN, "fdb-2026-05")
    assert scores["takeover_rate"] == {"value": 1.0, "status": "scored", "reason": ""}
    assert f"{file}.json: " in err and told in err


@pytest.mark.parametrize("by_s", [-1.8, 0.0])
def test_words_of_the_whole_recording_or_timed_from_the_crop_are_told(tmp_path: Path, by_s: float) -> None:
    words = [("no", 0.9, 1.2), *SAID] if not by_s else [(w, a + by_s, b + by_s) for w, a, b in SAID]
    clip(tmp_path / "1", interrupt=[{"interrupt": "b", "timestamp": [1.0, 1.8]}], output=written(words))
    scores, err = score(tmp_path, BARGE_IN, "fdb-2026-05")
    assert scores["response_latency_s"]["value"] == 0.0
    assert "output.json: expected the words after 1.8 s" in err


@pytest.mark.parametrize(
    ("said", "is_reply"),
    [
        ([("oh", 2.5, 2.7), (",", 2.7, 2.71), ("right", 2.8, 3.0), ("?", 3.0, 3.0)], False),
        ([("at", 2.5, 2.6), ("42", None, None), ("okay", 2.9, 3.1)], True),
        ([("oh", 2.5, 2.7), ("oh", 2.52, 2.7), ("right", 2.8, 3.0)], False),
        ([("oh I do", 2.5, 3.1)], True),
        ([("oh", 2.5, 2.6), ("I", 2.6, 2.7), ("do", 2.8, 14.0)], True),
    ],
)
def test_words_are_counted_as_they_are_said(tmp_path: Path, said: list[Any], is_reply: bool) -> None:
    clip(tmp_path / "1", output=written(said), **{"output.vad": {"segments": [{"start": 2.5, "end": 3.1}]}})
    scores, err = score(tmp_path, TURN)
    assert scores["takeover_rate"]["value"] == float(is_reply)
    assert "output.json: 1 word" in err or "output.json: 2 words" in err


def test_the_users_words_are_held_against_the_prompt(tmp_path: Path) -> None:
    pause, late = [{"timestamp": [1.0, 1.1]}], written([*USER[:2], ("early", 1.1, 29.98)])
    clip(tmp_path / "a" / "1", pause=pause, transcription=late, turn_taking=None)
    scores, err = score(tmp_path / "a", PAUSE)
    assert "transcription.json: 1 word with an end behind" in err
    assert scores["takeover_rate"]["value"] == 0.0, "a reply after the user's last word, which does not go on to 29.98 s"
    clip(tmp_path / "b" / "1", pause=pause, transcription=written([("so", 200, 500)]))
    assert "transcription.json: chunk 0: expected seconds" in score(tmp_path / "b", PAUSE)[1]


@pytest.mark.parametrize(
    ("recorded_s", "status", "latency"),
    [
        (1.6, "not_applicable", "recording_too_short"),
        (2.4, "not_applicable", "recording_too_short"),
        (2.9, "scored", "no_reply"),
    ],
)
def test_a_recording_that_ends_too_early_decides_nothing(tmp_path: Path, recorded_s: float, status: str, latency: str) -> None:
    silent = {"output": written([]), "output.vad": {"segments": []}}
    clip(tmp_path / "1", recorded_s=recorded_s, **silent)
    scores, err = score(tmp_path, TURN)
    assert {scores[name]["status"] for name in ("takeover_rate", "no_response_rate")} == {status}
    assert scores["response_latency_s"]["reason"] == latency
    assert scores["response_latency_s"].get("components", {}).get("censored_at_s", 0.0) >= 0.0
    assert f"recording is too short: it ends at {recorded_s:.3f} s" in err


def test_a_recording_without_any_sound_is_told(tmp_path: Path) -> None:
    clip(tmp_path / "7", interrupt=[{"interrupt": "b", "timestamp": [1.0, 1.8]}])
    assert "the recording is silent from end to end" in score(tmp_path, BARGE_IN, "fdb-2026-05")[1]


def test_words_that_lie_beside_all_speech_are_told(tmp_path: Path) -> None:
    from_the_crop = written([(word, start_s - 1.8, end_s - 1.8) for word, start_s, end_s in SAID])
    barge_in = [{"interrupt": "b", "timestamp": [1.0, 1.8]}]
    clip(tmp_path / "1", seconds=9.0, interrupt=barge_in, **{"output.full": from_the_crop})
    assert "output.full.json: 5 of 6 words lie where the model is not heard to speak" in score(tmp_path, BARGE_IN)[1]


def test_samples_that_were_never_scaled_are_refused_and_named(tmp_path: Path) -> None:
    folder = clip(tmp_path / "1")
    soundfile.write(folder / "output.wav", 3000.0 * np.random.default_rng(0).normal(size=96_000), 16_000, subtype="FLOAT")
    finished = fdbench("score", tmp_path, "--task", TURN, "--json", folder.parent / "r.out")
    (only,) = json.loads((folder.parent / "r.out").read_text())["samples"]
    assert only["scores"]["takeover_rate"]["reason"] == "audio_unreadable"
    assert "output.wav: expected samples between -1 and 1, found" in finished.err
    assert "output.wav: expected samples between -1 and 1, found" in score(tmp_path, TURN)[1]


def test_a_folder_whose_model_never_speaks_says_so_and_ends_with_status_3(tmp_path: Path) -> None:
    for number in range(3):
        clip(tmp_path / str(number), seconds=6.0 + number, **{"output.vad": {"segments": []}, "output": written([])})
    finished = fdbench("score", tmp_path, "--task", TURN, "--vad", "given")
    assert finished.status == 3 and "the model never spoke in 3 of 3 calls" in finished.err


def test_one_recording_for_all_clips_is_no_answer_to_any(tmp_path: Path) -> None:
    for number in range(3):
        clip(tmp_path / str(number))
    finished = fdbench("score", tmp_path, "--task", TURN, "--vad", "given")
    assert finished.status == 3 and "all 3 replies are the same recording" in finished.err
