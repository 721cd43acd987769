"""Shared by all tests: running the command line as a user does, and the trivial agents' runs on mini (made once)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

OPTIONS = {"always-talking": ("--tail-limit", "3")}  # nothing is learnt from hearing it for longer
AGENTS = ("silence", "always-talking", "echo", "vad-endpointer", "random-backchannel", "oracle")


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    status: int
    out: str
    err: str

    @property
    def run(self) -> Path:
        """The run's folder: the last line on standard output."""
        return Path(self.out.strip().splitlines()[-1])


def fdbench(*arguments: object, cwd: Path | None = None, **environment: str) -> Finished:
    """Run ``fdbench`` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "fdbench.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def summaries(run: Path) -> dict[str, dict]:
    """The summaries of a run, by protocol."""
    found = [json.loads(path.read_text()) for path in run.glob("scores/*/summary.json")]
    return {summary["protocol"]: summary["tasks"] for summary in found}


def sample_scores(run: Path, protocol: str) -> dict[tuple[str, str], dict]:
    """The lines of samples.jsonl by (task, id)."""
    (folder,) = run.glob(f"scores/{protocol}-*")
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    return {(line["task"], line["id"]): line["scores"] for line in lines}


@pytest.fixture(scope="session")
def mini_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every trivial agent on the whole of mini, heard by the real VAD and the real recogniser."""
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    out = tmp_path_factory.mktemp("mini")
    runs = {}
    for agent in AGENTS:
        finished = fdbench("run", "--model", agent, "--tasks", "mini", "--asr", "sphinx", "--out", out, *OPTIONS.get(agent, ()))
        assert finished.status == 0, finished.err
        runs[agent] = finished.run
    return runs
