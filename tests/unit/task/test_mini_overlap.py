"""The overlap tasks of the embedded suite: who speaks over the model does so where the annotation says, and not in the twin."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fdbench.core.behaviour import OVERLAPS
from fdbench.core.conversation import Sample
from fdbench.core.event import CONTEXT, OVERLAP
from fdbench.core.take_id import MAIN, TWIN
from fdbench.io.files import sha256_of
from fdbench.io.wav import read_audio
from fdbench.task.load import load_samples, task_specs

MINI = Path(str(resources.files("fdbench.tasks.mini")))
BANK: dict[str, dict[str, Any]] = json.loads((MINI / "overlap_utterances.json").read_text())["utterances"]
DB = {"user_backchannel": 0.0, "talking_to_other": -8.0, "background_speech": -15.0}
"""How loud it is against the voice of who asks."""


def samples(behaviour: str) -> tuple[Sample, ...]:
    return load_samples(task_specs()[f"mini/{behaviour}"], None).samples


def test_every_utterance_is_there_with_its_hash_rate_and_length() -> None:
    folder = MINI / "overlap_utterances"
    assert set(BANK) == {path.stem for path in folder.glob("*.flac")}
    for name, facts in BANK.items():
        sound = read_audio(folder / f"{name}.flac")
        assert sha256_of((folder / f"{name}.flac").read_bytes()) == facts["sha256"], name
        assert (sound.sample_rate, len(sound.samples)) == (facts["sample_rate"], facts["n_samples"]), name
        assert " ".join(text for text, _, _ in facts["words"]) == facts["text"], name


@pytest.mark.parametrize("behaviour", OVERLAPS)
def test_the_clean_twin_is_the_prompt_without_the_overlap(behaviour: str) -> None:
    found = samples(behaviour)
    assert len(found) >= 12
    for sample in found:
        main, twin = sample.stimuli[MAIN].load(), sample.stimuli[TWIN].load()
        assert len(main.samples) == len(twin.samples) and main.sample_rate == twin.sample_rate
        (overlap,) = sample.of_kind(OVERLAP)
        start, end = (round(time_s * main.sample_rate) for time_s in (overlap.span.start_s, overlap.span.end_s))
        ringing = main.sample_rate // 100  # of a resampler
        differs = np.flatnonzero(np.abs(main.samples - twin.samples) > 1e-4)
        assert start - ringing <= differs[0] and differs[-1] <= end + ringing, sample.id
        assert not np.any(np.abs(twin.samples[start:end]) > 1e-4), f"{sample.id}: somebody speaks in the clean twin"


@pytest.mark.parametrize("behaviour", OVERLAPS)
def test_the_model_has_time_to_begin_before_and_to_answer_after(behaviour: str) -> None:
    for sample in samples(behaviour):
        (context,), (overlap,) = sample.of_kind(CONTEXT), sample.of_kind(OVERLAP)
        assert 2.4 <= overlap.span.start_s - context.span.end_s <= 3.6, sample.id
        assert sample.stimuli[MAIN].load().duration_s - overlap.span.end_s >= 4.0, sample.id
        assert context.text and overlap.text


@pytest.mark.parametrize(("behaviour", "expected_db"), DB.items())
def test_who_is_turned_away_or_far_is_quieter(behaviour: str, expected_db: float) -> None:
    for sample in samples(f"overlap.{behaviour}"):
        audio = sample.stimuli[MAIN].load()
        levels = []
        for event in (*sample.of_kind(CONTEXT), *sample.of_kind(OVERLAP)):
            start, end = (round(time_s * audio.sample_rate) for time_s in (event.span.start_s, event.span.end_s))
            levels.append(float(np.sqrt(np.mean(np.square(audio.samples[start:end])))))
        assert 20 * np.log10(levels[1] / levels[0]) == pytest.approx(expected_db, abs=1.5), sample.id
