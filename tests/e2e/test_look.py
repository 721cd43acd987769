"""`fdbench look`: any call of two channels, on calls that are made of known turns."""

from __future__ import annotations

import json
import re
import tracemalloc
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fdbench.human.two_channels import hear_call
from fdbench.io.wav import resampled
from fdbench.task.load import load_samples, task_specs
from tests.conftest import fdbench

pytest.importorskip("onnxruntime", reason="needs pip install 'fdbench[vad]'")
RATE = 16_000
GAPS_S = (0.4, -0.3, 0.8, 0.1, 1.6)
"""From the end of a turn to the next one's start; the user begins, and sides alternate."""


@lru_cache
def voices() -> list[np.ndarray]:
    """Six stretches of speech, from their first sound to their last."""
    found = []
    for sample in load_samples(task_specs()["mini/turn_taking"], None).samples[:6]:
        end_s = sample.of_kind("turn_end")[0].span.start_s
        said = resampled(sample.stimuli["main"].load(), RATE).samples[: round(end_s * RATE)]
        loud = np.flatnonzero(np.abs(said) > 0.02 * np.abs(said).max())
        found.append(said[loud[0] : loud[-1] + 1])
    return found


def made_call() -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Sound of two channels, user and model by turns, and when each turn begins and ends."""
    times: list[tuple[float, float]] = []
    at_s = 1.0
    for voice, gap_s in zip(voices(), (0.0, *GAPS_S), strict=True):
        at_s += gap_s
        times.append((at_s, at_s + len(voice) / RATE))
        at_s = times[-1][1]
    sound = np.zeros((round((at_s + 1.5) * RATE), 2), np.float32)
    for index, (voice, (start_s, _)) in enumerate(zip(voices(), times, strict=True)):
        first = round(start_s * RATE)
        sound[first : first + len(voice), index % 2] = voice
    return sound, times


def written(path: Path, sound: np.ndarray, rate: int = RATE) -> Path:
    soundfile.write(path, sound, rate)
    return path


def looked(*arguments: object) -> dict:
    finished = fdbench("look", *arguments, "--json")
    assert finished.status == 0, finished.err
    return json.loads(finished.out)


def test_known_gaps_come_back_within_40_ms_in_both_directions(tmp_path):
    sound, times = made_call()
    found = looked(written(tmp_path / "call.wav", sound))
    assert found["model"]["floor_transfer_offsets_s"] == pytest.approx(GAPS_S[::2], abs=0.04)
    assert found["user"]["floor_transfer_offsets_s"] == pytest.approx(GAPS_S[1::2], abs=0.04)
    assert found["model"]["median_offset_s"] == pytest.approx(0.8, abs=0.04)
    known = sorted([*found["user"]["turns"], *found["model"]["turns"]])
    assert np.array(known) == pytest.approx(np.array(times), abs=0.04)
    silent_s = sum(after[0] - before[1] for before, after in pairwise(times) if after[0] > before[1])
    assert sum(end_s - start_s for start_s, end_s in found["silences"]) == pytest.approx(silent_s, abs=0.2)
    assert found["overlap_s"]["all"] == pytest.approx(0.3, abs=0.05)
    assert found["user_talks_over_s"] == pytest.approx(0.3, abs=0.05)
    assert found["model_talks_over_s"] == pytest.approx(0.0, abs=0.01)


def test_a_person_sees_it_on_one_screen_with_a_histogram(tmp_path):
    sound, _ = made_call()
    sound[:, 1] = np.roll(sound[:, 1], -round(0.7 * RATE))  # every reply 0.7 s earlier: one of three in overlap
    finished = fdbench("look", written(tmp_path / "call.wav", sound))
    assert finished.status == 0, finished.err
    assert len(finished.out.splitlines()) <= 40
    assert max(map(len, finished.out.splitlines())) <= 200
    assert "the model takes over from the user: 3 times, 2 after a gap and 1 in overlap" in finished.out
    assert "#" in finished.out
    assert "backchannel candidates" in finished.out


def test_at_another_rate_and_with_a_noise_floor_it_is_the_same(tmp_path):
    sound, _ = made_call()
    noise = np.random.Generator(np.random.PCG64(1)).normal(0, 3e-4, len(sound)).astype(np.float32)
    sound[:, 0] += noise
    found = looked(written(tmp_path / "call.flac", np.repeat(sound, 3, axis=0), 3 * RATE))
    assert found["model"]["floor_transfer_offsets_s"] == pytest.approx(GAPS_S[::2], abs=0.06)
    assert "as is to be expected" in found["notes"][0]


def test_channels_that_look_swapped_are_said_to_and_may_be_given_the_other_way_round(tmp_path):
    sound, _ = made_call()
    sound[:, 0] += np.random.Generator(np.random.PCG64(1)).normal(0, 3e-4, len(sound)).astype(np.float32)
    path = written(tmp_path / "call.wav", sound[:, ::-1])
    found = looked(path)
    assert "may be swapped" in found["notes"][0]
    again = looked(path, "--user", 1, "--model", 0)
    assert "swapped" not in again["notes"][0]
    assert again["model"]["floor_transfer_offsets_s"] == pytest.approx(GAPS_S[::2], abs=0.04)


def test_where_nothing_tells_the_sides_apart_that_is_said(tmp_path):
    sound, _ = made_call()
    assert "cannot be known from the sound" in looked(written(tmp_path / "call.wav", sound))["notes"][0]


def test_a_mono_file_is_refused_in_two_lines(tmp_path):
    sound, _ = made_call()
    finished = fdbench("look", written(tmp_path / "mono.wav", sound[:, 0]))
    assert finished.status == 2
    assert "mono: user and model are in one channel" in finished.err
    assert len(finished.err.strip().splitlines()) == 2


def test_the_same_sound_in_both_channels_is_said_to_be(tmp_path):
    sound, _ = made_call()
    found = looked(written(tmp_path / "twice.wav", np.stack([sound[:, 0]] * 2, axis=1)))
    assert "both channels hold the same sound" in found["notes"][0]


def test_a_silent_channel_is_said_to_be(tmp_path):
    sound, _ = made_call()
    sound[:, 1] = 0
    found = looked(written(tmp_path / "half.wav", sound))
    assert "no speech is found in the model's channel (loudest 10 ms: -120 dBFS)" in found["notes"][0]
    assert found["model"]["floor_transfer_offsets_s"] == []
    assert "never" in fdbench("look", tmp_path / "half.wav").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--user", "0", "--model", "0"), "one channel for both"),
        (("--model", "2"), "--model 2"),
        (("--user", "-1"), "--user -1"),
    ],
)
def test_channels_that_are_not_there_are_misuse(arguments, told, tmp_path):
    finished = fdbench("look", written(tmp_path / "call.wav", np.zeros((RATE, 2), np.float32)), *arguments)
    assert finished.status == 2
    assert told in finished.err
    assert len(finished.err.strip().splitlines()) == 2


def test_what_is_no_sound_is_refused_in_two_lines(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    soundfile.write(tmp_path / "nan.wav", np.full((RATE, 2), np.nan, np.float32), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 2), np.float32), RATE)
    for name in ("text.wav", "nan.wav", "empty.wav", "nowhere.wav"):
        finished = fdbench("look", tmp_path / name)
        assert finished.status == 2, name
        assert len(finished.err.strip().splitlines()) == 2, finished.err


@pytest.mark.parametrize("offset", [0.2])
def test_a_constant_in_the_sound_moves_no_edge(offset, tmp_path):
    sound, _ = made_call()
    plain = looked(written(tmp_path / "call.wav", 0.5 * sound))
    found = looked(written(tmp_path / "offset.wav", 0.5 * sound + np.float32(offset)))
    assert found["notes"] == plain["notes"]
    for side in ("user", "model"):
        assert np.abs(np.subtract(found[side]["turns"], plain[side]["turns"])).max() <= 0.04, side


def test_sides_that_are_heard_in_each_others_channels_are_said_to_be(tmp_path):
    sound, _ = made_call()
    found = looked(written(tmp_path / "call.wav", sound + np.float32(0.1) * sound[:, ::-1]))
    assert any("crosstalk" in note for note in found["notes"])


@pytest.mark.parametrize("name", ["call.wav", "call.flac"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_recording_that_was_cut_off_is_refused(name, share, tmp_path):
    path = written(tmp_path / name, made_call()[0])
    path.write_bytes(path.read_bytes()[: round(share * path.stat().st_size)])
    finished = fdbench("look", path)
    assert finished.status == 2 and ("truncated" in finished.err or "damaged" in finished.err)


def test_its_lines_fit_a_screen(tmp_path):
    sound, _ = made_call()
    for path in (written(tmp_path / "call.wav", sound), written(tmp_path / "same.wav", sound[:, [0, 0]])):
        assert max(map(len, fdbench("look", path).out.splitlines())) <= 100


def test_the_call_is_on_a_page_with_both_sides_to_be_heard(tmp_path):
    sound, _ = made_call()
    call = written(tmp_path / "<call>.wav", sound)
    finished = fdbench("look", call, "--html", tmp_path / "page")
    assert finished.status == 0, finished.err
    assert "open it: " in finished.err
    assert {path.name for path in (tmp_path / "page" / "audio").iterdir()} == {"user.flac", "model.flac"}
    heard, rate = soundfile.read(tmp_path / "page" / "audio" / "model.flac", dtype="float32")
    assert (len(heard), rate) == (len(sound), RATE)
    assert heard == pytest.approx(sound[:, 1], abs=1e-3)
    data = "".join(path.read_text() for path in (tmp_path / "page" / "data").iterdir())
    assert re.search(r'"\+0\.(3[6-9]|4[0-4]) s"', data)
    assert "<call>" not in data, "a hostile name stays text"
    assert fdbench("look", call, "--html", tmp_path / "one.html").status == 0
    assert (tmp_path / "one.html").stat().st_size > 100_000


def heard_peak_bytes(path: Path) -> int:
    tracemalloc.start()
    hear_call(path, 0, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_sound(tmp_path):
    """Four minutes have 15 MB of samples for the detector alone; kept is what 10 ms and 32 ms say of them."""
    sound, _ = made_call()
    one = np.tile(sound, (round(60 * RATE / len(sound)), 1))
    short, long = (heard_peak_bytes(written(tmp_path / f"{n}.wav", np.tile(one, (n, 1)))) for n in (1, 4))
    assert long - short < 3_000_000


@pytest.mark.slow
def test_an_hour_streams(tmp_path):
    sound, _ = made_call()
    with soundfile.SoundFile(tmp_path / "hour.wav", "w", 8000, 2) as file:
        for _ in range(round(3660 / (len(sound) / RATE))):
            file.write(sound[::2])
    assert heard_peak_bytes(tmp_path / "hour.wav") < 100_000_000
