"""The runs that lie in a folder, a line each, the one that was worked on last first."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from fdbench.errors import DataError
from fdbench.report.figure import figure_text
from fdbench.report.headline import boards
from fdbench.report.markdown import arguments_text
from fdbench.report.rows import read_run
from fdbench.store.run import Run

HEADLINE: Final = "lost per turn (s)"
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))
_MOST_TASKS: Final = 3


def list_runs(root: Path, now_s: float | None = None) -> list[dict[str, str | int]]:
    """One dict per run: its id and name, model, settings, tasks, calls asked for, headline, age.

    Raises:
        DataError: There is no such folder.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder", "name the folder that holds the runs: --out DIR")
    now = time.time() if now_s is None else now_s
    runs = sorted(((run.last_worked_on_s, run) for run in Run.all_in(root)), key=lambda each: (-each[0], each[1].folder.name))
    return [_row(run, max(0.0, now - worked_s)) for worked_s, run in runs]


def _row(run: Run, age_s: float) -> dict[str, str | int]:
    try:
        manifest = run.manifest()
    except DataError as error:
        told = f"cannot be read: {error.what}"
        return {"run": run.folder.name, "name": "", "model": told, "tasks": "", "n": 0, HEADLINE: "", "age": _age(age_s)}
    settings = arguments_text(manifest.collection.arguments)
    seed = f"seed={manifest.collection.seed}" if manifest.collection.seed else ""
    condition = manifest.collection.condition if manifest.collection.condition != "clean" else ""
    model = " ".join(filter(None, (manifest.collection.model, settings, seed, condition)))
    return {
        "run": run.folder.name,
        "name": manifest.name,
        "model": model,
        "tasks": _tasks(list(manifest.tasks)),
        "n": len(run.takes()),
        HEADLINE: _headline(run),
        "age": _age(age_s),
    }


def _tasks(names: list[str]) -> str:
    """``mini (4)``: how many tasks of which family; the names themselves where there are few."""
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(name.partition("/")[0], []).append(name)
    if len(names) < _MOST_TASKS:
        return ", ".join(names)
    return ", ".join(f"{family} ({len(of_family)})" for family, of_family in families.items())


def _headline(run: Run) -> str:
    """Lost seconds per turn of the front page; empty where it was not run on all that they are made of."""
    with suppress(DataError):
        found = [figure_text(headline.lost) for board in boards(read_run(run.folder)) for headline in board]
        return next(filter(None, found), "")
    return ""


def _age(seconds: float) -> str:
    return next((f"{seconds / of:.0f} {unit}" for of, unit in _UNITS if seconds >= of), "now")
