"""What sharing a run out costs, and how far it goes: on GPUs that are simulated, everything else as it is.

    python benchmarks/cluster.py                      # everything, about three minutes on two cores
    python benchmarks/cluster.py --only gpus,shards

| part | what is measured |
|---|---|
| gpus | 727 clips x 3 seeds on 1, 2, 4, 8 GPUs of 64 slots: the code that hands calls out for Ray (``HandOut``), in simulated time |
| ray | what a call costs beside its making, on a real Ray cluster: actors whose model takes no time |
| shards | the same with ``--shard``: leases, against one process without them |
| many | 100,000 takes: planned and listed, as longest first; seconds and peak memory |
| status | ``fdbench status`` over 100,000 calls that have been made |

In ``gpus`` no GPU is there and nothing sleeps: a step of a model takes ``STEP_S`` of a clock that is a number, whatever part of
its slots is taken (which is what a 7B model's does, and at the end of a run the less favourable assumption). The lengths of
clips follow the five sets of Full-Duplex-Bench v1: their counts, and lengths that make up its four hours, drawn evenly around
each set's mean; the model goes on for 2 to 10 s after each. A message to an actor and back takes ``MESSAGE_S``.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from fdbench.core.conversation import Sample, Take
from fdbench.stages.handing import HandOut, longest_first
from fdbench.task.stimulus import SCRIPT_RATE_HZ, ScriptStimulus

FRAME_S, STEP_S, SLOTS, MESSAGE_S = 0.08, 0.075, 64, 0.005
LEAD_IN_S: Final = 3.0
SETS: Final = {
    "pause_handling.candor": (216, 16.0), "pause_handling.synthetic": (137, 13.0), "turn_taking.candor": (119, 20.0),
    "backchannel.icc": (55, 57.0), "user_interruption.synthetic": (200, 20.0),
}  # fmt: skip
"""Clips of each set, and their mean length in seconds."""
SPREAD: Final = 0.5
SEEDS: Final = 3
MANY: Final = 100_000


def takes_of_v1() -> list[Take]:
    draw = random.Random(0)
    takes = []
    for name, (n, mean_s) in SETS.items():
        for index in range(n):
            length_s = mean_s * draw.uniform(1 - SPREAD, 1 + SPREAD)
            takes += [_take(f"v1/{name}", str(index), length_s, repeat) for repeat in range(SEEDS)]
    return takes


def _take(task: str, sample: str, length_s: float, repeat: int) -> Take:
    stimulus = ScriptStimulus((), round(length_s * SCRIPT_RATE_HZ), SCRIPT_RATE_HZ)
    return Take(Sample(sample, task, {"main": stimulus}), repeat=repeat)


def simulated_s(takes: list[Take], n_gpus: int) -> float:
    """How long the calls take, from the first that is handed out to the last that ends."""
    draw = random.Random(1)
    steps = {
        take.id: round((LEAD_IN_S + take.sample.stimuli["main"].n_samples / SCRIPT_RATE_HZ + draw.uniform(2, 10)) / FRAME_S)
        for take in takes
    }
    handing = HandOut(longest_first(takes, 0.0), SLOTS)
    queues: list[list[Take]] = [[] for _ in range(n_gpus)]
    going_on: list[list[tuple[int, Take]]] = [[] for _ in range(n_gpus)]  # (the step after which it is over, call)
    n_steps = [0] * n_gpus
    clock = [(0.0, gpu) for gpu in range(n_gpus)]
    messages: list[tuple[float, int, list[Take]]] = [(0.0, gpu, []) for gpu in range(n_gpus)]
    now_s = 0.0
    while not handing.is_over:
        if messages and messages[0][0] <= clock[0][0]:
            at_s, gpu, ended = heapq.heappop(messages)
            for take in ended:
                handing.end(gpu, take.id)
            while handing.room(gpu, n_gpus):
                queues[gpu].append(handing.give(gpu))
            now_s = max(now_s, at_s)
            continue
        at_s, gpu = heapq.heappop(clock)
        calls = going_on[gpu]
        while queues[gpu] and len(calls) < SLOTS:
            take = queues[gpu].pop(0)
            heapq.heappush(calls, (n_steps[gpu] + steps[take.id], take.id, take))  # type: ignore[misc, arg-type]
        n_steps[gpu] += 1
        ended = []
        while calls and calls[0][0] <= n_steps[gpu]:
            ended.append(heapq.heappop(calls)[-1])
        heapq.heappush(clock, (at_s + STEP_S, gpu))
        if ended:
            heapq.heappush(messages, (at_s + STEP_S + MESSAGE_S, gpu, ended))
    return now_s


def gpus() -> None:
    takes = takes_of_v1()
    alone_s = 0.0
    for n in (1, 2, 4, 8):
        began_s = time.perf_counter()
        took_s = simulated_s(takes, n)
        alone_s = alone_s or took_s
        efficiency = alone_s / (n * took_s)
        host_s = time.perf_counter() - began_s
        print(f"gpus      {n}: {took_s / 60:7.1f} min, efficiency {efficiency:6.1%}   (simulated in {host_s:.1f} s)")


def main() -> None:
    parts: dict[str, Callable[[], None]] = {"gpus": gpus}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(parts))
    for name in parser.parse_args().only.split(","):
        parts[name]()


if __name__ == "__main__":
    main()
