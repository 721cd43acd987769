"""From `--model NAME --arg k=v` to a party, with errors that say what to type instead."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

from fdbench.adapter.base import AgentParty, Batch, Equipped, Need, Port, Provenance
from fdbench.adapter.load import Adapter, find_model, model_specs, resolve
from fdbench.adapter.spec import ModelSpec, parse_models
from fdbench.errors import AdapterError, DataError, UsageError

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


@pytest.mark.parametrize(
    ("entry", "line", "problem"),
    [
        ('lead_in_s: "3"', 3, "m.lead_in_s: Input should be a valid number, found '3'"),
        ("lead_in_s: .nan", 3, ".nan"),
        ("lead_in_s: -1", 3, "m.lead_in_s"),
        ("published_shift_s: true", 3, "m.published_shift_s"),
        ("tells_truth: 1", 3, "m.tells_truth"),
        ("summary: 12", 3, "m.summary"),
        ("kind: recordings", 3, "m.kind"),
        ("weights_revision: 5", 3, "m.weights_revision"),
        ("read_on: 2026-11-28", 3, "m.read_on"),
        ("arguments: {a: [1]}", 3, "m.arguments.a"),
        ("leadin_s: 3", 3, "m.leadin_s"),
    ],
)
def test_an_entry_of_models_yaml_is_typed_strictly(entry, line, problem):
    with pytest.raises(DataError, match=rf"^models\.yaml:{line}: .*{re.escape(problem)}"):
        parse_models(f"m:\n  adapter: a:B\n  {entry}\n", "models.yaml")


@pytest.mark.parametrize("text", ["m: 1\n", "m:\n  summary: x\n", "m: {adapter: nothing}\n", "m: null\n"])
def test_an_entry_without_an_adapter_is_named(text):
    with pytest.raises(DataError, match=r"^models\.yaml:1: m"):
        parse_models(text, "models.yaml")


def load(path, name, **given):
    return resolve(find_model(f"{path}:{name}"), given)


class TestWhatAnAdapterSaysOfItself:
    SOURCE = """
import numpy as np
from fdbench.adapter.base import Agent, Need, Opening, Port, Provenance, Spoken

class Bare:  # inherits from nothing
    hears = says = Port(16000, 320)
    def __init__(self, slots, size: int = 1): self.slots, self.size = slots, size
    def open(self, slot, brief): return Opening()
    def step(self, heard): return Spoken(np.zeros_like(heard.audio))
    def close(self, slot): pass

class Slotted(Bare):
    __slots__ = ("extra",)

class Talkative(Bare):
    @classmethod
    def needs(cls, size): return (Need(f"size {size}", True),)
    @classmethod
    def provenance(cls, size): return Provenance({"size": size * 2}, "abc")
    @classmethod
    def price_of(cls, minutes, size): return minutes * size
    @classmethod
    def slots_of(cls, slots, size): return size
    def describe(self): return {"size": str(self.size)}

def factory(slots: int, size: int = 3):
    return Talkative(slots, size)

class Spoken_(Agent):
    hears = says = Port(16000, 320)
    @classmethod
    def needs(cls): return (Need("air", False, "breathe"),)
    @classmethod
    def provenance(cls): return Provenance({}, "w")
    def reset(self, brief): pass
    def step(self, heard): return heard
    def describe(self): return {"voice": "mine"}
