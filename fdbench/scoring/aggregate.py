"""From scores of samples to the number in the table: how it is averaged, how sure it is, what stands behind it.

===============================================  ==============================================
metric                                           value over a task
===============================================  ==============================================
latencies under ``fdbench``                      median with censoring (``survival``)
scores with a numerator and a denominator        sum of numerators / sum of denominators
everything else                                  mean over the samples that have a value
===============================================  ==============================================

Interval: 1,000 resamples of the samples (all repeats of a sample together) with replacement, seeded; 2.5th and 97.5th
percentile. A bound that lies beyond the longest recording is None, and so is the interval of fewer than two samples.

Details, by name. Latencies: ``mean`` (over replies, so too low where any is censored), ``p90``, ``share_early``,
``share_no_response``. Takeovers: totals of ``bursts``, ``wordless``, ``untimed_words``, ``dropped_words``. F1: ``precision``,
``recall``. Divergence: mean ``chance`` and ``difference``. Own text: ``median`` over the clips, totals of ``substitutions``,
``deletions``, ``insertions`` and ``hits``.

Empty cases: no sample with a value: None (the published scripts divide by zero); with censored latencies only: None.

Differences from upstream: the same means under ``fdb-*``; upstream has no intervals and no counts of what was left out.

References: Efron & Tibshirani 1993, An introduction to the bootstrap, chapter 13; Bland & Kerry 1997 (clusters).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from fdbench.core.metric import CORRECTED, METRICS, PROTOCOLS, direction
from fdbench.core.score import MetricSummary, Score
from fdbench.errors import unknown_name
from fdbench.stats.survival import waiting_quantile

VERSION: Final = 1
"""Goes up whenever a value or an interval of the same scores may change."""
N_RESAMPLES: Final = 1000
CONFIDENCE_LEVEL: Final = 0.95

_LATENCIES: Final = (
    "response_latency_s", "response_latency_not_exercised_s", "stop_latency_s",
    "decided_latency_s", "arrived_latency_s", "yield_latency_s",
)  # fmt: skip
_TOTALLED: Final = (
    "bursts", "wordless", "untimed_words", "dropped_words", "substitutions", "deletions", "insertions", "hits",
)  # fmt: skip
_AVERAGED: Final = ("difference", "chance")
_CHUNK: Final = 50
"""Resamples drawn at a time: bounds memory."""

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From weights of scores, shape ``(b, n)``, to one value per row; infinite where it lies beyond what was recorded."""


def summarise(
    metric: str,
    scores: Sequence[Score],
    protocol: str,
    signature: str,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    behaviour: str = "",
) -> MetricSummary:
    """One metric over a task.

    Args:
        metric: The metric of all ``scores``.
        scores: One per take.
        protocol: Latencies under ``fdbench`` are medians with censoring, under ``fdb-*`` means.
        signature: Stored as it is.
        groups: The sample's id for each score, so that repeats are resampled together; None where each is its own.
        seed: Determines the interval.
        behaviour: Decides in which direction takeovers are better.

    Raises:
        UsageError: The metric, protocol or behaviour is not registered.
        ValueError: A score of another metric, or as many groups as scores were not given.
    """
    if protocol not in PROTOCOLS:
        raise unknown_name("protocol", protocol, PROTOCOLS)
    higher_is_better = direction(metric, behaviour)
    others = {score.metric for score in scores} - {metric}
    if others:
        raise ValueError(f"summary of {metric}: given scores of {', '.join(sorted(others))}")
    if groups is not None and len(groups) != len(scores):
        raise ValueError(f"summary of {metric}: {len(scores)} scores and {len(groups)} groups")

    is_latency = metric in _LATENCIES and protocol in CORRECTED
    used = [i for i, s in enumerate(scores) if s.value is not None or (is_latency and s.status == "censored")]
    chosen = [scores[i] for i in used]
    statistic = _median(chosen) if is_latency else _mean(chosen)
    value = _finite(float(statistic(np.ones((1, len(chosen))))[0])) if any(s.value is not None for s in chosen) else None
    ci_low = ci_high = None
    if value is not None:
        ci_low, ci_high = _interval(statistic, [groups[i] if groups is not None else str(i) for i in used], seed)
    n_of = Counter(score.status for score in scores)
    return MetricSummary(
        metric=metric,
        value=value,
        unit=METRICS[metric].unit,
        higher_is_better=higher_is_better,
        n_scored=n_of["scored"],
        n_not_applicable=n_of["not_applicable"],
        n_censored=n_of["censored"],
        n_error=n_of["error"],
        signature=signature,
        ci_low=ci_low,
        ci_high=ci_high,
        details=_latency_details(scores, chosen) if is_latency else _details(chosen),
    )


