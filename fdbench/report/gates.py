"""``--fail-if``: what a change must not do, as a rule that a program can check.

::

    response_latency_s>+0.1                      it fails if the second run's latency is above the first's by more than 0.1 s
    takeover_rate<-0.05                          ... if the rate fell by more than 0.05
    mini/turn_taking:response_latency_s>+0.1     ... in that task alone; ``all:lost_per_turn_s`` is that of all tasks together

The difference is the second run (the later one on the command line) minus the first, in the metric's own unit: ``>+`` is for
rising and ``<-`` for falling, whichever of them is worse. A rule is broken only where the *whole* 95 % interval of the
difference lies beyond the amount, and by no fewer clips than a test at 5 % needs (6): intervals of so few may have no width.
A median wait that is never over is beyond any amount. Of a metric of several tasks each counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fdbench.core.metric import METRICS
from fdbench.errors import UsageError, unknown_name
from fdbench.report.comparison import Compared, Comparison
from fdbench.stats.comparison import least_clips

_FORM: Final = re.compile(r"(?:(?P<task>[^:<>]+):)?(?P<metric>[^:<>]+?)\s*(?P<way>>\s*\+|<\s*-)\s*(?P<amount>[0-9.eE+-]+)")
_GRAMMAR: Final = "write [TASK:]METRIC>+AMOUNT or [TASK:]METRIC<-AMOUNT, e.g. 'response_latency_s>+0.1'"


@dataclass(frozen=True, slots=True)
class Gate:
    """One rule.

    Attributes:
        text: As it was written.
        task: Empty where it is for every task.
        rises: Whether it fails on more, else on less.
        amount: More than 0 or 0, in the metric's unit.
    """

    text: str
    task: str
    metric: str
    rises: bool
    amount: float

    @classmethod
    def parse(cls, text: str) -> Gate:
        """Raises UsageError where the text is no rule, or names no metric."""
        match = _FORM.fullmatch(text.strip())
        try:
            amount = float(match["amount"]) if match else math.nan
        except ValueError:
            amount = math.nan
        if match is None or not 0 <= amount < math.inf:
            raise UsageError(f"--fail-if '{text}': expected a metric, its direction and an amount", _GRAMMAR)
        metric = match["metric"].strip()
        if metric not in METRICS:
            raise unknown_name("metric of --fail-if", metric, METRICS)
        return cls(text.strip(), (match["task"] or "").strip(), metric, match["way"][0] == ">", amount)

    def is_broken_by(self, each: Compared) -> bool:
        """Whether the whole interval lies beyond the amount."""
        low, high = each.found.low, each.found.high
        if low is None or high is None or each.found.n < least_clips():
            return False
        return low > self.amount if self.rises else high < -self.amount


@dataclass(frozen=True, slots=True)
class Checked:
    """What a rule says of one number of a comparison."""

    gate: Gate
    compared: Compared
    is_broken: bool

    @property
    def is_known(self) -> bool:
        found = self.compared.found
        return found.low is not None and found.high is not None and found.n >= least_clips()

    @property
    def sentence(self) -> str:
        found, unit = self.compared.found, self.compared.unit
        where = f"{self.compared.task} {self.compared.metric}"
        if 0 < found.n < least_clips():
            return f"{self.gate.text}: {where}: {found.n} clips are too few to be sure of a difference, {least_clips()} may be"
        if found.low is None or found.high is None:
            return f"{self.gate.text}: {where}: nothing is known of the difference"
        value = "" if found.difference is None else f"{found.difference:+.3g} "
        told = f"{where}: {value}[{found.low:+.3g}, {found.high:+.3g}] {unit}"
        return f"{self.gate.text}: {told}{' lies beyond' if self.is_broken else ''}"

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.gate.text, "task": self.compared.task, "metric": self.compared.metric, "is_known": self.is_known,
            "is_broken": self.is_broken,
        }  # fmt: skip


def check_gates(gates: Sequence[Gate], comparison: Comparison) -> list[Checked]:
    """Every rule against every number that it is about.

    Raises:
        UsageError: A rule is about something that the runs do not both have: it would never fail.
    """
    checked = []
    for gate in gates:
        about = [each for each in comparison.compared if each.metric == gate.metric and gate.task in ("", each.task)]
        if not any(each.found.n for each in about):
            tasks = dict.fromkeys(each.task for each in comparison.compared if not gate.task or each.metric == gate.metric)
            where = f"in {gate.task} " if gate.task else ""
            raise UsageError(
                f"--fail-if '{gate.text}': there is no value of {gate.metric} {where}in both runs",
                f"they have tasks {', '.join(tasks) or 'none'} with it" if gate.task else "name a metric of their tasks",
            )
        checked += [Checked(gate, each, gate.is_broken_by(each)) for each in about]
    return checked