"""

    @pytest.fixture
    def file(self, tmp_path):
        (tmp_path / "said.py").write_text(self.SOURCE)
        return tmp_path / "said.py"

    @pytest.mark.parametrize("name", ["Bare", "Slotted"])
    def test_a_class_that_says_nothing_has_the_defaults(self, file, name):
        adapter = load(file, name)
        assert (adapter.needs(), adapter.provenance()) == ((), Provenance({"size": 1}))
        assert (adapter.price_of(5.0), adapter.slots_of(7), adapter.is_live) == (None, 7, False)
        party = adapter.open_party(2)
        assert (party.describe(), party.release()) == ({}, None)
        assert (party.always_sounds, party.open_s, party.takes_frames_together) == (False, 0.0, False)
        assert (type(party).__name__, type(party).__module__) == (name, sys.modules[type(party).__module__].__name__)

    def test_what_a_class_says_counts_though_it_inherits_from_nothing(self, file):
        adapter = load(file, "Talkative", size="4")
        assert adapter.needs() == (Need("size 4", True),)
        assert adapter.provenance() == Provenance({"size": 8}, "abc")
        assert (adapter.price_of(5.0), adapter.slots_of(7)) == (20.0, 4)
        assert adapter.open_party(2).describe() == {"size": "4"}

    def test_a_function_that_makes_a_party_is_an_adapter(self, file):
        adapter = load(file, "factory")
        assert (adapter.needs(), adapter.price_of(1.0), adapter.slots_of(7)) == ((), None, 7)
        party = adapter.open_party(2)
        assert isinstance(party, Equipped) and party.describe() == {"size": "3"} and party.slots == 2
        assert party.step(Batch((0,), np.zeros((1, 320), np.float32), np.zeros(1))).audio.shape == (1, 320)

    def test_what_an_agent_says_reaches_its_party(self, file):
        adapter = load(file, "Spoken_")
        assert adapter.needs() == (Need("air", False, "breathe"),) and adapter.provenance().weights_revision == "w"
        assert adapter.open_party(3).describe() == {"voice": "mine"}

    def test_the_release_of_a_package_is_the_revision_where_a_class_says_none(self):
        spec = ModelSpec("m", "m:M", "object", weights_revision="package-1.0")
        assert Adapter(spec, "m:M", {}, lambda slots: None).provenance().weights_revision == "package-1.0"

    def test_every_adapter_that_comes_with_fdbench_is_equipped(self):
        assert all(issubclass(resolve(spec, {}).make, Equipped) for spec in model_specs().values())


class TestLiveParties:
    SOURCE = """
from fdbench.adapter.base import Port

class Server:
    hears = says = Port(16000, 320)
    def __init__(self, slots): self.slots = slots
    async def open(self, brief): ...

class Wrapped(Server):
    def open(self, brief): return super().open(brief)

class Both(Wrapped):
    def step(self, heard): ...
    def close(self, slot): ...
"""

    @pytest.fixture
    def file(self, tmp_path):
        (tmp_path / "server.py").write_text(self.SOURCE)
        return tmp_path / "server.py"

    def test_an_async_open_says_that_a_class_is_one(self, file):
        adapter = load(file, "Server")
        assert adapter.is_live and adapter.spec.clock == "realtime"
        assert adapter.open_live(2).slots == 2

    def test_an_open_that_returns_something_to_be_awaited_is_refused_with_what_to_write(self, file):
        with pytest.raises(AdapterError, match=r"server.py:Wrapped.* has neither step\(\) nor .* async") as error:
            load(file, "Wrapped")
        assert "async def open(self, brief)" in error.value.remedy
        assert not load(file, "Both").is_live  # the driver of virtual time says what is wrong with its open()

    @pytest.mark.parametrize(("adapter", "clock"), [("baselines:Echo", "realtime"), ("realtime:Realtime", "lockstep")])
    def test_an_entry_with_another_clock_than_its_class_is_an_error(self, adapter, clock):
        with pytest.raises(AdapterError, match=f"has the clock {clock}, but {adapter} is made for") as error:
            resolve(ModelSpec("m", adapter, "models.yaml", clock=clock), {})
        assert "async def" in error.value.remedy


class TestWhatAgentsShare:
    SOURCE = """
import numpy as np
from fdbench.adapter.base import Agent, Port

LOADED = []

class Model:
    frame = 320

class Sharing(Agent):
    @classmethod
    def load(cls, size: int = 1):
        LOADED.append(size)
        return Model()
    def __init__(self, size: int = 1):
        self.hears = self.says = Port(16000, self.shared.frame)
    def reset(self, brief): pass
    def step(self, heard): return heard
    def release(self): assert isinstance(self.shared, Model)

class Unready(Sharing):
    @classmethod
    def load(cls, size): raise OSError("no weights")
"""

    def test_it_is_loaded_once_for_all_slots_and_let_go_at_the_end(self, tmp_path):
        (tmp_path / "sharing.py").write_text(self.SOURCE)
        adapter = load(tmp_path / "sharing.py", "Sharing", size="7")
        party = adapter.open_party(8)
        agents = party._agents
        assert sys.modules[adapter.make.__module__].LOADED == [7]
        assert len({id(agent) for agent in agents}) == 8 and len({id(agent.shared) for agent in agents}) == 1
        assert party.hears == Port(16000, 320)
        party.release()
        assert all(agent.shared is None for agent in agents)

    def test_what_cannot_be_loaded_is_named(self, tmp_path):
        (tmp_path / "sharing.py").write_text(self.SOURCE)
        with pytest.raises(AdapterError, match=r"cannot be made: OSError: no weights \(sharing\.py:\d+ in load\)"):
            load(tmp_path / "sharing.py", "Unready").open_party(8)
