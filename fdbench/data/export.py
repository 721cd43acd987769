"""`fdbench data export`: the samples of tasks as a Hugging Face dataset, in the schema of ``fdbench.task.rows``.

DIR/README.md              the card; its head tells ``datasets`` which files belong to which config
    data/<config>/test-00000.parquet, ...
    fdbench/export.json    that it is ours, what kind, and the hash of every file
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench import __version__
from fdbench.core.conversation import Sample
from fdbench.errors import DataError, UsageError
from fdbench.io.files import digest_of, sha256_of_file, to_json
from fdbench.io.wav import decode_audio
from fdbench.task import rows
from fdbench.task.cells import prompt_file
from fdbench.task.data import Data
from fdbench.task.hf import features_of, import_datasets
from fdbench.task.load import LoadedTask, load_samples, select_tasks, task_specs
from fdbench.task.rows import AUDIO_CELL, SAMPLE, SPLIT, config_of, sample_row

MARKER: Final = "fdbench/export.json"
_OURS: Final = ("README.md", "data", "fdbench")
_ROW_GROUP_ROWS: Final = 8
"""Row groups are small, so that one clip can be read without its neighbours."""
_SHARD_BYTES: Final = 400 << 20


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    Attributes:
        counts: Rows by config.
        left_out: A line for each sample or part that is not in it.
        notes: A line for each thing worth telling that is no loss.
    """

    folder: Path
    counts: Mapping[str, int]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def export_samples(tasks: str, data: Data | None, target: Path, *, force: bool = False) -> Exported:
    """Write the samples of tasks, one config per task; seen whole or not at all.

    A sample whose data is broken, or whose prompt cannot be decoded, is left out and reported. An earlier export is replaced;
    what else lies in the folder (a ``.git``, say) stays.

    Args:
        tasks: As for ``--tasks``.

    Raises:
        FdbenchError: An unknown task, missing data, ``datasets`` is not installed, or the target holds something else.
    """
    if target.exists() and not target.is_dir():
        raise UsageError(f"--to {target}: not a folder", "name a folder")
    if target.is_dir() and any(target.iterdir()) and not force and not (target / MARKER).is_file():
        raise UsageError(f"--to {target}: the folder is not empty and holds no export", "name another one, or add --force")
    left_out: list[str] = []
    notes: list[str] = []
    counts: dict[str, int] = {}
    lines = []
    specs = select_tasks(tasks, data)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.", suffix=".part") as scratch:
        folder = Path(scratch) / "dataset"
        for spec in specs:
            loaded, config = load_samples(spec, data), config_of(spec.name)
            notes += loaded.notes
            left_out += [f"{spec.name} {name}: left out: {why.message}" for name, why in loaded.broken.items()]
            counts[config] = _write_config(folder / "data" / config, Path(scratch) / "cache", _rows_of(loaded, left_out))
            lines.append(f"| `{config}` | {spec.behaviour} | {counts[config]} | {spec.version} | {spec.summary} |")
        counts = {config: n_rows for config, n_rows in counts.items() if n_rows}
        _finish(folder, counts, _card(lines, sorted({spec.family for spec in specs})))
        _replace(target, folder)
    return Exported(target, counts, tuple(left_out), tuple(notes))


def terms_of(family: str) -> str:
    """A line on the terms under which a family's prompts come."""
    sources = (spec.source for spec in task_specs().values() if spec.family == family)
    licence = next((source.licence for source in sources if source.kind == "fdb"), None)
    if licence is None:
        return f"{family}: part of fdbench (MIT)."
    where = "https://github.com/DanielLin94144/Full-Duplex-Bench"
    terms = "prompts and annotations may be shared under the same terms, with attribution, and not for commercial use."
    return f"{family}: Full-Duplex-Bench, {licence} ({where}); {terms}"


