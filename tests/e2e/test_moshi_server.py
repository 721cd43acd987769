"""The real servers on loopback, on a CPU: ``python -m moshi.server``, and PersonaPlex's where the fork is there.

Their weights are tiny and random; everything else is the servers' own. Two of them hold clips in parallel, one is killed in
the middle of a conversation and started again, and every clip is recorded from its beginning to its end.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from fdbench.adapters.moshi_server import MoshiServer

from fdbench.adapter.live import Delta, Note
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.session_log import SessionLog, from_stored
from fdbench.call.timeouts import Timeouts
from fdbench.core.conversation import Brief, FailedCall, Recording, Sample, Take
from fdbench.core.sound import Audio
from fdbench.errors import AdapterError
from tests import personaplex_tiny
from tests.tiny_moshi import sounds

pytest.importorskip("websockets", reason="needs pip install 'fdbench[moshi-server]'")

LOG = logging.getLogger(__name__)
N_CLIPS, PROMPT_S = 8, 1.5
ALONE = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NO_TORCH_COMPILE": "1",
    "HF_HUB_OFFLINE": "1",
    "PYTHONUNBUFFERED": "1",
}

# The stock server asks for CUDA once, at the end of its warm-up.
LAUNCHER = """
import runpy, sys, torch
torch.set_num_threads(1)
torch.cuda.synchronize = lambda *_: None
sys.argv[0] = "moshi.server"
runpy.run_module("moshi.server", run_name="__main__", alter_sys=True)
"""


@dataclass
class Server:
    """A server in a process of its own, that can be killed and started again on its port."""

    command: Sequence[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/chat"

    def start(self) -> None:
        with self.log.open("ab") as log:
            environment = {**os.environ, **ALONE, **self.environment}
            command = [*self.command, "--port", str(self.port)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def wait(self, limit_s: float = 90.0) -> None:
        until_s = time.monotonic() + limit_s
        while time.monotonic() < until_s:
            assert self.process and self.process.poll() is None, self.log.read_text()[-2000:]
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError(f"the server did not start: {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)


@contextmanager
def two(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Iterator[tuple[Server, Server]]:
    servers = tuple(Server(command, folder / f"server{i}.log", environment) for i in range(2))
    with ExitStack() as stack:
        for server in servers:
            server.start()
            stack.callback(server.kill)
        for server in servers:
            server.wait()
        yield servers


@dataclass(frozen=True)
class Held:
    """A call and its log."""

    outcome: Recording | FailedCall
    log: SessionLog | None


def hold(party: MoshiServer, n: int = N_CLIPS, meanwhile: threading.Thread | None = None) -> dict[str, Held]:
    prompts = sounds(n, PROMPT_S, 24000, seed=5)
    invitations = [
        Invitation(Take(Sample(f"clip{i}", "e2e", {})), Brief(stimulus=Audio(prompt, 24000)), Brief("You are a teacher."))
        for i, prompt in enumerate(prompts)
    ]
    timeouts = Timeouts(open_s=120.0, pause_s=0.2)
    if meanwhile:
        meanwhile.start()
    # Random weights never fall silent, so a call ends at its limit.
    held = {
        take.sample.id: Held(outcome, from_stored(outcome.log) if outcome.log else None)
        for take, outcome in Driver(party, None, Ending(0.5, 0.8), timeouts=timeouts).run(invitations)
    }
    if meanwhile:
        meanwhile.join()
    return held


def check(held: dict[str, Held], frames_missing: int) -> None:
    """Every clip is there, from its beginning to its end, with sound all along, where it belongs."""
    assert sorted(held) == [f"clip{i}" for i in range(N_CLIPS)]
    for name, each in held.items():
        assert isinstance(each.outcome, Recording), (name, each.outcome)
        assert each.log.end_s >= PROMPT_S + 0.5
        samples = np.concatenate([delta.audio for _, delta in each.log.of(Delta)])
        n_sent = len(each.log.sent_s)
        behind = lags(each.log, frames_missing)
        assert min(behind) > 0, (name, behind)
        # The answers to the last frames are still on their way when a call ends; how many, is how busy this machine is.
        n_replies, n_late = len(samples) / 1920, 3 + max(behind) / 0.08
        assert n_sent - frames_missing - n_late <= n_replies <= n_sent - frames_missing, (name, n_sent, n_replies)
        assert (np.abs(samples).reshape(-1, 480).max(1) > 1e-3).mean() > 0.9
    assert len({each.outcome.model.audio.samples.tobytes() for each in held.values()}) == N_CLIPS


def lags(log: SessionLog, frames_missing: int) -> list[float]:
    """How long after its frame had left each reply came, counted by samples."""
    found, n_samples = [], 0
    for at_s, delta in log.of(Delta):
        n_samples += len(delta.audio)
        found.append(at_s - log.sent_s[n_samples // 1920 - 1 + frames_missing])
    return found


def told(held: dict[str, Held], frames_missing: int) -> None:
    """For ``pytest -o log_cli_level=INFO``: what was measured."""
    behind = np.concatenate([lags(each.log, frames_missing) for each in held.values()]) * 1000
    shift = []
    for each in held.values():
        arrivals = np.array([at_s for at_s, _ in each.log.of(Delta)])
        ends = np.maximum.accumulate(arrivals - np.arange(len(arrivals)) * 0.08)  # the playout's queue only ever grows later
        shift.append(ends[-1] - ends[0])
    pings = [trip for each in held.values() for trip in each.log.round_trips_s]
    late = [late for each in held.values() for late in each.log.late_s]
    notes = [(name, note.what, dict(note.facts)) for name, each in held.items() for _, note in each.log.of(Note)]
    quantiles = ", ".join(f"{q}%: {np.percentile(behind, q):.1f}" for q in (0, 50, 90, 99, 100))
    LOG.info("reply after its frame, ms: %s; jitter (sd) %.1f", quantiles, behind.std())
    LOG.info("played later at the end of a call than at its beginning, ms: %s", np.round(np.array(shift) * 1000, 1).tolist())
    LOG.info("round trips, ms: %s", np.round(np.array(pings) * 1000, 2).tolist())
    LOG.info("frames more than 5 ms late: %.2f %%", 100 * np.mean(np.array(late) > 0.005))
    LOG.info("broken: %s", {name: each.log.broken for name, each in held.items() if each.log.broken})
    LOG.info("notes: %s", notes)


def kill_and_restart(server: Server, begins: str) -> threading.Thread:
    """In the middle of its second conversation, by what the server writes when one begins."""

    def act() -> None:
        until_s = time.monotonic() + 60
        while server.log.read_text(errors="replace").count(begins) < 2 and time.monotonic() < until_s:
            time.sleep(0.02)
        time.sleep(1.0)
        server.kill()
        time.sleep(0.5)
        server.start()

    return threading.Thread(target=act, daemon=True)


@pytest.fixture(scope="module")
def moshi_servers(tiny_moshi, tmp_path_factory):
    folder = tmp_path_factory.mktemp("servers")
    launcher = folder / "launcher.py"
    launcher.write_text(LAUNCHER)
    command = [
        sys.executable, str(launcher), "--device", "cpu", "--static", "none", "--host", "127.0.0.1",
        "--hf-repo", str(tiny_moshi), "--config-path", str(config_with_files(tiny_moshi, folder)),
    ]  # fmt: skip
    with two(command, folder, {}) as servers:
        yield servers


def config_with_files(checkpoint: Path, folder: Path) -> Path:
    """The checkpoint's configuration with its files where they lie, or the package would look for them on the hub."""
    config = json.loads((checkpoint / "config.json").read_text())
    config.update({key: f"file://{checkpoint / name}" for key, name in config.items() if key.endswith("_name")})
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


