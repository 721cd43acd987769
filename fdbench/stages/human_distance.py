"""How far a model's onsets after a turn are from people's, over a task: seconds, and the same as a divergence.

The scores are those of ``response_latency_s``: signed, and censored where no reply came. Value: Wasserstein's distance in
seconds over [-2, 4] (``stats.onset_distribution``), with 1,000 resamples of the clips for its interval, which never holds 0.
Beside it ``floor_s``, what as many people would score by chance, ``excess``, the Jensen-Shannon divergence above its floor with
an interval of its own, and ``late_or_never``, the mass at and beyond 4 s.

Empty cases: nothing known of any clip: no value. A model that never replies has one: all of its mass is late or never.

References: as of ``fdbench.stats.onset_distribution``; Heldner & Edlund 2010 (onsets as a distribution).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from fdbench.core.metric import HUMAN_DISTANCE, METRICS
from fdbench.core.onsets import Onsets
from fdbench.core.score import MetricSummary, Score
from fdbench.stats.bootstrap import percentile_interval, resampled_values
from fdbench.stats.onset_distribution import compare_onsets, distance_statistic, excess_interval

LATENCY: Final = "response_latency_s"
_N_RESAMPLES: Final = 1000


def summarise_distance(
    scores: Sequence[Score], clips: Sequence[str], human: Onsets, signature: str, seed: int = 0
) -> MetricSummary:
    """Set the latencies of a task beside people's onsets.

    Args:
        scores: Of ``LATENCY``, one per take.
        clips: The sample's id for each score, so that repeats stay together.
        human: People's onsets.
        signature: Stored as it is; has to name the people.
    """
    times_s, is_reply, of_clip = known_latencies(scores, clips)
    found = compare_onsets(times_s, is_reply, human, n_clips=len(set(of_clip)))
    low = high = None
    details: dict[str, float] = {}
    if found is not None:
        details = {"floor_s": found.distance_floor_s, "excess": found.excess, "late_or_never": found.masses[-1]}
        spread = excess_interval(times_s, is_reply, human, of_clip, seed)
        if spread is not None:
            details |= {"excess_low": spread[0], "excess_high": spread[1]}
            statistic = distance_statistic(np.array(times_s), np.array(is_reply), human)
            low, high = percentile_interval(resampled_values(statistic, of_clip, _N_RESAMPLES, seed))
    n_of = Counter(score.status for score in scores)
    return MetricSummary(
        metric=HUMAN_DISTANCE,
        value=None if found is None else found.distance_s,
        unit=METRICS[HUMAN_DISTANCE].unit,
        higher_is_better=False,
        n_scored=len(times_s),  # a wait that is only known to be longer is behind the value, too
        n_not_applicable=n_of["not_applicable"],
        n_censored=n_of["scored"] + n_of["censored"] - len(times_s),
        n_error=n_of["error"],
        signature=signature,
        ci_low=low,
        ci_high=high,
        details=details,
    )


def known_latencies(scores: Sequence[Score], clips: Sequence[str]) -> tuple[list[float], list[bool], list[str]]:
    """Of each score that says anything: the time (s), whether a reply came then or had not come by then, and the clip."""
    known = [
        (score, time_s, clip) for score, clip in zip(scores, clips, strict=True) if (time_s := _time_of(score)) is not None
    ]
    return (
        [time_s for _, time_s, _ in known],
        [score.value is not None for score, _, _ in known],
        [clip for _, _, clip in known],
    )


def _time_of(score: Score) -> float | None:
    """When the reply came, or until when it certainly did not."""
    time_s = score.value if score.value is not None else score.components.get("censored_at_s")
    return time_s if time_s is not None and math.isfinite(time_s) else None
