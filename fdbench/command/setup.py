"""`fdbench setup`: make the environment that a model needs for itself."""

from __future__ import annotations

import argparse
from pathlib import Path

from fdbench.command.base import EXIT_OK, Commands, add_command, show, tell, write_result


def register(commands: Commands) -> None:
    """`setup`."""
    setup = add_command(
        commands, "setup", setup_command, "make the environment of a model that needs one of its own (personaplex)"
    )
    setup.add_argument("name", metavar="MODEL", help="one that fdbench has a recipe for: personaplex")
    setup.add_argument("--source", type=Path, metavar="DIR", help="a checkout of the model's code (default: its pinned commit)")
    setup.add_argument("--torch", metavar="SPEC", help="a torch to install instead of the pinned one, e.g. torch==2.6.0")
    setup.add_argument("--python", metavar="EXE", help="use this interpreter, which has the code already")
    setup.add_argument("--force", action="store_true", help="make it anew although it is there")
    setup.add_argument("--json", metavar="FILE", nargs="?", const="-", help="the record for a program (- = standard output)")


def setup_command(arguments: argparse.Namespace) -> int:
    from fdbench.worker.setup import SetupRequest, set_up

    request = SetupRequest(arguments.name, arguments.source, arguments.python, arguments.torch, arguments.force)
    record = set_up(request, tell)
    if arguments.json:
        write_result(arguments.json, dict(record))
    if arguments.json != "-":
        for key, value in record.items():
            if value is not None:
                show(f"{key:16}{value}")
    return EXIT_OK
