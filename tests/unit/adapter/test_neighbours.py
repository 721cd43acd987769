"""A model in a file and the modules beside it: they are its own, and the run's id covers them."""

from __future__ import annotations

import hashlib
import json
import sys

import numpy as np
import pytest

from fdbench.adapter.base import Batch, Brief
from fdbench.adapter.load import find_model, resolve
from fdbench.errors import AdapterError


def load(path, name, **given):
    return resolve(find_model(f"{path}:{name}"), given)


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
