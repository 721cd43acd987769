"""From `--model NAME --arg k=v` to a party, with errors that say what to type instead."""

from __future__ import annotations

import hashlib
import json
import re
import sys

import numpy as np
import pytest

from fdbench.adapter.base import AgentParty, Batch, Brief, Equipped, Need, Port, Provenance
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


class TestNeighbours:
    """What lies beside an adapter's file, and is imported by it, belongs to it."""

    MAIN = """
import numpy as np
{imports}
from fdbench.adapter.base import Agent, Port

class Mine(Agent):
    hears = says = Port(16000, 320)
    def reset(self, brief): pass
    def step(self, heard):
        {late}
        return np.full(320, {value}, np.float32)
"""

    def write(self, folder, imports="import helper", value="helper.VALUE", late="pass", name="mine.py", **files):
        folder.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(self.MAIN.format(imports=imports, value=value, late=late))
        for path, text in files.items():
            file = folder / f"{path.replace('__in__', '/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        return folder / name

    def says(self, path):
        party = load(path, "Mine").open_party(1)
        party.open(0, Brief())
        spoken = party.step(Batch((0,), np.zeros((1, 320), np.float32), np.zeros(1)))
        assert not spoken.failed, spoken.failed
        return round(float(spoken.audio[0, 0]), 3)

    def identity(self, path):
        return load(path, "Mine").identity

    def test_a_file_alone_is_known_by_its_own_hash(self, tmp_path):
        path = self.write(tmp_path, imports="import json", value="0.5", unused="VALUE = 1")
        assert self.identity(path) == f"mine.py:Mine@{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"

    @pytest.mark.parametrize(
        ("imports", "value"),
        [
            ("import helper", "helper.VALUE"),
            ("import helper as other", "other.VALUE"),
            ("from helper import VALUE as v", "v"),
            ("from helper import *", "VALUE"),
            ("from . import helper", "helper.VALUE"),
            ("from .helper import VALUE", "VALUE"),
            ("import package.inner", "package.inner.VALUE"),
            ("import package.inner as inner", "inner.VALUE"),
            ("from package import inner", "inner.VALUE"),
            ("from package import FROM_INNER", "FROM_INNER"),
            ("from package.inner import VALUE", "VALUE"),
            ("from .package import inner", "inner.VALUE"),
            ("import bare.inner", "bare.inner.VALUE"),
            ("from bare.inner import VALUE", "VALUE"),
        ],
    )
    def test_it_imports_what_lies_beside_it(self, imports, value, tmp_path):
        files = {
            "helper": "from package.inner import VALUE",
            "package__in____init__": "from .inner import VALUE as FROM_INNER",
            "package__in__inner": "import leaf\nVALUE = leaf.VALUE",
            "bare__in__inner": "from leaf import VALUE",
            "leaf": "VALUE = 0.25",
        }
        path = self.write(tmp_path, imports, value, **files)
        assert self.says(path) == 0.25
        before = self.identity(path)
        (tmp_path / "leaf.py").write_text("VALUE = 0.75")
        assert self.says(path) == 0.75
        assert self.identity(path) != before
        assert not list(tmp_path.rglob("__pycache__"))
        assert "leaf" not in sys.modules and "helper" not in sys.modules and str(tmp_path) not in sys.path

    def test_an_import_in_a_function_counts(self, tmp_path):
        path = self.write(tmp_path, imports="", late="import helper", helper="VALUE = 0.25")
        adapter = load(path, "Mine")
        assert self.says(path) == 0.25
        (tmp_path / "helper.py").write_text("VALUE = 0.75")
        assert self.identity(path) != adapter.identity
        spoken = adapter.open_party(1).step(Batch((0,), np.zeros((1, 320), np.float32), np.zeros(1)))
        assert spoken.audio[0, 0] == 0.25, "what runs is what was hashed"

    def test_the_order_of_imports_and_the_place_of_the_folder_make_no_difference(self, tmp_path):
        files = {"a": "import b\nVALUE = b.VALUE", "b": "VALUE = 0.25"}
        here = self.identity(self.write(tmp_path / "here", "import a", "a.VALUE", **files))
        there = self.identity(self.write(tmp_path / "there", "import a", "a.VALUE", unused="", **dict(reversed(files.items()))))
        renamed = {"a": "import c\nVALUE = c.VALUE", "c": "VALUE = 0.25"}
        assert here == there != self.identity(self.write(tmp_path / "renamed", "import a", "a.VALUE", **renamed))

    def test_neighbours_of_one_name_in_two_folders_are_two(self, tmp_path):
        first = self.write(tmp_path / "first", helper="VALUE = 0.25")
        second = self.write(tmp_path / "second", helper="VALUE = 0.75", name="other.py")
        one = load(first, "Mine").open_party(1)
        assert self.says(second) == 0.75
        assert one.step(Batch((0,), np.zeros((1, 320), np.float32), np.zeros(1))).audio[0, 0] == 0.25

    @pytest.mark.parametrize("name", ["soundfile", "queue", "json"])
    def test_one_that_is_called_like_an_installed_package_is_meant_here_and_nowhere_else(self, name, tmp_path):
        before = sys.modules.get(name)
        assert self.says(self.write(tmp_path, f"import {name}", f"{name}.VALUE", **{name: "VALUE = 0.25"})) == 0.25
        assert sys.modules.get(name) is before
        assert json.loads("1") == 1

    def test_a_file_that_imports_the_package_it_is_called_like_does_not_mean_itself(self, tmp_path):
        path = self.write(tmp_path, "import soundfile", "0.5 if soundfile.read else 0", name="soundfile.py")
        assert self.says(path) == 0.5
        assert self.identity(path).endswith(hashlib.sha256(path.read_bytes()).hexdigest()[:12])

    def test_a_folder_without_init_hides_no_installed_package_and_nothing_hides_fdbench(self, tmp_path):
        path = self.write(tmp_path, "import scipy.signal", "0.5", scipy__in__signal="1 / 0", fdbench="1 / 0")
        assert self.says(path) == 0.5

    def test_neighbours_may_import_each_other_and_the_file_itself(self, tmp_path):
        helper = "import mine\nfrom other import VALUE\ndef back(): return mine.Mine"
        path = self.write(tmp_path, value="helper.VALUE", helper=helper, other="import helper\nVALUE = 0.25")
        adapter = load(path, "Mine")
        assert self.says(path) == 0.25
        assert sys.modules[adapter.make.__module__].helper.back() is adapter.make

    def test_one_that_is_named_at_run_time_only_is_an_error_that_says_what_to_write(self, tmp_path):
        path = self.write(tmp_path, "helper = __import__('hel' + 'per')", helper="VALUE = 0.25")
        with pytest.raises(AdapterError, match="no hash covers: write `import helper`"):
            load(path, "Mine")

    def test_a_broken_or_missing_neighbour_is_named(self, tmp_path):
        with pytest.raises(AdapterError, match=r"SyntaxError: .*helper\.py, line 1"):
            load(self.write(tmp_path / "a", helper="def"), "Mine")
        with pytest.raises(AdapterError, match=r"ZeroDivisionError: division by zero \(helper\.py:2 in <module>\)"):
            load(self.write(tmp_path / "b", helper="\n1 / 0"), "Mine")
        with pytest.raises(AdapterError, match="No module named 'helper'"):
            load(self.write(tmp_path / "c"), "Mine")
        with pytest.raises(AdapterError, match=r"there is no package\.none beside mine\.py"):
            load(self.write(tmp_path / "d", "import package.none", package__in____init__=""), "Mine")


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
