"""`fdbench export RUN`: a run as a Hugging Face dataset; and scoring such a run again."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fdbench.command.base import (
    EXIT_OK,
    EXIT_WITH_ERRORS,
    Commands,
    add_command,
    add_data_option,
    data_of,
    protocols_of,
    report_messages,
    report_notes,
    scoring_options_of,
    write_result,
)
from fdbench.errors import UsageError
from fdbench.stages.progress import ProgressBars

if TYPE_CHECKING:
    from fdbench.data.export import Exported
    from fdbench.publish.score_export import ScoredExport


def register(commands: Commands) -> None:
    """`export`."""
    export = add_command(commands, "export", export_command, "write a run as a dataset: recordings, transcripts, scores")
    export.add_argument("run", type=Path, metavar="RUN")
    add_data_option(export)
    export.add_argument(
        "--no-prompts", action="store_true", help="leave out what the user says: audio, and texts of words and annotations"
    )
    add_target_options(export)


def add_target_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to", type=Path, required=True, metavar="DIR", help="the dataset's folder; an earlier export is replaced"
    )
    parser.add_argument("--force", action="store_true", help="also into a folder that holds something else, which stays")


def export_command(arguments: argparse.Namespace) -> int:
    from fdbench.publish.export_run import export_run

    prompts = not arguments.no_prompts
    return conclude_export(export_run(arguments.run, data_of(arguments), arguments.to, prompts=prompts, force=arguments.force))


def conclude_export(exported: Exported) -> int:
    report_notes([*exported.notes, *exported.left_out])
    for config, n_rows in exported.counts.items():
        print(f"{config:32} {n_rows:>8} rows")
    print(exported.folder)
    return EXIT_WITH_ERRORS if exported.left_out else EXIT_OK


def score_export_command(arguments: argparse.Namespace) -> int:
    """`fdbench score` on an exported run: prints and returns its numbers, stores nothing."""
    from fdbench.publish.dataset_folder import kind_of_export
    from fdbench.publish.score_export import score_export

    if kind_of_export(arguments.folder) != "run":
        raise UsageError(f"{arguments.folder}: an export of samples, there is nothing to score", "use it as --data")
    hearing = scoring_options_of(arguments, protocols_of(arguments.protocol or "all"))
    with ProgressBars() as progress:
        scored = score_export(arguments.folder, hearing, progress)
    report_messages([sample for scoring in scored.scorings for sample in scoring.samples])
    for note in dict.fromkeys(note for scoring in scored.scorings for note in scoring.notes):
        print(f"fdbench: {note}", file=sys.stderr)
    if arguments.json:
        result = {"run": str(arguments.folder), "errors": scored.n_errors, "summaries": list(scored.summaries)}
        write_result(arguments.json, result)
    if arguments.json != "-":
        print(_rendered(scored))
        print(arguments.folder)
    return EXIT_WITH_ERRORS if scored.n_errors else EXIT_OK


def _rendered(scored: ScoredExport) -> str:
    """The table that a run with these scores would show; reports are made from files, so they are written and forgotten."""
    from fdbench.io.files import write_json_atomically
    from fdbench.report.rows import read_run
    from fdbench.report.terminal import render_run

    with tempfile.TemporaryDirectory(prefix="fdbench-") as scratch:
        scored.manifest.write(Path(scratch))
        for summary in scored.summaries:
            write_json_atomically(Path(scratch) / "scores" / summary["protocol"] / "summary.json", summary)
        return render_run(read_run(Path(scratch)))
