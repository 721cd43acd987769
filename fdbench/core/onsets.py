"""When people begin their turn, as a distribution: from a sample, from counts in bins, or from two medians.

::

    offset      -2.0 .. 0 .. 4.0 s from the end of the other's turn; negative = before it
    before(t)   share of onsets earlier than t        until(t)   share of onsets no later than t

Conventions: seconds, signed. A share before a limit leaves out what is at it up to 1 ns. Between the edges of counted bins the
distribution is even; what was counted below the first and beyond the last edge lies outside of every other limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from fdbench.core.span import ROUNDING_S

Floats = npt.NDArray[np.float64]

_SMOOTH_STEP_S: Final = 0.001
"""A smooth distribution is taken for even over so long."""


class Onsets(Protocol):
    """A distribution of onsets.

    Attributes:
        n: How many onsets were counted; None where it is made of summary statistics.
    """

    @property
    def n(self) -> int | None: ...

    def before(self, times_s: Floats) -> Floats: ...

    def until(self, times_s: Floats) -> Floats: ...

    def knots_s(self, first_s: float, last_s: float) -> Floats:
        """Where its course may bend or step, strictly between two times; even in between."""


@dataclass(frozen=True, slots=True)
class SampledOnsets:
    """Onsets as they were measured.

    Attributes:
        offsets_s: At least one, in any order, finite.
    """

    offsets_s: tuple[float, ...]

    @property
    def n(self) -> int:
        return len(self.offsets_s)

    def before(self, times_s: Floats) -> Floats:
        return np.searchsorted(np.sort(self.offsets_s), times_s - ROUNDING_S, side="left") / self.n

    def until(self, times_s: Floats) -> Floats:
        return np.searchsorted(np.sort(self.offsets_s), times_s, side="right") / self.n

    def knots_s(self, first_s: float, last_s: float) -> Floats:
        offsets_s = np.asarray(self.offsets_s, np.float64)
        return offsets_s[(offsets_s > first_s) & (offsets_s < last_s)]


@dataclass(frozen=True, slots=True)
class CountedOnsets:
    """Onsets counted in bins of one width.

    Attributes:
        start_s: First edge.
        step_s: Width.
        counts: Of each bin ``[start + j step, start + (j + 1) step)``.
        below, above: How many are earlier than the first edge, and at or beyond the last.
    """

    start_s: float
    step_s: float
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0

    @property
    def n(self) -> int:
        return self.below + sum(self.counts) + self.above

    @property
    def edges_s(self) -> Floats:
        return np.round(self.start_s + self.step_s * np.arange(len(self.counts) + 1), 9)

    def before(self, times_s: Floats) -> Floats:
        levels = (self.below + np.concatenate([[0.0], np.cumsum(self.counts)])) / self.n
        return np.interp(times_s, self.edges_s, levels)

    def until(self, times_s: Floats) -> Floats:
        return self.before(times_s)

    def knots_s(self, first_s: float, last_s: float) -> Floats:
        return self.edges_s[(self.edges_s > first_s) & (self.edges_s < last_s)]


@dataclass(frozen=True, slots=True)
class SplitExponential:
    """Two exponentials back to back at 0, made of published medians: parametric, nobody's counts.

    Attributes:
        share_negative: Of onsets before the other's end, in [0, 1].
        median_negative_s, median_positive_s: Of how long before, and how long after it; more than 0.
    """

    share_negative: float
    median_negative_s: float
    median_positive_s: float

    @property
    def n(self) -> None:
        return None

    def before(self, times_s: Floats) -> Floats:
        early = self.share_negative * np.exp(math.log(2) * np.minimum(times_s, 0.0) / self.median_negative_s)
        late = -np.expm1(-math.log(2) * np.maximum(times_s, 0.0) / self.median_positive_s)
        found: Floats = early + (1 - self.share_negative) * late
        return found

    def until(self, times_s: Floats) -> Floats:
        return self.before(times_s)

    def knots_s(self, first_s: float, last_s: float) -> Floats:
        n_steps = math.ceil((last_s - first_s) / _SMOOTH_STEP_S)
        return np.linspace(first_s, last_s, n_steps + 1)[1:-1]


def masses_of(onsets: Onsets, edges_s: Sequence[float]) -> Floats:
    """The mass in each bin: below the first edge, between neighbours, at or beyond the last; shape ``(edges + 1,)``."""
    return np.diff(onsets.before(np.asarray(edges_s, np.float64)), prepend=0.0, append=1.0)
