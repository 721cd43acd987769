"""Writes a folder that ``datasets.load_dataset`` opens: parquet files by config, and a card. Seen whole or not at all.

::

    DIR/README.md              the card; its head tells ``datasets`` which files belong to which config
        data/<config>/test-00000.parquet, ...
        fdbench/export.json    that it is ours, what kind, and the hash of every file
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from fdbench import __version__
from fdbench.errors import DataError, UsageError
from fdbench.io.files import read_json, sha256_of_file, to_json
from fdbench.task.hf import audio_in, features_of
from fdbench.task.rows import SPLIT, Columns

Kind = Literal["samples", "run"]

MARKER: Final = "fdbench/export.json"
_OURS: Final = ("README.md", "data", "fdbench")
_ROW_GROUP_BYTES: Final = 4 << 20
_ROW_GROUP_ROWS: Final = 256
"""Row groups are small, so that one clip can be read without its neighbours."""
_SHARD_BYTES: Final = 400 << 20


def kind_of_export(folder: Path) -> Kind | None:
    """What an export in the folder holds; None where there is none."""
    if not (folder / MARKER).is_file():
        return None
    found = read_json(folder / MARKER)
    kind = found.get("kind") if isinstance(found, dict) else None
    if kind not in ("samples", "run"):
        raise DataError(f"{folder / MARKER}: kind: expected samples or run, found {kind!r}", "export it again")
    return "run" if kind == "run" else "samples"


class DatasetWriter:
    """A dataset being written."""

    def __init__(self, folder: Path, kind: Kind) -> None:
        self._folder = folder
        self._kind = kind
        self._configs: dict[str, _Config] = {}

    def add(self, config: str, columns: Columns, row: Mapping[str, Any]) -> None:
        """Append a row to a config, which is there from its first row on.

        Raises:
            DataError: A text is no valid Unicode.
        """
        if config not in self._configs:
            self._configs[config] = _Config(self._folder / "data" / config, columns)
        self._configs[config].add(row)

    @property
    def counts(self) -> dict[str, int]:
        """Rows by config."""
        return {name: config.n_rows for name, config in self._configs.items()}

    def finish(self, card: str, files: Mapping[str, bytes] | None = None) -> None:
        """Write what is left, the card and further files.

        Args:
            card: Markdown without its head.
            files: Content by path below ``fdbench/``.
        """
        for config in self._configs.values():
            config.close()
        for name, data in (files or {}).items():
            path = self._folder / "fdbench" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        hashes = {
            path.relative_to(self._folder).as_posix(): sha256_of_file(path)
            for path in sorted(self._folder.rglob("*"))
            if path.is_file()
        }
        marker = {"schema": 1, "kind": self._kind, "fdbench": __version__, "rows": self.counts, "files": hashes}
        (self._folder / MARKER).parent.mkdir(exist_ok=True)
        (self._folder / MARKER).write_text(to_json(marker), encoding="utf-8")
        (self._folder / "README.md").write_text(self._head(hashes) + card, encoding="utf-8")

    def _head(self, hashes: Mapping[str, str]) -> str:
        # `datasets` caches local folders by their base name, config and version, whatever they hold:
        # only a version made from the content keeps an export from being taken for another one.
        total = hashlib.sha256("".join(f"{name}{sha256}" for name, sha256 in hashes.items()).encode()).hexdigest()
        version = ".".join(str(int(total[at : at + 6], 16)) for at in (0, 6, 12))
        lines = ["---", "tags:", "- audio", "- full-duplex", "- fdbench", "configs:"]
        for name in self._configs:
            lines += [f"- config_name: {name}", f"  version: {version}", "  data_files:"]
            lines += [f"  - split: {SPLIT}", f"    path: data/{name}/{SPLIT}-*.parquet"]
        return "\n".join([*lines, "---", "", ""])


@contextmanager
def writing(target: Path, kind: Kind, *, force: bool) -> Iterator[DatasetWriter]:
    """Write a dataset beside ``target`` and put it in its place when all went well.

    An earlier export is replaced; what else lies in the folder (a ``.git``, say) stays.

    Raises:
        UsageError: ``target`` holds something that is no export, and replacing it was not asked for.
    """
    if target.exists() and not target.is_dir():
        raise UsageError(f"--to {target}: not a folder", "name a folder")
    if target.is_dir() and any(target.iterdir()) and not force and kind_of_export(target) is None:
        raise UsageError(f"--to {target}: the folder is not empty and holds no export", "name another one, or add --force")
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part"))
    try:
        scratch.chmod(0o755)
        folder = DatasetWriter(scratch, kind)
        yield folder
        _replace(target, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _replace(target: Path, scratch: Path) -> None:
    if not target.exists():
        scratch.rename(target)
        return
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.", suffix=".old") as aside:
        for name in _OURS:
            if (target / name).exists():
                (target / name).rename(Path(aside) / name)
            if (scratch / name).exists():
                (scratch / name).rename(target / name)


class _Config:
    """The parquet files of one config."""

    def __init__(self, folder: Path, columns: Columns) -> None:
        self._folder = folder
        self._columns = columns
        self._schema = features_of(columns).arrow_schema
        self._waiting: list[Mapping[str, Any]] = []
        self._n_waiting_bytes = 0
        self._n_shard_bytes = 0
        self._n_shards = 0
        self._writer: Any = None
        self.n_rows = 0
        folder.mkdir(parents=True)

    def add(self, row: Mapping[str, Any]) -> None:
        self._waiting.append(row)
        self._n_waiting_bytes += sum(map(len, audio_in(row, self._columns).values()))
        self.n_rows += 1
        if self._n_waiting_bytes >= _ROW_GROUP_BYTES or len(self._waiting) >= _ROW_GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _flush(self) -> None:
        import pyarrow
        from pyarrow import parquet

        if not self._waiting:
            return
        try:
            table = pyarrow.Table.from_pylist(self._waiting, schema=self._schema)
        except (UnicodeEncodeError, pyarrow.ArrowException) as error:
            first = self._waiting[0]
            raise DataError(f"{self._folder.name}: {first.get('id')} or a row after it cannot be written ({error})") from None
        if self._writer is None:
            name = f"{SPLIT}-{self._n_shards:05d}.parquet"
            self._writer = parquet.ParquetWriter(self._folder / name, self._schema, compression="zstd")
            self._n_shards += 1
        self._writer.write_table(table)
        self._n_shard_bytes += self._n_waiting_bytes
        self._waiting, self._n_waiting_bytes = [], 0
        if self._n_shard_bytes >= _SHARD_BYTES:
            self._writer.close()
            self._writer, self._n_shard_bytes = None, 0
