"""Had it been the other way round on some clips: the test of paired results that needs no distribution.

::

    clip           1    2    3    4          if neither model differs from the other, it is chance which of the two gave
    first          0.2  0.9  0.4  0.3        which result of a clip: swap them on any of the clips, and the difference of
    second         0.5  0.8  1.1  0.9        the models is as likely as the one that was seen
    a swap         0.5  0.9  1.1  0.3

p is the share of swaps whose difference is as far from 0. Of a mean that is Fisher's sign flips (``of_mean``); it holds as well
for a ratio of sums (``of_ratio``), of which a bootstrap's p is too small for a few clips.

Conventions: all 2^n swaps up to n = 16 clips, else 10,000 seeded and (hits + 1) / (n + 1). A clip without a result on
either side counts as one that does not differ. A swap of which the statistic is undefined counts as one that is as far.

References: Fisher 1935, The design of experiments; Phipson & Smyth 2010 (why + 1); Good 2005, Permutation tests, 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from fdbench.stats.weighted import quotient

MAX_EXACT: Final = 16
N_SWAPS: Final = 10_000
_ROUNDING: Final = 1e-12

Floats: TypeAlias = npt.NDArray[np.float64]
Parts: TypeAlias = tuple[Floats, Floats]
Link: TypeAlias = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Swaps:
    """Which clips are swapped, drawn once for all metrics of the same clips.

    Attributes:
        signs: Shape ``(k, n)``: -1 where a clip is swapped, 1 where it is not.
    """

    signs: Floats

    @property
    def are_all(self) -> bool:
        return len(self.signs) == 1 << int(self.signs.shape[1])

    @classmethod
    def of(cls, n: int, seed: int = 0) -> Swaps:
        if n <= MAX_EXACT:
            return cls(np.asarray(1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1), np.float64))
        return cls.drawn(n, seed)

    @classmethod
    def drawn(cls, n: int, seed: int) -> Swaps:
        """10,000 of them, however few clips there are: so that those of several tasks can be joined."""
        swaps = np.random.Generator(np.random.PCG64(seed)).integers(2, size=(N_SWAPS, n))
        return cls(np.asarray(1.0 - 2.0 * swaps, np.float64))

    def of_mean(self, differences: Floats) -> float:
        """Two-sided p of the mean difference, shape ``(n,)``, being 0."""
        slack = _ROUNDING * float(np.abs(differences).sum())
        return _share(np.abs(self.signs @ differences) >= abs(float(differences.sum())) - slack, self.are_all)

    def of_ratio(self, first: Parts, second: Parts, link: Link = lambda ratio: ratio) -> float | None:
        """Two-sided p of two ratios of sums being the same; None where they are undefined.

        Args:
            first, second: Numerators and denominators of each clip, shape ``(n,)``; both 0 where there is nothing.
            link: What becomes of each ratio before they are compared.
        """
        differences, observed = self.differences_of_ratios(first, second, link)
        return as_far(differences, observed, are_all=self.are_all) if math.isfinite(observed) else None

    def differences_of_ratios(self, first: Parts, second: Parts, link: Link = lambda ratio: ratio) -> tuple[Floats, float]:
        """The first ratio minus the second, with clips swapped, shape ``(k,)``, and as it was seen; not finite = undefined."""
        (above, above_off), (below, below_off) = (
            (float((a + b).sum()) / 2, self.signs @ ((a - b) / 2)) for a, b in zip(first, second, strict=True)
        )
        with np.errstate(invalid="ignore"):
            swapped = link(quotient(above + above_off, below + below_off)) - link(
                quotient(above - above_off, below - below_off)
            )
            observed = link(_total(first)) - link(_total(second))
        return swapped, float(observed[0])


def as_far(differences: Floats, observed: float, *, are_all: bool = False) -> float:
    """The share of swaps whose difference is as far from 0 as the one that was seen: p.

    Args:
        are_all: There are no other swaps; else these were drawn, and the one that was seen is one more.
    """
    return _share(~(np.abs(differences) < abs(observed) - _ROUNDING * max(1.0, abs(observed))), are_all)


def _share(is_hit: npt.NDArray[np.bool_], are_all: bool) -> float:
    n, hits = len(is_hit), int(is_hit.sum())
    return hits / n if are_all else (hits + 1) / (n + 1)


def _total(parts: Parts) -> Floats:
    above, below = parts
    return quotient(np.array([above.sum()]), np.array([below.sum()]))
