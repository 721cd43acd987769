"""Which run somebody means: by its folder, by the name it was given, or by the beginning of its id.

::

    results/vad-endpointer-56a0e20885     the folder itself
    vad-e                                 the only run under results/ whose id begins so
    baseline                              the run that was made with --name baseline
    other/vad-e                           the same under other/

A run's folder goes first, then a whole id or name, then any other path that exists, then the beginning of an id. A word that is
both a run's folder here and the name of another run is refused; ``./baseline`` is always the folder.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from fdbench.errors import DataError, UsageError
from fdbench.store.run import Run

ROOT: Final = Path("results")
"""Where runs lie unless ``--out`` says otherwise."""
_LISTED: Final = 5
_RESERVED: Final = ("latest",)


def find_run(text: str) -> Path:
    """The folder of the run that a text means; the text as a path where no run is known by it.

    Raises:
        UsageError: It means several; names them.
    """
    path = Path(text)
    is_run, is_word = Run(path).is_run, text == path.name
    if not path.name or (is_run and not is_word):
        return path
    root = ROOT if is_word else path.parent
    runs = Run.all_in(root)
    meant = [run for run in runs if path.name in (run.folder.name, name_of(run))]
    if is_run and any(run.folder.resolve() != path.resolve() for run in meant):
        what = f"'{text}' is a run's folder here, and the name of {meant[0].folder}"
        raise UsageError(what, f"write ./{text} for the one, or {meant[0].folder} for the other")
    if not meant and not path.exists():
        meant = [run for run in runs if run.folder.name.startswith(path.name)]
    if len(meant) > 1:
        names = [f"{run.folder.name}{f' ({name})' if (name := name_of(run)) else ''}" for run in meant]
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        what = f"'{text}' may be any of {len(meant)} runs in {root}: {', '.join(names[:_LISTED])}{more}"
        raise UsageError(what, "write more of the id, or give one a name: fdbench run ... --name NAME")
    return meant[0].folder if meant else path


def name_of(run: Run) -> str:
    """The name that a run was given; empty where there is none, or the manifest cannot be read."""
    with suppress(DataError):
        return run.manifest().name
    return ""


def check_name(name: str, own: Run) -> None:
    """Raises UsageError where a run cannot be called so: it is no name, or another run beside it has it."""
    is_word = name and name == name.strip() and name.isprintable() and "/" not in name and not name.startswith(("-", "."))
    if not is_word or name in _RESERVED:
        raise UsageError(f"--name {name}: not a name for a run", "write a word without '/' that is not 'latest'")
    for run in Run.all_in(own.folder.parent):
        if run.folder.name != own.folder.name and name in (run.folder.name, name_of(run)):
            raise UsageError(f"--name {name}: {run.folder} is called so", "take another name")
