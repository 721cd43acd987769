"""`fdbench status`, `merge`: a run that several processes fill, or that was made in parts."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from fdbench.command.base import EXIT_OK, EXIT_WITH_ERRORS, Commands, add_command, show
from fdbench.command.place import run_folder
from fdbench.errors import UsageError


def register(commands: Commands) -> None:
    """`status`, `merge`."""
    status = add_command(commands, "status", status_command, "how far a run is, from its files alone, on any machine")
    status.add_argument("run", metavar="RUN|URL")
    status.add_argument("--json", action="store_true", help="for a program")

    merge = add_command(commands, "merge", merge_command, "unite folders of one run that were made apart")
    merge.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    merge.add_argument(
        "--into", type=Path, required=True, metavar="DIR", help="root of the results, in which the whole run lies"
    )
    merge.epilog = "example: fdbench merge node1/MODEL-0123456789 node2/MODEL-0123456789 --into results"


def status_command(arguments: argparse.Namespace) -> int:
    from fdbench.command.slurm import logs_of
    from fdbench.report.run_status import status_of
    from fdbench.store.run import Run

    folder, _ = run_folder(arguments.run, light=True)
    if logs_of(folder).is_dir() and not Run(folder).is_run:
        remedy = f"`squeue --me` says what they wait for; what they said lies in {logs_of(folder)}"
        raise UsageError(f"{folder}: none of its jobs has begun a call yet", remedy)
    found = status_of(folder)
    if arguments.json:
        print(json.dumps({**asdict(found), "n_going_on": found.n_going_on, "n_left": found.n_left}, indent=2))
    else:
        show(*found.lines(time.time()))
    return EXIT_OK


def merge_command(arguments: argparse.Namespace) -> int:
    from fdbench.store.merge import merge_runs

    merged = merge_runs(arguments.runs, arguments.into)
    left = f"; {merged.n_left} of all that were asked for are recorded nowhere" if merged.n_left else ""
    show(f"{merged.n_new} calls added{left}", f"next: fdbench score {merged.run.folder}", str(merged.run.folder))
    return EXIT_WITH_ERRORS if merged.n_left else EXIT_OK
