"""What sharing a run out costs, and how far it goes: on GPUs that are simulated, everything else as it is.

    python benchmarks/cluster.py                      # everything, some minutes, most of them for making 200,000 files
    python benchmarks/cluster.py --only gpus,shards

| part | what is measured |
|---|---|
| gpus | 727 clips x 3 seeds on 1, 2, 4, 8 GPUs of 64 slots: what orders calls and hands them out on Ray, in simulated time |
| ray | what a call costs beside its making, on a real Ray cluster: actors whose model takes no time |
| ears | what hearing it on the cluster costs the driver: the case is made, a task asked for, what it answers is entered |
| shards | the same with ``--shard``: leases, against one process without them |
| many | 100,000 takes: planned, listed and in order for 64 GPUs; seconds and peak memory |
| status | ``fdbench status`` over 100,000 calls that have been made |

In ``gpus`` no GPU is there and nothing sleeps: a step of a model takes ``STEP_S`` of a clock that is a number, whatever part of
its slots is taken (which is what a 7B model's does, and at the end of a run the less favourable assumption). The lengths of
clips follow the five sets of Full-Duplex-Bench v1: their counts, and lengths that make up its four hours, drawn evenly around
each set's mean, by half of it or, on eight GPUs, also by other shares; the model goes on for 2 to 10 s after each, and nobody
knows beforehand for how long. A message to an actor and back takes ``MESSAGE_S``. The baseline is the longest call first.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from unittest import mock

import fdbench
from fdbench.call.budget import Budget
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.hear.stage import Engines
from fdbench.report.run_status import status_of
from fdbench.stages.derive import cases_of
from fdbench.stages.engine import Ray
from fdbench.stages.handing import HandOut
from fdbench.stages.options import ScoringOptions
from fdbench.stages.order import in_order
from fdbench.stages.plan import Plan, make_plan, write_plan
from fdbench.stages.ray_actor import NOTHING, Ended, Job, Ready, Stopped
from fdbench.stages.ray_calls import RayCalls
from fdbench.stages.ray_ears import RayEars
from fdbench.stages.request import RunRequest
from fdbench.stages.share import Shard, SharedCalls
from fdbench.store.leases import Leases
from fdbench.store.run import Run
from fdbench.store.take_files import path_of
from fdbench.task.load import TaskLoader
from fdbench.task.stimulus import SCRIPT_RATE_HZ, ScriptStimulus

FRAME_S, STEP_S, SLOTS, MESSAGE_S = 0.08, 0.075, 64, 0.005
LEAD_IN_S: Final = 3.0
REPLY_S: Final = (2.0, 10.0)
SETS: Final = {
    "pause_handling.candor": (216, 16.0), "pause_handling.synthetic": (137, 13.0), "turn_taking.candor": (119, 20.0),
    "backchannel.icc": (55, 33.0), "user_interruption.synthetic": (200, 20.0),
}  # fmt: skip
"""Clips of each set, and their mean length in seconds."""
SPREAD: Final = 0.5
SPREADS: Final = (0.2, 0.8)
SEEDS: Final = 3
MANY: Final = 100_000


def takes_of_v1(spread: float = SPREAD) -> list[Take]:
    draw = random.Random(0)
    takes = []
    for name, (n, mean_s) in SETS.items():
        for index in range(n):
            length_s = mean_s * draw.uniform(1 - spread, 1 + spread)
            takes += [_take(f"v1/{name}", str(index), length_s, repeat) for repeat in range(SEEDS)]
    return takes


def _take(task: str, sample: str, length_s: float, repeat: int) -> Take:
    stimulus = ScriptStimulus((), round(length_s * SCRIPT_RATE_HZ), SCRIPT_RATE_HZ)
    return Take(Sample(sample, task, {"main": stimulus}), repeat=repeat)


def simulated_s(takes: list[Take], n_gpus: int, *, longest_first: bool = False) -> float:
    """How long the calls take, from the first that is handed out to the last that ends."""
    draw = random.Random(1)
    steps = {
        take.id: round((LEAD_IN_S + take.sample.stimuli["main"].n_samples / SCRIPT_RATE_HZ + draw.uniform(*REPLY_S)) / FRAME_S)
        for take in takes
    }
    around_s = LEAD_IN_S + sum(REPLY_S) / 2
    handing = HandOut(in_order(takes, 0.0, around_s, 1 if longest_first else n_gpus * SLOTS), SLOTS)
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


def gpus(root: Path) -> None:
    for spread in (SPREAD, *SPREADS):
        takes = takes_of_v1(spread)
        alone_s = simulated_s(takes, 1)
        for n in (1, 2, 4, 8) if spread == SPREAD else (8,):
            took_s = simulated_s(takes, n)
            baseline_s = simulated_s(takes, n, longest_first=True)
            print(
                f"gpus      {n}: {took_s / 60:5.1f} min, efficiency {alone_s / (n * took_s):6.1%} "
                f"(the longest first: {alone_s / (n * baseline_s):6.1%}), lengths within {spread:.0%} of their set's mean"
            )


class NullActor:
    """Stands in for ``CallActor``: every call has ended as soon as it is handed over."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def ready(self) -> Ready:
        return Ready("here", True)

    def exchange(self, takes: list[Take], wait_s: float) -> list[Ended]:
        return [Ended(take, Recording(NOTHING, NOTHING, "lockstep", 1.0, False), True, 0.0, 1.0) for take in takes]

    def stop(self, wait_s: float) -> Stopped:
        return Stopped((), (), ())


