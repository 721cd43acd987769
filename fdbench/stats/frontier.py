"""The price of being fast: how long users wait against how often they are broken into, and what no other setting beats.

::

    y  1 |a                          x = median wait of turns that ask for a reply, 0 .. 5 s (5 = late or never)
         |                           y = turns with at least one break / turns, 0 .. 1
         | b      c                  front: a, b, d: no other point equals or beats them in both and beats them in one
         |      d                    hypervolume: the area between the front and (5 s, 1), / 5: 1 = perfect, 0 = worthless
       0 +-------------- 5 s

Conventions: less is better in both. Waits under 0 count as 0 in the area (what that hides is in y). A point with x >= 5 or
y = 1 is worth 0. A curve over all settings of a model has one hypervolume. Of a point, x has the bootstrap's interval by clip,
together with y; y alone has clustered Wilson's.

Empty cases: no point: an empty front, hypervolume 0; no turn that asks: no point.

References: Zitzler & Thiele 1999, IEEE Trans. Evolutionary Computation 3:257 (hypervolume).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from fdbench.stats.bootstrap import percentile_interval, resampled_values
from fdbench.stats.wilson import Rate, clustered_wilson

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]

WORST: Final = (5.0, 1.0)
"""Seconds that nobody waits longer than, and every turn broken into."""
N_RESAMPLES: Final = 1000


@dataclass(frozen=True, slots=True)
class PlayedTurn:
    """A turn of the user.

    Attributes:
        clip: In which it was played, by name; all turns of a clip are drawn together.
        wait_s: For the reply, 0 .. 5 s; None where it asks for none.
        is_broken: Some takeover of the model began inside it.
    """

    clip: str
    wait_s: float | None
    is_broken: bool


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """Where a model lies.

    Attributes:
        wait_s: Median, with its interval; the interval is None for fewer than two clips.
        broken: Share of turns, with its interval.
    """

    wait_s: float
    wait_low_s: float | None
    wait_high_s: float | None
    broken: Rate


def point_of(turns: Sequence[PlayedTurn], seed: int = 0) -> FrontierPoint | None:
    """Where a model lies; None where no turn asks for a reply."""
    import numpy as np

    from fdbench.stats.survival import waiting_quantile

    asking = [(turn.clip, turn.wait_s) for turn in turns if turn.wait_s is not None]
    clips = {
        clip: [turn.is_broken for turn in turns if turn.clip == clip] for clip in dict.fromkeys(turn.clip for turn in turns)
    }
    broken = clustered_wilson((sum(each), len(each)) for each in clips.values())
    if not asking or broken is None:
        return None
    waits_s = np.array([wait_s for _, wait_s in asking], np.float64)
    is_over = np.ones(len(waits_s), np.bool_)

    def median(weights: Floats) -> Floats:
        return waiting_quantile(waits_s, is_over, 0.5, weights)

    names = [clip for clip, _ in asking]
    low = high = None
    if len(set(names)) > 1:
        low, high = percentile_interval(resampled_values(median, names, N_RESAMPLES, seed))
    return FrontierPoint(float(median(np.ones((1, len(waits_s))))[0]), low, high, broken)


def front_of(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which points are on the front, ascending: no other equals or beats them in both and beats them in one."""
    return [index for index, (x, y) in enumerate(points) if not any(a <= x and b <= y and (a < x or b < y) for a, b in points)]


def hypervolume(points: Sequence[tuple[float, float]]) -> float:
    """The area that the points beat, as a share of all, in [0, 1].

    Example:
        >>> hypervolume([(0.5, 0.0)])
        0.9
    """
    worst_x, worst_y = WORST
    area, lowest = 0.0, worst_y
    for x, y in sorted((max(0.0, x), max(0.0, y)) for x, y in points):
        if x < worst_x and y < lowest:
            area += (worst_x - x) * (lowest - y)
            lowest = y
    return area / (worst_x * worst_y)