def _mean(scores: Sequence[Score]) -> Statistic:
    """Ratio of sums where every score has its parts, else the mean (the same with denominators of 1)."""
    if scores and all("numerator" in s.components and "denominator" in s.components for s in scores):
        numerators = np.array([s.components["numerator"] for s in scores], np.float64)
        denominators = np.array([s.components["denominator"] for s in scores], np.float64)
    else:
        numerators = np.array([s.value for s in scores], np.float64)
        denominators = np.ones(len(scores))

    def ratio(weights: Floats) -> Floats:
        totals = weights @ denominators
        return np.where(totals > 0, weights @ numerators / np.where(totals > 0, totals, 1.0), np.inf)

    return ratio


def _median(scores: Sequence[Score]) -> Statistic:
    times_s, is_reply = _waiting(scores)
    return lambda weights: waiting_quantile(times_s, is_reply, 0.5, weights)


def _waiting(scores: Sequence[Score]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    times_s = [s.value if s.value is not None else s.components.get("censored_at_s", math.inf) for s in scores]
    return np.array(times_s, np.float64), np.array([s.value is not None for s in scores], np.bool_)


def _interval(statistic: Statistic, groups: Sequence[str], seed: int) -> tuple[float | None, float | None]:
    names = {name: index for index, name in enumerate(dict.fromkeys(groups))}
    if len(names) < 2:
        return None, None
    member = np.array([names[group] for group in groups])
    random = np.random.Generator(np.random.PCG64(seed))
    values = np.empty(N_RESAMPLES)
    for at in range(0, N_RESAMPLES, _CHUNK):
        drawn = random.integers(len(names), size=(_CHUNK, len(names))) + np.arange(_CHUNK)[:, None] * len(names)
        times_drawn = np.bincount(drawn.ravel(), minlength=_CHUNK * len(names)).reshape(_CHUNK, len(names))
        values[at : at + _CHUNK] = statistic(times_drawn[:, member].astype(np.float64))
    tail = (1 - CONFIDENCE_LEVEL) / 2 * 100
    low, high = np.percentile(values, [tail, 100 - tail], method="nearest")
    return _finite(float(low)), _finite(float(high))


def _latency_details(scores: Sequence[Score], waiting: Sequence[Score]) -> dict[str, float]:
    details: dict[str, float] = {}
    values = [s.value for s in scores if s.value is not None]
    if values:
        details["mean"] = math.fsum(values) / len(values)
        times_s, is_reply = _waiting(waiting)
        p90 = _finite(float(waiting_quantile(times_s, is_reply, 0.9, np.ones((1, len(waiting))))[0]))
        if p90 is not None:
            details["p90"] = p90
    judged = [s for s in scores if "early_start" in s.components]
    if judged:
        details["share_early"] = sum(s.components["early_start"] for s in judged) / len(judged)
    if waiting:
        details["share_no_response"] = sum(s.value is None for s in waiting) / len(waiting)
    return details


def _details(scores: Sequence[Score]) -> dict[str, float]:
    details = {name: math.fsum(s.components[name] for s in scores) for name in _TOTALLED if _all_have(scores, name)}
    if _all_have(scores, "matched"):
        matched = sum(s.components["matched"] for s in scores)
        events, peaks = (sum(s.components[name] for s in scores) for name in ("backchannels", "peaks"))
        details |= {"recall": matched / peaks} | ({"precision": matched / events} if events else {})
    elif scores and scores[0].metric == "backchannel_js_divergence":
        for name in _AVERAGED:
            known = [s.components[name] for s in scores if name in s.components]
            if known:
                details[name] = math.fsum(known) / len(known)
    elif scores and scores[0].metric == "own_text_wer":
        details["median"] = float(np.median([s.value for s in scores if s.value is not None]))
    return details


def _all_have(scores: Sequence[Score], component: str) -> bool:
    return bool(scores) and all(component in s.components for s in scores)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
