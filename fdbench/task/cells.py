"""Prompts that came in a dataset: laid down in the user's cache under their hash, read when a call begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fdbench.core.conversation import Stimulus
from fdbench.core.sound import Audio
from fdbench.errors import DataError
from fdbench.io.files import sha256_of, user_cache, write_bytes_atomically
from fdbench.io.wav import decode_audio, encode_flac
from fdbench.task.stimulus import FileStimulus, read_pinned


@dataclass(frozen=True, slots=True)
class CellStimulus:
    """A prompt in a row of a dataset.

    Attributes:
        path: Where its bytes lie in the cache.
        digest: SHA-256 of the bytes, the same as that of the file they came from.
        file_name: Of the file they came from.
        where: What errors call it: dataset, config and id.
    """

    path: Path
    digest: str
    file_name: str
    where: str

    @classmethod
    def of(cls, data: bytes, file_name: str, where: str) -> CellStimulus:
        """Lay the bytes down, if they are not there yet."""
        sha256 = sha256_of(data)
        path = user_cache() / "audio" / sha256[:2] / sha256
        if not (path.is_file() and path.stat().st_size == len(data)):
            write_bytes_atomically(path, data)
        return cls(path, sha256, file_name, where)

    def read(self) -> bytes:
        """The file's bytes. Raises DataError if they are gone, or others than when the dataset was opened."""
        return read_pinned(self.path, self.digest, "remove it and start again: it is read anew from the dataset")

    def load(self) -> Audio:
        return decode_audio(self.read(), self.where)


def prompt_file(stimulus: Stimulus, sample_id: str) -> tuple[bytes, str]:
    """A prompt as a file: bytes and name. What is a file stays as it is; what is put together becomes FLAC.

    Raises:
        DataError: It cannot be read.
    """
    if isinstance(stimulus, CellStimulus):
        return stimulus.read(), stimulus.file_name
    if isinstance(stimulus, FileStimulus):
        try:
            return stimulus.path.read_bytes(), stimulus.path.name
        except OSError as error:
            raise DataError(f"{stimulus.path}: cannot be read ({error.strerror})") from None
    return encode_flac(stimulus.load()), f"{sample_id}.flac"
