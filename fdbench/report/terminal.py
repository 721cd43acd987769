"""The numbers of a few runs as plain text, metrics down and runs across, for the end of ``fdbench run`` and ``demo``."""

from __future__ import annotations

from collections.abc import Sequence

from fdbench.core.score import MetricSummary
from fdbench.report.markdown import arguments_text, number, without_value
from fdbench.report.ranking import direction, metric_names, tables, tells_placement
from fdbench.report.rows import Row

DEFAULT_WIDTH_CHARS = 120
MAX_NAME_CHARS = 24
GAP = "  "

Column = tuple[str, ...]


def render_run(rows: Sequence[Row], width: int = DEFAULT_WIDTH_CHARS) -> str:
    """One block per task, protocol and engines; a column per run, best first. Plain ASCII apart from the names.

    Args:
        rows: Of one run (``read_run``) or of several that shall stand side by side.
        width: Characters per line; runs that do not fit beside the others stand below them.
    """
    is_placement_told = tells_placement(rows)
    blocks = [_block(group, width, is_placement_told) for _, group in tables(rows)]
    return "\n\n".join(blocks) + "\n" if blocks else "no scores\n"


def _block(rows: Sequence[Row], width: int, is_placement_told: bool) -> str:
    first = rows[0]
    facts = [first.task, first.protocol, f"ASR {first.asr}", f"VAD {first.vad}", f"{first.n_samples} samples"]
    facts += [f"placement {first.placement}"] if is_placement_told else []
    facts += [f"{row.collection.model}: {row.n_errors} failed" for row in rows if row.n_errors]
    metrics = metric_names(rows)
    better = [{True: "higher", False: "lower", None: ""}[direction(metric, rows)] for metric in metrics]
    has_arguments = any(row.collection.arguments for row in rows)
    head = [("", *([""] if has_arguments else []), *metrics), ("better", *([""] if has_arguments else []), *better)]
    runs = [_run_column(row, rows, metrics, has_arguments) for row in rows]
    parts = [_side_by_side([*head, *group]) for group in _fitting(head, runs, width)]
    return "\n".join([" | ".join(facts), "\n\n".join(parts)])


def _run_column(row: Row, rows: Sequence[Row], metrics: Sequence[str], has_arguments: bool) -> Column:
    names = [row.collection.model, *([arguments_text(row.collection.arguments)] if has_arguments else [])]
    cells = []
    for metric in metrics:
        unit = next(other.metrics[metric].unit for other in rows if metric in other.metrics)
        cells.append(_cell(row.metrics.get(metric), unit))
    return (*(_cut(name) for name in names), *cells)


def _fitting(head: Sequence[Column], runs: Sequence[Column], width: int) -> list[list[Column]]:
    """The runs in groups that fit beside the head; a group has at least one."""
    room = width - sum(_width(column) + len(GAP) for column in head)
    groups: list[list[Column]] = [[]]
    left = room
    for column in runs:
        needed = _width(column) + len(GAP)
        if groups[-1] and needed > left + len(GAP):  # the last column of a line needs no gap behind it
            groups.append([])
            left = room
        groups[-1].append(column)
        left -= needed
    return groups


def _side_by_side(columns: Sequence[Column]) -> str:
    widths = [_width(column) for column in columns]
    lines = [
        GAP.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*columns, strict=True)
    ]
    return "\n".join(line for line in lines if line)  # none of these runs has arguments


def _width(column: Column) -> int:
    return max(len(text) for text in column)


def _cut(name: str) -> str:
    return name if len(name) <= MAX_NAME_CHARS else name[: MAX_NAME_CHARS - 3] + "..."


def _cell(summary: MetricSummary | None, unit: str) -> str:
    if summary is None:
        return ""
    parts = ["-"] if summary.value is None else [number(summary.value, unit), f"n={summary.n_scored}"]
    return " ".join([*parts, *without_value(summary)])
