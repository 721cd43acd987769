"""Prompts inside a dataset: small references to bytes that are read when a call begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fdbench.core.conversation import Stimulus
from fdbench.core.sound import Audio
from fdbench.errors import DataError
from fdbench.io.files import sha256_of, write_bytes_atomically
from fdbench.io.wav import decode_audio, encode_flac
from fdbench.task.stimulus import FileStimulus

_BATCH_ROWS = 8
"""Rows decoded at a time on the way to the one that is wanted: bounds memory where a row group holds many."""


class Cell(Protocol):
    """Where bytes are. Implementations are small, frozen and picklable."""

    def read(self) -> bytes:
        """Raises DataError if they are not there any more."""


@dataclass(frozen=True, slots=True)
class ParquetCell:
    """The ``bytes`` of an audio column in one row of a parquet file.

    Attributes:
        row: Counted from the beginning of the file.
    """

    file: Path
    row: int
    column: str

    def read(self) -> bytes:
        import pyarrow
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(self.file, memory_map=True) as file:
                data = self._find(file)
        except (OSError, pyarrow.ArrowException) as error:
            raise DataError(f"{self.file}: row {self.row} cannot be read ({error})", "fetch the dataset again") from None
        if not isinstance(data, bytes):
            raise DataError(f"{self.file}: row {self.row} holds no bytes in '{self.column}'", "the dataset was changed")
        return data

    def _find(self, file: Any) -> object:
        at = self.row
        for group in range(file.num_row_groups):
            n_rows = file.metadata.row_group(group).num_rows
            if at < n_rows:
                break
            at -= n_rows
        else:
            return None
        for batch in file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=[f"{self.column}.bytes"]):
            if at < batch.num_rows:
                value = batch.column(0)[at].as_py()
                return value["bytes"] if value else None
            at -= batch.num_rows
        return None


@dataclass(frozen=True, slots=True)
class SpooledCell:
    """Bytes that were streamed from the hub and laid down in the user's cache under their hash."""

    path: Path

    @classmethod
    def of(cls, root: Path, data: bytes, sha256: str) -> SpooledCell:
        path = root / sha256[:2] / sha256
        if not (path.is_file() and path.stat().st_size == len(data)):
            write_bytes_atomically(path, data)
        return cls(path)

    def read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror})", "start again: it is streamed anew") from None


@dataclass(frozen=True, slots=True)
class CellStimulus:
    """A prompt in a row of a dataset.

    Attributes:
        digest: SHA-256 of the bytes, the same as that of the file they came from.
        file_name: Of the file they came from.
        where: What errors call it: dataset, config and id.
    """

    cell: Cell
    digest: str
    file_name: str
    where: str

    def read(self) -> bytes:
        """The file's bytes.

        Raises:
            DataError: They are gone, or others than when the dataset was opened.
        """
        data = self.cell.read()
        found = sha256_of(data)
        if found != self.digest:
            raise DataError(f"{self.where}: the audio changed, expected SHA-256 {self.digest}, found {found}", "start again")
        return data

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
