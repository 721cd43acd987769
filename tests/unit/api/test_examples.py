"""What docstrings and the documentation show is what happens."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

from fdbench.core.sound import Audio
from fdbench.io.wav import write_flac
from fdbench.task.load import load_samples, task_specs

README = Path(__file__).parents[3] / "docs" / "python.md"
MODULES = (
    "fdbench.api.clip",
    "fdbench.api.reward",
    "fdbench.api.run",
    "fdbench.core.take_id",
    "fdbench.scoring.corrected.boundaries",
    "fdbench.scoring.corrected.yielding",
    "fdbench.scoring.corrected.lost_time",
    "fdbench.scoring.corrected.pause",
    "fdbench.scoring.corrected.turn",
    "fdbench.scoring.corrected.opportunities",
    "fdbench.scoring.published.takeover",
    "fdbench.scoring.rewards",
    "fdbench.stats.comparison",
    "fdbench.stats.frontier",
    "fdbench.stats.wilson",
)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_are_true(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert found.attempted > 0 and found.failed == 0


def python_in_readme(marker: str) -> str:
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL) if marker in block)
    return code


def test_the_notebooks_three_lines_in_the_readme(tmp_path, monkeypatch, capsys):
    sample = load_samples(task_specs()["mini/turn_taking"], None).samples[0]
    prompt = sample.stimuli["main"].load()
    write_flac(tmp_path / "user.flac", prompt)
    write_flac(tmp_path / "model.flac", Audio.silence(prompt.duration_s, prompt.sample_rate))
    monkeypatch.chdir(tmp_path)
    code = python_in_readme("fdbench.score(")
    assert len([line for line in code.splitlines() if line.strip()]) == 3
    exec(code.replace(".wav", ".flac"), {})
    assert "no_reply" in capsys.readouterr().out
