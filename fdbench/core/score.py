"""What a scorer says about one sample, and what a table says about many."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fdbench.core.absence import REASONS, Status
from fdbench.errors import unknown_name


@dataclass(frozen=True, slots=True)
class Score:
    """One metric on one sample.

    A value is a number that was measured; where there is none it is None, and ``status`` and ``reason`` say why.
    Never NaN, 0, 1 or "" as a stand-in.

    Attributes:
        metric: A name of ``fdbench.core.metric.METRICS``.
        value: The measured number, in the metric's unit, or None.
        status: ``scored`` exactly when there is a value.
        reason: A key of ``fdbench.core.absence.REASONS``; empty when scored.
        components: What the value was made from, e.g. numerator and denominator, or where a reply was censored.
        details: What else a reader of the sample wants to see, as JSON: lists that were published, a label. They stand beside
            the scores of the sample.
    """

    metric: str
    value: float | None
    status: Status = "scored"
    reason: str = ""
    components: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.value is None) == (self.status == "scored"):
            raise ValueError(f"{self.metric}: status '{self.status}' with value {self.value}")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.metric}: {self.value} is not a measurement")
        if self.value is None and not self.reason:
            raise ValueError(f"{self.metric}: no value and no reason")

    def as_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {"value": self.value, "status": self.status, "reason": self.reason}
        if self.components:
            out["components"] = dict(self.components)
        return out


def none_score(metric: str, reason: str, **components: float) -> Score:
    """A score without a value; the reason determines its status.

    Raises:
        UsageError: The reason is not registered.
    """
    if reason not in REASONS:
        raise unknown_name("reason", reason, REASONS)
    return Score(metric, None, REASONS[reason].status, reason, components)


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """One metric over a task: the number in the table, how many samples stand behind it and how many do not.

    Attributes:
        value: The aggregate, or None where no sample was scored.
        ci_low, ci_high: 95 % bootstrap interval over samples, or None where it cannot be had.
        signature: Everything that must agree for two values to be comparable.
        details: Further statistics of the same values (median, p90, share early), by name.
    """

    metric: str
    value: float | None
    unit: str
    higher_is_better: bool | None
    n_scored: int
    n_not_applicable: int
    n_censored: int
    n_error: int
    signature: str
    ci_low: float | None = None
    ci_high: float | None = None
    details: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "unit": self.unit,
            "higher_is_better": self.higher_is_better,
            "n_scored": self.n_scored,
            "n_not_applicable": self.n_not_applicable,
            "n_censored": self.n_censored,
            "n_error": self.n_error,
            "ci_low": self.ci_low,
            "ci_high": self.ci_high,
            "details": dict(self.details),
            "signature": self.signature,
        }
