"""`fdbench export RUN`: a run in a folder to publish; and what it shares with `fdbench data export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fdbench.command.base import (
    EXIT_OK,
    EXIT_WITH_ERRORS,
    Commands,
    add_command,
    add_data_option,
    add_run_argument,
    data_of,
    report_notes,
    show,
)

if TYPE_CHECKING:
    from fdbench.data.export import Exported


def register(commands: Commands) -> None:
    """`export`."""
    export = add_command(
        commands, "export", export_command, "write a run in a folder to publish: recordings, annotations, scores"
    )
    add_run_argument(export)
    add_data_option(export)
    export.add_argument(
        "--no-prompts", action="store_true", help="leave out what the user says: audio, and texts of words and annotations"
    )
    add_target_options(export)


def add_target_options(parser: argparse.ArgumentParser, *, or_wav: bool = False) -> None:
    """Where an export goes.

    Args:
        or_wav: ``--wav DIR`` may stand in the place of ``--to DIR``.
    """
    targets = parser.add_mutually_exclusive_group(required=True)
    targets.add_argument("--to", type=Path, metavar="DIR", help="the folder to write; an earlier export is replaced")
    if or_wav:
        targets.add_argument(
            "--wav", type=Path, metavar="DIR", help="prompts as WAV instead, to be played to a model elsewhere"
        )
    parser.add_argument("--force", action="store_true", help="also into a folder that holds something else, which stays")


def export_command(arguments: argparse.Namespace) -> int:
    from fdbench.publish.export_run import export_run

    data, prompts = data_of(arguments, arguments.run), not arguments.no_prompts
    return conclude_export(export_run(arguments.run, data, arguments.to, prompts=prompts, force=arguments.force))


def conclude_export(exported: Exported) -> int:
    report_notes([*exported.notes, *exported.left_out])
    for config, n_rows in exported.counts.items():
        show(f"{config:32} {n_rows:>8} rows")
    show(str(exported.folder))
    return EXIT_WITH_ERRORS if exported.left_out else EXIT_OK
