"""`fdbench data`: what there is to fetch, fetching it, and whether what is there is sound."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdbench.command.base import (
    DATA_VARIABLE,
    EXIT_OK,
    EXIT_WITH_ERRORS,
    Commands,
    add_command,
    add_data_option,
    data_of,
    write_result,
)
from fdbench.command.export import add_target_options, conclude_export
from fdbench.errors import UsageError
from fdbench.io.text_table import text_table

if TYPE_CHECKING:
    from fdbench.data.finding import CheckedData

DEFAULT_TIMEOUT_S = 60.0


def register(commands: Commands) -> None:
    """`data list`, `data download`, `data check`, `data export`."""
    summary = "the benchmark's data: what there is, fetch it, check it"
    group = commands.add_parser("data", help=summary, description=summary, allow_abbrev=False)
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")

    listing = add_command(actions, "list", list_command, "the parts, their licence, and which of them are there")
    _add_data(listing)
    listing.add_argument("--json", action="store_true", help="for a program")

    fetch = add_command(actions, "download", download_command, "fetch parts; goes on where an earlier attempt stopped")
    fetch.add_argument("parts", nargs="*", metavar="NAME", help="parts (`fdbench data list`), tasks, v1 or all (default: v1)")
    _add_data(fetch)
    fetch.add_argument("--mirror", metavar="URL|DIR", help="take SET.zip or SET.tar.gz from there instead of Google Drive")
    fetch.add_argument(
        "--timeout", type=float, default=DEFAULT_TIMEOUT_S, metavar="S", help="the longest silence that is waited for (60)"
    )
    fetch.add_argument("--force", action="store_true", help="fetch again, and over what fdbench did not put there")

    check = add_command(actions, "check", check_command, "read every clip and annotation, and name what is wrong by file")
    _add_data(check)
    check.add_argument("--tasks", help="v1, or names with commas; each must be there (default: what is there)")
    check.add_argument("--json", metavar="FILE", nargs="?", const="-", help="the result for a program (- = standard output)")

    export = add_command(actions, "export", export_command, "write the samples of tasks as a dataset")
    export.add_argument("--tasks", default="available", help="as for `fdbench run` (default: available)")
    add_data_option(export)
    add_target_options(export)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", help=f"the data's folder (default: ${DATA_VARIABLE})")


def _folder_of(arguments: argparse.Namespace) -> Path | None:
    from_environment = os.environ.get(DATA_VARIABLE)
    given: Path | None = arguments.data or (Path(from_environment) if from_environment else None)
    if given is not None and str(given).startswith("hf:"):
        raise UsageError(
            f"{_named(arguments, given)}: expected a folder", "Hugging Face datasets are fetched when they are used"
        )
    if given is not None and given.exists() and not given.is_dir():
        raise UsageError(f"{_named(arguments, given)}: not a folder", "give the folder that holds v1.0/, or is to hold it")
    return given


def _named(arguments: argparse.Namespace, given: Path) -> str:
    """The folder as the user wrote it, in the option or in the environment."""
    return f"--data {given}" if arguments.data else f"{DATA_VARIABLE}={given}"


def _required_folder(arguments: argparse.Namespace) -> Path:
    """The data's folder itself, which is neither inside it nor a run's."""
    from fdbench.store.run import Run
    from fdbench.task.load import set_folders, task_specs
    from fdbench.task.tree import folder_above

    given = _folder_of(arguments)
    if given is None:
        raise UsageError("no folder for the data is named", f"give --data DIR, or set {DATA_VARIABLE}")
    above = folder_above(given, set_folders(task_specs().values()))
    if above is not None:
        raise UsageError(f"{_named(arguments, given)}: lies inside a set of clips", f"give the folder above: --data {above}")
    if Run(given).is_run:
        raise UsageError(
            f"{_named(arguments, given)}: holds a run, not data", "give the folder that holds v1.0/, or is to hold it"
        )
    return given


def list_command(arguments: argparse.Namespace) -> int:
    from fdbench.data.catalog import catalogue
    from fdbench.data.lock import find_part, read_lock
    from fdbench.task.load import task_specs

    data = _folder_of(arguments)
    lock = read_lock(data) if data is not None else None
    rows: list[dict[str, Any]] = []
    for part in catalogue(task_specs()).values():
        found = find_part(part, data, lock) if data is not None and lock is not None else None
        rows.append(
            {
                "name": part.name,
                "clips": part.n_clips,
                "tasks": list(part.tasks),
                "licence": part.licence,
                "source": part.source,
                "state": found.presence if found else None,
                "detail": found.detail if found else "",
            }
        )
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return EXIT_OK
    columns = ("name", "clips", "licence", "state", "source")
    cells = [["-" if row[column] is None else str(row[column]) for column in columns] for row in rows]
    print(*text_table(cells, header=columns), sep="\n")
    for row in rows:
        if row["detail"]:
            print(f"{row['name']}: {row['detail']}")
    if data is None:
        print(f"(state: give --data DIR or set {DATA_VARIABLE})")
    return EXIT_OK


def download_command(arguments: argparse.Namespace) -> int:
    from fdbench.data.catalog import select_parts
    from fdbench.data.fetch import DownloadOptions, download, mirror_of
    from fdbench.task.load import task_specs

    if not 0 < arguments.timeout < float("inf"):
        raise UsageError(f"--timeout {arguments.timeout:g}: expected seconds above 0", "leave it out to wait for a minute")
    parts = select_parts(arguments.parts or ["v1"], task_specs())
    data = _required_folder(arguments)
    options = DownloadOptions(mirror_of(arguments.mirror), arguments.timeout, arguments.force, progress=_show_progress)
    failed = []
    for outcome in download(parts, data, options):
        _end_progress()
        if outcome.status == "failed":
            failed.append(outcome)
            print(f"{outcome.part}: failed", flush=True)
        else:
            print(f"{outcome.part}: {outcome.status}: {outcome.message}", flush=True)
    if not failed:
        return EXIT_OK
    print(f"fdbench: {len(failed)} of {len(parts)} parts failed; the same command takes them up again", file=sys.stderr)
    for outcome in failed:
        print(f"fdbench: {outcome.part}: {outcome.message}", file=sys.stderr)
    return EXIT_WITH_ERRORS


def _show_progress(part: str, n_bytes: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{part}: {n_bytes / 1e6:.1f} MB ", end="", file=sys.stderr, flush=True)


def _end_progress() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def check_command(arguments: argparse.Namespace) -> int:
    from fdbench.data.check import check_data

    data = _required_folder(arguments)
    if not data.is_dir():
        raise UsageError(f"{_named(arguments, data)}: no such folder", "fetch the data with `fdbench data download`")
    checked = check_data(data, arguments.tasks)
    if not checked.sets:
        found = ", ".join(sorted(path.name for path in data.iterdir())[:5]) or "nothing"
        raise UsageError(
            f"{_named(arguments, data)}: holds no set that fdbench knows (found {found})",
            "give the folder that holds v1.0/ or the sets themselves, or fetch them with `fdbench data download`",
        )
    if arguments.json:
        write_result(arguments.json, checked.as_json())
    if arguments.json != "-":
        _print_checked(checked)
    return EXIT_WITH_ERRORS if checked.n_errors else EXIT_OK


def export_command(arguments: argparse.Namespace) -> int:
    from fdbench.data.export import export_samples

    return conclude_export(export_samples(arguments.tasks, data_of(arguments), arguments.to, force=arguments.force))


def _print_checked(checked: CheckedData) -> None:
    header = ("set", "clips", "expected", "hours", "rates", "errors", "warnings", "lock")
    rows = [
        (
            each.name,
            str(each.n_clips),
            str(each.n_expected),
            f"{each.duration_s / 3600:.3f}",
            ", ".join(f"{rate} Hz" + ("" if len(each.rates) == 1 else f" ({n})") for rate, n in sorted(each.rates.items())),
            str(each.count("error")),
            str(each.count("warning")),
            each.lock,
        )
        for each in checked.sets
    ]
    print(*text_table(rows, header=header), sep="\n")
    for finding in checked.findings:
        print(f"{finding.severity}: {finding.file}: {finding.what}")
    print(f"{_plural(checked.n_errors, 'error')}, {_plural(checked.n_warnings, 'warning')}")
    print("to pin (sha256):")
    for name, kind, sha256 in checked.hashes:
        print(f"  {name}  {kind}  {sha256}")


def _plural(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
