"""From scores of samples to the number in the table: how it is averaged, how sure it is, what stands behind it.

===================  ==========================================================================================
aggregation          value over a task (``Metric.aggregation`` says which, by metric and protocol)
===================  ==========================================================================================
mean                 mean over the samples that have a value
ratio                sum of numerators / sum of denominators
log ratio            how many times 2 the two sums are apart; a sample without a value counts where its parts are known
censored median      median of latencies, those of replies that never came only known to be longer (``survival``)
boundary F1          of the sums of true claims, claims, ends and ends that were met; a sample without a value counts
paired test          mean of the differences, outliers dropped, and the t-test's interval (``stats.paired``)
===================  ==========================================================================================

Interval of a rate under ``fdbench``: Wilson's, with all repeats of a sample together (``stats.wilson``). Any other: 1,000
resamples of the samples (all repeats together) with replacement, seeded; 2.5th and 97.5th percentile. A bound that lies beyond
the longest recording is None, and so is the interval of fewer than two samples.

Details, by name (``Metric.details``), each where its components are known: ``mean`` of latencies (over replies, so too low
where any is censored), their ``p90``, ``share_no_response``, the median of their absolute values (by which they are ranked),
and, where the median is not reached, what it is certainly more than; totals of counts; parts of lost seconds per turn;
``precision``, ``recall``, ``ceiling``; of turn boundaries, precision and the recalls within several times; ``median`` over the
clips; means of a dialogue's windows (also under ``fdb-*``).

Empty cases: no sample with a value: None (the published scripts divide by zero); with censored latencies only: None, and
``more_than``.

Differences from upstream: the same means under ``fdb-*``; upstream has no intervals and no counts of what was left out.

References: Efron & Tibshirani 1993, An introduction to the bootstrap, chapter 13; Bland & Kerry 1997 (clusters).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from fdbench.core.absence import Status
from fdbench.core.metric import (
    CORRECTED,
    METRICS,
    OVERLAP_KINDS,
    PAIRED_DETAILS,
    PROTOCOLS,
    RECALL_WITHIN_S,
    WINDOWS_S,
    Aggregation,
    direction,
)
from fdbench.core.score import MetricSummary, Score
from fdbench.errors import unknown_name
from fdbench.stats.bootstrap import percentile_interval, resampled_values
from fdbench.stats.outliers import robust_mean
from fdbench.stats.paired import paired_test
from fdbench.stats.survival import waiting_quantile
from fdbench.stats.weighted import Floats, Statistic, log_ratio_of, ratio_of, waiting_of
from fdbench.stats.wilson import clustered_wilson

VERSION: Final = 2
"""Goes up whenever a value or an interval of the same scores may change."""
VERSION_OF_PUBLISHED: Final = 1
"""The same for the published protocols, whose numbers do not change with ours."""
N_RESAMPLES: Final = 1000
RECALLED: Final = "recall_within_1_s"
"""The recall that F1 is made with."""


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

    aggregation = METRICS[metric].aggregation(protocol)
    n_of = Counter(score.status for score in scores)
    if aggregation == "paired test":
        return _paired(metric, scores, signature, groups, n_of)
    used = [index for index, score in enumerate(scores) if _is_used(score, aggregation)]
    chosen = [scores[i] for i in used]
    statistic = _STATISTICS[aggregation](chosen)
    value = _finite(float(statistic(np.ones((1, len(chosen))))[0])) if any(s.value is not None for s in chosen) else None
    ci_low = ci_high = None
    clips = [groups[i] if groups is not None else str(i) for i in used]
    if value is not None and protocol in CORRECTED and METRICS[metric].unit == "rate":
        ci_low, ci_high = _rate_interval(chosen, clips, aggregation)
    elif value is not None:
        ci_low, ci_high = _interval(statistic, clips, seed)
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
        details=_details(metric, protocol, scores),
    )


def _paired(
    metric: str, scores: Sequence[Score], signature: str, groups: Sequence[str] | None, n_of: Mapping[Status, int]
) -> MetricSummary:
    """A test of differences; the repeats of a clip are one pair, of their means."""
    of_clip: dict[str, list[Score]] = {}
    for index, score in enumerate(scores):
        if score.value is not None:
            of_clip.setdefault(groups[index] if groups is not None else str(index), []).append(score)
    first, after = (
        [math.fsum(s.components[side] for s in clip) / len(clip) for clip in of_clip.values()] for side in ("first", "after")
    )
    test = paired_test(first, after)
    details: dict[str, float | None] = {}
    if test is not None:
        details = {"mean_before": robust_mean(first, "trim"), "mean_after": robust_mean(after, "trim")}
        details |= {name: getattr(test, name) for name in PAIRED_DETAILS if name not in details}
    return MetricSummary(
        metric=metric,
        value=None if test is None else test.mean_diff,
        unit=METRICS[metric].unit,
        higher_is_better=None,
        n_scored=n_of["scored"],
        n_not_applicable=n_of["not_applicable"],
        n_censored=n_of["censored"],
        n_error=n_of["error"],
        signature=signature,
        ci_low=None if test is None else test.ci95_low,
        ci_high=None if test is None else test.ci95_high,
        details={name: float(value) for name, value in details.items() if value is not None},
    )


def aggregation_version(protocol: str) -> int:
    """By which rules the scores of a protocol are summed up."""
    return VERSION if protocol in CORRECTED else VERSION_OF_PUBLISHED


def _is_used(score: Score, aggregation: str) -> bool:
    if aggregation == "censored median" and score.status == "censored":
        return True
    counted = {"log ratio": "numerator", "boundary F1": "ends"}.get(aggregation)
    return score.value is not None or counted in score.components


def _mean(scores: Sequence[Score]) -> Statistic:
    return ratio_of(_values(scores), [1.0] * len(scores))


def _ratio(scores: Sequence[Score]) -> Statistic:
    return ratio_of(*_parts(scores))


def _log_ratio(scores: Sequence[Score]) -> Statistic:
    return log_ratio_of(*_parts(scores))


def _parts(scores: Sequence[Score]) -> tuple[list[float], list[float]]:
    return [s.components["numerator"] for s in scores], [s.components["denominator"] for s in scores]


def _boundary_f1(scores: Sequence[Score]) -> Statistic:
    """The harmonic mean of two ratios of sums: true claims / claims, and ends that were met on time / ends."""
    parts = ((s.components[name] for s in scores) for name in ("true_claims", "claims", RECALLED, "ends"))
    true, claims, met, ends = (np.array([*part], np.float64) for part in parts)

    def f1(weights: Floats) -> Floats:
        n_claims, n_ends = weights @ claims, weights @ ends
        precision = weights @ true / np.where(n_claims > 0, n_claims, 1.0)
        recall = weights @ met / np.where(n_ends > 0, n_ends, 1.0)
        both = precision + recall
        found = np.where(both > 0, 2 * precision * recall / np.where(both > 0, both, 1.0), 0.0)
        return np.where((n_claims > 0) & (n_ends > 0), found, np.inf)

    return f1


def _median(scores: Sequence[Score]) -> Statistic:
    return waiting_of(*_waiting(scores))


_STATISTICS: Final[Mapping[str, Callable[[Sequence[Score]], Statistic]]] = {
    "mean": _mean,
    "ratio": _ratio,
    "log ratio": _log_ratio,
    "censored median": _median,
    "boundary F1": _boundary_f1,
}


def _waiting(scores: Sequence[Score]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    times_s = [s.value if s.value is not None else s.components.get("censored_at_s", math.inf) for s in scores]
    return np.array(times_s, np.float64), np.array([s.value is not None for s in scores], np.bool_)


def _rate_interval(
    scores: Sequence[Score], clips: Sequence[str], aggregation: Aggregation
) -> tuple[float | None, float | None]:
    events: dict[str, tuple[float, float]] = {}
    for score, clip in zip(scores, clips, strict=True):
        counted = score.components if aggregation == "ratio" else {"numerator": score.value or 0.0, "denominator": 1}
        k, n = events.get(clip, (0.0, 0.0))
        events[clip] = k + counted["numerator"], n + counted["denominator"]
    found = clustered_wilson((k, round(n)) for k, n in events.values())
    return (None, None) if found is None else (found.low, found.high)


def _interval(statistic: Statistic, groups: Sequence[str], seed: int) -> tuple[float | None, float | None]:
    if len(set(groups)) < 2:
        return None, None
    low, high = percentile_interval(resampled_values(statistic, groups, N_RESAMPLES, seed))
    return _finite(low), _finite(high)


def _details(metric: str, protocol: str, scores: Sequence[Score]) -> dict[str, float]:
    names = METRICS[metric].details if protocol in CORRECTED else METRICS[metric].published_details
    found = {name: _DETAILS[name](scores) for name in names}
    return {name: value for name, value in found.items() if value is not None}


Detail = Callable[[Sequence[Score]], "float | None"]
"""From all scores of a task to a statistic beside the value; None where its components are not known."""


def _total(component: str, scores: Sequence[Score]) -> float | None:
    with_value = [s for s in scores if s.value is not None]
    return math.fsum(s.components[component] for s in with_value) if _all_have(with_value, component) else None


def _share_matched(of: str, scores: Sequence[Score]) -> float | None:
    matched, total = _total("matched", scores), _total(of, scores)
    return matched / total if matched is not None and total else None


def _share_of_sums(above: str, below: str, scores: Sequence[Score]) -> float | None:
    """Over all scores that have both, also those without a value."""
    total = math.fsum(s.components.get(below, 0.0) for s in scores)
    return math.fsum(s.components.get(above, 0.0) for s in scores if below in s.components) / total if total else None


def _mean_value(scores: Sequence[Score]) -> float | None:
    values = _values(scores)
    return math.fsum(values) / len(values) if values else None


def _mean_component(component: str, scores: Sequence[Score]) -> float | None:
    """Over the scores that have the component."""
    values = [s.components[component] for s in scores if s.value is not None and component in s.components]
    return math.fsum(values) / len(values) if values else None


def _median_value(scores: Sequence[Score]) -> float | None:
    values = _values(scores)
    return float(np.median(values)) if values else None


def _median_absolute(scores: Sequence[Score]) -> float | None:
    """Of latencies without their sign; a reply that never came was at least so far off as the recording goes on."""
    waited = _waited(scores)
    if not _values(scores):
        return None
    times_s, is_reply = _waiting(waited)
    return _finite(float(waiting_quantile(np.abs(times_s), is_reply, 0.5, np.ones((1, len(waited))))[0]))


def _more_than(scores: Sequence[Score]) -> float | None:
    """Where the median is not reached: what half of the latencies are certainly not below."""
    waited = _waited(scores)
    times_s, is_reply = _waiting(waited)
    if not waited or np.isfinite(waiting_quantile(times_s, is_reply, 0.5, np.ones((1, len(waited))))[0]):
        return None
    return _finite(float(np.quantile(times_s, 0.5, method="lower")))


def _per_denominator(component: str, scores: Sequence[Score]) -> float | None:
    above, below = _total(component, scores), _total("denominator", scores)
    return above / below if above is not None and below else None


def _p90(scores: Sequence[Score]) -> float | None:
    waited = _waited(scores)
    if not _values(scores):
        return None
    times_s, is_reply = _waiting(waited)
    return _finite(float(waiting_quantile(times_s, is_reply, 0.9, np.ones((1, len(waited))))[0]))


def _share_no_response(scores: Sequence[Score]) -> float | None:
    known = [s for s in _waited(scores) if s.reason != "cut_off"]  # which may have been a reply
    return sum(s.value is None for s in known) / len(known) if known else None


def _values(scores: Sequence[Score]) -> list[float]:
    return [s.value for s in scores if s.value is not None]


def _waited(scores: Sequence[Score]) -> list[Score]:
    return [s for s in scores if s.value is not None or s.status == "censored"]


_COUNTS: Final = (
    "bursts", "wordless", "short_worded", "untimed_words", "dropped_words", "substitutions", "deletions", "insertions", "hits",
)  # fmt: skip
_DETAILS: Final[Mapping[str, Detail]] = {
    **{name: partial(_total, name) for name in _COUNTS},
    "recall": partial(_share_matched, "peaks"),
    "precision": partial(_share_matched, "backchannels"),
    "boundary_precision": partial(_share_of_sums, "true_claims", "claims"),
    **{name: partial(_share_of_sums, name, f"ends_{name}") for name in RECALL_WITHIN_S},
    "ceiling": partial(_per_denominator, "reachable"),
    **{name: partial(_per_denominator, name) for name in ("wait_s", "talked_over_s", "breaks", *OVERLAP_KINDS)},
    **{name: partial(_mean_component, name) for name in WINDOWS_S},
    "median": _median_value,
    "mean": _mean_value,
    "p90": _p90,
    "median_absolute": _median_absolute,
    "more_than": _more_than,
    "share_no_response": _share_no_response,
}


def _all_have(scores: Sequence[Score], component: str) -> bool:
    return bool(scores) and all(component in s.components for s in scores)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
