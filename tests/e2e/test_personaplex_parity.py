"""What the worker says is, to the sample, what the fork's own unmodified offline program writes for the same seed.

Needs the fork: FDBENCH_PERSONAPLEX_SRC names a checkout of NVIDIA/personaplex, and FDBENCH_PERSONAPLEX_PYTHON an interpreter
with what it needs (default: the one that ``fdbench setup personaplex`` made). The weights are tiny and random; the code is the
fork's.
"""

from __future__ import annotations

import json
import os
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fdbench.adapters.personaplex import FRAME_80_MS, PersonaPlex

from fdbench.adapter.base import Batch, Brief
from fdbench.io.wav import read_audio
from fdbench.worker.environment import find_environment
from tests import personaplex_tiny

SOURCE = os.environ.get("FDBENCH_PERSONAPLEX_SRC")
_MADE = find_environment("personaplex")
PYTHON = os.environ.get("FDBENCH_PERSONAPLEX_PYTHON") or (str(_MADE.python) if _MADE else None)

pytestmark = pytest.mark.skipif(
    not (SOURCE and PYTHON),
    reason="set FDBENCH_PERSONAPLEX_SRC to a checkout of NVIDIA/personaplex, and FDBENCH_PERSONAPLEX_PYTHON to its interpreter",
)

TALK = "You enjoy having a good conversation."
TEACH = "You are a teacher. You know what it is to work and you like it very much. You have a name and you think so."
SEEDS = 1 << 32


@dataclass(frozen=True)
class Clip:
    """What both programs are given."""

    sound: str
    seed: int
    prompt: str = TALK


