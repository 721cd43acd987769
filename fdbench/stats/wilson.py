"""Intervals of rates: Wilson's, with trials of one clip taken for what they are, and Newcombe's for differences of two.

::

    clips      1 of 5   0 of 5   5 of 5          k_i events of n_i trials; p = all events / all trials
    n_eff      N where clips vary no more than coins would, fewer where they do

Conventions: with C clips that have a trial and N trials, v = C / (C - 1) * sum (k_i - p n_i)^2 / N^2, and n_eff is
p (1 - p) / v, at most N and at least 1; N where v is 0 and where there is one clip; C where p is 0 or 1 (v says nothing).
95 %; bounds lie in [0, 1]. Never [0, 0]: 0 of 12 is [0, 0.242]. The percentile bootstrap gives [0, 0] there and covers 21 % at
n = 12, p = 0.02 (``benchmarks/intervals.py`` measures this one).

References: Wilson 1927, JASA 22:209; Newcombe 1998, Statistics in Medicine 17:873 (method 10), and of pairs 17:2635;
Kish 1965, Survey sampling.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

Z_95: Final = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of trials, and how sure it is.

    Attributes:
        n_eff: How many independent trials would say as much.
        low, high: 95 % interval.
    """

    rate: float
    n_eff: float
    low: float
    high: float


def wilson_interval(rate: float, n_eff: float) -> tuple[float, float]:
    """Wilson's 95 % score interval, cut to [0, 1].

    Args:
        rate: In [0, 1].
        n_eff: Independent trials behind it, more than 0; need not be whole.
    """
    z2 = Z_95**2
    middle = rate + z2 / (2 * n_eff)
    half = Z_95 * math.sqrt(rate * (1 - rate) / n_eff + z2 / (4 * n_eff**2))
    scale = 1 + z2 / n_eff
    # At 0 and 1 a bound is the rate itself, but for rounding.
    low = 0.0 if rate == 0 else max(0.0, (middle - half) / scale)
    high = 1.0 if rate == 1 else min(1.0, (middle + half) / scale)
    return low, high


def clustered_wilson(clips: Iterable[tuple[float, float]]) -> Rate | None:
    """A rate over clips with any number of trials each.

    Args:
        clips: Events and trials of each; a clip without a trial plays no part.

    Returns:
        None where there is no trial.

    Example:
        >>> found = clustered_wilson([(0, 1)] * 12)
        >>> round(found.low, 3), round(found.high, 3)
        (0.0, 0.242)
    """
    tried = [(k, n) for k, n in clips if n > 0]
    if not tried:
        return None
    n_trials = math.fsum(n for _, n in tried)
    rate = math.fsum(k for k, _ in tried) / n_trials
    n_eff = _effective(tried, rate, n_trials)
    return Rate(rate, n_eff, *wilson_interval(rate, n_eff))


def newcombe_difference(first: Rate, second: Rate) -> tuple[float, float]:
    """The 95 % interval of the first rate minus the second, an independent one (square-and-add of their intervals)."""
    difference = first.rate - second.rate
    below = math.hypot(first.rate - first.low, second.high - second.rate)
    above = math.hypot(first.high - first.rate, second.rate - second.low)
    return difference - below, difference + above


def newcombe_paired_difference(both: int, only_first: int, only_second: int, neither: int) -> tuple[float, float]:
    """The 95 % interval of the first rate minus the second, over the same clips (square-and-add, with their correlation).

    Args:
        both, only_first, only_second, neither: Clips by which of the two have the event; at least one clip.

    Example:
        >>> low, high = newcombe_paired_difference(0, 0, 0, 12)
        >>> round(low, 3), round(high, 3)
        (-0.242, 0.242)
    """
    n = both + only_first + only_second + neither
    first, second = (both + only_first) / n, (both + only_second) / n
    (first_low, first_high), (second_low, second_high) = wilson_interval(first, n), wilson_interval(second, n)
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    product: float = both * neither - only_first * only_second
    if product > 0:
        product = max(product - n / 2, 0.0)  # the correlation of a few clips is taken for less than it looks
    phi = product / math.sqrt(margins) if margins else 0.0
    below = _square_and_add(first - first_low, second_high - second, phi)
    above = _square_and_add(first_high - first, second - second_low, phi)
    return first - second - below, first - second + above


def _square_and_add(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))


def _effective(clips: list[tuple[float, float]], rate: float, n_trials: float) -> float:
    n_clips = len(clips)
    if n_clips == 1:
        return n_trials
    if rate in (0.0, 1.0):
        return float(n_clips)
    variance = n_clips / (n_clips - 1) * math.fsum((k - rate * n) ** 2 for k, n in clips) / n_trials**2
    return n_trials if variance == 0 else max(1.0, min(n_trials, rate * (1 - rate) / variance))
