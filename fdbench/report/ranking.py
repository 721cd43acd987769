"""Which numbers may be compared with which, and which of those are best.

    run a   n=12   0.25   sphinx   lockstep  --|
    run b   n=12   0.10   sphinx   lockstep  --|-- one scope: 0.10 is best
    run c   n=7    0.00   sphinx   lockstep        fewer than 10 samples: shown, not ranked
    run d   n=12   0.05   whisper  lockstep        another table
    run e   n=12   0.00   sphinx   lockstep        8 % of it is sound that is no speech: the row is shown, not ranked

Conventions: rows are compared within one table (same task, version, data, protocol, recogniser, detector, condition,
placement, number of samples); a value is compared within one scope of its column (same signature but for the facts of the run
itself; latencies within a clock only). Ties share the mark. Never ranked: a metric without a better end, one that is shown
only (``Metric.shown_only``), a row beyond a limit (``Metric.limit``). Latencies of ``fdbench`` are ranked by the median of
their absolute values: a deaf agent that speaks at a fixed time has a signed median near 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from fdbench.core.behaviour import BEHAVIOURS
from fdbench.core.family import FAMILIES
from fdbench.core.metric import CORRECTED, METRICS, PUBLISHED, VOICE_METRICS, Metric, is_ranked
from fdbench.core.placement import CAUSAL
from fdbench.core.score import MetricSummary
from fdbench.core.signature import parse_signature
from fdbench.report.rows import Row

MIN_RANKED_N = 10
MEDIAN_ABSOLUTE = "median_absolute"
ROUNDING = 1e-12
NO_JUDGE = "none"
PROTOCOL_ORDER = (*CORRECTED, *PUBLISHED)
# Facts of a signature in which two runs of one comparison may differ; the clock and the judge count where they matter.
FACTS_OF_THE_RUN = frozenset(
    {"metric", "n", "clock", "judge", "lead_in", "seed", "slots", "repeats", "with", "weights", "fdbench"}
)


def place(name: str, order: Sequence[str]) -> tuple[int, str]:
    """Sorts names by their place in a list, unknown ones behind it by name."""
    return (order.index(name), "") if name in order else (len(order), name)


def tables(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows in tables, each table best first; the order in which they came in makes no difference."""
    grouped: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        grouped.setdefault(_table_of(row), []).append(row)
    return [_in_order(group) for _, group in sorted(grouped.items(), key=lambda each: each[0])]


def _table_of(row: Row) -> tuple[object, ...]:
    """What all rows of one table share, so that tables sort as they follow each other."""
    scored, condition = row.scored, row.collection.condition
    return (
        place(scored.family, FAMILIES),
        place(scored.behaviour, tuple(BEHAVIOURS)),
        row.task,
        place(row.protocol, PROTOCOL_ORDER),
        -scored.version,
        row.digest,
        row.engines.asr,
        row.engines.vad,
        condition != "clean",
        condition,
        row.placement,
        -scored.n_samples,
    )


def tells_placement(rows: Sequence[Row]) -> bool:
    """Whether tables of these rows have to say where replies lie: any of them not where it could first be heard."""
    return any(row.placement != CAUSAL for row in rows)


def metric_names(rows: Sequence[Row]) -> list[str]:
    """The metrics of the rows' table, in the order of columns; a judge's only where one was asked."""
    judged = any(row.engines.judge != NO_JUDGE for row in rows)
    found = {name for row in rows for name in row.metrics if judged or not is_judged(name)}
    found -= {*VOICE_METRICS, *(name for name in found if name in METRICS and METRICS[name].is_conversation)}
    return sorted(found, key=lambda name: place(name, tuple(METRICS)))


def is_judged(metric: str) -> bool:
    return metric in METRICS and METRICS[metric].is_judged


def direction(metric: str, rows: Sequence[Row]) -> bool | None:
    """Whether higher is better, or None where the metric has no better end or the rows do not agree on it."""
    said = {row.metrics[metric].higher_is_better for row in rows if metric in row.metrics}
    return said.pop() if len(said) == 1 else None


def is_rankable(row: Row, metric: str) -> bool:
    """Whether a value may be compared with others."""
    summary = row.metrics.get(metric)
    if summary is None or summary.value is None or summary.higher_is_better is None or n_behind(summary) < MIN_RANKED_N:
        return False
    if not is_ranked(metric, row.scored.behaviour, row.protocol) or beyond_limits(row):
        return False
    has_merit = row.protocol not in CORRECTED or not _is_signed(metric) or MEDIAN_ABSOLUTE in summary.details
    return has_merit and not any(_is_gated(row, gate) for gate in METRICS.values() if metric in gate.gates)


