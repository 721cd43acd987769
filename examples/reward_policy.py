"""A toy policy learns when to reply: ``python examples/reward_policy.py [--steps N] [--seed S]``, some seconds.

The policy hears whether a sentence sounded finished and has two parameters: how long the user has to be silent after a
finished sentence before it replies, and after an unfinished one. Both start at 1.5 s, so that users wait at the ends of their
turns and are talked over in their pauses. In each step it tries several waits on every clip, ``fdbench.rewards`` hears what
came of them, and each parameter moves towards the waits that did better than the others on the same clip, as in GRPO. The
reward is ``minus_lost_s``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

import fdbench
from fdbench.task.load import load_samples, task_specs

RATE_HZ = 16_000
LISTENING_S = 4.0
"""How long a conversation goes on after the prompt."""
REPLY_S = 1.5
FIRST_WAIT_S = 1.5
FINISHED, UNFINISHED = 0, 1
TRIES = 4
SPREAD = 0.35
"""Of the log of a try's wait around that of the policy."""
STEP = 1.5
"""How far a step goes, in units of the spread."""


@dataclass(frozen=True)
class Clip:
    """A prompt, and the user's silences in it: start, length, and whether the sentence before sounded finished."""

    user: np.ndarray
    turn_end_s: float
    silences: tuple[tuple[float, float, int], ...]


def clips() -> list[Clip]:
    """Prompts of the embedded suite at 16 kHz: half of them with pauses inside the turn."""
    found = []
    for task in ("mini/turn_taking", "mini/pause_handling"):
        for sample in load_samples(task_specs()[task], None).samples:
            prompt = sample.stimuli["main"].load()
            if prompt.sample_rate != RATE_HZ:
                continue
            (end,) = sample.of_kind("turn_end")
            pauses = [(each.span.start_s, each.span.duration_s, UNFINISHED) for each in sample.of_kind("pause")]
            found.append(Clip(prompt.samples, end.span.start_s, (*pauses, (end.span.start_s, np.inf, FINISHED))))
    return found


def played(clip: Clip, waits_s: np.ndarray, voice: np.ndarray) -> np.ndarray:
    """The model's side: it replies in each silence that is longer than it waits."""
    side = np.zeros(len(clip.user) + round(LISTENING_S * RATE_HZ), np.float32)
    for start_s, length_s, kind in clip.silences:
        first = round((start_s + waits_s[kind]) * RATE_HZ)
        if length_s > waits_s[kind] and first < len(side):
            side[first : first + len(voice)] = voice[: len(side) - first]
    return side


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    random = np.random.default_rng(options.seed)
    given = clips()
    voice = given[0].user[: round(REPLY_S * RATE_HZ)]
    tried = [clip for clip in given for _ in range(TRIES)]
    log_waits, means = np.log([FIRST_WAIT_S, FIRST_WAIT_S]), []
    print("step  finished_s  unfinished_s  lost_s")
    for step in range(options.steps):
        noise = random.standard_normal((len(given), TRIES, 2))
        waits_s = np.exp(log_waits + SPREAD * noise).reshape(-1, 2)
        sides = [played(clip, waits, voice) for clip, waits in zip(tried, waits_s, strict=True)]
        events = [[("turn_end", clip.turn_end_s)] for clip in tried]
        found = fdbench.rewards([clip.user for clip in tried], sides, RATE_HZ, "turn", events)
        worth = np.array([each.minus_lost_s for each in found]).reshape(len(given), TRIES)
        means.append(float(worth.mean()))
        print(f"{step:4}  {np.exp(log_waits[FINISHED]):10.2f}  {np.exp(log_waits[UNFINISHED]):12.2f}  {-means[-1]:6.2f}")
        spread = worth.std(axis=1, keepdims=True)
        advantage = (worth - worth.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
        log_waits += STEP * SPREAD * (advantage[:, :, None] * noise).mean(axis=(0, 1))
    print(f"users lose {-means[0]:.2f} s per turn at first and {-means[-1]:.2f} s at last")
    return 0 if means[-1] > means[0] else 1


if __name__ == "__main__":
    raise SystemExit(main())
