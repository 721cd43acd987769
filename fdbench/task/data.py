"""What ``--data`` can name, and what every such source must be able to do.

=================== =====================================================================================
``--data``          what it is
=================== =====================================================================================
``DIR``             a folder in upstream's layout (``tree``)
``DIR``             a folder with parquet files in it: a dataset in our schema (``hub``, ``rows``)
``hf:ORG/NAME``     such a dataset on the Hugging Face hub, at its newest revision
``hf:ORG/NAME@REV`` at a branch, a tag or a commit
=================== =====================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from fdbench.errors import UsageError

if TYPE_CHECKING:
    from fdbench.task.loaded import LoadedTask
    from fdbench.task.spec import TaskSpec

HUB: Final = "hf:"
_HUB_NAME: Final = re.compile(r"([A-Za-z0-9][\w.-]*/[\w.-]+)(?:@([\w./-]+))?")


class Data(Protocol):
    """Where the samples of tasks come from that do not ship with fdbench."""

    @property
    def origin(self) -> str:
        """For the log: what kind of source, a hub dataset with the commit it was read at; no path of this machine."""

    @property
    def root(self) -> Path | None:
        """The folder, where the source is one in upstream's layout."""

    def has(self, spec: TaskSpec) -> bool:
        """Whether the task's samples are there."""

    def read(self, spec: TaskSpec, limit: int | None = None, ids: Collection[str] | None = None) -> LoadedTask:
        """The samples of a task that is there, without their audio.

        A source may give more than was asked for; what was asked for is all of it by default.

        Args:
            limit: Only the first so many are needed.
            ids: Only these are needed.

        Raises:
            FdbenchError: The data is damaged or cannot be fetched.
        """


def open_data(text: str) -> Data:
    """The source that ``--data`` names; nothing is read yet.

    Raises:
        UsageError: There is no such folder, or it is no name of a dataset.
    """
    if text.startswith(HUB):
        from fdbench.task.hub import HubDataset

        match = _HUB_NAME.fullmatch(text.removeprefix(HUB))
        if match is None:
            raise UsageError(f"--data {text}: not the name of a dataset", "expected hf:ORG/NAME or hf:ORG/NAME@REVISION")
        return HubDataset(match[1], match[2])
    folder = Path(text)
    if not folder.is_dir():
        raise UsageError(
            f"--data {text}: no such folder",
            "give the folder that holds v1.0/ or the sets themselves, a folder with a dataset, or hf:ORG/NAME",
        )
    if holds_dataset(folder):
        from fdbench.task.hub import DatasetFolder

        return DatasetFolder(folder)
    from fdbench.task.tree import UpstreamTree

    return UpstreamTree(folder)


def holds_dataset(folder: Path) -> bool:
    """Whether a folder holds a dataset: parquet files, which upstream's layout never has, at most two levels down."""
    return any(next(folder.glob(pattern), None) is not None for pattern in ("*.parquet", "*/*.parquet", "*/*/*.parquet"))