def on_ray(root: Path) -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    ray.init(num_cpus=2, log_to_driver=False, logging_level="ERROR")
    with mock.patch("fdbench.stages.ray_calls.CallActor", NullActor):
        for slots in (64, 1):
            plan = make_plan(RunRequest("silence", out=root, slots=slots, repeats=20))
            run = Run.for_collection(plan.request.out, plan.collection)
            with run.locked(create=True):
                calls = RayCalls(ray, Ray(), plan, run, Budget())
                began_s = time.perf_counter()
                n = 0
                for take, outcome in calls.collect(plan.takes):
                    run.note_attempt({"take": str(take.id), "status": "recorded", "clock": getattr(outcome, "clock", "")})
                    n += 1
                took_s = time.perf_counter() - began_s
                calls.release()
            print(f"ray       {n} calls, 2 actors of {slots:2d} slots: {1000 * took_s / n:.2f} ms a call")
    ray.shutdown()


def ears(root: Path) -> None:
    import ray

    made = fdbench.run("vad-endpointer", "mini/turn_taking", out=root, asr="none", protocols="fdbench", repeats=10)
    run = Run(made.path)
    answers = [path.relative_to(run.annotations).as_posix() for path in sorted(run.annotations.rglob("*.json"))]
    contents = {name: (run.annotations / name).read_bytes() for name in answers}
    shutil.rmtree(run.annotations)
    takes = [Take(case.sample, repeat=case.repeat) for case in cases_of(run, run.manifest(), TaskLoader(None))]

    def canned(folder: Path, jobs: object, engines: Engines, working_folder: str) -> dict[str, bytes]:
        return dict(list(contents.items())[:3])

    ray.init(num_cpus=2, log_to_driver=False, logging_level="ERROR")
    with mock.patch("fdbench.stages.ray_ears.hear_away", canned):
        heard = RayEars(lambda: ray, run, ScoringOptions(Engines("none"), ("fdbench",)), sends=False)
        heard.add(takes[0])
        heard.finish(takes[:4], lambda *step: None)  # processes of the cluster begin
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        for take in takes[4:]:
            heard.add(take)
        heard.finish(takes, lambda *step: None)
        n, took_s = len(takes) - 4, time.perf_counter() - began_s
        cpu_ms = 1000 * (time.process_time() - began_cpu_s) / n
    print(f"ears      {n} calls: {cpu_ms:.1f} ms of the driver a call ({1000 * took_s / n:.1f} ms with the cluster's part)")
    ray.shutdown()


def shards(root: Path) -> None:
    plan = make_plan(RunRequest("silence", out=root, repeats=50))
    run = Run.for_collection(plan.request.out, plan.collection)
    run.folder.mkdir(parents=True)
    began_s = time.perf_counter()
    for take in plan.takes:
        run.is_done(take.id)
    alone_s = time.perf_counter() - began_s
    leases = Leases(run.folder, "1-of-4")
    work = SharedCalls(Shard(1, 4).in_order(plan.takes), run, leases, wait=lambda seconds: None)
    began_s = time.perf_counter()
    for takes in work.rounds():
        for take in takes:
            work.end(take, FailedCall("adapter", ""))
    n = len(plan.takes)
    took_ms = 1000 * (time.perf_counter() - began_s) / n
    print(f"shards    {n} calls: {took_ms:.2f} ms a call (without: {1000 * alone_s / n:.2f} ms)")


def many(root: Path) -> None:
    began_s = time.perf_counter()
    plan = plan_of(root)
    run = Run.for_collection(plan.request.out, plan.collection)
    run.folder.mkdir(parents=True)
    takes = plan.takes
    write_plan(plan, run)
    left = [take for take in takes if not run.is_done(take.id)]
    planned_s = time.perf_counter() - began_s
    in_order(left, 60.0, LEAD_IN_S, 4096)
    took_s = time.perf_counter() - began_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    listed = f"planned and listed in {planned_s:.1f} s, in order after {took_s:.1f} s"
    print(f"many      {len(left):,} takes: {listed}, {peak_mb:.0f} MB")


def status(root: Path) -> None:
    plan = plan_of(root)
    run = Run.for_collection(plan.request.out, plan.collection)
    run.folder.mkdir(parents=True)
    write_plan(plan, run)
    ended = json.dumps({"owner": "1-of-4@host:1:ab", "state": "recorded", "beat": 7})
    for take in plan.takes:
        for path, text in ((run.record_file(take.id), "{}"), (run.folder / "leases" / f"{path_of(take.id)}.json", ended)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    line = {"status": "recorded", "at": "2026-11-28T12:00:00Z", "since_start_s": 12.345, "host": "vm"}
    lines = "".join(json.dumps({"take": str(take.id), **line}) + "\n" for take in plan.takes)
    (run.folder / "attempts.1-of-4.jsonl").write_text(lines)
    began_s = time.perf_counter()
    found = status_of(run.folder)
    print(f"status    of {found.n_recorded:,} calls: {time.perf_counter() - began_s:.2f} s")


def plan_of(root: Path) -> Plan:
    one = make_plan(RunRequest("silence", out=root))
    return make_plan(RunRequest("silence", out=root, repeats=-(-MANY // len(one.takes))))


def main() -> None:
    parts: dict[str, Callable[[Path], None]] = {
        "gpus": gpus,
        "ray": on_ray,
        "ears": ears,
        "shards": shards,
        "many": many,
        "status": status,
    }
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default=",".join(parts))
    names = parser.parse_args().only.split(",")
    for name in names:
        if len(names) > 1:  # memory is counted for each alone
            subprocess.run([sys.executable, __file__, "--only", name], check=True)
            continue
        with tempfile.TemporaryDirectory(prefix="fdbench-cluster-") as root:
            parts[name](Path(root))


if __name__ == "__main__":
    main()
