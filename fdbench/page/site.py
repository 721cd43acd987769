"""The leaderboard as a site: the same pages as in the repository, their tables sortable, with a report behind every run.

::

    DIR/index.html               LEADERBOARD.md
        fdb.html published.html  the pages beside it, as they are
        frontier.svg onsets.svg  the pictures
        reports/RUN/index.html   of each run, with audio where its recordings are beside it

Static files, no request to anybody else. Markdown becomes HTML by the ``markdown`` package; nothing in a table can be a tag, as
the pages escape what models and data are called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from fdbench.errors import DataError, FdbenchError, MissingExtraError
from fdbench.io.files import write_bytes_atomically
from fdbench.page.write import write_report
from fdbench.report.leaderboard import leaderboard_pages
from fdbench.report.pictures import FORMATS
from fdbench.stages.progress import Progress
from fdbench.store.run import Run
from fdbench.task.load import TaskLoader

REPORTS: Final = "reports"
_LINK: Final = re.compile(r"\((?:[^()\s]*/)?(?P<run>[^/()\s]+)/(?:scores/[^/()\s]+/summary|manifest)\.json\)")


@dataclass(frozen=True, slots=True)
class WrittenSite:
    """A site that was written.

    Attributes:
        notes: A line for each run that could not be shown, and why.
    """

    path: Path
    n_reports: int
    notes: tuple[str, ...]


def write_site(results: Path, leaderboard: Path, to: Path, loader: TaskLoader, progress: Progress) -> WrittenSite:
    """Write the site of a results folder.

    Args:
        results: The runs.
        leaderboard: ``LEADERBOARD.md``, beside which the pictures lie.
        to: A folder; what an earlier site left there is written over.

    Raises:
        MissingExtraError: The ``markdown`` package is not installed.
        DataError: A results file is broken, or ``to`` is no folder.
    """
    if to.exists() and not to.is_dir():
        raise DataError(f"{to}: is not a folder", "name a folder: --site DIR")
    pages = leaderboard_pages(results, leaderboard)  # which also sees to it that all of them can be read
    reports, notes = _write_reports(results, to / REPORTS, loader, progress)
    for source, text in pages.items():
        name = "index.html" if source == leaderboard else f"{source.stem}.html"
        write_bytes_atomically(to / name, _html(text, reports).encode())
    for picture in (path for kind in FORMATS for path in sorted(leaderboard.parent.glob(f"*.{kind}"))):
        write_bytes_atomically(to / picture.name, picture.read_bytes())
    return WrittenSite(to / "index.html", len(reports), tuple(notes))


def _write_reports(results: Path, to: Path, loader: TaskLoader, progress: Progress) -> tuple[set[str], list[str]]:
    """A report of each run that has scores; the names of those, and what is wrong with the others."""
    written, notes = set[str](), list[str]()
    for run in Run.all_in(results):
        if not run.scorings():
            continue
        try:
            write_report([run.folder], to / run.folder.name, loader, progress)
        except FdbenchError as error:
            notes.append(f"{run.folder.name}: no report: {error.what}")
        else:
            written.add(run.folder.name)
    return written, notes


def _html(text: str, reports: set[str]) -> str:
    try:
        import markdown
    except ImportError:
        raise MissingExtraError("markdown", "site", "the leaderboard's site") from None
    linked = _LINK.sub(lambda found: f"({REPORTS}/{found['run']}/index.html)" if found["run"] in reports else "()", text)
    linked = re.sub(r"\[([^\]]*)\]\(\)", r"\1", linked)  # a run without a report is named, not linked
    linked = re.sub(r"\(((?:\w+))\.md\)", r"(\1.html)", linked)
    body = markdown.markdown(linked, extensions=["tables", "toc", "md_in_html"])
    asset = files("fdbench.page") / "assets"
    title = text.partition("\n")[0].lstrip("# ")
    parts: Mapping[str, str] = {
        "title": escape(title),
        "body": body,
        "style": (asset / "site.css").read_text(encoding="utf-8"),
        "script": (asset / "sort.js").read_text(encoding="utf-8"),
    }
    return Template((asset / "site.html").read_text(encoding="utf-8")).substitute(parts)
