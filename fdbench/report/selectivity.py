"""Does a model tell what is meant for it from what is not? Responding to interruptions, less responding to anything else.

::

    selectivity = responds when interrupted - mean of (responds to a backchannel, to an aside, to the background)

In [-1, 1]: 1 responds to interruptions alone; 0 tells no difference, whether it responds to everything or to nothing. The four
shares are those of ``respond_rate``; sets of one kind weigh the same. The interval is the square-and-add of the intervals of
its parts, which are of different clips and so independent.

References: Zou & Donner 2008, Construction of confidence limits about effect measures; Newcombe 1998.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fdbench.core.behaviour import OVERLAP_INTERRUPTION, OVERLAPS
from fdbench.core.score import MetricSummary
from fdbench.report.rows import Row

RESPOND = "respond_rate"


@dataclass(frozen=True, slots=True)
class Selectivity:
    """The figure and its parts.

    Attributes:
        responds: Share of interruptions to which the model responds.
        responds_unasked: Mean share of what is not meant for it to which it responds.
        n: The fewest samples behind any part.
    """

    value: float
    low: float | None
    high: float | None
    responds: float
    responds_unasked: float
    n: int


def selectivity_of(of_behaviour: Mapping[str, Sequence[Row]]) -> Selectivity | None:
    """The selectivity of one run, from its rows by behaviour; None where any of the four is missing or has no value."""
    kinds = {name: [row.metrics.get(RESPOND) for row in of_behaviour.get(name, ())] for name in OVERLAPS}
    parts: list[tuple[float, MetricSummary]] = []
    for name, summaries in kinds.items():
        sign = 1.0 if name == OVERLAP_INTERRUPTION else -1.0 / (len(OVERLAPS) - 1)
        for summary in summaries:
            if summary is None or summary.value is None:
                return None
            parts.append((sign / len(summaries), summary))
        if not summaries:
            return None
    asked = math.fsum(weight * (each.value or 0.0) for weight, each in parts if weight > 0)
    unasked = math.fsum(-weight * (each.value or 0.0) for weight, each in parts if weight < 0)
    low = high = None
    if all(each.ci_low is not None and each.ci_high is not None for _, each in parts):
        below, above = (math.hypot(*(_reach(weight, each, sign) for weight, each in parts)) for sign in (-1, 1))
        low, high = max(-1.0, asked - unasked - below), min(1.0, asked - unasked + above)
    return Selectivity(asked - unasked, low, high, asked, unasked, min(each.n_scored for _, each in parts))


def _reach(weight: float, summary: MetricSummary, sign: int) -> float:
    """How far the interval of a part takes the whole up (1) or down (-1)."""
    value = summary.value or 0.0
    bound = summary.ci_high if weight * sign > 0 else summary.ci_low
    return weight * (value - (value if bound is None else bound))
