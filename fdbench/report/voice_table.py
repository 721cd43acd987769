"""How a model's voice changes over an overlap: a line per measure, for a terminal and for a page.

::

    pitch (Hz)   before 181.2   after 179.3   -1.9 [-3.2, -0.6] p .008, Holm .05   from clean -0.1 ...   n 11

The p values are those of the paired tests, as published; beside each stands Holm's over all tests of the same row and task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fdbench.core.metric import METRICS, VOICE_METRICS
from fdbench.core.score import MetricSummary
from fdbench.report.rows import Row
from fdbench.stats.paired import holm

HEADER: Final = ("", "before", "after", "change", "p", "p (Holm)", "from clean", "p", "p (Holm)", "n")
NOT_KNOWN: Final = "-"


def voice_lines(row: Row) -> list[list[str]]:
    """A line of ``HEADER`` for each measure that any clip has; none where there is none."""
    known = [name for name in VOICE_METRICS if name in row.metrics and row.metrics[name].value is not None]
    tested = [name for name in known if "p_t" in row.metrics[name].details]
    adjusted = dict(zip(tested, holm([row.metrics[name].details["p_t"] for name in tested]), strict=True))
    lines = []
    for measure in dict.fromkeys(VOICE_METRICS[name][0] for name in known):
        change, clean = (row.metrics[name] for name, (of, _) in VOICE_METRICS.items() if of == measure)
        words = measure.removesuffix("_s").removesuffix("_hz").removesuffix("_db").replace("_", " ")
        sides = [_decimal(change.details.get(name)) for name in ("mean_before", "mean_after")]
        n = max(int(each.details.get("n_used", 0)) for each in (change, clean))
        tests = [cell for each in (change, clean) for cell in (_difference(each), *_p_values(each, adjusted))]
        lines.append([f"{words} ({METRICS[change.metric].unit})", *sides, *tests, str(n)])
    return lines


def _difference(summary: MetricSummary) -> str:
    if summary.value is None:
        return NOT_KNOWN
    interval = "" if summary.ci_low is None else f" [{_decimal(summary.ci_low)}, {_decimal(summary.ci_high)}]"
    return f"{summary.value + 0.0:+.2f}{interval}"


def _p_values(summary: MetricSummary, adjusted: dict[str, float]) -> Sequence[str]:
    if summary.metric not in adjusted:
        return NOT_KNOWN, NOT_KNOWN
    return _p(summary.details["p_t"]), _p(adjusted[summary.metric])


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _decimal(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{round(value, 2) + 0.0:.2f}"
