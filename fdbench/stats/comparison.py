"""Is one model better than another, did training cost it meaning, how does noise wear it down: and could we have seen it?

=========================  ==============================================================================================
question                   answer
=========================  ==============================================================================================
rates, one take per clip   ``mcnemar_p``: exact, two-sided, over clips in which just one of the two has the event
means of per-clip values   ``sign_flip_p``: share of sign patterns of the paired differences with a mean as far from 0
medians, ratios of sums    ``bootstrap_difference``: the difference with both models' clips drawn together
meaning beside timing      ``guardrail``: rating of the model minus that of its base; passes if the lower end > -0.25
what could be seen         ``minimum_detectable_effect`` (two-sided 5 %, 80 % power), ``clips_to_detect``
louder noise               ``dose_response``: slope per dB, and the level at which the metric has fallen by ``drop``
=========================  ==============================================================================================

Conventions: paired by clip, the mean over repeats first (``paired_means``). Sign flips: all 2^n up to n = 16, else 10,000
seeded and (hits + 1) / (n + 1). All metrics of one comparison are corrected together (``stats.paired.holm``). Latencies are
compared where both exist; where any is missing, lost seconds are.

Empty cases: no discordant pair: p = 1; no difference at all: None; a guardrail of fewer than two pairs: None.

References: McNemar 1947, Psychometrika 12:153; Fisher 1935, The design of experiments (sign flips); Efron & Tibshirani 1993;
Phipson & Smyth 2010 (why + 1); Wellek 2010, Testing statistical hypotheses of equivalence and noninferiority.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, stdev
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from fdbench.stats.bootstrap import percentile_interval, resampled_values
from fdbench.stats.paired import paired_test

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]

MARGIN: Final = 0.25
"""Points on a scale from 0 to 5 that nobody would miss."""
MAX_UNRATED: Final = 0.1
"""Where more clips lack a rating, those that have one decide nothing."""
N_RESAMPLES: Final = 1000
_ROUNDING: Final = 1e-12

Decision = Literal["passes", "fails", "undecided"]


@dataclass(frozen=True, slots=True)
class Guardrail:
    """What a model's training did to its ratings.

    Attributes:
        n: Clips that both have a rating of.
        n_unrated: Clips that lack one.
        difference, low, high: Mean of model minus base, and its 95 % t interval.
        passes: ``low`` lies above minus the margin.
        n_to_decide: How many clips would resolve the margin at this spread (80 % power).
    """

    n: int
    n_unrated: int
    difference: float
    low: float
    high: float
    margin: float
    n_to_decide: int

    @property
    def passes(self) -> bool:
        return self.low > -self.margin

    @property
    def decision(self) -> Decision:
        """``undecided`` where too many lack a rating, or the interval holds minus the margin."""
        if self.n_unrated > MAX_UNRATED * (self.n + self.n_unrated):
            return "undecided"
        if self.passes:
            return "passes"
        return "fails" if self.high < -self.margin else "undecided"


@dataclass(frozen=True, slots=True)
class DoseResponse:
    """How a metric falls with noise.

    Attributes:
        slope_per_db: Least squares over the levels; None for fewer than two different ones.
        breaks_at_db: Where it has fallen by the drop; None where it never does.
    """

    slope_per_db: float | None
    breaks_at_db: float | None


def guardrail(base: Sequence[float | None], model: Sequence[float | None], margin: float = MARGIN) -> Guardrail | None:
    """Whether a model still means as much as its base, by one judge over the same clips in the same order.

    Args:
        base, model: Ratings; None where there is none.
        margin: Points that may be lost.

    Returns:
        None where fewer than two clips have both.

    Raises:
        ValueError: Unequal lengths, or a rating that is not finite.
    """
    if len(base) != len(model):
        raise ValueError(f"ratings are paired by clip, got {len(base)} of the base and {len(model)} of the model")
    pairs = [(was, now) for was, now in zip(base, model, strict=True) if was is not None and now is not None]
    found = paired_test([was for was, _ in pairs], [now for _, now in pairs], outliers="none")
    if found is None:
        return None
    return Guardrail(
        n=len(pairs),
        n_unrated=len(base) - len(pairs),
        difference=found.mean_diff,
        low=found.ci95_low,
        high=found.ci95_high,
        margin=margin,
        n_to_decide=clips_to_detect(stdev(now - was for was, now in pairs), margin),
    )


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Exact two-sided p of two rates over the same clips; counts of clips in which just one of the two has the event."""
    n, fewer = only_first + only_second, min(only_first, only_second)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(fewer + 1)) / (1 << n))


