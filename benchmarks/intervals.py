"""How often does the interval of a rate hold the truth? ``python benchmarks/intervals.py [--benchmarks N] [--seed S]``.

Simulates benchmarks of n clips, each with or without the event by the toss of a coin, and counts how many of the 95 % intervals
(``fdbench.stats.wilson``) hold the coin's p. Beside it stands what the binomial gives exactly, over all counts that n clips can
have: counts are whole, so coverage jumps with p, and where it leaves 92-97 % exactly, the simulation has to leave it too.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from scipy.stats import binom

from fdbench.stats.wilson import clustered_wilson

SIZES = (12, 55, 119, 200)
RATES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
WANTED = (0.92, 0.97)
MAX_STANDARD_ERRORS = 4.0
"""A simulation further than this from the exact coverage is a mistake in one of them."""


def holds(n_clips: int, rate: float) -> list[bool]:
    """By the number of clips with the event, whether the interval holds the rate."""
    intervals = [clustered_wilson([(1, 1)] * k + [(0, 1)] * (n_clips - k)) for k in range(n_clips + 1)]
    return [found is not None and found.low <= rate <= found.high for found in intervals]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--benchmarks", type=int, default=10_000, help="simulated benchmarks of each kind (10000)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random = np.random.Generator(np.random.PCG64(arguments.seed))
    n_apart = 0
    print(f"coverage of 95 % intervals over {arguments.benchmarks} simulated benchmarks, and exactly")
    print("clips  p     simulated  exact")
    for n_clips in SIZES:
        for rate in RATES:
            is_held = np.array(holds(n_clips, rate))
            events = (random.random((arguments.benchmarks, n_clips)) < rate).sum(axis=1)
            simulated = float(is_held[events].mean())
            exact = float((binom.pmf(np.arange(n_clips + 1), n_clips, rate) * is_held).sum())
            error = np.sqrt(max(exact * (1 - exact), 1 / arguments.benchmarks) / arguments.benchmarks)
            is_apart = abs(simulated - exact) > MAX_STANDARD_ERRORS * error
            n_apart += is_apart
            notes = [] if WANTED[0] <= exact <= WANTED[1] else ["outside 92-97 %: counts are whole"]
            notes += ["NOT what the binomial gives"] if is_apart else []
            print(f"{n_clips:5}  {rate:4.2f}  {simulated:8.1%}  {exact:6.1%}  {', '.join(notes)}".rstrip())
    return 1 if n_apart else 0


if __name__ == "__main__":
    sys.exit(main())
