"""The leaderboard: a pure function of committed JSON, with no dates, no hosts and one order.

    results/*/manifest.json + scores/*/summary.json --|     |--> LEADERBOARD.md  headlines, published ones, fdbench's tables
                                                      |-----|--> fdb.md          the same results under the published rules
    fdbench.published/*.json -------------------------|     |--> published.md    every published number with its source
                                                            |--> ../README.md    headlines, between two markers

The headlines stand first. Below them, one section per family of tasks, one part per task and a table for each set of engines;
nothing has a section before it is measured. ``ranking`` says which numbers may be compared.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from fdbench.core.behaviour import BEHAVIOURS
from fdbench.core.family import FAMILIES
from fdbench.core.metric import CORRECTED
from fdbench.errors import DataError, MissingExtraError
from fdbench.io.files import write_output
from fdbench.report.conversation_table import conversation_lines
from fdbench.report.headline_table import TOLD_UNDER, Under, headline_lines
from fdbench.report.ladder_lines import ladder_lines
from fdbench.report.ladders import LadderTable, apart_from_ladders, lost_under, read_ladders
from fdbench.report.legend import CONVERSATION, HEADLINE, PROTOCOLS, READING
from fdbench.report.markdown import DAGGER, NOTHING, arguments_text, cell, code, escape, heading, link, table
from fdbench.report.pictures import FORMATS, digest_in, draw, picture_data
from fdbench.report.published_table import front_lines, published_lines
from fdbench.report.ranking import best_of, beyond_limits, direction, is_judged, metric_names, place, tables, tells_placement
from fdbench.report.rows import PublishedRow, Row, read_published, read_results
from fdbench.report.voice_table import HEADER, voice_lines
from fdbench.report.windows_table import WINDOWS_HEADER, window_lines
from fdbench.store.sweep import read_sweeps

FAMILIES_NOT_SHOWN = ("v3",)  # published numbers are kept, but no task here measures the same
MAX_DIFF_LINES = 12
FDB_PAGE: Final = "fdb.md"
PUBLISHED_PAGE: Final = "published.md"
HEADLINE_START: Final = "<!-- headline: `fdbench leaderboard` writes what stands between these two lines -->"
HEADLINE_END: Final = "<!-- end of headline -->"


def render_leaderboard(
    rows: Sequence[Row],
    published: Sequence[PublishedRow],
    results_link: str = "../results",
    pictures: Sequence[str] = (),
    ladders: Sequence[LadderTable] = (),
    under: Under | None = None,
) -> str:
    """The front page as Markdown.

    Args:
        rows: Measured results in any order.
        published: Numbers of others in any order.
        results_link: Where the results folder lies, as seen from the leaderboard.
        pictures: Lines that show the pictures beside it.
        ladders: The same under conditions.
        under: What a turn costs under the conditions that the headlines tell.
    """
    all_rows, rows = rows, apart_from_ladders(rows)
    corrected = [row for row in rows if row.protocol in CORRECTED]
    lines = ["# Leaderboard", ""]
    headlines = headline_lines(rows, under)
    if headlines:
        lines += [*headlines, *HEADLINE, "", *(pictures and [*pictures, ""])]
    front = front_lines(published)
    if front:
        said = (
            f"Of v1, by other rules than those above; protocols, remarks and v1.5, v2: [published numbers]({PUBLISHED_PAGE})."
        )
        lines += ["## Published by others", "", said, "", *front]
    if len(corrected) < len(rows):
        lines += [f"The same results [by the published rules]({FDB_PAGE}).", ""]
    if corrected:
        lines += ["## How to read the tables below", "", *READING, "", *_sections(_families(corrected, ()))]
        lines += _family_sections(corrected, results_link)
    return _page([*lines, *ladder_lines(ladders), *_run_lines(all_rows, results_link)])


_CAPTIONS: Final = {
    "frontier": "![Median wait against turns that are broken into, a point per model and a curve per sweep](frontier.svg)",
    "onsets": "![When each model's replies begin after a turn, beside people's](onsets.svg)",
}


def render_fdb(rows: Sequence[Row], results_link: str = "../results") -> str:
    """The measured results under the published rules, defects included."""
    published_rules = [row for row in rows if row.protocol not in CORRECTED]
    lines = ["# Measured by the published rules", "", "Defects included: to set beside published numbers, not to rank by.", ""]
    lines += [*PROTOCOLS, "", *READING, "", *_sections(_families(published_rules, ()))]
    return _page([*lines, *_family_sections(published_rules, results_link)])


def render_published(published: Sequence[PublishedRow]) -> str:
    """Every published number with its source."""
    shown = [row for row in published if row.family not in FAMILIES_NOT_SHOWN]
    lines = ["# Published numbers", "", *PROTOCOLS, "", *_sections(_families((), shown))]
    for family in _families((), shown):
        lines += [f"## {escape(family)}", ""]
        behaviours = {row.task: row.behaviour for row in shown if row.family == family}
        for task in _in_order_of_tasks(behaviours):
            lines += [_task_heading(task, behaviours[task]), ""]
            lines += published_lines([row for row in shown if row.task == task])
    return _page(lines)


def write_leaderboard(results_root: Path, target: Path) -> tuple[str, ...]:
    """Render what the results folder holds and write it, each file whole or not at all: the page, those beside it, README.md.

    Returns:
        What a user has to know: that stale pictures could not be drawn again.

    Raises:
        DataError: A results file is broken; names it.
    """
    for path, text in _rendered(results_root, target).items():
        write_output(path, text.encode())
    stale = _stale_pictures(results_root, target)
    try:
        for name, data in stale.items():
            for kind, drawn in draw(name, data).items():
                write_output(target.parent / f"{name}.{kind}", drawn)
    except MissingExtraError as error:
        return (f"{', '.join(stale)}: not drawn again, though the data changed: {error.what}", error.remedy)
    return ()


def check_leaderboard(results_root: Path, target: Path) -> None:
    """Make sure that the leaderboard says what the results say.

    Raises:
        DataError: It does not, or is missing; shows the first lines that differ.
    """
    for name in _stale_pictures(results_root, target):
        raise DataError(f"{target.parent / name}.*: the picture shows other data than the results", "run `fdbench leaderboard`")
    for path, fresh in _rendered(results_root, target).items():
        current = path.read_text(encoding="utf-8") if path.is_file() else ""
        if current == fresh:
            continue
        what = "is stale" if path.is_file() else "does not exist"
        diff = difflib.unified_diff(current.splitlines(), fresh.splitlines(), str(path), "fresh", n=0, lineterm="")
        excerpt = tuple(islice(diff, MAX_DIFF_LINES)) or ("the end of the file differs",)
        raise DataError(f"{path}: {what}, the results in {results_root} say otherwise", "run `fdbench leaderboard`", excerpt)


def _stale_pictures(results_root: Path, target: Path) -> dict[str, Any]:
    """The data of each picture that is missing or shows something else."""
    data = picture_data(read_results(results_root), dict(read_sweeps(results_root)))
    return {name: shown for name, shown in data.items() if not _shows(target.parent, name, digest_in(name, shown))}


def _shows(folder: Path, name: str, mark: str) -> bool:
    files = [folder / f"{name}.{kind}" for kind in FORMATS]
    return all(file.is_file() and mark.encode() in file.read_bytes() for file in files)


def leaderboard_pages(results_root: Path, target: Path) -> dict[Path, str]:
    """What the page and those beside it should say. Raises DataError where a results file is broken; names it."""
    return {path: text for path, text in _rendered(results_root, target).items() if path.parent == target.parent}


def _rendered(results_root: Path, target: Path) -> dict[Path, str]:
    """What each file should say. README.md in the folder above is one of them if it has the two markers."""
    results_link = Path(os.path.relpath(results_root.resolve(), target.resolve().parent)).as_posix()
    rows, published = read_results(results_root), read_published()
    pictures = [_CAPTIONS[name] for name in picture_data(rows, dict(read_sweeps(results_root)))]
    ladders, under = read_ladders(results_root, rows), lost_under(results_root, rows, TOLD_UNDER)
    pages = {
        target: render_leaderboard(rows, published, results_link, pictures, ladders, under),
        target.parent / PUBLISHED_PAGE: render_published(published),
    }
    plain = apart_from_ladders(rows)
    if any(row.protocol not in CORRECTED for row in plain):
        pages[target.parent / FDB_PAGE] = render_fdb(plain, results_link)
    readme = target.parent.resolve().parent / "README.md"
    if readme.is_file():
        before, start, rest = readme.read_text(encoding="utf-8").partition(HEADLINE_START)
        _, end, after = rest.partition(HEADLINE_END)
        if start and end:
            headlines = headline_lines(plain, under)
            between = f"\n\n{_page(headlines)}\n" if headlines else "\n"
            pages[readme] = f"{before}{start}{between}{end}{after}"
    return pages


def _page(lines: Sequence[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"


def _families(rows: Sequence[Row], published: Sequence[PublishedRow]) -> list[str]:
    found = {row.scored.family for row in rows} | {row.family for row in published}
    return sorted(found, key=lambda name: place(name, FAMILIES))


def _sections(families: Sequence[str]) -> list[str]:
    return ["Sections: " + " · ".join(f"[{escape(name)}](#{_anchor(name)})" for name in families), ""]


def _in_order_of_tasks(behaviours: Mapping[str, str]) -> list[str]:
    return sorted(behaviours, key=lambda task: (place(behaviours[task], tuple(BEHAVIOURS)), task))


def _task_heading(task: str, behaviour: str) -> str:
    known = BEHAVIOURS.get(behaviour)
    return f"### {escape(known.title if known else behaviour.replace('_', ' ').capitalize())}: {code(task)}"


def _family_sections(rows: Sequence[Row], results_link: str) -> list[str]:
    lines = []
    for family in _families(rows, ()):
        lines += [f"## {escape(family)}", ""]
        measured = tables([row for row in rows if row.scored.family == family])
        behaviours = {group[0].task: group[0].scored.behaviour for group in measured}
        for task in _in_order_of_tasks(behaviours):
            lines += [_task_heading(task, behaviours[task]), ""]
            mine = [group for group in measured if group[0].task == task]
            says_placement = tells_placement([row for group in mine for row in group])
            for group in mine:
                lines += _measured_lines(group, results_link, says_placement)
        turns = conversation_lines([row for row in rows if row.scored.family == family])
        lines += [*turns, *(CONVERSATION if turns else ()), *([""] if turns else [])]
    return lines


def _measured_lines(rows: Sequence[Row], results_link: str, says_placement: bool) -> list[str]:
    first = rows[0]
    facts = [f"protocol {code(first.protocol)}", f"ASR {code(first.engines.asr)}", f"VAD {code(first.engines.vad)}"]
    columns: list[tuple[str, Callable[[Row], str]]] = [("clock", lambda row: escape(row.collection.clock))]
    # A fact that all rows share is said once, above the table; otherwise each row says its own.
    for name, tell in _FACTS_OF_ROWS:
        said = {tell(row) for row in rows}
        if len(said) > 1:
            columns.append((name, tell))
        elif said != {""}:
            facts.append(f"{name} {said.pop()}")
    facts += [f"task version {first.scored.version}", f"{first.scored.n_samples} samples"]
    if first.collection.condition != "clean":
        facts.append(f"condition {code(first.collection.condition)}")
    if says_placement:
        facts.append(f"placement {code(first.placement)}")
    metrics = metric_names(rows)
    marked = {metric: best_of(metric, rows) for metric in metrics}
    header = ["model", *(name for name, _ in columns)]
    header += [heading(metric, _unit(metric, rows), direction(metric, rows)) for metric in metrics]
    body = []
    for row in rows:
        cells = [_model(row), *(tell(row) for _, tell in columns)]
        cells += [cell(row.metrics.get(metric), is_best=row.path in marked[metric]) for metric in metrics]
        body.append([*cells, link(_short(row.run_id), f"{results_link}/{row.path}")])
    n_before = 1 + len(columns)
    lines = table([*header, "run"], body, numbers=range(n_before, n_before + len(metrics)))
    return [" · ".join(facts), "", *lines, "", *_voice_lines(rows), *_window_lines(rows)]


def _voice_lines(rows: Sequence[Row]) -> list[str]:
    """Folded: how each model's voice changes over an overlap."""
    body = [[_model(row), *map(escape, line)] for row in rows for line in voice_lines(row)]
    if not body:
        return []
    lines = table(["model", "voice", *HEADER[1:]], body, numbers=range(2, len(HEADER) + 1))
    summary = "<summary>How the voice changes over the overlap, where the model responds to it</summary>"
    return ["<details>", summary, "", *lines, "", "</details>", ""]


