"""Recordings made elsewhere, on the prompt's timeline: channel, offset, and a status for whatever is wrong with one."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile

from fdbench.call.matching import TaskSamples, match_folder
from fdbench.call.recordings import FolderRecordings, ends_loud, place
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.errors import DataError

RATE, TASK = 16000, "mini/turn_taking"
PROMPT = Audio(np.full(2 * RATE, 0.25, np.float32), RATE)
LOUD = np.full((RATE, 1), 0.1, np.float32)


@dataclass(frozen=True)
class Prompt:
    digest: str = "prompt"
    broken: bool = False

    def load(self):
        if self.broken:
            raise DataError("input.wav: no such file")
        return PROMPT


def outcome(folder, *, sample_id="1", channel=None, offset_s=0.0, prompt=None):
    matches = match_folder(folder, [TaskSamples(TASK, (sample_id,))], by_id_alone=True)
    take = Take(Sample(sample_id, TASK, {"main": prompt or Prompt()}))
    ((back, result),) = FolderRecordings(folder, matches, channel, offset_s).collect([take])
    assert back is take
    return result


def failure(*arguments, **options):
    result = outcome(*arguments, **options)
    assert isinstance(result, FailedCall)
    assert "\n" not in result.message
    return result


def write(folder, samples=LOUD, rate=RATE, name="1.wav", **options):
    soundfile.write(folder / name, samples, rate, **options)


def test_a_mono_file_is_the_model_at_its_own_rate_beside_the_prompt(tmp_path):
    write(tmp_path, rate=44100, name="1.flac")
    result = outcome(tmp_path)
    assert isinstance(result, Recording)
    assert (result.clock, result.prompt_s, result.model.start_s) == ("given", 2.0, 0.0)
    assert (result.user.audio, result.user.start_s) == (PROMPT, 0.0)
    assert result.model.audio.sample_rate == 44100
    assert len(result.model.audio.samples) == RATE, "a recording shorter than the prompt stays so"


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "AIFF", "AU", "CAF", "W64"])
def test_any_format_that_libsndfile_reads(tmp_path, kind):
    suffix = {"WAV": "wav", "FLAC": "flac", "OGG": "ogg", "AIFF": "aiff", "AU": "au", "CAF": "caf", "W64": "w64"}[kind]
    write(tmp_path, name=f"1.{suffix}", format=kind)
    assert isinstance(outcome(tmp_path), Recording)


def test_the_channel_asked_for_is_the_model_and_one_must_be_asked_for(tmp_path):
    write(tmp_path, np.concatenate([0 * LOUD, LOUD], axis=1))
    assert np.abs(outcome(tmp_path, channel=0).model.audio.samples).max() == 0
    assert np.abs(outcome(tmp_path, channel=1).model.audio.samples).min() > 0.09
    assert failure(tmp_path).message == "1.wav: 2 channels, and none of them chosen (say which, from 0 to 1: --arg channel=N)"
    assert failure(tmp_path, channel=2).message == "1.wav: no channel 2, the file is 2 channels, counted from 0"


def test_a_mono_file_has_channel_0_only(tmp_path):
    write(tmp_path)
    assert isinstance(outcome(tmp_path, channel=0), Recording)
    assert failure(tmp_path, channel=1).message == "1.wav: no channel 1, the file is mono"


def test_an_unfit_neighbour_channel_is_nobodys_concern(tmp_path):
    write(tmp_path, np.concatenate([LOUD, np.nan * LOUD], axis=1), subtype="FLOAT")
    assert isinstance(outcome(tmp_path, channel=0), Recording)
    assert "not finite" in failure(tmp_path, channel=1).message


def test_before_the_prompt_is_kept_at_negative_times_and_after_its_start_there_was_silence():
    audio = Audio(LOUD[:, 0], RATE)
    early, late = place(audio, -0.25), place(audio, 0.25)
    assert (early.start_s, early.audio) == (-0.25, audio)
    assert early.cut(Span(0.0, 9.0)).audio.duration_s == 0.75
    assert (late.start_s, late.audio.duration_s) == (0.0, 1.25)
    assert np.flatnonzero(late.audio.samples)[0] == RATE // 4


@pytest.mark.parametrize("offset_s", [-1.0, -3.5])
def test_a_recording_that_was_over_before_the_prompt_began_holds_no_reply(tmp_path, offset_s):
    write(tmp_path)
    assert "it was over before the prompt began" in failure(tmp_path, offset_s=offset_s).message


def test_a_recording_that_begins_when_the_prompt_is_over_holds_no_reply_to_it(tmp_path):
    write(tmp_path)
    assert isinstance(outcome(tmp_path, offset_s=1.9), Recording)
    for offset_s in (2.0, 300.0):
        told = failure(tmp_path, offset_s=offset_s).message
        assert told.startswith(f"1.wav: begun at {offset_s:g} s, when the prompt of 2 s was over (give offset_s in seconds")


def test_what_is_to_be_placed_by_its_prompt_must_hold_it(tmp_path):
    write(tmp_path, np.random.default_rng(0).normal(0, 0.1, (3 * RATE, 1)))
    assert failure(tmp_path, offset_s=None).message.startswith("1.wav: the prompt is heard in no channel of it (say where")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_and_a_device_are_the_status_of_their_sample(tmp_path):
    os.mkfifo(tmp_path / "1.wav")
    (tmp_path / "2.wav").symlink_to("/dev/zero")
    for sample_id in ("1", "2"):
        assert failure(tmp_path, sample_id=sample_id).message.startswith(f"{sample_id}.wav: cannot be read (no plain file")


def test_a_recording_is_right_censored_where_sound_reaches_its_end():
    def ending(quiet_s):
        return ends_loud(Audio(np.concatenate([LOUD[:, 0], np.zeros(round(quiet_s * RATE), np.float32)]), RATE))

    assert ending(0.0)
    assert ending(0.05)
    assert not ending(0.11)
    assert ends_loud(Audio(LOUD[:100, 0], RATE)), "shorter than what is looked at"


def corrupt(folder):
    (folder / "1.wav").write_bytes(b"RIFF, no more")


def truncate(folder):
    write(folder)
    data = (folder / "1.wav").read_bytes()
    (folder / "1.wav").write_bytes(data[: len(data) // 2])


FAULTS = {
    "nothing": (lambda folder: None, "no recording; looked for mini/turn_taking/1.wav, mini/turn_taking/1/output.wav"),
    "corrupt": (corrupt, "1.wav: not a readable audio file"),
    "truncated": (truncate, "1.wav: truncated"),
    "empty": (lambda folder: write(folder, LOUD[:0]), "1.wav: empty"),
    "not finite": (lambda folder: write(folder, np.nan * LOUD, subtype="FLOAT"), "1.wav: 16000 samples are not finite"),
    "unscaled": (lambda folder: write(folder, 1e4 * LOUD, subtype="FLOAT"), "1.wav: expected samples between -1 and 1, found"),
    "absurd rate": (lambda folder: write(folder, rate=1_000_000), "1.wav: expected 4000 to 384000 Hz, found 1000000 Hz"),
    "two": (lambda folder: [write(folder), write(folder, name="1.flac")], "1.flac and 1.wav: both are its recording by name"),
    "no format of ours": (lambda folder: (folder / "1.m4a").write_bytes(b"x"), "1.m4a: not a readable audio file"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_a_recording_is_a_status_that_names_the_file_and_no_path_of_this_machine(tmp_path, fault):
    spoil, told = FAULTS[fault]
    spoil(tmp_path)
    result = failure(tmp_path)
    assert result.reason == ("recording_missing" if fault == "nothing" else "recording")
    assert result.message.startswith(told)
    assert str(tmp_path) not in result.message


def test_a_prompt_that_cannot_be_read_is_told_as_in_a_call(tmp_path):
    write(tmp_path)
    assert failure(tmp_path, prompt=Prompt(broken=True)) == FailedCall("prompt", "input.wav: no such file")