def sign_flip_p(differences: Sequence[float], seed: int = 0) -> float | None:
    """Two-sided p of the mean of paired differences being 0; None of no difference.

    Raises:
        ValueError: A difference is not finite.
    """
    import numpy as np

    from fdbench.stats.swaps import Swaps

    given = np.asarray(differences, np.float64)
    if not np.isfinite(given).all():
        raise ValueError("sign flips are of finite differences")
    return Swaps.of(len(given), seed).of_mean(given) if len(given) else None


def paired_means(
    first: Mapping[str, Sequence[float | None]], second: Mapping[str, Sequence[float | None]]
) -> list[tuple[float, float]]:
    """The mean of each clip over its repeats, of both models; a clip that either has no value of is left out."""
    means = [
        {clip: math.fsum(there) / len(there) for clip, values in of_model.items() if (there := _present(values))}
        for of_model in (first, second)
    ]
    return [(means[0][clip], means[1][clip]) for clip in means[0] if clip in means[1]]


def bootstrap_difference(
    first: Callable[[Floats], Floats],
    first_clips: Sequence[str],
    second: Callable[[Floats], Floats],
    second_clips: Sequence[str],
    seed: int = 0,
) -> tuple[float, float] | None:
    """The 95 % interval of a statistic of the first model minus that of the second.

    Args:
        first, second: From weights of a model's items, shape ``(b, n)``, to one value per row (``stats.bootstrap``).
        first_clips, second_clips: The clip of each item; a clip is drawn for both at once.

    Returns:
        None for fewer than two clips, and where the difference is undefined on more than one resample in twenty.
    """
    import numpy as np

    clips, n_first = [*first_clips, *second_clips], len(first_clips)
    if len(set(clips)) < 2:
        return None
    values = resampled_values(
        lambda weights: first(weights[:, :n_first]) - second(weights[:, n_first:]), clips, N_RESAMPLES, seed
    )
    defined = values[~np.isnan(values)]
    return percentile_interval(defined) if len(defined) >= 0.95 * N_RESAMPLES else None


def minimum_detectable_effect(sd: float, n: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """The mean difference that a paired test of n clips finds with that power: (z(1 - alpha / 2) + z(power)) sd / sqrt(n).

    Args:
        sd: Standard deviation of the paired differences.
        n: Clips, at least 1.
        alpha: Two-sided; divide it by the number of tests for the first step of Holm's.
    """
    return _effect_in_errors(alpha, power) * sd / math.sqrt(n)


def least_clips(alpha: float = 0.05) -> int:
    """Clips below which no result is surer than alpha: swapping each of n has 2^n outcomes, so that p is 2 / 2^n at least.

    Example:
        >>> least_clips(), least_clips(0.05 / 28)
        (6, 11)
    """
    return 1 + math.ceil(math.log2(1 / alpha))


def clips_to_detect(sd: float, effect: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """How many clips it takes to see an effect; at least 2.

    Example:
        >>> clips_to_detect(1.5, 0.25)
        283
    """
    return max(2, math.ceil((_effect_in_errors(alpha, power) * sd / effect) ** 2))


def dose_response(levels_db: Sequence[float], values: Sequence[float], clean: float, drop: float = 0.1) -> DoseResponse:
    """How a metric falls as noise grows.

    Args:
        levels_db: Signal to noise, dB, in any order; more is cleaner.
        values: Of the metric at each level; more is better.
        clean: Its value without noise.
        drop: The fall that counts; linear between neighbouring levels, from the cleanest on. At the cleanest already: that
            level.
    """
    pairs = sorted(zip(levels_db, values, strict=True), reverse=True)
    return DoseResponse(_slope(pairs), _level_of_fall(pairs, clean - drop))


def _slope(pairs: Sequence[tuple[float, float]]) -> float | None:
    n = len(pairs)
    if len({level for level, _ in pairs}) < 2:
        return None
    middle, mean = math.fsum(level for level, _ in pairs) / n, math.fsum(value for _, value in pairs) / n
    spread = math.fsum((level - middle) ** 2 for level, _ in pairs)
    return math.fsum((level - middle) * (value - mean) for level, value in pairs) / spread


def _level_of_fall(pairs: Sequence[tuple[float, float]], fallen: float) -> float | None:
    if pairs and pairs[0][1] <= fallen + _ROUNDING:
        return pairs[0][0]
    for (cleaner_db, above), (noisier_db, value) in pairwise(pairs):
        if value <= fallen + _ROUNDING:
            share = min(1.0, (above - fallen) / (above - value))
            return cleaner_db + (noisier_db - cleaner_db) * share
    return None


def _effect_in_errors(alpha: float, power: float) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)


def _present(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
