"""Takes for the tests of this folder; module-level and picklable, so that workers can be handed them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fdbench.core.annotation import Channel
from fdbench.core.sound import Audio, Track
from fdbench.errors import DataError
from fdbench.io.files import sha256_of
from fdbench.io.wav import read_audio

AUDIO = Path(__file__).parents[2] / "golden" / "data" / "audio"


@dataclass(frozen=True)
class FileTake:
    """The model's channel from a file, placed at ``start_s``; ``loads`` counts through a file, across processes."""

    model: Path | None
    user: Path | None = None
    behaviour: str = "turn_taking"
    stimulus: str = "main"
    folder: Path | None = None
    start_s: float = 0.0
    log: Path | None = None

    def digest(self, channel: Channel) -> str | None:
        path = self._path(channel)
        return sha256_of(path.read_bytes()) if path is not None and path.exists() else None

    def load(self, channel: Channel) -> Track:
        path = self._path(channel)
        if path is None:
            raise DataError(f"no {channel}")
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{path.name}\n")
        return Track(read_audio(path), self.start_s)

    def _path(self, channel: Channel) -> Path | None:
        return self.model if channel == "model" else self.user


@dataclass(frozen=True)
class SoundTake:
    """A take made of given samples at 16 kHz."""

    samples: tuple[float, ...]
    start_s: float = 0.0
    behaviour: str = "turn_taking"
    stimulus: str = "main"
    folder: Path | None = None

    def digest(self, channel: Channel) -> str | None:
        return sha256_of(repr((self.samples, self.start_s)).encode())

    def load(self, channel: Channel) -> Track:
        return Track(Audio(np.array(self.samples, np.float32), 16000), self.start_s)


@dataclass(frozen=True)
class SlowTake:
    """Takes for ever to load, by the standards of a test; says in ``folder`` that it has begun and that it is done."""

    folder: Path
    behaviour: str = "turn_taking"
    stimulus: str = "main"

    def digest(self, channel: Channel) -> str | None:
        return "slow"

    def load(self, channel: Channel) -> Track:
        (self.folder / "begun").touch()
        time.sleep(20)
        (self.folder / "done").touch()
        return Track(Audio(np.zeros(16000, np.float32), 16000))


@dataclass(frozen=True)
class DeadlyTake:
    """Kills the process that loads it, as a crash inside an engine or the kernel's memory killer would.

    With ``only_once``, a file that does not exist yet, it does so the first time only.
    """

    only_once: Path | None = None
    behaviour: str = "turn_taking"
    stimulus: str = "main"
    folder: Path | None = None

    def digest(self, channel: Channel) -> str | None:
        return "deadly"

    def load(self, channel: Channel) -> Track:
        if self.only_once is None or not self.only_once.exists():
            if self.only_once is not None:
                self.only_once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Track(Audio.silence(1.0, 16000))
