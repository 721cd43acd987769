"""What others published, as Markdown: by task with every source, and one row per model for the front page.

A published number stands in tables of its own and is never ranked: it was made by other rules than ``fdbench``'s, under other
recognisers and settings. On the front page a model has one row, from its newest source that reports at least three of the four
behaviours; what is older, copied from another source, an ablation, or of fewer behaviours is folded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from fdbench.core.behaviour import BEHAVIOURS
from fdbench.core.metric import METRICS
from fdbench.report.legend import PUBLISHED_INTRODUCTION
from fdbench.report.markdown import NOTHING, escape, heading, link, table
from fdbench.report.ranking import place
from fdbench.report.rows import PublishedRow

FRONT_FAMILY: Final = "v1"
FRONT_BEHAVIOURS: Final = 3
"""Of how many behaviours a source has to report."""
_SHORT_TITLES: Final = {"pause_handling": "pause", "turn_taking": "turn", "user_interruption": "interruption"}
_SHORT_METRICS: Final = {
    "takeover_rate": "takeover",
    "response_latency_s": "latency (s)",
    "backchannel_frequency_hz": "rate (Hz)",
    "backchannel_js_distance": "distance",
}
_DATED: Final = (("github.com/DanielLin94144/Full-Duplex-Bench", "2604"),)
"""Year and month of sources that are not named by them: the benchmark's own table as of 15 April 2026."""
_NOT_ORIGINAL: Final = ("cited", "copy", "via", "digest")

_Group = tuple[str, str, str, str, str]
"""Model, source, address, protocol, evidence."""


def published_lines(rows: Sequence[PublishedRow]) -> list[str]:
    """A table of one task: every source has a row of its own."""
    units = {row.metric: (row.unit, row.higher_is_better) for row in rows}
    metrics = sorted(units, key=lambda name: place(name, tuple(METRICS)))
    grouped = _grouped(rows)
    notes: list[str] = []
    body = []
    for group in sorted(grouped, key=lambda group: (group[0].casefold(), *group)):
        of_metric = {row.metric: row for row in grouped[group]}
        cells = [f"*{escape(group[0])}*"]
        for metric in metrics:
            found = of_metric.get(metric)
            cells.append(NOTHING if found is None else f"*{found.value:g}*{_mark(found.note, notes)}")
        body.append([*cells, *_provenance(group)])
    columns = [heading(metric, *units[metric]) for metric in metrics]
    header = ["*published, not ranked*", *columns, "protocol", "source", "evidence"]
    lines = [PUBLISHED_INTRODUCTION, "", *table(header, body, numbers=range(1, 1 + len(columns))), ""]
    if notes:
        lines += ["<br>\n".join(f"<sup>{index}</sup> {escape(note)}." for index, note in enumerate(notes, 1)), ""]
    return lines


def front_lines(rows: Sequence[PublishedRow]) -> list[str]:
    """The table of the front page, and below it, folded, what is not in it; no lines where nothing is published."""
    rows = [row for row in rows if row.family == FRONT_FAMILY]
    grouped = _grouped(rows)
    shown = _newest(grouped)
    columns = sorted(
        {(row.task, row.metric, row.unit, row.higher_is_better) for row in rows},
        key=lambda column: (
            place(column[0].partition("/")[2].partition(".")[0], tuple(BEHAVIOURS)),
            column[0],
            place(column[1], tuple(METRICS)),
        ),
    )
    header = ["*published, not ranked*", *(_front_heading(*column) for column in columns)]

    def lines(groups: set[_Group]) -> list[str]:
        body = []
        for group in sorted(groups, key=lambda group: (group[0].casefold(), *group)):
            values = {(row.task, row.metric): f"*{row.value:g}*" for row in grouped[group]}
            cells = [values.get((task, metric), NOTHING) for task, metric, _, _ in columns]
            protocol, source, evidence = _provenance(group)
            body.append([f"*{escape(group[0])}*<br><sub>{source}, {protocol}, {evidence}</sub>", *cells])
        return [*table(header, body, numbers=range(1, 1 + len(columns))), ""]

    rest = set(grouped) - shown
    front = lines(shown) if shown else []
    if not rest:
        return front
    summary = f"<summary>{len(rest)} more: older sources, copies, ablations, and sources of fewer tasks</summary>"
    return [*front, "<details>", summary, "", *lines(rest), "</details>", ""]


def _grouped(rows: Sequence[PublishedRow]) -> dict[_Group, list[PublishedRow]]:
    grouped: dict[_Group, list[PublishedRow]] = {}
    for row in rows:
        grouped.setdefault((row.model, row.source, row.url, row.protocol, row.evidence), []).append(row)
    return grouped


def _newest(grouped: Mapping[_Group, Sequence[PublishedRow]]) -> set[_Group]:
    """One group for each model; of two that say the same numbers only the better."""
    of_model: dict[str, _Group] = {}
    for group in sorted(grouped, key=lambda group: _standing(group, len(grouped[group]))):
        if len({row.behaviour for row in grouped[group]}) >= FRONT_BEHAVIOURS and "ablation" not in group[1]:
            of_model[_plain_name(group[0])] = group
    better_last = sorted(of_model.values(), key=lambda group: _standing(group, len(grouped[group])))
    return set(
        {tuple(sorted((row.task, row.metric, row.value) for row in grouped[group])): group for group in better_last}.values()
    )


def _standing(group: _Group, n_numbers: int) -> tuple[object, ...]:
    """The later in order, the better: an original before a copy, the newer before the older, more numbers before fewer."""
    _, source, url, _, evidence = group
    is_original = evidence == "primary" and not any(word in source for word in _NOT_ORIGINAL)
    arxiv = re.search(r"\b(\d{4})\.\d{5}", f"{url} {source}")
    dated = next((month for address, month in _DATED if address in url), arxiv.group(1) if arxiv else "")
    return (is_original, dated, n_numbers, *group)


def _plain_name(model: str) -> str:
    """Without brackets that say how it was run (``Moshi (3 s prompt delay)``); behind a + they say what it was trained on."""
    return (model if "+" in model else re.split(r"\s*[(\[]", model)[0]).casefold()


def _front_heading(task: str, metric: str, unit: str, higher_is_better: bool | None) -> str:
    behaviour, _, data = task.partition("/")[2].partition(".")
    short = _SHORT_TITLES.get(behaviour, behaviour.replace("_", " "))
    where = f"{short}, {data}" if behaviour == "pause_handling" and data else short
    arrow = {True: " ↑", False: " ↓", None: ""}[higher_is_better]
    return f"<sub>{escape(where)}</sub><br>" + (
        _SHORT_METRICS[metric] + arrow if metric in _SHORT_METRICS else heading(metric, unit, higher_is_better)
    )


def _provenance(group: _Group) -> list[str]:
    _, source, url, protocol, evidence = group
    return [escape(protocol), link(_short_source(source), url), escape(evidence)]


def _mark(note: str, notes: list[str]) -> str:
    """The footnote sign of a remark, which joins the list if it is new."""
    if not note:
        return ""
    if note not in notes:
        notes.append(note)
    return f"<sup>{notes.index(note) + 1}</sup>"


def _short_source(source: str) -> str:
    """What identifies the source at a glance; the remarks in brackets stay in the file."""
    return re.split(r"\s*[(;]", source)[0]
