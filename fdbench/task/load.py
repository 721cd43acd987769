"""Which tasks there are, which of them a user means, and their samples."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from fdbench.core.family import FAMILIES
from fdbench.errors import DataError, UsageError, unknown_name
from fdbench.task.loaded import LoadedTask, loaded_task
from fdbench.task.tree import find_set, folder_above, places_of_staged, roots_of

if TYPE_CHECKING:
    from fdbench.core.dialogue import Dialogue
    from fdbench.task.data import Data
    from fdbench.task.spec import TaskSpec

__all__ = ["LoadedTask", "find_set", "load_samples", "select_tasks", "task_specs"]

ALL, AVAILABLE = "all", "available"
CONDITIONS = "conditions.yaml"
"""Lies beside the tasks, and is none."""
_TASK_PACKAGES = ("fdbench.tasks", "fdbench.tasks.mini")


def task_specs() -> dict[str, TaskSpec]:
    """Every task by name, ``mini`` first.

    Raises:
        DataError: A task file is damaged, or two have the same name.
    """
    from fdbench.task.spec import parse_task

    specs: dict[str, TaskSpec] = {}
    for package in _TASK_PACKAGES:
        for file in resources.files(package).iterdir():
            if not file.name.endswith(".yaml") or file.name == CONDITIONS:
                continue
            spec = parse_task(
                file.read_text(encoding="utf-8"), f"{package.removeprefix('fdbench.').replace('.', '/')}/{file.name}"
            )
            if spec.name in specs:
                raise DataError(f"{package}/{file.name}: the task {spec.name} is there twice", "rename or remove one")
            specs[spec.name] = spec
    return dict(sorted(specs.items(), key=lambda item: (FAMILIES.index(item[1].family), item[0])))


def select_tasks(expression: str, data: Data | None) -> list[TaskSpec]:
    """The tasks that ``--tasks`` means, each once, in the order of ``task_specs``.

    Args:
        expression: ``all``, a family, ``available`` (those whose data is there), task names; several with commas.
        data: What ``--data`` names.

    Raises:
        UsageError: A name is unknown, or there is none.
        DataError: The data of a task asked for is missing; lists every such task, where it was looked for, and how
            to get it. ``available`` never raises it.
    """
    specs = task_specs()
    families = list(dict.fromkeys(spec.family for spec in specs.values()))
    words = [word.strip() for word in expression.split(",") if word.strip()]
    if not words:
        raise UsageError("--tasks names no task", f"known: {', '.join([ALL, AVAILABLE, *families, *specs])}")
    wanted: set[str] = set()
    required: set[str] = set()
    for word in words:
        if word == AVAILABLE:
            wanted |= {name for name, spec in specs.items() if _has_data(spec, data)}
        elif word == ALL or word in families:
            required |= {name for name, spec in specs.items() if word in (ALL, spec.family)}
        elif word in specs:
            required.add(word)
        else:
            raise unknown_name("task", word, [ALL, AVAILABLE, *families, *specs])
    missing = [spec for name, spec in specs.items() if name in required and not _has_data(spec, data)]
    if missing:
        raise _missing(missing, data)
    return [spec for name, spec in specs.items() if name in wanted | required]


def load_samples(
    spec: TaskSpec, data: Data | None, *, limit: int | None = None, ids: Collection[str] | None = None
) -> LoadedTask:
    """The samples of a task, without their audio.

    A sample without its prompt is broken here, because nobody can be called with it.

    Args:
        spec: From ``task_specs`` or ``select_tasks``.
        data: What ``--data`` names; not needed for tasks that ship with fdbench, which always come from the package.
        limit: Only the first so many are needed; there may be more.
        ids: Only these are needed; there may be more.

    Raises:
        DataError: The data is missing or, for tasks that ship, not what their hashes say.
    """
    folder = Path(str(resources.files(f"fdbench.tasks.{spec.family}"))) if spec.ships else Path()
    if spec.source.kind == "scripts":
        from fdbench.task.scripts import read_scripts

        return loaded_task(spec, read_scripts(spec, spec.source, folder))
    if spec.source.kind == "dialogues":
        from fdbench.task.dialogues import read_pinned_dialogues

        return loaded_task(spec, read_pinned_dialogues(spec, spec.source, folder))
    if data is None or not data.has(spec):
        raise _missing([spec], data)
    return data.read(spec, limit, ids)


def dialogues_of(spec: TaskSpec, data: Data | None) -> dict[str, Dialogue]:
    """The dialogues of a task by the sample's id; none where it has none, or they are not there. Raises DataError."""
    if spec.source.kind not in ("dialogues", "staged") or not _has_data(spec, data):
        return {}
    return {each.id: each.dialogue for each in load_samples(spec, data).samples if each.dialogue is not None}


class TaskLoader:
    """Reads the samples of tasks from one source, and each prompt once however often they are asked for.

    Args:
        data: What ``--data`` names; None = tasks that ship with fdbench alone.
    """

    def __init__(self, data: Data | None) -> None:
        self.data = data
        self._loaded: dict[str, LoadedTask] = {}

    @property
    def origin(self) -> str:
        """Where samples come from, for the log: no path, which would say more about the machine than about the data."""
        return "embedded" if self.data is None else self.data.origin

    def load(self, spec: TaskSpec, *, limit: int | None = None, ids: Collection[str] | None = None) -> LoadedTask:
        """As ``load_samples``."""
        known = self._loaded.get(spec.name)
        if known is not None and ids is not None and set(ids) <= known.digests.keys():
            return known
        loaded = load_samples(spec, self.data, limit=limit, ids=ids)
        self._loaded[spec.name] = loaded
        return loaded


def _has_data(spec: TaskSpec, data: Data | None) -> bool:
    return spec.ships or (data is not None and data.has(spec))


def _missing(specs: Sequence[TaskSpec], data: Data | None) -> DataError:
    if data is not None and data.root is None:
        return DataError(
            f"{data}: {len(specs)} task(s) are not in the dataset:",
            "use --tasks available to take what is there, or a dataset that `fdbench data export` wrote with them",
            [f"{spec.name} ({spec.source.n} {_items(spec)})" for spec in specs],
        )
    root = data.root if data is not None else None
    lines = [
        f"{spec.name} ({spec.source.n} {_items(spec)}): {_absent(spec, root) if root else 'no --data given'}" for spec in specs
    ]
    what = f"the data of {len(specs)} task(s) is missing:"
    above = folder_above(root) if root else None
    if above is not None:
        return DataError(what, f"{root} lies inside a set of clips: give the folder above, --data {above}", lines)
    advice = f"fetch it: fdbench data download {' '.join(spec.name for spec in specs)} --data {root or 'DIR'}"
    advice += " (or use --tasks available to take what is there)" if root else "; then run again with --data DIR"
    return DataError(what, advice, lines)


def _items(spec: TaskSpec) -> str:
    return "dialogues" if spec.source.kind == "staged" else "clips"


def _absent(spec: TaskSpec, root: Path) -> str:
    """What of a task is not below a folder."""
    if spec.source.kind == "staged":
        return f"no file {' or '.join(map(str, places_of_staged(root, spec.source)))}"
    assert spec.source.kind == "fdb"
    source = spec.source
    return f"no folder {' or '.join(str(place / source.folder) for place in roots_of(root, source.root))}"