def test_moshis_own_server_two_in_parallel_one_killed_half_way(moshi_servers):
    one, two = moshi_servers
    party = MoshiServer(f"{one.url},{two.url}", behind_limit_s=3.0)
    assert party.slots == 2
    held = hold(party, meanwhile=kill_and_restart(one, "accepted connection"))
    told(held, 1)
    check(held, frames_missing=1)
    assert any("dropped" in broken["why"] for each in held.values() for broken in each.log.broken)


def test_the_restarted_server_is_used_again(moshi_servers):
    one, _ = moshi_servers
    one.wait()
    held = hold(MoshiServer(one.url, behind_limit_s=3.0), n=1)
    assert isinstance(held["clip0"].outcome, Recording), held


def test_moshis_own_server_is_not_taken_for_personaplex(moshi_servers):
    one, _ = moshi_servers
    one.wait()
    with pytest.raises(AdapterError, match="this is Moshi's server"):
        hold(MoshiServer(one.url, voice="NATF2"), n=1)


# --- PersonaPlex's

SOURCE, PYTHON = os.environ.get("FDBENCH_PERSONAPLEX_SRC"), os.environ.get("FDBENCH_PERSONAPLEX_PYTHON")
needs_fork = pytest.mark.skipif(
    not (SOURCE and PYTHON),
    reason="set FDBENCH_PERSONAPLEX_SRC to a checkout of NVIDIA/personaplex, and FDBENCH_PERSONAPLEX_PYTHON to its interpreter",
)


@pytest.fixture(scope="module")
def personaplex_servers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fork")
    python = personaplex_tiny.wrapper(folder / "bin", Path(PYTHON), Path(SOURCE).resolve())
    weights, home = folder / "weights", folder / "hub"
    snapshot = home / "hub" / "models--nvidia--personaplex-7b-v1"  # the server asks for one file, always
    for path, content in {"refs/main": "0", "snapshots/0/config.json": "{}"}.items():
        (snapshot / path).parent.mkdir(parents=True)
        (snapshot / path).write_text(content)
    subprocess.run([str(python), personaplex_tiny.__file__, str(weights)], env={**os.environ, **ALONE}, check=True)
    command = [
        str(python), "-m", "moshi.server", "--device", "cpu", "--static", "none", "--voice-prompt-dir", str(weights / "voices"),
        "--tokenizer", str(weights / "tokenizer_spm_32k_3.model"), "--moshi-weight", str(weights / "model.safetensors"),
        "--mimi-weight", str(weights / "tokenizer-e351c8d8-checkpoint125.safetensors"),
    ]  # fmt: skip
    with two(command, folder, {"HF_HOME": str(home)}) as servers:
        yield servers


@needs_fork
def test_personaplexs_own_server_two_in_parallel_one_killed_half_way(personaplex_servers):
    one, two = personaplex_servers
    party = MoshiServer(f"{one.url},{two.url}", voice="TINY0.wav", behind_limit_s=3.0)
    held = hold(party, meanwhile=kill_and_restart(one, "sent handshake bytes"))
    told(held, 0)
    check(held, frames_missing=0)  # its prompts went through the model first: already frame 0 is answered
    assert any("dropped" in broken["why"] for each in held.values() for broken in each.log.broken)


@needs_fork
def test_personaplexs_own_server_refuses_a_voice_it_does_not_have(personaplex_servers):
    _, two = personaplex_servers
    with pytest.raises(AdapterError, match="has no such voice"):
        hold(MoshiServer(two.url, voice="NATF2"), n=1)
    with pytest.raises(AdapterError, match="without --arg voice"):
        hold(MoshiServer(two.url), n=1)