def _rows_of(loaded: LoadedTask, left_out: list[str]) -> Iterator[dict[str, Any]]:
    spec = loaded.spec
    for sample in loaded.samples:
        try:
            prompt = prompt_file(sample.stimuli["main"], sample.id)
            audio = decode_audio(prompt[0], f"{spec.name} {sample.id}: {prompt[1]}")
            _check_text(sample)
        except DataError as error:
            left_out.append(f"{spec.name} {sample.id}: left out: {error.what}")
            continue
        yield sample_row(sample, spec.version, spec.behaviour, loaded.digests[sample.id] or "", prompt, audio)


def _check_text(sample: Sample) -> None:
    words = sample.transcript.words if sample.transcript else ()
    for text in (*(event.text for event in sample.events), *(word.text for word in words)):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise DataError(f"{text!r} is no text in Unicode", "repair the annotation") from None


def _write_config(folder: Path, cache: Path, samples: Iterator[dict[str, Any]]) -> int:
    """The parquet files of one config; none where there is no row. Returns the number of rows."""
    datasets = import_datasets()
    first = next(samples, None)
    if first is None:
        return 0

    def all_rows() -> Iterator[dict[str, Any]]:
        yield first
        yield from samples

    datasets.disable_progress_bars()
    # As plain bytes at first: `datasets` drops the bytes of an Audio where the current folder holds a file of that name.
    plain = features_of({**SAMPLE, "audio": AUDIO_CELL})
    table = datasets.Dataset.from_generator(all_rows, features=plain, cache_dir=str(cache), fingerprint=folder.name)
    table = table.cast_column("audio", datasets.Audio())
    n_shards = max(1, min(-(-table.data.nbytes // _SHARD_BYTES), len(table)))
    folder.mkdir(parents=True)
    for index in range(n_shards):
        shard = table.shard(n_shards, index, contiguous=True)
        shard.to_parquet(str(folder / f"{SPLIT}-{index:05d}.parquet"), batch_size=_ROW_GROUP_ROWS)
    return len(table)


def _finish(folder: Path, counts: Mapping[str, int], card: str) -> None:
    """Write the marker and the card."""
    (folder / MARKER).parent.mkdir(parents=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    hashes = {path.relative_to(folder).as_posix(): sha256_of_file(path) for path in files}
    marker = {"schema": 1, "kind": "samples", "fdbench": __version__, "rows": counts, "files": hashes}
    (folder / MARKER).write_text(to_json(marker), encoding="utf-8")
    # `datasets` caches local folders by their base name, config and version, whatever they hold:
    # only a version made from the content keeps an export from being taken for another one.
    total = digest_of(hashes)
    version = ".".join(str(int(total[at : at + 6], 16)) for at in (0, 6, 12))
    head = ["---", "tags:", "- audio", "- full-duplex", "- fdbench", "configs:"]
    for name in counts:
        head += [f"- config_name: {name}", f"  version: {version}", "  data_files:"]
        head += [f"  - split: {SPLIT}", f"    path: data/{name}/{SPLIT}-*.parquet"]
    (folder / "README.md").write_text("\n".join([*head, "---", "", card]), encoding="utf-8")


def _replace(target: Path, folder: Path) -> None:
    target.mkdir(exist_ok=True)
    for name in _OURS:
        if (target / name).is_dir():
            (target / name).rename(folder.parent / f"old-{name}")
        if (folder / name).exists():
            (folder / name).replace(target / name)


def _card(lines: Sequence[str], families: Sequence[str]) -> str:
    licences = "\n".join(f"- {terms_of(family)}" for family in families)
    schema = (rows.__doc__ or "").partition("\n\n")[2].strip()
    return f"""# Prompts for full-duplex voice models

Samples as fdbench reads them, written by `fdbench data export`. Score a model on them with

    fdbench run --model MODEL --tasks available --data hf:ORG/NAME        # or --data FOLDER

| config | behaviour | clips | task version | |
|---|---|---|---|---|
{chr(10).join(lines)}

## Columns

{as_block(schema)}

## Licence

{licences}
"""


def as_block(text: str) -> str:
    """A text as a block of Markdown that keeps its lines."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
