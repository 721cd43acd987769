"""Writes a folder that ``datasets.load_dataset`` opens: parquet files by config, and a card. Seen whole or not at all.

::

    DIR/README.md              the card; its head tells ``datasets`` which files belong to which config
        data/<config>/test-00000.parquet, ...
        fdbench/export.json    that it is ours, and the hash of every parquet file
        manifest.json, takes/, audio/, ...    where it is a run: its own files
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final

from fdbench import __version__
from fdbench.errors import UsageError
from fdbench.io.exchange import exchange
from fdbench.io.files import digest_of, sha256_of_file, to_json
from fdbench.task.hf import features_of, import_datasets
from fdbench.task.rows import AUDIO, AUDIO_CELL, SPLIT, Columns

MARKER: Final = "fdbench/export.json"
_OF_RUNS: Final = ("manifest.json", "takes", "audio", "logs", "ratings", "annotations", "verdicts", "scores")
"""What else an export may hold, as ``fdbench.store.run`` lays it out."""
_ROW_GROUP_ROWS: Final = 8
"""Row groups are small, so that one clip can be read without its neighbours."""
_SHARD_BYTES: Final = 400 << 20


def is_export(folder: Path) -> bool:
    """Whether a folder was written here."""
    return (folder / MARKER).is_file()


@contextmanager
def writing(target: Path, *, force: bool) -> Iterator[Path]:
    """A folder beside ``target``, which is put in its place when all went well.

    An earlier export is replaced; what else lies in the folder (a ``.git``, say) stays.

    Raises:
        UsageError: ``target`` holds something that is no export, and writing there was not asked for, or it is a run's.
    """
    if target.exists() and not target.is_dir():
        raise UsageError(f"--to {target}: not a folder", "name a folder")
    if target.is_dir() and not is_export(target):
        if any(target.iterdir()) and not force:
            raise UsageError(f"--to {target}: the folder is not empty and holds no export", "name another one, or add --force")
        for name in (name for name in _OF_RUNS if (target / name).exists()):
            raise UsageError(f"--to {target}: holds {name}, which belongs to a run and to no export", "name another folder")
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    scratch.mkdir()  # with the mode that the umask gives, which a temporary folder's is not
    try:
        yield scratch
        if target.is_dir():
            for kept in sorted({path.name for path in target.iterdir()} - {"README.md", "data", "fdbench", *_OF_RUNS}):
                _link(target / kept, scratch / kept)
            exchange(scratch, target)
        else:
            scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _link(source: Path, copy: Path) -> None:
    """The same content in a second place: of files a further name, and a copy where there can be none."""

    def link(file: str, place: str) -> None:
        try:
            os.link(file, place, follow_symlinks=False)
        except OSError:
            shutil.copy2(file, place, follow_symlinks=False)

    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, copy, symlinks=True, copy_function=link)
    else:
        link(str(source), str(copy))


def write_config(folder: Path, config: str, columns: Columns, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write the parquet files of a config, and return the number of rows; without any, the dataset has no such config."""
    datasets = import_datasets()
    datasets.disable_progress_bars()
    waiting = iter(rows)
    first = next(waiting, None)
    if first is None:
        return 0

    def all_rows() -> Iterator[Mapping[str, Any]]:
        yield from ({name: row[name] for name in columns} for row in chain([first], waiting))

    audio = [name for name, kind in columns.items() if kind == AUDIO]
    # As plain bytes at first: `datasets` drops the bytes of an Audio where the current folder holds a file of that name.
    plain = features_of({**columns, **dict.fromkeys(audio, AUDIO_CELL)})
    with tempfile.TemporaryDirectory(dir=folder, prefix=".rows.") as cache:
        table = datasets.Dataset.from_generator(all_rows, features=plain, cache_dir=cache, fingerprint=config)
        for name in audio:
            table = table.cast_column(name, datasets.Audio())
        n_shards = max(1, min(-(-table.data.nbytes // _SHARD_BYTES), len(table)))
        (folder / "data" / config).mkdir(parents=True)
        for index in range(n_shards):
            path = folder / "data" / config / f"{SPLIT}-{index:05d}.parquet"
            shard = table.shard(n_shards, index, contiguous=True)
            shard.to_parquet(str(path), batch_size=_ROW_GROUP_ROWS if audio else None)
        return len(table)


def write_card(folder: Path, counts: Mapping[str, int], licences: Iterable[str], text: str) -> None:
    """Write the card and the marker, last of all.

    Args:
        counts: Rows by config.
        licences: Their names; the hub's are the same in small letters.
        text: Of the card, Markdown without its head.
    """
    import_datasets()
    from huggingface_hub import DatasetCardData

    files = sorted((folder / "data").rglob("*.parquet"))
    hashes = {path.relative_to(folder).as_posix(): sha256_of_file(path) for path in files}
    # `datasets` caches local folders by their base name, config and version, whatever they hold:
    # only a version made from the content keeps an export from being taken for another one.
    total = digest_of(hashes)
    version = ".".join(str(int(total[at : at + 6], 16)) for at in (0, 6, 12))
    configs = [
        {"config_name": name, "version": version, "data_files": [{"split": SPLIT, "path": f"data/{name}/{SPLIT}-*.parquet"}]}
        for name, n_rows in counts.items()
        if n_rows
    ]
    names = sorted({licence.lower().replace(" ", "-") for licence in licences})
    head = DatasetCardData(license=names, tags=["audio", "full-duplex", "fdbench"], configs=configs).to_yaml()
    (folder / "README.md").write_text(f"---\n{head}\n---\n\n{text}", encoding="utf-8")
    (folder / MARKER).parent.mkdir()
    (folder / MARKER).write_text(to_json({"schema": 1, "fdbench": __version__, "rows": counts, "files": hashes}), "utf-8")
