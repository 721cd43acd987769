"""`fdbench doctor` plays one clip as a run would, and says what could be heard of the model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.conftest import fdbench

CLIP = "one clip, mini/turn_taking tt-01"
SERVERS = Path(__file__).with_name("live_stand_ins.py")

MODELS = """
import numpy as np
from fdbench.adapter.base import Agent, Port

class Hum(Agent):
    hears = says = Port(16000, 320)
    def reset(self, brief): self.n = 0
    def step(self, heard):
        self.n += 320
        return (0.05 * np.sin(2 * np.pi * 100 * np.arange(self.n - 320, self.n) / 16000)).astype(np.float32)

class Faint(Hum):
    def step(self, heard): return super().step(heard) / np.float32(100)

class Told(Hum):
    "Breaks off where it is told what only a task tells."
    def reset(self, brief):
        super().reset(brief)
        if brief.instructions: raise LookupError("no such instruction")
"""


def checks(model, **environment):
    finished = fdbench("doctor", "--model", model, "--json", **environment)
    return finished.status, {check["name"]: check for check in json.loads(finished.out)}


@pytest.fixture
def file(tmp_path):
    (tmp_path / "models.py").write_text(MODELS)
    return tmp_path / "models.py"


def test_a_model_that_says_nothing_is_no_worse_for_it(file):
    for model in ("silence", f"{file}:Faint"):
        status, found = checks(model)
        assert status == 0 and found[CLIP]["holds"]
        assert re.fullmatch(r"the model said nothing in \d\.\d s \(nothing above -50 dBFS\)", found[CLIP]["detail"])


def test_what_was_heard_is_told_and_a_hum_is_no_speech(file):
    pytest.importorskip("onnxruntime", reason="needs pip install 'fdbench[vad]'")
    status, found = checks(f"{file}:Hum")
    assert status == 0
    assert re.fullmatch(r"\d\.\d s of sound in \d\.\d s, at -29 dBFS; 0\.0 s are heard as speech", found[CLIP]["detail"])
    detail = checks("oracle")[1][CLIP]["detail"]
    assert float(re.search(r"; (\d\.\d) s are heard as speech", detail)[1]) > 1.0, detail


def test_a_clip_that_breaks_is_a_check_that_fails(file):
    status, found = checks(f"{file}:Told")
    assert status == 3 and not found[CLIP]["holds"]
    assert "LookupError: no such instruction" in found[CLIP]["detail"]


def test_a_server_is_played_the_clip_on_the_wall_clock():
    status, found = checks(f"{SERVERS}:Answerer", FDBENCH_TEST_TIME="virtual")
    assert status == 0, found
    assert re.match(r"\d\.\d s of sound in \d\.\d s", found[CLIP]["detail"])
    assert "cost 0.5" in found["what that took"]["detail"]
