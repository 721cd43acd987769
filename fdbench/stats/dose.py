"""What a condition does to a model, paired by clip: the same clips clean and under it, the mean over repeats first.

::

    clean    clip a 0.5   clip b 0.6   clip c 0.5          difference  a 0.0  b +1.4  c +4.5
    under    clip a 0.5   clip b 2.0   clip c 5.0          mean +1.97, with its t interval

A clip that has no value on either side is left out of both. Where nothing changed the difference is 0 exactly, and so is its
interval. The dose response over the levels of a ladder is ``stats.comparison.dose_response``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fdbench.stats.comparison import DoseResponse, dose_response, paired_means
from fdbench.stats.paired import paired_test


@dataclass(frozen=True, slots=True)
class Change:
    """The mean over clips under a condition, and by how much it differs from clean.

    Attributes:
        n: Clips that have a value on both sides.
        clean, under: Means over those.
        difference: ``under - clean``.
        low, high: 95 % t interval of the difference; None for fewer than two clips.
    """

    n: int
    clean: float
    under: float
    difference: float
    low: float | None
    high: float | None


def change_of(clean: Mapping[str, Sequence[float | None]], under: Mapping[str, Sequence[float | None]]) -> Change | None:
    """By how much a per-clip value differs from clean; None where no clip has one on both sides.

    Args:
        clean, under: The values of each clip, one per repeat; None where there is none.
    """
    pairs = paired_means(clean, under)
    if not pairs:
        return None
    n = len(pairs)
    before, after = ([pair[side] for pair in pairs] for side in (0, 1))
    difference = math.fsum(later - earlier for earlier, later in pairs) / n
    test = paired_test(before, after, outliers="none")
    bounds = (None, None) if test is None else (test.ci95_low, test.ci95_high)
    return Change(n, math.fsum(before) / n, math.fsum(after) / n, difference, *bounds)


def response_of(levels: Sequence[float], changes: Sequence[Change], harder: int, *, higher_is_better: bool) -> DoseResponse:
    """Slope per unit of cleanliness, and the level at which the metric is 0.1 worse than clean.

    Args:
        levels: In the ladder's unit.
        changes: At each level; the fall is of the differences, so clips need not be the same at every level.
        harder: 1 where more of it is worse, -1 where less is.
        higher_is_better: Of the metric.
    """
    sign = 1 if higher_is_better else -1
    found = dose_response([-harder * level for level in levels], [sign * each.difference for each in changes], 0.0)
    breaks_at = None if found.breaks_at_db is None else -harder * found.breaks_at_db + 0.0
    slope = None if found.slope_per_db is None else sign * -harder * found.slope_per_db + 0.0
    return DoseResponse(slope, breaks_at)
