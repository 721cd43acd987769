"""The few things that are asked of ``datasets``: a schema, the configs and files of a dataset, and its rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from fdbench.errors import DataError, MissingExtraError, UsageError
from fdbench.task.rows import AUDIO, SPLIT, Columns

EXPORT_AGAIN: Final = "write it again with `fdbench data export`; fdbench/task/rows.py describes its columns"

Row = dict[str, Any]


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


def read_rows(
    dataset: str, config: str, columns: Columns, needed: Collection[str], where: str, revision: str | None = None
) -> Iterator[Row]:
    """The rows of a config one after the other, audio as the bytes of its file.

    Read as a stream, a row group at a time and nothing ahead of it. Left to itself, Arrow reads far ahead in threads of its
    own: two clips would cost tens of megabytes, and a reader that stops early would take the process down with it when that
    ends. ``datasets``' own cache is not used either: it tells local folders apart by name alone, and would go on showing what
    a folder held before.

    Args:
        dataset: A folder, or ``ORG/NAME`` on the hub.
        columns: Names and types; other columns are left alone. Values are whatever is there: whoever reads them checks them.
        needed: Those that must be there.
        where: Dataset and config, for errors.

    Raises:
        DataError: There is no such config or no ``test`` split, a file is damaged, or a column is missing.
    """
    datasets = import_datasets()
    from pyarrow.dataset import ParquetFragmentScanOptions

    with telling(where, "open it"):
        options = {"revision": revision, "fragment_scan_options": ParquetFragmentScanOptions(pre_buffer=False)}
        stream = datasets.load_dataset(dataset, config, split=SPLIT, streaming=True, **options).reshard()
        features = stream.features or {}
        missing = [name for name in needed if name not in features]
        if missing:
            raise DataError(f"{where}: no column '{missing[0]}', found {', '.join(features) or 'none'}", EXPORT_AGAIN)
        for name, kind in columns.items():
            if kind == AUDIO and name in features:
                stream = stream.cast_column(name, datasets.Audio(decode=False))
        rows = iter(stream)
    with telling(where, "read its rows"):
        yield from rows


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