def _window_lines(rows: Sequence[Row]) -> list[str]:
    """Folded: how a judge's scores go over the time of a dialogue."""
    body = [[_model(row), *map(escape, line)] for row in rows for line in window_lines(row)]
    if not body:
        return []
    lines = table(["model", "score", *WINDOWS_HEADER[1:]], body, numbers=range(2, len(WINDOWS_HEADER) + 1))
    summary = "<summary>The judge's scores by the time of the dialogue, weighted by seconds</summary>"
    return ["<details>", summary, "", *lines, "", "</details>", ""]


_FACTS_OF_ROWS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("judge", lambda row: code(row.engines.judge) if any(map(is_judged, row.metrics)) else ""),
    ("edition", lambda row: code(row.collection.edition) if row.collection.edition else ""),
    ("lead-in", lambda row: f"{row.collection.lead_in_s:g} s"),
    ("failed samples", lambda row: str(row.scored.n_errors or "")),
)


def _run_lines(rows: Sequence[Row], results_link: str) -> list[str]:
    runs = {row.run_id: row for row in rows}
    if not runs:
        return []
    body = []
    for run_id, row in sorted(runs.items()):
        how = row.collection
        manifest = f"{results_link}/{row.path.partition('/')[0]}/manifest.json"
        cells = [link(run_id, manifest), escape(how.kind), code(how.adapter), code(arguments_text(how.arguments)) or NOTHING]
        cells += [code(how.weights_revision or "") or NOTHING, escape(how.clock), f"{how.lead_in_s:g} s"]
        body.append([*cells, str(how.slots), str(how.seed), escape(how.fdbench)])
    header = ["run", "kind", "adapter", "arguments", "weights", "clock", "lead-in", "slots", "seed", "fdbench"]
    introduction = "Each number's full signature stands in the file that its row links to."
    return ["## Runs", "", introduction, "", *table(header, body, numbers=range(0))]


def _model(row: Row) -> str:
    name = escape(row.collection.model)
    if row.collection.kind == "trivial":
        name += DAGGER
    elif row.collection.kind == "recordings":
        name += " (recordings)"
    arguments = code(arguments_text(row.collection.arguments))
    beyond = beyond_limits(row)
    why = (
        f"<sub>not ranked: too much {escape(', '.join(metric.replace('_', ' ') for metric in beyond))}</sub>" if beyond else ""
    )
    return "<br>".join(part for part in (name, arguments, why) if part)


def _short(run_id: str) -> str:
    """The hash at a run id's end."""
    return run_id.rpartition("-")[2]


def _unit(metric: str, rows: Sequence[Row]) -> str:
    return next(row.metrics[metric].unit for row in rows if metric in row.metrics)


def _anchor(name: str) -> str:
    """GitHub's anchor of a heading."""
    return re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-")
