"""A model is what its files hold: another content is another run, the same content elsewhere is the same run."""

from __future__ import annotations

import pytest

from fdbench.adapter.content import digests_of, lies_elsewhere
from fdbench.adapter.load import find_model, resolve
from fdbench.stages.model import PartyModel
from fdbench.stages.request import RunRequest

SOURCE = """
import numpy as np
from fdbench.adapter.base import Agent, Port, Provenance, Spoken

class Mine(Agent):
    hears = says = Port(24000, 1920)

    def __init__(self, weights: str = "", server: str = "", style: str = "calm") -> None:
        pass

    def start(self, opening):
        pass

    def step(self, heard):
        return Spoken(np.zeros(1920, np.float32))


class Knowing(Mine):
    @classmethod
    def provenance(cls, **arguments):
        return Provenance({**arguments, "weights": "by name"}, "sha256:abc")
"""


@pytest.fixture()
def model(tmp_path):
    (tmp_path / "mine.py").write_text(SOURCE)

    def make(name="Mine", **given):
        return PartyModel(resolve(find_model(f"{tmp_path / 'mine.py'}:{name}"), given))

    return make


def run_id(model):
    return model.collection(RunRequest("mine")).run_id


def test_new_weights_under_the_same_path_are_another_run(model, tmp_path):
    (tmp_path / "w.bin").write_bytes(b"one")
    before = run_id(model(weights=str(tmp_path / "w.bin")))
    (tmp_path / "w.bin").write_bytes(b"two")
    assert run_id(model(weights=str(tmp_path / "w.bin"))) != before
    (tmp_path / "w.bin").write_bytes(b"one")
    assert run_id(model(weights=str(tmp_path / "w.bin"))) == before


def test_a_file_deep_in_a_folder_counts_and_the_place_of_the_folder_does_not(model, tmp_path):
    for place in ("here", "there"):
        (tmp_path / place / "ckpt" / "deep").mkdir(parents=True)
        (tmp_path / place / "ckpt" / "deep" / "w").write_bytes(b"one")
    here, there = (model(weights=str(tmp_path / place / "ckpt")) for place in ("here", "there"))
    assert run_id(here) == run_id(there)
    assert here.collection(RunRequest("mine")).arguments["weights"] == "ckpt"
    (tmp_path / "there" / "ckpt" / "deep" / "w").write_bytes(b"two!")
    assert run_id(here) != run_id(there)
    (tmp_path / "here" / "ckpt" / "deep" / "w").rename(tmp_path / "here" / "ckpt" / "deep" / "v")
    assert run_id(here) != run_id(there)


def test_what_names_no_file_leaves_the_settings_as_they_were(model):
    collection = model(style="loud").collection(RunRequest("mine"))
    assert collection.arguments["style"] == "loud"
    assert "files" not in collection.model_dump()


@pytest.mark.parametrize("value", ["", ".", "..", 3, None, True, "x" * 5000, "a\0b"])
def test_what_is_no_name_of_a_file_is_none(value):
    assert digests_of({"a": value}) == {}


@pytest.mark.parametrize(
    ("value", "is_place"),
    [("wss://host/path", True), ("/gone/w.bin", True), ("~/w.bin", True), ("alloy", False), ("org/model", False), (5, False)],
)
def test_what_names_a_place(value, is_place):
    assert lies_elsewhere(value) is is_place


def test_a_class_that_does_not_say_what_it_loads_says_that(model, tmp_path):
    (tmp_path / "w.bin").write_bytes(b"one")
    weights, server = model(weights=str(tmp_path / "w.bin"), server="wss://host:1").notes
    assert weights.startswith(f"weights={tmp_path / 'w.bin'}: mine-Mine has no provenance()")
    assert "a hash of what lies there now" in weights
    assert server.startswith("server=wss://host:1: mine-Mine has no provenance()")
    assert "the place alone" in server
    assert model().notes == ()


def test_a_class_that_says_it_is_believed(model, tmp_path):
    (tmp_path / "w.bin").write_bytes(b"one")
    knowing = model("Knowing", weights=str(tmp_path / "w.bin"))
    assert knowing.notes == ()
    assert "files" not in knowing.collection(RunRequest("mine")).model_dump()
