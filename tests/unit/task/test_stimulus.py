"""Prompts: put together to the sample, checked against their hashes, cheap to hand to another process."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from fdbench.core.sound import Audio
from fdbench.errors import DataError
from fdbench.io.files import sha256_of
from fdbench.io.wav import write_flac
from fdbench.task.stimulus import FileStimulus, Placement, ScriptStimulus


def utterance(folder: Path, name: str, value: float, n: int, rate: int = 16000) -> Path:
    path = folder / f"{name}.flac"
    write_flac(path, Audio(np.full(n, value, np.float32), rate))
    return path


def placed(path: Path, start: int) -> Placement:
    return Placement(path, sha256_of(path.read_bytes()), start)


def test_utterances_lie_at_their_samples_and_nothing_lies_between(tmp_path: Path) -> None:
    a, b = utterance(tmp_path, "a", 0.5, 3), utterance(tmp_path, "b", -0.25, 2)
    audio = ScriptStimulus((placed(a, 1), placed(b, 6)), 10, 16000).load()
    assert audio.sample_rate == 16000
    assert audio.samples.tolist() == [0, 0.5, 0.5, 0.5, 0, 0, -0.25, -0.25, 0, 0]


def test_overlapping_utterances_add_up(tmp_path: Path) -> None:
    a, b = utterance(tmp_path, "a", 0.5, 3), utterance(tmp_path, "b", 0.25, 3)
    assert ScriptStimulus((placed(a, 0), placed(b, 2)), 5, 16000).load().samples.tolist() == [0.5, 0.5, 0.75, 0.25, 0.25]


@pytest.mark.parametrize(("rate", "n"), [(16000, 1001), (24000, 1502), (48000, 3003)])
def test_the_mix_is_resampled_to_the_prompts_rate(tmp_path: Path, rate: int, n: int) -> None:
    audio = ScriptStimulus((placed(utterance(tmp_path, "a", 0.5, 1001), 0),), 1001, rate).load()
    assert (audio.sample_rate, len(audio.samples)) == (rate, n)
    assert float(audio.samples[n // 2]) == pytest.approx(0.5, abs=1e-3)


def test_a_script_is_small_picklable_and_loads_the_same_every_time(tmp_path: Path) -> None:
    stimulus = ScriptStimulus((placed(utterance(tmp_path, "a", 0.5, 1000), 7),), 2000, 24000)
    again = pickle.loads(pickle.dumps(stimulus))
    assert len(pickle.dumps(stimulus)) < 2000
    assert again == stimulus
    assert np.array_equal(again.load().samples, stimulus.load().samples)


def test_the_digest_says_what_is_heard_and_not_where_the_files_lie(tmp_path: Path) -> None:
    a, b = utterance(tmp_path, "a", 0.5, 10), utterance(tmp_path, "b", 0.25, 10)
    (tmp_path / "moved").mkdir()
    moved = utterance(tmp_path / "moved", "a", 0.5, 10)
    base = ScriptStimulus((placed(a, 0),), 20, 16000)
    assert ScriptStimulus((placed(moved, 0),), 20, 16000).digest == base.digest
    others = [
        ScriptStimulus((placed(b, 0),), 20, 16000),
        ScriptStimulus((placed(a, 1),), 20, 16000),
        ScriptStimulus((placed(a, 0),), 21, 16000),
        ScriptStimulus((placed(a, 0),), 20, 24000),
        ScriptStimulus((placed(a, 0), placed(b, 10)), 20, 16000),
    ]
    assert len({base.digest, *(other.digest for other in others)}) == 6


def test_a_changed_missing_or_misplaced_utterance_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = utterance(tmp_path, "a", 0.5, 10)
    stimulus = ScriptStimulus((placed(path, 0),), 20, 16000)
    with pytest.raises(DataError, match=r"a\.flac: ends at sample 25, the prompt has 20"):
        ScriptStimulus((placed(path, 15),), 20, 16000).load()
    with pytest.raises(DataError, match=r"wide\.flac: expected 16000 Hz, found 48000 Hz"):
        ScriptStimulus((placed(utterance(tmp_path, "wide", 0.5, 10, 48000), 0),), 20, 16000).load()
    utterance(tmp_path, "a", 0.25, 10)
    with pytest.raises(DataError, match=r"a\.flac: expected SHA-256 [0-9a-f]{64}, found"):
        stimulus.load()
    path.unlink()
    with pytest.raises(DataError, match=r"a\.flac: cannot be read"):
        stimulus.load()


def test_a_file_prompt_is_named_by_its_bytes(tmp_path: Path) -> None:
    path = utterance(tmp_path, "input", 0.5, 10, 48000)
    stimulus = FileStimulus(path)
    assert stimulus.digest == sha256_of(path.read_bytes())
    assert stimulus.load().sample_rate == 48000
    assert pickle.loads(pickle.dumps(stimulus)) == stimulus
    path.unlink()
    with pytest.raises(DataError, match=r"input\.flac: cannot be read"):
        _ = stimulus.digest
    with pytest.raises(DataError, match=r"input\.flac: no such file"):
        stimulus.load()
