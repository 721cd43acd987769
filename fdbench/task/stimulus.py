"""Prompts that have not been read yet: a file, or a script of utterances put together when loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fdbench.core.sound import Audio
from fdbench.errors import DataError
from fdbench.io.files import digest_of, sha256_of, sha256_of_file
from fdbench.io.wav import decode_audio, read_audio, resampled

SCRIPT_RATE_HZ = 16000


@dataclass(frozen=True, slots=True)
class FileStimulus:
    """A prompt in an audio file."""

    path: Path

    @property
    def digest(self) -> str:
        """SHA-256 of the file's bytes; nothing is decoded.

        Raises:
            DataError: The file cannot be read.
        """
        try:
            return sha256_of_file(self.path)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror})") from None

    def load(self) -> Audio:
        return read_audio(self.path)


@dataclass(frozen=True, slots=True)
class Placement:
    """One utterance of a script.

    Attributes:
        file: 16 kHz mono.
        sha256: Of the file's bytes.
        start: First sample, at 16 kHz, from the beginning of the prompt.
    """

    file: Path
    sha256: str
    start: int


@dataclass(frozen=True, slots=True)
class ScriptStimulus:
    """A prompt put together from utterances at integer samples, so that its annotation is exact.

    Attributes:
        placements: What is heard, mixed at 16 kHz.
        n_samples: Length at 16 kHz.
        sample_rate: Of the prompt, Hz; the mix is resampled to it.
    """

    placements: tuple[Placement, ...]
    n_samples: int
    sample_rate: int

    @property
    def digest(self) -> str:
        script = [[placement.sha256, placement.start] for placement in self.placements]
        return digest_of({"script": script, "n_samples": self.n_samples, "sample_rate": self.sample_rate})

    def load(self) -> Audio:
        """Read, check and mix the utterances.

        Raises:
            DataError: A file is missing, damaged, not the one that its pin names, or does not fit into the prompt.
        """
        mix = np.zeros(self.n_samples, np.float32)
        for placement in self.placements:
            data = read_pinned(placement.file, placement.sha256, "reinstall fdbench")
            utterance = decode_audio(data, str(placement.file))
            if utterance.sample_rate != SCRIPT_RATE_HZ:
                raise DataError(f"{placement.file}: expected {SCRIPT_RATE_HZ} Hz, found {utterance.sample_rate} Hz")
            end = placement.start + len(utterance.samples)
            if end > self.n_samples:
                raise DataError(f"{placement.file}: ends at sample {end}, the prompt has {self.n_samples}")
            mix[placement.start : end] += utterance.samples
        return resampled(Audio(mix, SCRIPT_RATE_HZ), self.sample_rate)


def read_pinned(path: Path, sha256: str, remedy: str) -> bytes:
    """The bytes of a file that has to be the one with this hash. Raises DataError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})", remedy) from None
    found = sha256_of(data)
    if found != sha256:
        raise DataError(f"{path}: expected SHA-256 {sha256}, found {found}", remedy)
    return data
