"""`fdbench compare RUN RUN ...`: is one run better than another, in what, by how much, and could it have been seen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fdbench.command.base import (
    EXIT_OK,
    Commands,
    add_command,
    add_run_argument,
    columns_here,
    protocols_of,
    report_notes,
    run_folder,
    show,
    write_result,
)
from fdbench.errors import UsageError

if TYPE_CHECKING:
    from fdbench.report.comparison import Comparison
    from fdbench.report.gates import Checked

EXIT_GATE: Final = 1
LATEST: Final = "latest"
_NARROWEST: Final = 120
"""Columns of a full line; where the terminal has fewer, it breaks it."""


def register(commands: Commands) -> None:
    """`compare`."""
    parser = add_command(
        commands,
        "compare",
        compare_command,
        "what differs between runs over the same clips, by how much, and how sure that is",
        examples=(
            "compare RUN_A RUN_B",
            "compare RUN_B --against latest",
            "compare RUN_A RUN_B --fail-if 'response_latency_s>+0.1' --fail-if 'takeover_rate<-0.05' --junit out.xml",
        ),
        epilog="Differences are the later run minus the first (or minus that of --against). Exit status: 0, or 1 where a rule "
        "of --fail-if is broken: where the whole 95 % interval of a difference lies beyond the amount.",
    )
    add_run_argument(parser, "runs", nargs="+")
    parser.add_argument("--against", metavar="RUN|latest", help="what to compare with: a run, or the newest that compares")
    parser.add_argument("--protocol", help="fdbench, fdb-2026-05 or fdb-2026-02 (default: fdbench where both runs have it)")
    parser.add_argument(
        "--fail-if",
        action="append",
        default=[],
        metavar="RULE",
        help="exit with status 1 if a metric rose or fell by more: [TASK:]METRIC>+AMOUNT or [TASK:]METRIC<-AMOUNT; several",
    )
    parser.add_argument("--junit", type=Path, metavar="FILE", help="the same as JUnit XML, a test for each number")
    parser.add_argument("--json", metavar="FILE", nargs="?", const="-", help="the result for a program (- = standard output)")


def compare_command(arguments: argparse.Namespace) -> int:
    from fdbench.io.files import write_output
    from fdbench.report.comparison import compare_runs
    from fdbench.report.gates import Gate, check_gates
    from fdbench.report.junit import junit_xml
    from fdbench.report.pairing import pair_runs

    gates = [Gate.parse(text) for text in arguments.fail_if]
    protocol = protocols_of(arguments.protocol)[0] if arguments.protocol else None
    base, others = _base_and_others(arguments, protocol)
    comparisons = compare_runs([pair_runs(base, other, protocol) for other in others])
    checked = [check_gates(gates, comparison) for comparison in comparisons]
    together = list(zip(comparisons, checked, strict=True))
    if arguments.junit:
        write_output(arguments.junit, junit_xml(together))
    if arguments.json:
        result = [{**comparison.as_json(), "rules": [each.as_json() for each in rules]} for comparison, rules in together]
        write_result(arguments.json, {"schema": 1, "comparisons": result})
    if arguments.json != "-":
        _show(together)
    broken = [each for rules in checked for each in rules if each.is_broken]
    report_notes([f"FAILED {each.sentence}" for each in broken])
    report_notes([f"not decided: {each.sentence}" for rules in checked for each in rules if not each.is_known])
    return EXIT_GATE if broken else EXIT_OK


def _base_and_others(arguments: argparse.Namespace, protocol: str | None) -> tuple[Path, list[Path]]:
    from fdbench.report.pairing import newest_comparable

    runs: list[Path] = arguments.runs
    if arguments.against is None:
        if len(runs) < 2:
            raise UsageError(f"{runs[0]}: compared with what?", "name a second run, or --against latest")
        base, *others = runs
    else:
        others = runs
        base = newest_comparable(runs[0], protocol) if arguments.against == LATEST else run_folder(arguments.against)
    if any(other.resolve() == base.resolve() for other in others):
        raise UsageError(f"{base}: compared with itself", "name another run")
    return base, others


def _show(together: list[tuple[Comparison, list[Checked]]]) -> None:
    from fdbench.report.comparison_screen import MAX_LINES, comparison_lines

    width = max(_NARROWEST, columns_here())
    for number, (comparison, _) in enumerate(together):
        show(*([""] if number else []), *comparison_lines(comparison, width, max(12, MAX_LINES // len(together))))
