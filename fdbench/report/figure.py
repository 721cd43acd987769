"""One number of a headline: a metric over the tasks of a behaviour, with its interval, and what it is ranked by.

Conventions: sets of clips of one behaviour weigh the same unless weights say otherwise. The interval of such a mean is the
square-and-add of the intervals of its parts, which are of different clips and so independent: the lower bound of sum(w v) is
that minus the root of sum(w^2 (v - low)^2). Ranked values that look the same in print tie.

References: Zou & Donner 2008, Construction of confidence limits about effect measures (square-and-add of any two intervals).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fdbench.report.ranking import MEDIAN_ABSOLUTE, is_rankable, n_behind, scope_of
from fdbench.report.rows import Row

SHARE: Final = "share"
SECONDS: Final = "s"
DIFFERENCE: Final = "difference"
PRINTED_PLACES: Final = {SHARE: 2, SECONDS: 2, DIFFERENCE: 2}
"""A share is printed in whole percent."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a headline.

    Attributes:
        value: None where there is none.
        unit: ``SHARE`` (0.92 is printed as 92%), ``SECONDS`` or ``DIFFERENCE`` of two shares.
        low, high: 95 % interval, None where it cannot be had.
        n: The samples behind it; of a mean of tasks the fewest of any.
        more_than: What a median that is not reached is certainly more than, in seconds.
        off: Seconds by which a signed latency is off 0, either way (median); it is ranked by this.
        merit: What it is ranked by, as printed; more is better. None where it is not ranked.
        scope: What figures share that may be compared.
    """

    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    n: int = 0
    more_than: float | None = None
    off: float | None = None
    merit: float | None = None
    scope: tuple[object, ...] = ()


NO_FIGURE: Final = Figure(None, SHARE)


def printed(value: float, unit: str) -> str:
    """``92%`` or ``0.21``, in ASCII and never a negative zero."""
    return f"{round(100 * value) + 0.0:.0f}%" if unit == SHARE else f"{round(value, PRINTED_PLACES[unit]) + 0.0:.2f}"


def figure_text(figure: Figure) -> str:
    """The value alone: ``92%``, ``0.21``, ``> 4.60`` where a median is not reached; empty where nothing is known."""
    if figure.value is not None:
        return printed(figure.value, figure.unit)
    return "" if figure.more_than is None else f"> {printed(figure.more_than, figure.unit)}"


def figure_of(rows: Sequence[Row], metric: str, weights: Mapping[str, float] | None = None, unit: str = SHARE) -> Figure:
    """The weighted mean of a metric over tasks; all weigh the same where no weights are given."""
    summaries = [row.metrics[metric] for row in rows if metric in row.metrics]
    if not rows or len(summaries) < len(rows):
        return Figure(None, unit)
    value = mean_of(rows, metric, weights)
    only = summaries[0] if len(summaries) == 1 else None
    if value is None:
        return Figure(None, unit, more_than=only.details.get("more_than") if only else None)
    low = high = None
    bounds = [(s.value, s.ci_low, s.ci_high) for s in summaries]
    by_task = [weights[row.task] if weights else 1 / len(rows) for row in rows]
    if all(None not in each for each in bounds):
        below = [w * ((v or 0.0) - (lower or 0.0)) for w, (v, lower, _) in zip(by_task, bounds, strict=True)]
        above = [w * ((upper or 0.0) - (v or 0.0)) for w, (v, _, upper) in zip(by_task, bounds, strict=True)]
        low, high = value - math.hypot(*below), value + math.hypot(*above)
    off = only.details.get(MEDIAN_ABSOLUTE) if only else None
    merit = None
    if all(is_rankable(row, metric) for row in rows):
        ranked_by = min(1.0, value) if metric == "backchannel_ceiling_share" else value if off is None else off
        merit = round(ranked_by, PRINTED_PLACES[unit]) + 0.0
        merit = merit if summaries[0].higher_is_better else -merit
    scope = tuple(scope_of(row, row.metrics[metric]) for row in rows)
    return Figure(value, unit, low, high, min(map(n_behind, summaries)), None, off, merit, scope)


def complement_of(figure: Figure) -> Figure:
    """The share of the opposite; ranked as before."""
    if figure.value is None:
        return figure
    low, high = (None if bound is None else 1 - bound for bound in (figure.high, figure.low))
    return Figure(1 - figure.value, figure.unit, low, high, figure.n, None, None, figure.merit, figure.scope)


def mean_of(rows: Sequence[Row], metric: str, weights: Mapping[str, float] | None = None) -> float | None:
    """The weighted mean of a metric over tasks; None where there is none, or one of them has no value."""
    values = [(row.task, row.metrics[metric].value if metric in row.metrics else None) for row in rows]
    if not values or any(value is None for _, value in values):
        return None
    return math.fsum((weights[task] if weights else 1 / len(rows)) * (value or 0.0) for task, value in values)
