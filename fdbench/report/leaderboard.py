"""The leaderboard: a pure function of committed JSON, with no dates, no hosts and one order.

    results/*/manifest.json + scores/*/summary.json --|
                                                      |--> leaderboard/LEADERBOARD.md
    fdbench.published/*.json -------------------------|

One section per family of tasks; in it, one part per task with a table for each protocol and set of engines, and below
them what others published. ``ranking`` says which numbers may be compared.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from fdbench.core.behaviour import BEHAVIOURS
from fdbench.core.family import FAMILIES
from fdbench.core.metric import METRICS
from fdbench.errors import DataError
from fdbench.io.files import write_output
from fdbench.report.legend import INTRODUCTION, PUBLISHED_INTRODUCTION
from fdbench.report.markdown import NOTHING, arguments_text, cell, code, escape, heading, link, table
from fdbench.report.ranking import best_of, beyond_limits, direction, is_judged, metric_names, place, tables, tells_placement
from fdbench.report.rows import PublishedRow, Row, read_published, read_results

FAMILIES_NOT_SHOWN = ("v3",)  # published numbers are kept, but no task here measures the same
DAGGER = "†"
MAX_DIFF_LINES = 12


def render_leaderboard(rows: Sequence[Row], published: Sequence[PublishedRow], results_link: str = "../results") -> str:
    """The whole leaderboard as Markdown.

    Args:
        rows: Measured results in any order.
        published: Numbers of others in any order.
        results_link: Where the results folder lies, as seen from the leaderboard.
    """
    shown = [row for row in published if row.family not in FAMILIES_NOT_SHOWN]
    families = sorted(
        {row.scored.family for row in rows} | {row.family for row in shown}, key=lambda name: place(name, FAMILIES)
    )
    lines = ["# Leaderboard", "", "Sections: " + " · ".join(f"[{escape(name)}](#{_anchor(name)})" for name in families), ""]
    lines += [*INTRODUCTION, ""]
    for family in families:
        lines += [f"## {escape(family)}", ""]
        measured = [row for row in rows if row.scored.family == family]
        lines += _family_lines(measured, [row for row in shown if row.family == family], results_link)
    lines += _run_lines(rows, results_link)
    return "\n".join(lines).rstrip("\n") + "\n"


def write_leaderboard(results_root: Path, target: Path) -> None:
    """Render what the results folder holds and write it, whole or not at all.

    Raises:
        DataError: A results file is broken; names it.
    """
    write_output(target, _rendered(results_root, target).encode())


def check_leaderboard(results_root: Path, target: Path) -> None:
    """Make sure that the leaderboard says what the results say.

    Raises:
        DataError: It does not, or is missing; shows the first lines that differ.
    """
    current = target.read_text(encoding="utf-8") if target.is_file() else ""
    fresh = _rendered(results_root, target)
    if current == fresh:
        return
    what = "is stale" if target.is_file() else "does not exist"
    diff = difflib.unified_diff(current.splitlines(), fresh.splitlines(), str(target), "fresh", n=0, lineterm="")
    excerpt = tuple(islice(diff, MAX_DIFF_LINES)) or ("the end of the file differs",)
    raise DataError(f"{target}: {what}, the results in {results_root} say otherwise", "run `fdbench leaderboard`", excerpt)


def _rendered(results_root: Path, target: Path) -> str:
    results_link = Path(os.path.relpath(results_root.resolve(), target.resolve().parent)).as_posix()
    return render_leaderboard(read_results(results_root), read_published(), results_link)


def _family_lines(rows: Sequence[Row], published: Sequence[PublishedRow], results_link: str) -> list[str]:
    measured = tables(rows)
    behaviours = {row.task: row.behaviour for row in published} | {row.task: row.scored.behaviour for row in rows}
    lines = []
    for task in sorted(behaviours, key=lambda task: (place(behaviours[task], tuple(BEHAVIOURS)), task)):
        behaviour = behaviours[task]
        known = BEHAVIOURS.get(behaviour)
        name = known.title if known else behaviour.replace("_", " ").capitalize()
        lines += [f"### {escape(name)}: {code(task)}", ""]
        mine = [group for group in measured if group[0].task == task]
        says_placement = tells_placement([row for group in mine for row in group])
        for group in mine:
            lines += _measured_lines(group, results_link, says_placement)
        theirs = [row for row in published if row.task == task]
        if not mine:
            lines += ["Nothing measured yet.", ""]
        if theirs:
            lines += _published_lines(theirs)
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
    return [" · ".join(facts), "", *lines, ""]


_FACTS_OF_ROWS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("judge", lambda row: code(row.engines.judge) if any(map(is_judged, row.metrics)) else ""),
    ("edition", lambda row: code(row.collection.edition) if row.collection.edition else ""),
    ("lead-in", lambda row: f"{row.collection.lead_in_s:g} s"),
    ("failed samples", lambda row: str(row.scored.n_errors or "")),
)


def _published_lines(rows: Sequence[PublishedRow]) -> list[str]:
    units = {row.metric: (row.unit, row.higher_is_better) for row in rows}
    metrics = sorted(units, key=lambda name: place(name, tuple(METRICS)))
    grouped: dict[tuple[str, ...], dict[str, PublishedRow]] = {}
    for row in rows:
        grouped.setdefault((row.model, row.source, row.url, row.protocol, row.evidence), {})[row.metric] = row
    order = sorted(grouped, key=lambda group: (group[0].casefold(), *group))
    notes: list[str] = []
    body = []
    for group in order:
        model, source, url, protocol, evidence = group
        cells = [f"*{escape(model)}*"]
        for metric in metrics:
            found = grouped[group].get(metric)
            cells.append(NOTHING if found is None else f"*{found.value:g}*{_mark(found.note, notes)}")
        body.append([*cells, escape(protocol), link(_short_source(source), url), escape(evidence)])
    columns = [heading(metric, *units[metric]) for metric in metrics]
    header = ["*published, not ranked*", *columns, "protocol", "source", "evidence"]
    lines = [PUBLISHED_INTRODUCTION, "", *table(header, body, numbers=range(1, 1 + len(columns))), ""]
    if notes:
        lines += ["<br>\n".join(f"<sup>{index}</sup> {escape(note)}." for index, note in enumerate(notes, 1)), ""]
    return lines


def _mark(note: str, notes: list[str]) -> str:
    """The footnote sign of a remark, which joins the list if it is new."""
    if not note:
        return ""
    if note not in notes:
        notes.append(note)
    return f"<sup>{notes.index(note) + 1}</sup>"


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


def _short_source(source: str) -> str:
    """What identifies the source at a glance; the remarks in brackets stay in the file."""
    return re.split(r"\s*[(;]", source)[0]


def _unit(metric: str, rows: Sequence[Row]) -> str:
    return next(row.metrics[metric].unit for row in rows if metric in row.metrics)


def _anchor(name: str) -> str:
    """GitHub's anchor of a heading."""
    return re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-")