@dataclass(frozen=True)
class Fork:
    """The fork's interpreter with tiny sizes, and weights of those sizes."""

    python: Path
    weights: Path
    scratch: Path

    def run(self, *arguments: object) -> None:
        """Run a program as the worker runs: one thread, nothing compiled, no network."""
        home = self.scratch / "hub"
        alone = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NO_TORCH_COMPILE": "1"}
        done = subprocess.run(
            [str(self.python), *map(str, arguments)],
            env={**os.environ, **alone, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]

    def offline(self, clip: Clip, voice: str, *options: str) -> tuple[bytes, str]:
        """The wav that the fork's offline program writes, and the text."""
        out = self.scratch / "offline.wav"
        files = {"tokenizer": "tokenizer_spm_32k_3.model", "moshi-weight": "model.safetensors"}
        files["mimi-weight"] = "tokenizer-e351c8d8-checkpoint125.safetensors"
        given = [word for name, file in files.items() for word in (f"--{name}", self.weights / file)]
        self.run(
            "-m", "moshi.offline", "--input-wav", self.weights / clip.sound, "--output-wav", out,
            "--output-text", out.with_suffix(".json"), "--voice-prompt", voice, "--voice-prompt-dir", self.weights / "voices",
            "--text-prompt", clip.prompt, "--device", "cpu", "--seed", clip.seed % SEEDS, *given, *options,
        )  # fmt: skip
        pieces = json.loads(out.with_suffix(".json").read_text())
        return out.read_bytes(), "".join(piece for piece in pieces if piece not in ("EPAD", "PAD"))

    def as_wav(self, samples: np.ndarray) -> bytes:
        """The same library's wav of what the worker said."""
        raw, out = self.scratch / "worker.f32", self.scratch / "worker.wav"
        samples.astype("<f4").tofile(raw)
        self.run("-c", f"import numpy, sphn; sphn.write_wav({str(out)!r}, numpy.fromfile({str(raw)!r}, '<f4'), 24000)")
        return out.read_bytes()


@pytest.fixture(scope="module")
def fork(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("fork")
    python = personaplex_tiny.wrapper(scratch / "bin", Path(PYTHON), Path(SOURCE).resolve())
    snapshot = scratch / "hub" / "hub" / "models--nvidia--personaplex-7b-v1"  # the offline program asks for one file, always
    for path, content in {"refs/main": "0", "snapshots/0/config.json": "{}"}.items():
        (snapshot / path).parent.mkdir(parents=True)
        (snapshot / path).write_text(content)
    fork = Fork(python, scratch / "weights", scratch)
    fork.run(personaplex_tiny.__file__, fork.weights)
    return fork


def party_of(fork, **arguments):
    return PersonaPlex(checkpoint=str(fork.weights), python=str(fork.python), device="cpu", slots=1, **arguments)


def say(fork, party, clip):
    """The worker's side of a clip: as long as the clip, and the text."""
    heard = read_audio(fork.weights / clip.sound).samples
    n = FRAME_80_MS.frame_samples
    frames = np.pad(heard, (0, -len(heard) % n)).reshape(-1, n)
    party.open(0, Brief(clip.prompt, clip.seed))
    said, text = [], ""
    for index, frame in enumerate(frames):
        spoken = party.step(Batch((0,), frame[None], np.array([index * 0.08])))
        assert not spoken.failed, spoken.failed
        said.append(spoken.audio[0])
        text += "".join(event.text for event in spoken.events.get(0, ()))
    party.close(0)
    return np.concatenate(said)[: len(heard)], text


CLIPS = (Clip("clip1.wav", 7), Clip("clip2.wav", 7), Clip("clip1.wav", SEEDS - 1, TEACH), Clip("clip1.wav", 8))


@pytest.fixture(scope="module")
def written(fork):
    return {clip: fork.offline(clip, "TINY0.wav") for clip in CLIPS}


def test_every_clip_of_a_long_lived_worker_is_the_offline_programs(fork, written):
    party = party_of(fork, voice="TINY0")
    for clip in (*CLIPS, CLIPS[0], CLIPS[2], CLIPS[1]):
        said, text = say(fork, party, clip)
        assert fork.as_wav(said) == written[clip][0], clip
        assert text == written[clip][1], clip
    beyond = Clip(CLIPS[0].sound, CLIPS[0].seed + 3 * SEEDS)
    assert fork.as_wav(say(fork, party, beyond)[0]) == written[CLIPS[0]][0]
    party.release()


def test_the_comparison_can_fail(fork, written):
    """Neither silence nor clipped, and another seed, sound or prompt is another reply."""
    assert len({sound for sound, _ in written.values()}) == len(CLIPS)
    with wave.open(str(fork.scratch / "offline.wav")) as file:
        assert file.getsampwidth() == 2
    for sound, text in written.values():
        samples = np.frombuffer(sound[44:], "<i2")
        assert samples.std() > 100
        assert (np.abs(samples.astype(int)) > 32000).mean() < 0.01
        assert len(text) > 10


def test_a_voice_of_embeddings(fork):
    party = party_of(fork, voice="TINY1")
    for clip in (CLIPS[1], CLIPS[0]):
        said, text = say(fork, party, clip)
        assert (fork.as_wav(said), text) == fork.offline(clip, "TINY1.pt")
    party.release()


def test_greedy(fork):
    party = party_of(fork, voice="TINY0", greedy=True)
    for _ in range(2):
        said, text = say(fork, party, CLIPS[1])
    assert (fork.as_wav(said), text) == fork.offline(CLIPS[1], "TINY0.wav", "--greedy")
    party.release()


def test_other_temperatures(fork):
    party = party_of(fork, voice="TINY0", temp=1.1, temp_text=0.3, top_k=50, top_k_text=5)
    said, text = say(fork, party, CLIPS[0])
    options = ("--temp-audio", "1.1", "--temp-text", "0.3", "--topk-audio", "50", "--topk-text", "5")
    assert (fork.as_wav(said), text) == fork.offline(CLIPS[0], "TINY0.wav", *options)
    party.release()


def test_a_voice_that_cannot_be_read_is_a_status(fork, tmp_path):
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"no tensors")
    party = party_of(fork, voice=str(broken))
    party.open(0, Brief(TALK))
    failure = party.step(Batch((0,), np.zeros((1, 1920), np.float32), np.zeros(1))).failed[0]
    assert failure.reason == "worker"
    assert "voice broken.pt: cannot be used" in failure.message
    party.release()
