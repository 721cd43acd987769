"""The few things that are asked of ``datasets``: a schema, the configs and files of a dataset, and its rows."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from fdbench.errors import DataError, MissingExtraError, UsageError
from fdbench.task.cells import Cell, ParquetCell
from fdbench.task.rows import AUDIO, FLAG, INTEGER, NUMBER, SPLIT, STRING, Columns

EXPORT_AGAIN: Final = "write it again with `fdbench data export`; fdbench/task/rows.py describes its columns"

Row = dict[str, Any]
Cells = Mapping[str, Cell]
"""Where a row's audio is, by column; columns without audio are absent."""


def import_datasets() -> Any:
    """The package ``datasets``.

    Raises:
        MissingExtraError: It is not installed.
        UsageError: It is installed, and broken.
    """
    try:
        import datasets
    except ModuleNotFoundError:
        raise MissingExtraError("datasets", "data", "reading and writing Hugging Face datasets") from None
    except ImportError as error:
        remedy = "pip install --upgrade 'fdbench[data]'"
        raise UsageError(f"the package 'datasets' cannot be imported ({_line(error)})", remedy) from None
    return datasets


def features_of(columns: Columns) -> Any:
    """The columns as ``datasets.Features``."""
    datasets = import_datasets()

    def feature(kind: Any) -> Any:
        if isinstance(kind, list):
            return datasets.List(feature(kind[0]))
        if isinstance(kind, Mapping):
            return {name: feature(each) for name, each in kind.items()}
        return datasets.Audio() if kind == AUDIO else datasets.Value(kind)

    return datasets.Features({name: feature(kind) for name, kind in columns.items()})


def configs_in(dataset: str, revision: str | None = None) -> Sequence[str]:
    """Names of a dataset's configs.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        DataError: It cannot be read.
    """
    datasets = import_datasets()
    with telling(dataset, "list its configs"):
        return list(datasets.get_dataset_config_names(dataset, revision=revision))


def files_of(dataset: str, config: str, revision: str | None = None) -> Sequence[str]:
    """Paths or URLs of the parquet files of a config, in the order of their rows.

    Raises:
        DataError: There is no such config, no ``test`` split, or there are other files than parquet.
    """
    datasets = import_datasets()
    with telling(dataset, f"find the files of {config}"):
        found = datasets.load_dataset_builder(dataset, config, revision=revision).config.data_files or {}
    if SPLIT not in found:
        splits = ", ".join(map(str, found)) or "none"
        raise DataError(f"{dataset}: {config}: expected a split '{SPLIT}', found {splits}", EXPORT_AGAIN)
    files = [str(file) for file in found[SPLIT]]
    other = next((file for file in files if not file.endswith(".parquet")), None)
    if other:
        raise DataError(f"{dataset}: {config}: expected parquet files, found {other}", EXPORT_AGAIN)
    return files


def read_files(files: Sequence[Path], columns: Columns, needed: Collection[str], where: str) -> Iterator[tuple[Row, Cells]]:
    """The rows of local parquet files, one after the other, and where each one's audio can be had later.

    Args:
        columns: Names and types; other columns are left alone.
        needed: Those that must be there.
        where: Dataset and config, for errors.

    Raises:
        DataError: A file is damaged, or a column is missing or of another type.
    """
    for path in files:
        with telling(f"{where}: {path.name}", "read it"):
            stream = open_stream("parquet", data_files={SPLIT: [glob.escape(str(path))]})
        for index, row in enumerate(encoded_rows(stream, columns, needed, f"{where}: {path.name}")):
            yield row, {name: ParquetCell(path, index, name) for name in audio_in(row, columns)}


def open_stream(*source: str, **options: Any) -> Any:
    """``datasets.load_dataset`` as a stream that reads one row group after the other and nothing ahead of time.

    Left to itself, Arrow reads far ahead in threads of its own: two clips would cost tens of megabytes, and a reader that
    stops early would take the process down with it when that ends.
    """
    datasets = import_datasets()
    from pyarrow import dataset

    scanning = dataset.ParquetFragmentScanOptions(pre_buffer=False)
    stream = datasets.load_dataset(*source, split=SPLIT, streaming=True, fragment_scan_options=scanning, **options)
    return stream.reshard()


