"""What rewards cost: CPU seconds for 1,000 clips of 10 s on one core. ``python benchmarks/rewards.py [--clips N]``.

::

    after the detector   from segments to rewards, all four axes     wanted: under 10 s for each 1,000 clips
    with it              arrays to rewards, ``fdbench.rewards``      wanted: under 40 s

Exit 1 where either takes longer. The clips are replies in a voice of the embedded suite, each placed elsewhere, so that nothing
that was heard before is heard again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

import fdbench
from fdbench.core.span import Span
from fdbench.io.wav import resampled
from fdbench.scoring.rewards import RewardedClip, reward_of
from fdbench.task.load import load_samples, task_specs

LENGTH_S = 10.0
TURN_END_S = 4.0
MOST_AFTER_S = 10.0
MOST_WITH_S = 40.0
"""Per 1,000 clips."""
RATES_HZ = (16_000, 24_000)


def sides(n: int, rate: int, random: np.random.Generator) -> list[np.ndarray]:
    """The model's side of n clips."""
    voice = resampled(load_samples(task_specs()["mini/turn_taking"], None).samples[0].stimuli["main"].load(), rate).samples
    found = []
    for _ in range(n):
        side = np.zeros(round(LENGTH_S * rate), np.float32)
        first = int(random.integers(len(side) // 2, len(side) * 3 // 4))
        side[first:] = voice[: len(side) - first] * np.float32(random.uniform(0.5, 1.0))
        found.append(side)
    return found


def cpu_s(call: Callable[[], object]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


def after_the_detector(n: int, random: np.random.Generator) -> float:
    """CPU seconds of n clips with three utterances each, in all four axes."""
    starts_s = np.sort(random.uniform(0, LENGTH_S - 1, (n, 3)), axis=1)
    heard = [[Span(start_s, start_s + 0.8) for start_s in row] for row in starts_s.tolist()]
    clips = (
        RewardedClip("pause", LENGTH_S, LENGTH_S, TURN_END_S),
        RewardedClip("turn", LENGTH_S, LENGTH_S, TURN_END_S),
        RewardedClip("backchannel", LENGTH_S, LENGTH_S, backchannels=(Span(2.0, 2.4), Span(6.0, 6.4))),
        RewardedClip("interruption", LENGTH_S, LENGTH_S, context=Span(0.0, 2.0), interruption=Span(4.0, 5.0)),
    )
    return cpu_s(lambda: [reward_of(clip, segments) for clip in clips for segments in heard])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=1000)
    n = parser.parse_args().clips
    random = np.random.default_rng(0)
    thousands = n / 1000
    after = after_the_detector(n, random) / thousands
    is_slow = after > MOST_AFTER_S
    print(f"after the detector, four axes: {after:6.2f} CPU s per 1,000 clips (wanted: under {MOST_AFTER_S:g})")
    for rate in RATES_HZ:
        user, models = np.zeros(round(LENGTH_S * rate), np.float32), sides(n, rate, random)
        events = [[("turn_end", TURN_END_S)]] * n
        fdbench.reward(user, models[0], rate, "turn", events[0])
        spent = cpu_s(lambda: fdbench.rewards([user] * n, models, rate, "turn", events)) / thousands  # noqa: B023 - called at once
        is_slow |= spent > MOST_WITH_S
        print(f"with it, {rate} Hz:            {spent:6.2f} CPU s per 1,000 clips (wanted: under {MOST_WITH_S:g})")
    return 1 if is_slow else 0


if __name__ == "__main__":
    sys.exit(main())
