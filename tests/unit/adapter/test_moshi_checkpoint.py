"""Which checkpoints of Moshi are refused, by what their config.json says, before anything opens their weights."""

from __future__ import annotations

import importlib.util
import json
import pickle
import shutil

import numpy as np
import pytest

from fdbench.adapter.base import Batch, Brief
from fdbench.adapter.load import find_model, resolve
from fdbench.errors import FdbenchError
from tests.tiny_moshi import sounds
from tests.unit.adapter.test_moshi import FRAME, FRAME_S, RATE, open_party

MISSING = object()


@pytest.fixture
def changed(tiny_moshi, tmp_path):
    """A copy of the tiny checkpoint whose config.json, or another file of JSON, is changed."""

    def change(changes, file="config.json"):
        folder = tmp_path / "changed"
        shutil.copytree(tiny_moshi, folder, dirs_exist_ok=True)
        config = {**json.loads((folder / file).read_text()), **changes}
        kept = {key: value for key, value in config.items() if value is not MISSING}
        (folder / file).write_text(json.dumps(kept))
        return folder

    return change


def refusal(folder):
    """What is said of a checkpoint: the same by what doctor asks, by what a run records, or by loading it."""
    with pytest.raises(FdbenchError) as error:
        open_party(folder, 1)
    assert error.value.remedy
    return error.value


