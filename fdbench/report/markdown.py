"""Pieces of Markdown that GitHub shows as they are meant: escaped text, links, tables, cells with a number in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fdbench.core.score import MetricSummary
from fdbench.io.visible import visible
from fdbench.report.ranking import MIN_RANKED_N, decimals, n_behind

UNITS_NOT_SHOWN = ("", "rate", "F1", "WER")
NOTHING = "–"
DAGGER = "†"
LOST_PARTS = {"wait_s": "wait", "talked_over_s": "talked over", "breaks": "breaks"}
"""Details of lost seconds, and how they are called in a cell."""


def escape(text: str) -> str:
    """Text that stays text: no table bars, emphasis, links, HTML or formulas, and on one line."""
    line = visible(" ".join(text.split()))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("$", "&#36;")
    line = re.sub(r"([\\`*\[\]|~])", r"\\\1", line)
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", line)  # an underscore inside a word is harmless


def code(text: str) -> str:
    """A code span, or escaped text where the text itself has a backtick."""
    line = visible(" ".join(text.split()))
    if not line or "`" in line:
        return escape(line)
    return f"`{line}`".replace("|", "\\|")  # in a table a bar splits the cell even inside a code span


def link(text: str, target: str) -> str:
    """A link, or plain text where the target is neither relative nor http(s)."""
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", target)
    if not target or (scheme and scheme.group().lower() not in ("http:", "https:")):
        return escape(text)
    return f"[{escape(text)}]({quote(target, safe='/:?#@!&+,;=~%.-_', errors='surrogateescape')})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: range) -> list[str]:
    """The lines of a table, the columns in ``numbers`` aligned right. Cells are Markdown."""
    rule = ["--:" if index in numbers else ":--" for index in range(len(header))]
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)]


def heading(metric: str, unit: str, higher_is_better: bool | None) -> str:
    """``response_latency_s`` in seconds, lower is better: ``response latency (s) ↓``."""
    words = metric.removesuffix("_s").removesuffix("_hz").removesuffix("_1_5").removesuffix("_pct").replace("_", " ")
    shown = f" ({unit})" if unit not in UNITS_NOT_SHOWN else ""
    return escape(f"{words}{shown}") + {True: " ↑", False: " ↓", None: ""}[higher_is_better]


def number(value: float, unit: str) -> str:
    """A value to its unit's places, never a negative zero."""
    places = decimals(unit)
    return f"{round(value, places) + 0.0:.{places}f}"


def cell(summary: MetricSummary | None, *, is_best: bool) -> str:
    """One measured number: value, interval and n, or why there is none; under ``MIN_RANKED_N`` samples only ``value (n=7)``."""
    if summary is None:
        return NOTHING
    rest = ", ".join(without_value(summary))
    if summary.value is None:
        shown = escape(bound(summary)) or NOTHING
        return f"{shown}<br><sub>{rest}</sub>" if rest else shown
    value = number(summary.value, summary.unit)
    if n_behind(summary) < MIN_RANKED_N:
        return f"{value} (n={summary.n_scored})" + (f"<br><sub>{rest}</sub>" if rest else "")
    parts = [f"n={summary.n_scored}", *without_value(summary), *lost_parts(summary)]
    if summary.ci_low is not None and summary.ci_high is not None:
        parts.insert(0, f"[{number(summary.ci_low, summary.unit)}, {number(summary.ci_high, summary.unit)}]")
    return f"{f'**{value}**' if is_best else value}<br><sub>{', '.join(parts)}</sub>"


def lost_parts(summary: MetricSummary) -> list[str]:
    """What lost seconds are made of, in seconds per turn, as they are never shown alone: ``["wait 0.40", ...]``."""
    return [f"{words} {summary.details[name]:.2f}" for name, words in LOST_PARTS.items() if name in summary.details]


def bound(summary: MetricSummary) -> str:
    """``> 4.600`` where a median is not reached; empty where nothing is known of it."""
    least = summary.details.get("more_than")
    return "" if least is None else f"> {number(least, summary.unit)}"


def without_value(summary: MetricSummary) -> list[str]:
    """How many samples gave no value, by status: ``["3 n/a", "1 cens."]``."""
    counts = ((summary.n_not_applicable, "n/a"), (summary.n_censored, "cens."), (summary.n_error, "err."))
    return [f"{count} {name}" for count, name in counts if count]


def arguments_text(arguments: Mapping[str, Any]) -> str:
    """``delay_s=0.2 mode=fast``, in the order of names."""
    return " ".join(f"{key}={value}" for key, value in sorted(arguments.items()))
