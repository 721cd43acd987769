"""A prompt is hashed once per command, however often its task is asked for."""

from __future__ import annotations

from collections import Counter

import pytest

from fdbench.task import stimulus
from tests.conftest import fdbench

HEAR = ("--asr", "none", "--protocol", "fdbench", "--workers", "1")
COMMAND = ("run", "--model", "silence", "--tasks", "mini/turn_taking", *HEAR)


@pytest.fixture
def hashed(monkeypatch) -> Counter:
    """How often each prompt was hashed."""
    counted: Counter = Counter()
    digest = stimulus.ScriptStimulus.digest.fget

    def counting(self):
        counted[self] += 1
        return digest(self)

    monkeypatch.setattr(stimulus.ScriptStimulus, "digest", property(counting))
    return counted


@pytest.mark.parametrize("limit", [("--limit", "3"), ()])
def test_a_resumed_run_hashes_each_prompt_once(hashed, limit, tmp_path):
    for _ in range(2):
        hashed.clear()
        assert fdbench(*COMMAND, *limit, "--out", tmp_path).status == 0
        assert hashed and set(hashed.values()) == {1}
    (run,) = tmp_path.iterdir()
    hashed.clear()
    assert fdbench("score", run, *HEAR).status == 0
    assert hashed and set(hashed.values()) == {1}