def encoded_rows(stream: Any, columns: Columns, needed: Collection[str], where: str) -> Iterator[Row]:
    """Rows of a stream of ``datasets``, audio as the bytes of its file; raises as ``read_files``."""
    datasets = import_datasets()
    with telling(where, "read it"):
        features = stream.features if stream.features is not None else datasets.Features({})
        _check(features.arrow_schema, columns, needed, where)
        for name, kind in columns.items():
            if kind == AUDIO and name in features:
                stream = stream.cast_column(name, datasets.Audio(decode=False))
        rows = iter(stream)
    while True:
        with telling(where, "read its rows"):
            row = next(rows, None)
        if row is None:
            return
        yield row


def audio_in(row: Mapping[str, Any], columns: Columns) -> dict[str, bytes]:
    """The bytes of each audio column that has any."""
    found = {}
    for name, kind in columns.items():
        value = row.get(name)
        data = value.get("bytes") if kind == AUDIO and isinstance(value, Mapping) else None
        if isinstance(data, bytes) and data:
            found[name] = data
    return found


def _check(schema: Any, columns: Columns, needed: Collection[str], where: str) -> None:
    missing = [name for name in needed if name not in schema.names]
    if missing:
        found = ", ".join(schema.names) or "none"
        raise DataError(f"{where}: no column '{missing[0]}', found {found}", EXPORT_AGAIN)
    for name, kind in columns.items():
        if name in schema.names and not _fits(schema.field(name).type, kind):
            raise DataError(f"{where}: column '{name}': expected {_named(kind)}, found {schema.field(name).type}", EXPORT_AGAIN)


def _fits(found: Any, kind: Any) -> bool:
    """Whether values of an arrow type can be read as those of ours; a column of nulls only fits everything."""
    from pyarrow import types

    if types.is_null(found):
        return True
    if isinstance(kind, list):
        is_list = types.is_list(found) or types.is_large_list(found) or types.is_fixed_size_list(found)
        return is_list and _fits(found.value_type, kind[0])
    if isinstance(kind, Mapping):
        inside = {field.name: field.type for field in found} if types.is_struct(found) else {}
        return all(name in inside and _fits(inside[name], each) for name, each in kind.items())
    checks: dict[str, Any] = {
        STRING: lambda: types.is_string(found) or types.is_large_string(found),
        INTEGER: lambda: types.is_integer(found),
        NUMBER: lambda: types.is_floating(found) or types.is_integer(found),
        FLAG: lambda: types.is_boolean(found),
        AUDIO: lambda: types.is_struct(found) and "bytes" in [field.name for field in found],
    }
    return bool(checks[kind]())


def _named(kind: Any) -> str:
    if isinstance(kind, list):
        return f"list<{_named(kind[0])}>"
    if isinstance(kind, Mapping):
        return f"struct<{', '.join(f'{name}: {_named(each)}' for name, each in kind.items())}>"
    return "Audio, a struct<bytes, path>" if kind == AUDIO else str(kind)


@contextmanager
def telling(name: str, purpose: str) -> Iterator[None]:
    """Turn what ``datasets`` and what lies below it raise into an error that names the dataset."""
    import pyarrow
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    # The base of the hub's errors is that of the HTTP library below it, whichever it is.
    unreachable: tuple[type[Exception], ...] = (OSError, *HfHubHTTPError.__bases__)
    try:
        yield
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        remedy = "check the name and the revision; for a private dataset log in first: hf auth login"
        raise DataError(f"{name}: cannot {purpose} ({_line(error)})", remedy) from None
    except (DatasetsError, FileNotFoundError, ValueError, TypeError, KeyError, pyarrow.ArrowException) as error:
        raise DataError(f"{name}: cannot {purpose} ({_line(error)})", EXPORT_AGAIN) from None
    except unreachable as error:
        remedy = "is the hub reachable? a copy in a folder needs none: --data DIR"
        raise DataError(f"{name}: cannot {purpose} ({_line(error)})", remedy) from None


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."
