"""`fdbench list`, `doctor`, `leaderboard`: what there is, whether it works, and how the measured compare."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fdbench.command.base import (
    EXIT_OK,
    EXIT_WITH_ERRORS,
    Commands,
    add_command,
    add_data_option,
    data_of,
    pairs_of,
    report_notes,
    show,
    show_table,
)

if TYPE_CHECKING:
    from fdbench.adapter.contract import Check


_NOT_SHOWN: Final = ("kind", "clock")
"""Of models: what a person can do without."""


def register(commands: Commands) -> None:
    """`list`, `doctor`, `leaderboard`."""
    listing = add_command(commands, "list", list_command, "what there is")
    listing.add_argument("what", choices=("models", "tasks", "metrics", "conditions", "runs"))
    listing.add_argument("--out", type=Path, default=Path("results"), metavar="DIR", help="of runs: where they lie (results/)")
    listing.add_argument("--json", action="store_true", help="for a program")

    doctor = add_command(commands, "doctor", doctor_command, "check this machine and a model against the contract")
    doctor.add_argument("--model")
    doctor.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE", help="argument of the model")
    add_data_option(doctor)
    doctor.add_argument("--json", action="store_true", help="for a program")

    board = add_command(commands, "leaderboard", leaderboard_command, "write leaderboard/LEADERBOARD.md from stored results")
    board.add_argument("--results", type=Path, default=Path("results"))
    board.add_argument("--out", type=Path, default=Path("leaderboard/LEADERBOARD.md"))
    board.add_argument("--check", action="store_true", help="write nothing; fail if the file is stale")
    board.add_argument(
        "--site", type=Path, metavar="DIR", help="the same as a site: sortable tables, a report behind every run"
    )
    add_data_option(board)


def list_command(arguments: argparse.Namespace) -> int:
    listings: Mapping[str, Callable[[], Sequence[Mapping[str, str | int]]]] = {
        "models": _models,
        "tasks": _tasks,
        "metrics": _metrics,
        "conditions": _conditions,
        "runs": lambda: _runs(arguments.out),
    }
    rows = listings[arguments.what]()
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return EXIT_OK
    if not rows:
        show(f"no {arguments.what}" + (f" in {arguments.out}" if arguments.what == "runs" else ""))
        return EXIT_OK
    if arguments.what == "models":  # which a program gets whole; a person gets what fits
        rows = [{name: value for name, value in row.items() if name not in _NOT_SHOWN} for row in rows]
    show_table([list(map(str, row.values())) for row in rows], list(rows[0]))
    return EXIT_OK


def _runs(root: Path) -> Sequence[Mapping[str, str | int]]:
    from fdbench.report.run_list import list_runs

    return list_runs(root)


def _models() -> list[dict[str, str]]:
    from fdbench.adapter.load import missing_of, model_specs
    from fdbench.call.recordings import CLOCK
    from fdbench.stages.recordings import KIND, PREFIX, SUMMARY

    rows = [
        {
            "name": spec.name,
            "kind": spec.kind,
            "clock": spec.clock,
            "licence": spec.licence or "-",
            "missing": ", ".join(missing_of(spec)) or "-",
            "summary": f"{spec.summary}; as of {spec.read_on}" if spec.read_on else spec.summary,
        }
        for spec in model_specs().values()
    ]
    return [
        *rows,
        {"name": f"{PREFIX}DIR", "kind": KIND, "clock": CLOCK, "licence": "-", "missing": "-", "summary": SUMMARY},
    ]


def _tasks() -> list[dict[str, str | int]]:
    from fdbench.task.load import task_specs

    return [
        {
            "name": spec.name,
            "version": f"v{spec.version}",
            "behaviour": spec.behaviour,
            "n": spec.source.n,
            "description": spec.summary,
        }
        for spec in task_specs().values()
    ]


def _metrics() -> list[dict[str, str]]:
    from fdbench.core.metric import METRICS

    arrows = {True: "higher is better", False: "lower is better", None: "depends on the task"}
    return [
        {
            "name": metric.name,
            "unit": metric.unit,
            "direction": arrows[metric.higher_is_better],
            "ranked": _ranked(metric.name),
            "protocols": ", ".join(metric.protocols),
            "sentence": metric.sentence,
        }
        for metric in METRICS.values()
    ]


def _ranked(metric: str) -> str:
    """Where values of it are ranked: under the corrected protocol, as the published ones rank all that have a better end."""
    from fdbench.core.behaviour import BEHAVIOURS
    from fdbench.core.metric import CORRECTED, direction, is_ranked

    never_in = [each for each in BEHAVIOURS if direction(metric, each) is None or not is_ranked(metric, each, CORRECTED[0])]
    if not never_in:
        return "yes"
    return "never" if len(never_in) == len(BEHAVIOURS) else f"not in {', '.join(never_in)}"


def _conditions() -> list[dict[str, str]]:
    from fdbench.task.conditions import conditions

    return [
        {
            "name": each.name,
            "version": f"v{each.version}",
            "ladder": each.ladder,
            "summary": each.summary or "nothing stands between the two sides",
        }
        for each in conditions().values()
    ]


def doctor_command(arguments: argparse.Namespace) -> int:
    from fdbench.stages.doctor import examine_packages
    from fdbench.stages.model import find_model

    packages = examine_packages()
    checks: tuple[Check, ...] = ()
    if arguments.model:
        checks = find_model(arguments.model, pairs_of(arguments.arg)).examine(data_of(arguments))
    if arguments.json:
        as_json = [{"name": check.name, "holds": check.holds, "detail": check.detail} for check in (*packages, *checks)]
        print(json.dumps(as_json, indent=2))
    else:
        for check in (*packages, *checks):
            show(f"{'ok ' if check.holds else 'NO '} {check.name}  {check.detail}".rstrip())
        show(_verdict(arguments.model, packages, checks))
    return EXIT_OK if all(check.holds for check in checks) else EXIT_WITH_ERRORS


def _verdict(model: str | None, packages: Sequence[Check], checks: Sequence[Check]) -> str:
    """All of it in one line: packages are a choice, what a model needs is not."""
    missing = [check.name for check in packages if not check.holds]
    here = f"not installed, and needed only for what it does: {', '.join(missing)}" if missing else "every package is here"
    if model is None:
        return f"verdict: {here}; name a model to have it checked: fdbench doctor --model NAME"
    broken = [check.name for check in checks if not check.holds]
    if not broken:
        return f"verdict: {model} can be measured here"
    return f"verdict: {model} cannot be measured here: {', '.join(broken)}"


def leaderboard_command(arguments: argparse.Namespace) -> int:
    from fdbench.report.leaderboard import check_leaderboard, write_leaderboard

    if arguments.check:
        check_leaderboard(arguments.results, arguments.out)
        show(f"{arguments.out} is up to date")
    else:
        report_notes(write_leaderboard(arguments.results, arguments.out))
        show(str(arguments.out))
    if arguments.site:
        from fdbench.page.site import write_site
        from fdbench.stages.progress import ProgressBars
        from fdbench.task.load import TaskLoader

        with ProgressBars() as progress:
            site = write_site(arguments.results, arguments.out, arguments.site, TaskLoader(data_of(arguments)), progress)
        report_notes(site.notes)
        show(f"open it: {site.path} ({site.n_reports} reports)")
    return EXIT_OK
