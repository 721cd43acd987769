"""How a judge's scores of a dialogue go over its time: a line per score, for a terminal and for a page.

::

    turn taking fluency   0-15 s 4.28   15-30 s 3.98   ...   105-120 s -   0-75 s 4.38
"""

from __future__ import annotations

from typing import Final

from fdbench.core.metric import METRICS, WINDOWS_S
from fdbench.report.ranking import NO_JUDGE
from fdbench.report.rows import Row

WINDOWS_HEADER: Final = ("", *(f"{start_s}-{end_s} s" for start_s, end_s in WINDOWS_S.values()))
NOT_KNOWN: Final = "-"


def window_lines(row: Row) -> list[list[str]]:
    """A line of ``WINDOWS_HEADER`` for each score; none where no judge was asked or nothing was rated."""
    if row.engines.judge == NO_JUDGE:
        return []
    lines = []
    for name, metric in METRICS.items():
        if metric.published_details == tuple(WINDOWS_S) and name in row.metrics:
            details = row.metrics[name].details
            means = [f"{details[window]:.2f}" if window in details else NOT_KNOWN for window in WINDOWS_S]
            if set(means) != {NOT_KNOWN}:
                lines.append([name.replace("_", " "), *means])
    return lines