def n_behind(summary: MetricSummary) -> int:
    """The samples behind a value; in a median of latencies those that are only known to be longer count as well."""
    is_median = summary.metric in METRICS and METRICS[summary.metric].corrected == "censored median"
    return summary.n_scored + (summary.n_censored if is_median else 0)


def beyond_limits(row: Row) -> tuple[str, ...]:
    """The metrics by which the whole row is not ranked."""
    if row.protocol not in CORRECTED:
        return ()
    return tuple(
        name for name in row.metrics if name in METRICS and not METRICS[name].gates and _exceeds(row, METRICS[name].limit, name)
    )


def _is_gated(row: Row, gate: Metric) -> bool:
    summary = row.metrics.get(gate.name)
    return row.protocol in CORRECTED and (summary is None or summary.value is None or _exceeds(row, gate.limit, gate.name))


def _exceeds(row: Row, limit: float | None, metric: str) -> bool:
    value = row.metrics[metric].value
    return limit is not None and value is not None and value > limit + ROUNDING


def _is_signed(metric: str) -> bool:
    return metric in METRICS and MEDIAN_ABSOLUTE in METRICS[metric].details


def best_of(metric: str, rows: Sequence[Row]) -> frozenset[str]:
    """The paths of the rows whose value is marked as best in its scope.

    The best of all, and, where that is a trivial agent, also the best of the models: a reader sees both that a trivial
    agent wins and which model does. A scope of one has no best. Values that look the same in print tie.
    """
    if direction(metric, rows) is None:
        return frozenset()
    scopes: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if is_rankable(row, metric):
            scopes.setdefault(scope_of(row, row.metrics[metric]), []).append(row)
    marked: set[str] = set()
    for scope in scopes.values():
        winners = _winners(metric, scope)
        if all(row.collection.kind == "trivial" for row in winners):
            winners = winners + _winners(metric, [row for row in scope if row.collection.kind != "trivial"])
        marked.update(row.path for row in winners)
    return frozenset(marked)


def is_latency(summary: MetricSummary) -> bool:
    return summary.unit == "s"


def decimals(unit: str) -> int:
    """Places behind the point in print."""
    return {"Hz": 4, "0-5": 2, "1-5": 2}.get(unit, 3)


def _winners(metric: str, rows: Sequence[Row]) -> list[Row]:
    if len(rows) < 2:
        return []
    merits = {row.path: merit(row.metrics[metric]) for row in rows}
    best = max(merits.values())
    return [row for row in rows if merits[row.path] == best]


def merit(summary: MetricSummary) -> float:
    """The value as printed, turned so that more is better. Signed latencies are better the nearer each of them is to 0:

    answering 0.5 s before the user has finished is no better than 0.5 s after. More than all of a ceiling is no better than it.
    """
    if summary.value is None:
        raise ValueError(f"{summary.metric} has no value to be ranked by")
    if is_latency(summary):
        return -abs(round(summary.details.get(MEDIAN_ABSOLUTE, summary.value), decimals(summary.unit)))
    value = min(1.0, summary.value) if summary.unit == "of ceiling" else summary.value
    printed = round(value, decimals(summary.unit))
    return printed if summary.higher_is_better else -printed


def scope_of(row: Row, summary: MetricSummary) -> tuple[object, ...]:
    """What two values of one column share where they may be compared."""
    facts = {key: value for key, value in parse_signature(summary.signature).items() if key not in FACTS_OF_THE_RUN}
    return (
        row.collection.clock if is_latency(summary) else "",
        row.engines.judge if is_judged(summary.metric) else "",
        tuple(sorted(facts.items())),
    )


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """Best first by the first column that ranks across clocks; rows it cannot rank follow by name."""
    leading = next((name for name in metric_names(rows) if _ranks_all(name, rows)), None)

    def key(row: Row) -> tuple[object, ...]:
        summary = row.metrics.get(leading) if leading else None
        ranked = leading is not None and is_rankable(row, leading)
        score = 0.0
        if summary is not None and ranked:
            score = -merit(summary)
        name = row.collection.model
        arguments = sorted((argument, str(value)) for argument, value in row.collection.arguments.items())
        return (not ranked, score, name.casefold(), name, arguments, row.path)

    return sorted(rows, key=key)


def _ranks_all(metric: str, rows: Sequence[Row]) -> bool:
    known = [row.metrics[metric] for row in rows if metric in row.metrics]
    ever = all(is_ranked(metric, row.scored.behaviour, row.protocol) for row in rows)
    return ever and direction(metric, rows) is not None and not any(is_latency(summary) for summary in known)
