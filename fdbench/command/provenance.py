"""`fdbench show RUN` and `fdbench verify RUN`: where a run's numbers come from, and whether they still follow."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fdbench.command.base import (
    EXIT_OK,
    EXIT_WITH_ERRORS,
    Commands,
    add_command,
    add_data_option,
    add_run_argument,
    cores,
    data_of,
    screen_of,
    show,
    write_result,
)
from fdbench.errors import UsageError
from fdbench.io.text_table import text_table

if TYPE_CHECKING:
    from fdbench.verify.differences import Difference, Group
    from fdbench.verify.run import Verification

MAX_SHOWN: Final = 10
"""Differences of one group that are shown to a person; ``--json`` has them all."""


def register(commands: Commands) -> None:
    """`show`, `verify`."""
    show = add_command(commands, "show", show_command, "what a paper has to say about a run: data, model, engines, versions")
    add_run_argument(show)
    show.add_argument("--call", metavar="TASK/ID", help="one conversation with an examiner as a timeline, instead")
    show.add_argument("--json", metavar="FILE", nargs="?", const="-", help="for a program (- = standard output)")

    verify = add_command(commands, "verify", verify_command, "recompute every hash and number of a run and name what differs")
    add_run_argument(verify)
    add_data_option(verify)
    verify.add_argument(
        "--annotations",
        choices=("fresh", "stored"),
        default="fresh",
        help="hear all again, or trust what was heard",
    )
    verify.add_argument("--asr", metavar="ENGINE", help="what the recogniser is called here, if its signature does not say")
    verify.add_argument("--workers", type=int, default=cores(), help="processes for annotation")
    verify.add_argument("--json", metavar="FILE", nargs="?", const="-", help="for a program (- = standard output)")


def show_command(arguments: argparse.Namespace) -> int:
    from fdbench.report.appendix import render_appendix
    from fdbench.report.facts import show_run

    if arguments.call:
        show(*_timeline_of(arguments.run, arguments.call))
        return EXIT_OK
    facts = show_run(arguments.run)
    if arguments.json:
        write_result(arguments.json, facts)
    if arguments.json != "-":
        show(*scores_of(arguments.run), "", *render_appendix(facts).removesuffix("\n").split("\n"))
    return EXIT_WITH_ERRORS if facts["damaged"] else EXIT_OK


def _timeline_of(folder: Path, call: str) -> list[str]:
    """Every stored call of that name: repeats, twins, conditions."""
    from fdbench.report.timeline import timeline
    from fdbench.store.run import Run

    run = Run.existing(folder)
    takes = [take for take in run.manifest().takes() if f"{take.task}/{take.sample}" == call]
    if not takes:
        raise UsageError(f"{folder}: holds no call of '{call}'", "name a task and a sample, e.g. mini/dialogue/daily-01")
    lines = []
    for take in takes:
        record = run.read_record(take)
        if record is None or record.user is None or not record.user_events:
            lines += [f"{take}: no events of a conversation are stored with this call", ""]
            continue
        end_s = max(track.start_s + track.n_samples / track.sample_rate for track in record.tracks.values())
        lines += [str(take), "", *timeline([event.event for event in record.user_events], end_s), ""]
    return lines[:-1]


def scores_of(folder: Path) -> list[str]:
    """A run's scores, on one screen and then all of them; where its files do not say them, what is wrong."""
    from fdbench.errors import DataError
    from fdbench.report.rows import read_run
    from fdbench.report.terminal import render_run

    try:
        return [*screen_of(folder, with_next=False), "", *render_run(read_run(folder)).rstrip("\n").split("\n")]
    except DataError as error:
        return [f"no scores: {error.what}"]


def verify_command(arguments: argparse.Namespace) -> int:
    from fdbench.stages.progress import ProgressBars
    from fdbench.verify.run import VerifyRequest, verify_run

    if arguments.workers < 1:
        raise UsageError(f"--workers {arguments.workers}: expected at least 1", "leave it out to use every core")
    request = VerifyRequest(data_of(arguments, arguments.run), arguments.annotations, arguments.asr, arguments.workers)
    with ProgressBars() as progress:
        found = verify_run(arguments.run, request, progress)
    if arguments.json:
        write_result(arguments.json, found.as_json())
    if arguments.json != "-":
        show(*_lines(found))
    return EXIT_OK if found.agrees else EXIT_WITH_ERRORS


def _lines(found: Verification) -> list[str]:
    lines = text_table([(f"{_state(group):4}", group.name, _counts(group)) for group in found.groups])
    for group in found.groups:
        lines += [_difference(each) for each in group.differences[:MAX_SHOWN]]
        if len(group.differences) > MAX_SHOWN:
            lines.append(f"      {group.name}: {len(group.differences) - MAX_SHOWN} more (--json lists them)")
    lines += [f"note: {note}" for group in found.groups for note in group.notes]
    unchecked = [(group.name, why, n) for group in found.groups for why, n in group.unchecked.items()]
    lines += [f"not checked: {name}: {why} ({n})" for name, why, n in unchecked]
    n = len(found.differences)
    verdict = f"{n} difference{'s' if n != 1 else ''}" if n else "everything that was checked agrees"
    return [*lines, f"{found.run_id}: {verdict}{'; some of it was not checked' if unchecked else ''}"]


def _state(group: Group) -> str:
    if group.differences:
        return "DIFF"
    return "ok" if group.counts else "-"


def _counts(group: Group) -> str:
    counts = [f"{n} {what}" for what, n in group.counts.items()]
    differences = [f"{len(group.differences)} differ"] if group.differences else []
    return ", ".join([*counts, *differences]) or "not checked"


def _difference(difference: Difference) -> str:
    values = ""
    if difference.stored is not None or difference.found is not None:
        values = f": stored {_short(difference.stored)}, recomputed {_short(difference.found)}"
    return f"      {difference.file}: {difference.what}{values}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
