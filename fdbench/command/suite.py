"""`fdbench suite`: private editions of the benchmark, with speech of our own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fdbench.command.base import EXIT_OK, Commands, add_command, show
from fdbench.errors import unknown_name


def register(commands: Commands) -> None:
    """`suite make`."""
    summary = "private editions of the benchmark, spoken by a local TTS"
    group = commands.add_parser("suite", help=summary, description=summary, allow_abbrev=False)
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = add_command(actions, "make", make_command, "make an edition in the layout of Full-Duplex-Bench v1.0 and v1.5")
    make.add_argument("--seed", type=int, required=True, metavar="N", help="another seed, another edition")
    make.add_argument("--clips", type=int, default=60, metavar="N", help="of each of the nine sets (60)")
    make.add_argument("--to", type=Path, required=True, metavar="DIR", help="a folder that is empty or does not exist")
    make.add_argument("--engine", default="hibari", help="hibari (pip install 'fdbench[suite]'), flite (the program)")
    make.epilog = (
        "example: fdbench suite make --seed 7 --to edition && "
        "fdbench run --model vad-endpointer --tasks v1 --data edition --protocol fdbench"
    )


def make_command(arguments: argparse.Namespace) -> int:
    from fdbench.suite.make import make_edition
    from fdbench.suite.speech import ENGINES

    if arguments.engine not in ENGINES:
        raise unknown_name("engine", arguments.engine, ENGINES)
    edition = make_edition(arguments.to, arguments.seed, arguments.clips, ENGINES[arguments.engine](), _tell_set)
    size = sum(path.stat().st_size for path in arguments.to.rglob("*") if path.is_file())
    show(f"{arguments.to}: edition {edition.name} by {edition.engine}, {size / 1e6:.0f} MB")
    return EXIT_OK


def _tell_set(line: str) -> None:
    show(line)
    sys.stdout.flush()
