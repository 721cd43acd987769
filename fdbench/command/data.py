"""`fdbench data`: what there is to fetch, fetching it, and whether what is there is sound."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fdbench.command.base import (
    DATA_VARIABLE,
    EXIT_OK,
    EXIT_WITH_ERRORS,
    Commands,
    add_command,
    add_data_option,
    data_of,
    report_notes,
    show,
    show_table,
    write_result,
)
from fdbench.command.export import add_target_options, conclude_export
from fdbench.errors import UsageError

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

    export = add_command(actions, "export", export_command, "write the samples of tasks as a dataset, or as WAV")
    export.add_argument("--tasks", default="available", help="as for `fdbench run` (default: available)")
    add_data_option(export)
    add_target_options(export, or_wav=True)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", help=f"the data's folder (default: ${DATA_VARIABLE})")


def _folder_of(arguments: argparse.Namespace) -> tuple[Path | None, str]:
    """The data's folder itself, neither inside it nor a run's, and what the user wrote; None where none is named."""
    from fdbench.store.run import Run
    from fdbench.task.tree import folder_above

    from_environment = os.environ.get(DATA_VARIABLE)
    name = f"--data {arguments.data}" if arguments.data else f"{DATA_VARIABLE}={from_environment}"
    given = arguments.data or from_environment
    if not given:
        return None, name
    if given.startswith("hf:"):
        raise UsageError(f"{name}: expected a folder", "Hugging Face datasets are fetched when they are used")
    folder, expected = Path(given), "give the folder that holds v1.0/, or is to hold it"
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{name}: not a folder", expected)
    if Run(folder).is_run:
        raise UsageError(f"{name}: holds a run, not data", expected)
    above = folder_above(folder)
    if above is not None:
        raise UsageError(f"{name}: lies inside a set of clips", f"give the folder above: --data {above}")
    return folder, name


def _required_folder(arguments: argparse.Namespace) -> tuple[Path, str]:
    folder, name = _folder_of(arguments)
    if folder is None:
        raise UsageError("no folder for the data is named", f"give --data DIR, or set {DATA_VARIABLE}")
    return folder, name


def list_command(arguments: argparse.Namespace) -> int:
    from fdbench.data.catalog import catalogue
    from fdbench.data.lock import find_part, read_lock
    from fdbench.task.load import task_specs

    data, _ = _folder_of(arguments)
    rows: list[dict[str, Any]] = []
    for part in catalogue(task_specs()).values():
        found = find_part(part, data, read_lock(data)) if data is not None else None
        row = {"name": part.name, "clips": part.n_clips, "tasks": part.tasks, "licence": part.licence, "source": part.source}
        rows.append({**row, "state": found.presence if found else None, "detail": found.detail if found else ""})
    if arguments.json:
        write_result("-", rows)
        return EXIT_OK
    columns = ("name", "clips", "licence", "state", "source")
    shown = [{**row, "source": urlsplit(row["source"]).hostname} for row in rows]  # a program gets whole addresses
    show_table(([str(row[column] or "-") for column in columns] for row in shown), columns)
    show(*(f"{row['name']}: {row['detail']}" for row in rows if row["detail"]))
    if data is None:
        show(f"(state: give --data DIR or set {DATA_VARIABLE})")
    return EXIT_OK


def download_command(arguments: argparse.Namespace) -> int:
    from fdbench.data.catalog import select_parts
    from fdbench.data.fetch import DownloadOptions, download, mirror_of
    from fdbench.task.load import task_specs

    if not 0 < arguments.timeout < float("inf"):
        raise UsageError(f"--timeout {arguments.timeout:g}: expected seconds above 0", "leave it out to wait for a minute")
    parts = select_parts(arguments.parts or ["v1"], task_specs())
    data, _ = _required_folder(arguments)
    options = DownloadOptions(mirror_of(arguments.mirror), arguments.timeout, arguments.force, _show_progress)
    failed = []
    for outcome in download(parts, data, options):
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        if outcome.status == "failed":
            failed.append(outcome)
        show(f"{outcome.part}: {outcome.status}" + (f": {outcome.message}" if outcome.status != "failed" else ""))
        sys.stdout.flush()
    if not failed:
        return EXIT_OK
    report_notes([f"{len(failed)} of {len(parts)} parts failed; the same command takes them up again"])
    report_notes([f"{outcome.part}: {outcome.message}" for outcome in failed])
    return EXIT_WITH_ERRORS


def _show_progress(part: str, n_bytes: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{part}: {n_bytes / 1e6:.1f} MB ", end="", file=sys.stderr, flush=True)


def check_command(arguments: argparse.Namespace) -> int:
    from fdbench.data.check import check_data

    data, name = _required_folder(arguments)
    fetch = "fetch the data with `fdbench data download`"
    if not data.is_dir():
        raise UsageError(f"{name}: no such folder", fetch)
    checked = check_data(data, arguments.tasks)
    if not checked.sets:
        found = ", ".join(sorted(path.name for path in data.iterdir())[:5]) or "nothing"
        raise UsageError(
            f"{name}: holds no set that fdbench knows (found {found})", f"give the folder that holds v1.0/, or {fetch}"
        )
    if arguments.json:
        write_result(arguments.json, checked.as_json())
    if arguments.json != "-":
        _print_checked(checked)
    return EXIT_WITH_ERRORS if checked.n_errors else EXIT_OK


def export_command(arguments: argparse.Namespace) -> int:
    from fdbench.data.export import export_samples
    from fdbench.data.export_wav import export_wav

    if arguments.wav:
        return conclude_export(export_wav(arguments.tasks, data_of(arguments), arguments.wav, force=arguments.force))
    return conclude_export(export_samples(arguments.tasks, data_of(arguments), arguments.to, force=arguments.force))


def _print_checked(checked: CheckedData) -> None:
    header = ("set", "clips", "expected", "hours", "rates", "errors", "warnings", "lock")
    rows = []
    for each in checked.sets:
        rates = ", ".join(f"{n} at {rate} Hz" for rate, n in sorted(each.rates.items()))
        counts = (str(each.count("error")), str(each.count("warning")))
        hours = f"{each.duration_s / 3600:.3f}"
        rows.append((each.name, str(each.n_clips), str(each.n_expected), hours, rates, *counts, each.lock))
    show_table(rows, header)
    show(*(f"{finding.severity}: {finding.file}: {finding.what}" for finding in checked.findings))
    show(f"errors: {checked.n_errors}, warnings: {checked.n_warnings}")
    show("to pin (sha256):", *("  ".join(["", *hashed]) for hashed in checked.hashes))
