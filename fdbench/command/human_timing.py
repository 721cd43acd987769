"""`fdbench human-timing`: how people time their turns, from recordings that a user holds."""

from __future__ import annotations

import argparse
from pathlib import Path

from fdbench.command.base import EXIT_OK, Commands, add_command, show

KINDS = ("rttm", "ctm", "stereo", "transcripts")


def register(commands: Commands) -> None:
    """`human-timing`."""
    parser = add_command(
        commands, "human-timing", make_command, "make a reference of human timing from conversations of two people"
    )
    folders = parser.add_mutually_exclusive_group(required=True)
    for kind, what in zip(KINDS, ("segments", "words", "recordings, a speaker per channel", "CSV files"), strict=True):
        folders.add_argument(f"--{kind}", type=Path, metavar="DIR", help=f"a folder of {what}")
    parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="the reference, a JSON file")
    parser.epilog = "example: fdbench human-timing --stereo calls --to calls.json"


def make_command(arguments: argparse.Namespace) -> int:
    from fdbench.human.corpora import read_corpus
    from fdbench.human.measure import reference_of
    from fdbench.io.files import encode_json, write_output

    kind, folder = next((kind, path) for kind in KINDS if (path := getattr(arguments, kind)) is not None)
    talks, cutting = read_corpus(kind, folder)
    made = reference_of(talks, cutting, arguments.to.stem, folder.resolve().name)
    write_output(arguments.to, encode_json({**made.content, "sha256": made.digest}))
    show(f"{arguments.to}: {made.onsets.n} turns that follow another's, {made.material}, {cutting}")
    for moment, taken in (("holds", made.hold), ("shifts", made.shift)):
        rate = taken.rate if taken is not None else None
        if rate is not None:
            show(f"  taken {moment}: {rate.rate:.1%} [{rate.low:.1%}, {rate.high:.1%}]")
    return EXIT_OK
