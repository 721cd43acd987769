"""What effects may know of a call: the same for every model, for both stimuli of a pair, and for a call that is made again."""

from __future__ import annotations

import numpy as np
import pytest

from fdbench.adapter.base import Brief
from fdbench.audio.effects.scene import NOMINAL_DBFS
from fdbench.call.scene import scene_of, seed_of
from fdbench.core.conversation import Sample, Take
from fdbench.core.dialogue import Dialogue
from fdbench.core.sound import Audio
from fdbench.core.take_id import TakeId
from fdbench.task.conditions import find_condition
from fdbench.task.load import load_samples, task_specs

BABBLE, LOSS = find_condition("babble-10dB"), find_condition("loss-5pc-b3")


def test_chance_is_drawn_from_the_condition_the_sample_and_the_repeat_alone():
    take = TakeId("mini/turn_taking", "tt-01")
    assert seed_of(take, BABBLE) == seed_of(TakeId("mini/turn_taking", "tt-01", "clean"), BABBLE)
    others = {
        seed_of(TakeId("mini/turn_taking", "tt-02"), BABBLE),
        seed_of(TakeId("mini/turn_taking", "tt-01", repeat=1), BABBLE),
    }
    assert len({seed_of(take, BABBLE), seed_of(take, LOSS), *others}) == 4


def test_what_stands_beside_a_pair_is_the_same_and_begins_behind_the_lead_in():
    sample = load_samples(task_specs()["mini/overlap.user_interruption"], None, limit=1).samples[0]
    scenes = [
        scene_of(Take(sample, stimulus), Brief(stimulus=sample.stimuli[stimulus].load(), lead_in_s=3.0), BABBLE)
        for stimulus in ("main", "clean")
    ]
    assert scenes[0] == scenes[1] and scenes[0].speech[0].start_s >= 3.0
    assert scenes[0].utterances == {each.sha256 for each in sample.stimuli["main"].placements}


def test_of_an_examiner_nothing_is_known_also_when_the_call_is_made_again():
    dialogue = next(each for each in load_samples(task_specs()["mini/dialogue"], None, limit=1).samples)
    assert isinstance(dialogue.dialogue, Dialogue)
    said = Audio(np.full(16000, 0.1, np.float32), 16000)
    first, again = (scene_of(Take(dialogue), Brief(stimulus=each), BABBLE) for each in (None, said))
    assert first == again and first.level_dbfs == NOMINAL_DBFS and not first.speech


def test_a_prompt_of_any_origin_has_a_level():
    tone = Audio(np.concatenate([np.zeros(8000), 0.1 * np.sin(np.arange(16000) * 0.3)]).astype(np.float32), 16000)
    scene = scene_of(Take(Sample("s", "t/s", {})), Brief(stimulus=tone), BABBLE)
    assert scene.level_dbfs == pytest.approx(-23.0, abs=0.05) and not scene.utterances
    assert [round(scene.speech[0].start_s, 3), round(scene.speech[-1].end_s, 3)] == [0.5, 1.5]
