"""From `--model NAME --arg k=v` to a party, with errors that say what to type instead."""

from __future__ import annotations

import pytest

from fdbench.adapter.base import AgentParty
from fdbench.adapter.load import find_model, model_specs, resolve
from fdbench.errors import AdapterError, UsageError

SOURCE = """
import numpy as np
from fdbench.adapter.base import Agent, Port

class Mine(Agent):
    hears = says = Port(24000, 1920)
    def __init__(self, gain: float = 1.0, loud: bool = False, name: str = "x", n: int | None = None):
        self.gain = gain
    def reset(self, brief): pass
    def step(self, heard): return heard * np.float32(self.gain)

class Heir(Mine): pass

class Needy(Mine):
    def __init__(self, checkpoint: str): pass
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


def test_every_model_of_models_yaml_resolves():
    for spec in model_specs().values():
        assert resolve(spec, {}).identity == spec.adapter


def test_an_unknown_model_gets_the_closest_match_and_the_list():
    with pytest.raises(UsageError, match=r"did you mean 'vad-endpointer'\?.*known: always-talking"):
        find_model("vad-endpoint")


def test_a_class_in_a_file_is_a_model(file):
    spec = find_model(f"{file}:Mine")
    adapter = resolve(spec, {"gain": "0.5", "loud": "true", "n": "3"})
    assert spec.name == "mine-Mine"
    assert adapter.arguments == {"gain": 0.5, "loud": True, "name": "x", "n": 3}
    assert isinstance(adapter.open_party(2), AgentParty)


def test_arguments_may_be_inherited(file):
    assert resolve(find_model(f"{file}:Heir"), {"gain": "0.5"}).arguments["gain"] == 0.5


def test_a_changed_file_is_another_adapter_wherever_it_lies(file, tmp_path):
    before = resolve(find_model(f"{file}:Mine"), {}).identity
    elsewhere = tmp_path / "elsewhere" / "mine.py"
    elsewhere.parent.mkdir()
    elsewhere.write_text(SOURCE)
    assert resolve(find_model(f"{elsewhere}:Mine"), {}).identity == before
    file.write_text(SOURCE + "\n# changed\n")
    assert resolve(find_model(f"{file}:Mine"), {}).identity != before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"gian": "1"}, "did you mean 'gain'"),
        ({"gain": "loud"}, "--arg gain=loud: expected float"),
        ({"loud": "yes"}, "expected bool"),
        ({"n": "1.5"}, "expected int or none"),
    ],
)
def test_a_bad_argument_is_named_with_what_was_expected(file, arguments, told):
    with pytest.raises(UsageError) as error:
        resolve(find_model(f"{file}:Mine"), arguments)
    assert told in str(error.value)


def test_a_missing_argument_says_what_to_add(file):
    with pytest.raises(UsageError, match="add --arg checkpoint=VALUE"):
        resolve(find_model(f"{file}:Needy"), {})


def test_a_missing_class_lists_those_there(file):
    with pytest.raises(AdapterError, match="Heir, Mine, Needy"):
        resolve(find_model(f"{file}:Yours"), {})


def test_a_missing_file_and_a_broken_one(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        find_model(str(tmp_path / "none.py") + ":X")
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    with pytest.raises(AdapterError, match="ZeroDivisionError"):
        resolve(find_model(f"{broken}:X"), {})


def test_a_name_in_models_yaml_and_in_an_entry_point_is_an_error_naming_both(monkeypatch):
    import importlib.metadata as metadata

    point = metadata.EntryPoint("echo", "other.package:Echo", "fdbench.adapters")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])
    with pytest.raises(AdapterError, match=r"baselines:Echo and other\.package:Echo"):
        model_specs()