class Trap:
    """Leaves a file where somebody unpickles it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("key", ["moshi_name", "mimi_name", "lora_name"])
@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.bin", "w.ckpt", "w.th", "w", "w.SAFETENSORS", "file:///{folder}/w.pt"])
def test_a_pickle_is_never_opened_whichever_file_it_is(key, name, changed, tmp_path):
    name = name.format(folder=tmp_path / "changed")
    folder = changed({key: name})
    (folder / name.rpartition("/")[2]).write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    told = refusal(folder)
    assert str(folder / "config.json") in told.what and key in told.what and name in told.what
    assert "expected a .safetensors file" in told.what and "pickle" in told.remedy
    adapter = resolve(find_model("moshi"), {"checkpoint": str(folder), "device": "cpu"})
    with pytest.raises(FdbenchError, match=r"expected a \.safetensors file"):
        adapter.provenance()
    assert any(not need.is_met and "safetensors" in need.detail for need in adapter.needs())
    assert not (tmp_path / "sprung").exists()


def test_a_pickle_in_another_repository_is_not_even_fetched(changed, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "expected a .safetensors file" in refusal(changed({"mimi_name": "hf://kyutai/elsewhere/mimi.pt"})).what


def test_a_pickle_that_is_called_safetensors_is_not_opened_as_one(changed, tmp_path):
    folder = changed({})
    (folder / "mimi.safetensors").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    assert "mimi.safetensors" in refusal(folder).what and not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("changes", [{"quantize": True}, {"moshi_name": "model.q8.safetensors"}])
@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
def test_weights_in_8_bits_need_a_package(changes, changed):
    folder = changed(changes)
    (folder / "model.q8.safetensors").write_bytes(b"not looked into")
    told = refusal(folder)
    assert "bitsandbytes" in told.what and "pip install bitsandbytes" in told.remedy


BROKEN = {
    "dep_q is missing": ({"dep_q": MISSING}, "dep_q is missing, expected a whole number"),
    "n_q is missing": ({"n_q": MISSING}, "n_q is missing, expected a whole number"),
    "delays are missing": ({"delays": MISSING}, "delays is missing, expected a list of whole numbers"),
    "num_layers is missing": ({"num_layers": MISSING}, "num_layers is missing"),
    "the small transformer's heads are missing": ({"depformer_num_heads": MISSING}, "depformer_num_heads is missing"),
    "too few delays": ({"delays": [0, 1]}, "delays: expected 17 numbers of steps"),
    "a delay below 0": ({"delays": [-1] * 17}, "delays: expected 17 numbers of steps"),
    "no codebook": ({"dep_q": 0}, "dep_q: expected at least 1, found 0"),
    "n_q is a text": ({"n_q": "16"}, 'n_q: expected a whole number, found "16"'),
    "dep_q is a truth": ({"dep_q": True}, "dep_q: expected a whole number, found true"),
    "delays is a number": ({"delays": 1}, "delays: expected a list of whole numbers, found 1"),
    "no context": ({"context": None}, "context: expected a whole number, found null"),
    "an unknown key": ({"colour": "red"}, 'colour: the moshi package knows no such key (found "red")'),
    "a key that the model sets itself": ({"d_model": 64}, "d_model: the moshi package knows no such key (found 64)"),
    "a width that is a text": ({"dim": "big"}, 'dim: expected a whole number, found "big"'),
    "a norm that is a number": ({"norm": 5}, "norm: expected a text, found 5"),
    "a name that is a number": ({"mimi_name": 5}, "mimi_name: expected a text or null, found 5"),
    "a kind that is a list": ({"model_type": ["moshi"]}, 'model_type: expected a text, found ["moshi"]'),
    "sampling that is a list": ({"lm_gen_config": []}, "lm_gen_config: expected an object, found []"),
    "an unknown way to sample": ({"lm_gen_config": {"top_p": 0.9}}, "lm_gen_config.top_p: Kyutai's programs take no such key"),
    "guidance": ({"lm_gen_config": {"cfg_coef": 2.0}}, "lm_gen_config.cfg_coef: Kyutai's programs take no such key"),
    "a temperature that is a text": ({"lm_gen_config": {"temp": "hot"}}, 'lm_gen_config.temp: expected a number, found "hot"'),
    "a temperature below 0": ({"lm_gen_config": {"temp": -1}}, "lm_gen_config.temp: expected 0 or more, found -1"),
    "a temperature that is no number": ({"lm_gen_config": {"temp": float("nan")}}, "lm_gen_config.temp: expected 0 or more"),
    "a broken count": ({"lm_gen_config": {"top_k": 2.5}}, "lm_gen_config.top_k: expected a whole number, found 2.5"),
    "sampling neither on nor off": (
        {"lm_gen_config": {"use_sampling": "no"}},
        'lm_gen_config.use_sampling: expected true or false, found "no"',
    ),
    "an adapter without weights": ({"lora": True}, "lora_name: expected a name where lora is true"),
    "weights of no adapter": ({"lora_name": "model.safetensors"}, "lora_name: expected a name where lora is true"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_configuration_is_told_by_its_file_and_key(case, changed):
    changes, what = BROKEN[case]
    folder = changed(changes)
    told = refusal(folder)
    assert str(folder / "config.json") in told.what and what in told.what


CODECS = {
    "another rate": ({"sample_rate": 16000}, "sample_rate: expected 24000, found 16000"),
    "other frames": ({"frame_rate": 25}, "frame_rate: expected 12.5, found 25"),
    "no transformer": ({"transformer": MISSING}, "transformer is missing, expected an object"),
    "an encoder that is a text": ({"seanet": "small"}, 'seanet: expected an object, found "small"'),
}


@pytest.mark.parametrize("case", CODECS)
def test_a_codec_with_other_frames_or_a_broken_configuration_is_refused(case, changed):
    changes, what = CODECS[case]
    folder = changed(changes, "mimi_config.json")
    told = refusal(folder)
    assert str(folder / "mimi_config.json") in told.what and what in told.what


@pytest.mark.parametrize("file", ["config.json", "mimi_config.json"])
@pytest.mark.parametrize(("text", "what"), [("[1]", "expected a JSON object, found list"), ("{", "not JSON")])
def test_a_configuration_that_is_no_object_of_json(file, text, what, changed):
    folder = changed({})
    (folder / file).write_text(text)
    told = refusal(folder)
    assert str(folder / file) in told.what and what in told.what


@pytest.mark.parametrize("changes", [{"num_heads": 5}, {"dim": 128}, {"norm": "louder"}, {"num_layers": 3}])
def test_weights_that_do_not_fit_are_told_in_two_lines_too(changes, changed):
    told = refusal(changed(changes))
    assert "the moshi package cannot make a model of these files" in told.what and "model.safetensors" in told.what
    assert "\n" not in told.what


def test_the_packages_own_architecture_and_its_released_keys_are_taken(tmp_path):
    from fdbench.adapters.moshi_config import check_config, check_for_package
    from moshi.models import loaders

    released = {"lm_gen_config": {}, "conditioners": {}, "fuser": None, "quantize": False, "model_id": {"sig": "a", "epoch": 1}}
    released |= {"cross_attention": False, "demux_second_stream": False, "depformer_causal": True, "lora": None}
    for config in (loaders._lm_kwargs, {**loaders._lm_kwargs, **released}):
        check_config(tmp_path / "config.json", config)
        check_for_package(tmp_path / "config.json", config)


def first_said(party, seed, n_steps=8):
    """What a party says to the same sound."""
    party.open(0, Brief(seed=seed))
    heard = sounds(1, n_steps * FRAME_S, RATE, seed=8)[0].reshape(-1, 1, FRAME)
    spoken = [party.step(Batch((0,), frame, np.array([FRAME_S * index]))) for index, frame in enumerate(heard)]
    return np.concatenate([each.audio[0] for each in spoken]).tobytes()


def test_a_checkpoint_says_how_it_samples_and_arguments_say_otherwise(changed):
    """``use_sampling`` as both programs have it from the checkpoint; a temperature of 0 is greedy for its streams alone."""
    folder = changed({"lm_gen_config": {"use_sampling": False, "top_k": 9}})
    greedy = open_party(folder, 1)
    assert first_said(greedy, 1) == first_said(greedy, 2)
    sampled = open_party(folder, 1, greedy=False)
    assert first_said(sampled, 1) != first_said(sampled, 2)
    settings = {}
    for given in ({}, {"greedy": "false"}, {"greedy": "true"}):
        adapter = resolve(find_model("moshi"), {"checkpoint": str(folder), "device": "cpu", **given})
        settings[given.get("greedy")] = {name: adapter.provenance().arguments[name] for name in ("greedy", "top_k", "temp")}
    unsampled = {"greedy": True, "top_k": None, "temp": None}
    assert settings == {None: unsampled, "true": unsampled, "false": {"greedy": False, "top_k": 9, "temp": 0.8}}
    folder = changed({"lm_gen_config": {"temp": 0, "temp_text": 0.0, "check": True, "cfg_is_no_text": True}})
    cold = open_party(folder, 1)
    assert first_said(cold, 1) == first_said(cold, 2) == first_said(greedy, 3)


def test_an_empty_fuser_of_conditions_is_run_as_the_programs_run_it(changed):
    party = open_party(changed({"conditioners": {}, "fuser": {"sum": [], "cross": [], "prepend": []}}), 1, greedy=True)
    without = open_party(changed({"conditioners": MISSING, "fuser": MISSING}), 1, greedy=True)
    assert first_said(party, 1) == first_said(without, 1)
