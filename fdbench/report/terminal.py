"""The numbers of a run as plain text, metrics down and scorings across, for the end of ``fdbench run``."""

from __future__ import annotations

from collections.abc import Sequence

from fdbench.core.score import MetricSummary
from fdbench.io.text_table import text_table
from fdbench.io.visible import visible
from fdbench.report.markdown import arguments_text, bound, lost_parts, number, without_value
from fdbench.report.ranking import beyond_limits, direction, metric_names, tables, tells_placement
from fdbench.report.rows import Row
from fdbench.report.voice_table import HEADER, voice_lines
from fdbench.report.windows_table import WINDOWS_HEADER, window_lines

MAX_NAME_CHARS = 24


def render_run(rows: Sequence[Row]) -> str:
    """One block per task, protocol and engines; a column per run and judge, best first. Plain ASCII apart from the names.

    Args:
        rows: Of one run (``read_run``) or of several that shall stand side by side.
    """
    says_placement = tells_placement(rows)
    blocks = [_block(group, says_placement) for group in tables(rows)]
    return "\n\n".join(blocks) + "\n" if blocks else "no scores\n"


def _block(rows: Sequence[Row], says_placement: bool) -> str:
    first = rows[0]
    engines = first.engines
    facts = [first.task, first.protocol, f"ASR {engines.asr}", f"VAD {engines.vad}", f"{first.scored.n_samples} samples"]
    facts += [f"placement {first.placement}"] if says_placement else []
    facts += [f"{row.collection.model}: {row.scored.n_errors} failed" for row in rows if row.scored.n_errors]
    facts += [f"{row.collection.model}: not ranked, {', '.join(beyond)}" for row in rows if (beyond := beyond_limits(row))]
    names = [["", "better", *(_cut(row.collection.model) for row in rows)]]
    if any(row.collection.arguments for row in rows):
        names.append(["", "", *(_cut(arguments_text(row.collection.arguments)) for row in rows)])
    lines = []
    for metric in metric_names(rows):
        better = {True: "higher", False: "lower", None: ""}[direction(metric, rows)]
        lines.append([metric, better, *(_cell(row.metrics.get(metric)) for row in rows)])
    return "\n".join([visible(" | ".join(facts)), *text_table([*names, *lines]), *_beside(rows)])


def _beside(rows: Sequence[Row]) -> list[str]:
    """How the voice of each model changes over an overlap, and a judge's scores over a dialogue, where there are any."""
    found = []
    for row in rows:
        for name, header, lines in (
            ("voice over the overlap", HEADER, voice_lines(row)),
            ("judged over the dialogue", WINDOWS_HEADER, window_lines(row)),
        ):
            title = name + (f": {_cut(row.collection.model)}" if len(rows) > 1 else "")
            found += [title, *text_table(lines, header=header, right=range(1, len(header)))] if lines else []
    return found


def _cut(name: str) -> str:
    return name if len(name) <= MAX_NAME_CHARS else name[: MAX_NAME_CHARS - 3] + "..."


def _cell(summary: MetricSummary | None) -> str:
    if summary is None:
        return ""
    parts = [bound(summary) or "-"] if summary.value is None else [number(summary.value, summary.unit), f"n={summary.n_scored}"]
    return " ".join([*parts, *without_value(summary), *lost_parts(summary)])
