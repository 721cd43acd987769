"""A clip that lies in a folder twice is told, whoever copied it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import soundfile

from fdbench.task.fdb_layout import read_fdb_folder
from tests.conftest import fdbench


def folder_of(tmp_path, ids):
    for index, name in enumerate(ids):
        clip = tmp_path / "clips" / name
        clip.mkdir(parents=True)
        random = np.random.default_rng(index)
        soundfile.write(clip / "input.wav", random.uniform(-0.1, 0.1, 16000), 16000)
        soundfile.write(clip / "output.wav", random.uniform(-0.1, 0.1, 16000), 16000)
        (clip / "turn_taking.json").write_text('[{"timestamp": [0.5, 0.6]}]')
    return tmp_path / "clips"


def score(folder):
    return fdbench("score", folder, "--task", "v1/turn_taking.candor", "--asr", "none", "--protocol", "fdbench", "--json", "-")


def test_a_copy_beside_a_clip_is_told_and_a_hidden_one_is_no_sample(tmp_path):
    folder = folder_of(tmp_path, ["7", "8"])
    shutil.copytree(folder / "7", folder / "7 (copy)")
    shutil.copytree(folder / "8", folder / ".Trash-8")
    scored = score(folder)
    assert "7 (copy): the same prompt and recording as 7" in scored.err
    assert "8: the same" not in scored.err
    assert [each["id"] for each in json.loads(scored.out)["samples"]] == ["7", "7 (copy)", "8"]
    assert [sample.id for sample in read_fdb_folder(folder, "t", "turn_taking").samples] == ["7", "7 (copy)", "8"]


def test_a_recording_that_is_the_prompt_is_no_model(tmp_path):
    folder = folder_of(tmp_path, ["1", "2"])
    shutil.copy(folder / "2" / "input.wav", folder / "2" / "output.wav")
    scored = score(folder)
    assert scored.status == 3
    assert "2/output.wav: the prompt itself is heard in the model's channel, " in scored.err
    first, second = json.loads(scored.out)["samples"]
    assert {score["reason"] for score in second["scores"].values()} == {"audio_unreadable"}
    assert "audio_unreadable" not in {score["reason"] for score in first["scores"].values()}
