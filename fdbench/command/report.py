"""`fdbench report RUN [RUN2 ...] --to DIR|FILE.html`: see and hear why every clip has its number, on one page."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from fdbench.command.base import EXIT_OK, Commands, add_command, add_data_option, add_run_argument, data_of, report_notes, show


def register(commands: Commands) -> None:
    """`report`."""
    report = add_command(
        commands,
        "report",
        report_command,
        "a page to see and hear every clip, of one run or of several side by side",
        examples=("report RUN --to page", "report RUN_A RUN_B --to both.html --no-prompts"),
    )
    add_run_argument(report, "runs", nargs="+")
    report.add_argument(
        "--to", type=Path, required=True, metavar="DIR|FILE.html", help="a folder, or one file that holds everything"
    )
    report.add_argument("--inline", action="store_true", help="everything in one file, in a folder, too")
    report.add_argument("--no-prompts", action="store_true", help="leave out what the user says: audio, and texts")
    report.add_argument("--no-audio", action="store_true", help="leave out the recordings; waveforms stay")
    add_data_option(report)


def report_command(arguments: argparse.Namespace) -> int:
    from fdbench.page.write import write_report
    from fdbench.stages.progress import ProgressBars
    from fdbench.task.load import TaskLoader

    began_s = time.monotonic()
    loader = TaskLoader(data_of(arguments, arguments.runs[0]))
    with ProgressBars() as progress:
        page = write_report(
            arguments.runs,
            arguments.to,
            loader,
            progress,
            inline=arguments.inline,
            prompts=not arguments.no_prompts,
            audio=not arguments.no_audio,
        )
    report_notes(page.notes)
    runs = "run" if len(arguments.runs) == 1 else "runs"
    size = f"{page.n_bytes / 1e6:.1f} MB, of which {page.n_audio_bytes / 1e6:.1f} MB are recordings"
    show(f"{len(arguments.runs)} {runs}, {page.n_clips} clips, {size}, made in {time.monotonic() - began_s:.1f} s")
    if page.n_missing:
        show(f"{page.n_missing} recordings are not beside their runs: the page shows those calls without sound")
    show(f"open it: {page.path}")
    return EXIT_OK
