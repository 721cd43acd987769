"""Is one run better than another, in what, by how much, and could it have been seen: two runs over the same clips.

Conventions: differences are the second run minus the first. *Tested* are the metrics that are ranked, and lost seconds over all
behaviours of single prompts, weighed as on the front page; of the others the difference and its interval are shown. Holm's
correction is over all that is tested in one comparison, of several runs together. What could be seen, and how many clips or
repeats would settle what was seen, are for the first step of it, 80 % power, and, of repeats, for half of the variance being
the clip's. A rating beside timing is judged by its own rule (``stats.comparison.guardrail``): what may be lost is a margin.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from fdbench.core.behaviour import ALONE
from fdbench.core.metric import METRICS, is_ranked
from fdbench.report.clip_values import lost_parts_of, nearer_s, parts_of_score, values_of, waits_of, without_errors
from fdbench.report.headline import LOST
from fdbench.report.pairing import PairedScores, Pairing
from fdbench.stats.comparison import Guardrail, clips_to_detect, guardrail, least_clips, minimum_detectable_effect
from fdbench.stats.paired import holm
from fdbench.stats.paired_metric import PairedDifference, compare_means, compare_ratios, compare_waits, finite, sd_of
from fdbench.stats.swaps import N_SWAPS, Swaps, as_far

ALPHA: Final = 0.05
OVERALL: Final = "all"
"""What stands for a task where a number is of all of them."""
RATINGS: Final = ("relevance", "instruction_following", "task_score")
"""What a judge says of the meaning of replies, and not of their timing."""
_MOST_REPEATS: Final = 20
_RATIOS: Final = ("ratio", "log ratio")
_LATENCIES: Final = "censored median"
_RESAMPLED: Final = (*_RATIOS, _LATENCIES)
"""What has a bootstrap interval."""

Verdict = Literal["better", "worse", "differs", "no difference", ""]


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of one task in two runs.

    Attributes:
        task: Or ``all``.
        higher_is_better: None where neither end is better.
        found: Its difference and how sure it is.
        n_missing: Clips that both runs have and that do not count, as one of them has no value there.
        n_open: Clips that count with a wait of which is only known that it was longer.
        n_repeats: Calls per clip, the fewer of the two runs.
        p_adjusted: By Holm over all that is tested; None where it is not.
        gain: By how much the second is better, in the metric's unit; None where neither end is better.
        detectable: The least difference that these clips would have shown.
        is_too_few: These clips would have shown none, however large: no test of so few is as sure as Holm's first step asks.
        clips_needed, repeats_needed: How many clips, or calls per clip, would settle the difference that was seen.
    """

    task: str
    metric: str
    unit: str
    higher_is_better: bool | None
    found: PairedDifference
    n_missing: int
    n_repeats: int = 1
    n_open: int = 0
    is_tested: bool = False
    p_adjusted: float | None = None
    gain: float | None = None
    detectable: float | None = None
    is_too_few: bool = False
    clips_needed: int | None = None
    repeats_needed: int | None = None

    @property
    def verdict(self) -> Verdict:
        if self.p_adjusted is None:
            return ""
        if self.p_adjusted > ALPHA:
            return "no difference"
        return "differs" if not self.gain else "better" if self.gain > 0 else "worse"

    def as_json(self) -> dict[str, Any]:
        found = self.found
        return {
            "task": self.task, "metric": self.metric, "unit": self.unit, "higher_is_better": self.higher_is_better,
            "n": found.n, "n_missing": self.n_missing, "n_open": self.n_open, "first": found.first, "second": found.second,
            "difference": found.difference, "ci_low": finite(found.low), "ci_high": finite(found.high),
            "test": found.test, "p": found.p,
            "p_holm": self.p_adjusted, "verdict": self.verdict, "detectable": self.detectable, "is_too_few": self.is_too_few,
            "clips_needed": self.clips_needed, "repeats_needed": self.repeats_needed,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rating:
    """What a judge says of meaning, of the second run against the first."""

    metric: str
    judge: str
    found: Guardrail

    def as_json(self) -> dict[str, Any]:
        found = self.found
        return {
            "metric": self.metric, "judge": self.judge, "n": found.n, "n_unrated": found.n_unrated,
            "difference": found.difference, "ci_low": found.low, "ci_high": found.high, "margin": found.margin,
            "decision": found.decision, "clips_needed": found.n_to_decide,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run against another.

    Attributes:
        n_tested: Numbers that Holm's correction is over, those of other comparisons beside this one included.
    """

    pairing: Pairing
    compared: tuple[Compared, ...]
    ratings: tuple[Rating, ...]
    n_tested: int

    @property
    def differing(self) -> tuple[Compared, ...]:
        return tuple(each for each in self.compared if each.verdict in ("better", "worse", "differs"))

    @property
    def tested(self) -> tuple[Compared, ...]:
        return tuple(each for each in self.compared if each.p_adjusted is not None)

    def as_json(self) -> dict[str, Any]:
        first, second = (
            {"run": side.manifest.run_id, "name": side.manifest.name, "model": side.model, "folder": str(side.folder)}
            for side in (self.pairing.first, self.pairing.second)
        )
        return {
            "first": first,
            "second": second,
            "protocol": self.pairing.protocol,
            "n_tested": self.n_tested,
            "differs": bool(self.differing),
            "metrics": [each.as_json() for each in self.compared],
            "ratings": [each.as_json() for each in self.ratings],
            "notes": list(self.pairing.notes),
        }


def compare_runs(pairings: Sequence[Pairing]) -> tuple[Comparison, ...]:
    """Compare each pair of runs; Holm's correction is over all of them together."""
    found = [tuple(_compared(pairing)) for pairing in pairings]
    p_values = [each.found.p for of_pair in found for each in of_pair if each.is_tested and each.found.p is not None]
    adjusted = iter(holm(p_values))
    alpha = ALPHA / max(1, len(p_values))
    return tuple(
        Comparison(
            pairing,
            tuple(
                _settled(each, next(adjusted) if each.is_tested and each.found.p is not None else None, alpha)
                for each in of_pair
            ),
            tuple(_ratings(pairing)),
            len(p_values),
        )
        for pairing, of_pair in zip(pairings, found, strict=True)
    )


def _compared(pairing: Pairing) -> Iterator[Compared]:
    swaps: dict[tuple[str, ...], Swaps] = {}
    lost: list[tuple[PairedScores, Compared]] = []
    found: list[Compared] = []
    for number, paired in enumerate(pairing.scores):
        if paired.clips not in swaps:
            swaps[paired.clips] = Swaps.of(len(paired.clips), number)
        each = _one(paired, swaps[paired.clips], pairing.protocol)
        found.append(each)
        if paired.metric == LOST and paired.row.scored.behaviour in ALONE:
            lost.append((paired, each))
    if len(lost) > 1:
        yield _overall(lost)
    yield from found


def _one(paired: PairedScores, swaps: Swaps, protocol: str) -> Compared:
    metric, row = paired.metric, paired.row
    first, second = without_errors(paired.first), without_errors(paired.second)
    aggregation = METRICS[metric].aggregation(protocol) if metric in METRICS else "mean"
    clips, n_open = paired.clips, 0
    if aggregation in _RATIOS:
        both = first.keys() & second.keys()
        parts = [
            {clip: [parts_of_score(score) for score in side[clip] if "denominator" in score.components] for clip in both}
            for side in (first, second)
        ]
        found = compare_ratios(clips, parts[0], parts[1], swaps, of_logs=aggregation == "log ratio")
        found = replace(found, n=len(both))
    elif aggregation == _LATENCIES:
        waits = waits_of(first), waits_of(second)
        found = compare_waits(clips, *waits, swaps)
        n_open = sum(any(not wait.is_over for side in waits for wait in side.get(clip, ())) for clip in clips)
    else:
        is_event = row.metrics[metric].unit == "rate"
        found = compare_means(clips, values_of(first), values_of(second), swaps, of_events=is_event)
    if aggregation in _RESAMPLED and found.n < least_clips():  # resamples of so few clips say nothing
        found = replace(found, low=None, high=None)
    higher = row.metrics[metric].higher_is_better
    is_tested = higher is not None and is_ranked(metric, row.scored.behaviour, protocol) and found.n > 0
    gain = _gain(found, higher)
    if aggregation == _LATENCIES and found.n and higher is False:
        gain = nearer_s(clips, first, second)
    n_repeats = min((len(scores) for side in (first, second) for scores in side.values()), default=1)
    summary = row.metrics[metric]
    n_missing = len(clips) - found.n
    return Compared(row.task, metric, summary.unit, higher, found, n_missing, n_repeats, n_open, is_tested, gain=gain)


def _gain(found: PairedDifference, higher_is_better: bool | None) -> float | None:
    if found.difference is None or higher_is_better is None:
        return None
    return found.difference if higher_is_better else -found.difference


def _overall(lost: Sequence[tuple[PairedScores, Compared]]) -> Compared:
    """Lost seconds over all behaviours: each weighs the same, and so do the sets of clips of one."""
    behaviours = [paired.row.scored.behaviour for paired, _ in lost]
    weights = [1 / (len(set(behaviours)) * behaviours.count(each)) for each in behaviours]
    parts = [each.found for _, each in lost]
    n = sum(part.n for part in parts)
    first, second = (_weighted(weights, [getattr(part, side) for part in parts]) for side in ("first", "second"))
    found = PairedDifference(n, first, second)
    if first is not None and second is not None:
        low, high = _square_and_add(weights, parts, second - first)
        sd = None if low is None or high is None else sd_of(low, high, n)
        found = PairedDifference(
            n, first, second, second - first, low, high, "swaps", _overall_p([paired for paired, _ in lost], weights), sd
        )
    unit, higher = lost[0][1].unit, lost[0][1].higher_is_better
    n_repeats = min(each.n_repeats for _, each in lost)
    n_missing = sum(each.n_missing for _, each in lost)
    gain = _gain(found, higher)
    return Compared(OVERALL, LOST, unit, higher, found, n_missing, n_repeats, is_tested=found.p is not None, gain=gain)


def _weighted(weights: Sequence[float], values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(w * v for w, v in zip(weights, known, strict=True)) if len(known) == len(values) else None


def _square_and_add(
    weights: Sequence[float], parts: Sequence[PairedDifference], difference: float
) -> tuple[float | None, float | None]:
    bounds = [(part.difference, finite(part.low), finite(part.high)) for part in parts]
    if any(None in each for each in bounds):
        return None, None
    below = math.hypot(*(w * ((d or 0.0) - (low or 0.0)) for w, (d, low, _) in zip(weights, bounds, strict=True)))
    above = math.hypot(*(w * ((high or 0.0) - (d or 0.0)) for w, (d, _, high) in zip(weights, bounds, strict=True)))
    return difference - below, difference + above


def _overall_p(lost: Sequence[PairedScores], weights: Sequence[float]) -> float:
    """Of clips swapped in all tasks at once, each task by draws of its own."""
    together, observed = np.zeros(N_SWAPS), 0.0
    for number, (paired, weight) in enumerate(zip(lost, weights, strict=True)):
        clips = sorted(without_errors(paired.first).keys() & without_errors(paired.second).keys())
        first, second = (lost_parts_of(clips, side) for side in (paired.first, paired.second))
        differences, seen = Swaps.drawn(len(clips), number).differences_of_ratios(second, first)
        together += weight * differences
        observed += weight * seen
    return as_far(together, observed)


def _settled(each: Compared, p_adjusted: float | None, alpha: float) -> Compared:
    """What could have been seen, and what it would take to be sure of what was."""
    found, least = each.found, least_clips(alpha)
    is_enough = found.n >= least
    detectable = minimum_detectable_effect(found.sd, found.n, alpha) if found.sd and is_enough else None
    each = replace(each, p_adjusted=p_adjusted, detectable=detectable, is_too_few=0 < found.n < least)
    if not found.difference or p_adjusted is None or p_adjusted <= ALPHA or (is_enough and not found.sd):
        return each
    needed = max(least, clips_to_detect(found.sd, abs(found.difference), alpha) if found.sd else 0)
    repeats_needed = _repeats_needed(found.n / needed, each.n_repeats) if is_enough else None
    return replace(each, clips_needed=max(needed, found.n + 1), repeats_needed=repeats_needed)


def _repeats_needed(share: float, n_repeats: int) -> int | None:
    """Calls per clip at which the variance has fallen to ``share``, if half of it is the clip's; None where it never does.

    Example:
        >>> _repeats_needed(0.75, 1), _repeats_needed(0.4, 1)
        (2, None)
    """
    left = share * (0.5 + 0.5 / n_repeats) - 0.5
    needed = math.ceil(0.5 / left) if left > 0 else _MOST_REPEATS + 1
    return max(needed, n_repeats + 1) if needed <= _MOST_REPEATS else None


def _ratings(pairing: Pairing) -> Iterator[Rating]:
    for metric in RATINGS:
        first: list[float | None] = []
        second: list[float | None] = []
        judge = ""
        for paired in (each for each in pairing.scores if each.metric == metric):
            for ratings, side in ((first, paired.first), (second, paired.second)):
                values = values_of(without_errors(side))
                ratings += [math.fsum(v) / len(v) if (v := values.get(clip)) else None for clip in paired.clips]
            judge = paired.row.engines.judge
        found = guardrail(first, second)
        if found is not None:
            yield Rating(metric, judge, found)
