"""What of a clip's stored scores a comparison of two runs is made from: values, parts of ratios, waits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from fdbench.core.score import Score
from fdbench.report.pairing import ClipScores
from fdbench.stats.paired_metric import Wait
from fdbench.stats.swaps import Parts


def without_errors(side: ClipScores) -> dict[str, list[Score]]:
    """A call that failed is none; a clip of which none is left does not count."""
    known = {clip: [score for score in scores if score.status != "error"] for clip, scores in side.items()}
    return {clip: scores for clip, scores in known.items() if scores}


def values_of(side: Mapping[str, Sequence[Score]]) -> dict[str, list[float]]:
    return {clip: [score.value for score in scores if score.value is not None] for clip, scores in side.items()}


def parts_of_score(score: Score) -> tuple[float, float]:
    return score.components["numerator"], score.components["denominator"]


def waits_of(side: ClipScores) -> dict[str, list[Wait]]:
    return {
        clip: [
            Wait(score.components["censored_at_s"] if score.value is None else score.value, score.value is not None)
            for score in scores
            if score.value is not None or (score.status == "censored" and "censored_at_s" in score.components)
        ]
        for clip, scores in side.items()
    }


def lost_parts_of(clips: Sequence[str], side: ClipScores) -> Parts:
    known = without_errors(side)
    parts = [[parts_of_score(score) for score in known.get(clip, ()) if "denominator" in score.components] for clip in clips]
    above, below = (
        np.array([math.fsum(part[index] for part in of_clip) / len(of_clip) if of_clip else 0.0 for of_clip in parts])
        for index in (0, 1)
    )
    return above, below


def nearer_s(clips: Sequence[str], first: ClipScores, second: ClipScores) -> float | None:
    """By how much the second run's latencies are nearer to 0, either way (medians)."""
    sides = [
        {clip: [replace(wait, time_s=abs(wait.time_s)) for wait in waits] for clip, waits in waits_of(side).items()}
        for side in (first, second)
    ]
    both = [clip for clip in clips if sides[0].get(clip) and sides[1].get(clip)]
    medians = [float(np.median([wait.time_s for clip in both for wait in side[clip]])) for side in sides]
    return medians[0] - medians[1]
