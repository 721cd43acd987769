"""How often does `fdbench compare` cry wolf, and how fast is it? ``python benchmarks/compare.py [--pairs N] [--clips N,...]``.

*Without a difference*: both runs of a pair are made alike. For each clip of mini and each run, one of the six trivial agents is
drawn, and the clip's scores are what that agent has there in ``results/``, so that rates, ratios and medians have the shapes,
the ties and the missing values of real ones. A pair cries wolf if any of its metrics is called better or worse after Holm's
correction; 5 % may. ``--bootstrap``: beside it, what the p of a bootstrap would do in the place of the swaps', for ratios.

*Speed*: two runs of 727 clips in v1's five tasks, made in the same way, compared with everything from reading to the last
interval.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from fdbench.core.behaviour import ALONE
from fdbench.core.score import Score
from fdbench.report import comparison
from fdbench.report.comparison import compare_runs
from fdbench.report.comparison_screen import comparison_lines
from fdbench.report.pairing import PairedScores, Pairing, pair_runs
from fdbench.scoring.aggregate import summarise
from fdbench.stats import paired_metric
from fdbench.stats.bootstrap import resampled_values
from fdbench.stats.swaps import Swaps
from fdbench.stats.weighted import ratio_of
from fdbench.store.manifest import CollectedSample, CollectedTask, RunManifest, Scored
from fdbench.store.run import Run
from fdbench.task.load import task_specs

RESULTS = Path("results")
MOST_WOLVES = 0.06
MOST_S = 2.0
V1_CLIPS = {
    "v1/pause_handling.candor": 216, "v1/pause_handling.synthetic": 137, "v1/backchannel.icc": 55,
    "v1/turn_taking.candor": 119, "v1/user_interruption.synthetic": 200,
}  # fmt: skip
Pool = Mapping[tuple[str, str], Sequence[Mapping[str, Sequence[Score]]]]
"""By task and metric, one agent after the other: the scores of each clip."""


def pool_of(pairings: Sequence[Pairing]) -> Pool:
    found: dict[tuple[str, str], list[Mapping[str, Sequence[Score]]]] = {}
    for pairing in pairings:
        for paired in pairing.scores:
            found.setdefault((paired.row.task, paired.metric), []).append(paired.second)
    return found


def drawn_pair(pairing: Pairing, pool: Pool, n_clips: int, random: np.random.Generator) -> Pairing:
    """Two runs of n clips in each task that differ by chance alone."""
    tasks = list(dict.fromkeys(paired.row.task for paired in pairing.scores))
    known = {paired.row.task: paired.clips for paired in pairing.scores}
    n_agents = len(next(iter(pool.values())))
    drawn = {
        task: (random.integers(len(known[task]), size=n_clips), random.integers(n_agents, size=(2, n_clips))) for task in tasks
    }

    def side(paired: PairedScores, which: int) -> Mapping[str, Sequence[Score]]:
        clips, agents = drawn[paired.row.task]
        of_agent = pool[paired.row.task, paired.metric]
        return {
            str(number): of_agent[agent][paired.clips[clip]]
            for number, (clip, agent) in enumerate(zip(clips, agents[which], strict=True))
            if paired.clips[clip] in of_agent[agent]
        }

    names = tuple(str(number) for number in range(n_clips))
    scores = [replace(paired, clips=names, first=side(paired, 0), second=side(paired, 1)) for paired in pairing.scores]
    return replace(pairing, scores=tuple(scores))


def bootstrap_p(self: Swaps, first: paired_metric.ClipParts, second: paired_metric.ClipParts, *_: object) -> float | None:
    """What a bootstrap says of two ratios being the same: twice the share of resamples on the other side of 0."""
    statistics = [ratio_of(*side) for side in (first, second)]
    clips = [str(number) for number in range(self.signs.shape[1])]
    with np.errstate(invalid="ignore"):
        values = resampled_values(lambda weights: statistics[0](weights) - statistics[1](weights), clips, 2000, 0)
    values = values[np.isfinite(values)]
    return min(1.0, 2 * (1 + min((values <= 0).sum(), (values >= 0).sum())) / (len(values) + 1)) if len(values) else None


def wolves(pairing: Pairing, pool: Pool, n_clips: int, n_pairs: int, seed: int) -> tuple[float, float]:
    """The share of pairs that cry wolf, and how many metrics are tested in one."""
    random = np.random.Generator(np.random.PCG64(seed))
    n_cried = n_tested = 0
    with mock.patch.object(paired_metric, "bootstrap_difference", lambda *_: None):  # intervals have no part in it
        for _ in range(n_pairs):
            (found,) = compare_runs([drawn_pair(pairing, pool, n_clips, random)])
            n_cried += bool(found.differing)
            n_tested += found.n_tested
    return n_cried / n_pairs, n_tested / n_pairs


def write_v1_run(root: Path, seed: int, template: Run, pool: Pool) -> Path:
    """A run over v1's 727 clips whose scores are drawn from the agents' of mini."""
    random = np.random.Generator(np.random.PCG64(seed))
    manifest = template.manifest()
    collection = manifest.collection.model_copy(update={"seed": seed, "model": "drawn"})
    run = Run.for_collection(root, collection)
    run.folder.mkdir(parents=True)
    mini = {name.split("/")[1]: name for name, _ in pool}
    tasks, lines, summaries = {}, [], {}
    for name, n_clips in V1_CLIPS.items():
        spec = task_specs()[name]
        source = mini[spec.behaviour]
        metrics = [metric for task, metric in pool if task == source]
        clips = sorted({clip for side in pool[source, metrics[0]] for clip in side})
        samples = {f"{number:03}": CollectedSample(digest=f"{number}", repeats=1) for number in range(n_clips)}
        tasks[name] = CollectedTask(version=spec.version, family="v1", behaviour=spec.behaviour, samples=samples)
        scores: dict[str, list[Score]] = {metric: [] for metric in metrics}
        for id_ in samples:
            agent, clip = int(random.integers(len(pool[source, metrics[0]]))), str(random.choice(clips))
            of_clip = {metric: pool[source, metric][agent][clip][0] for metric in metrics}
            lines.append({"id": id_, "task": name, "scores": {metric: score.as_json() for metric, score in of_clip.items()}})
            for metric, score in of_clip.items():
                scores[metric].append(score)
        summaries[name] = {
            "version": spec.version,
            "family": "v1",
            "behaviour": spec.behaviour,
            "n_samples": n_clips,
            "n_errors": 0,
            "metrics": {
                metric: summarise(
                    metric, of, "fdbench", f"{metric}|task:{name}|protocol:fdbench", behaviour=spec.behaviour
                ).as_json()
                for metric, of in scores.items()
            },
        }
    engines = {"asr": "none", "vad": "none", "judge": "none"}
    run.write_manifest(RunManifest(run_id=collection.run_id, collection=collection, tasks=tasks))
    summary = {"schema": 1, "run_id": collection.run_id, "protocol": "fdbench", "engines": engines, "tasks": summaries}
    run.write_scores(Scored(folder="fdbench-drawn", protocol="fdbench", engines=engines, tasks=""), lines, summary)
    return run.folder


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=1000, help="simulated pairs for each number of clips (1000)")
    parser.add_argument("--clips", default="12,55,200", help="clips of each task, several with commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bootstrap", action="store_true", help="also with the p of a bootstrap in the place of the swaps'")
    arguments = parser.parse_args()
    runs = [run.folder for run in Run.all_in(RESULTS)]
    pairings = [pair_runs(runs[0], run, "fdbench") for run in (*runs[1:], runs[0])] if len(runs) > 1 else []
    alone = [
        replace(each, scores=tuple(paired for paired in each.scores if paired.row.scored.behaviour in ALONE))
        for each in pairings
    ]
    pool = pool_of(alone)
    is_bad = False
    print(f"pairs of runs without a difference that are said to differ, of {arguments.pairs}")
    for n_clips in map(int, arguments.clips.split(",")):
        share, n_tested = wolves(alone[0], pool, n_clips, arguments.pairs, arguments.seed)
        told = f"{n_clips:4} clips a task, {n_tested:.0f} metrics: {share:.1%}"
        if arguments.bootstrap:
            with mock.patch.object(Swaps, "of_ratio", bootstrap_p):
                told += f"; by a bootstrap's p: {wolves(alone[0], pool, n_clips, arguments.pairs, arguments.seed)[0]:.1%}"
        is_bad |= share > MOST_WOLVES
        print(told, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folders = [write_v1_run(Path(scratch), seed, Run(runs[0]), pool) for seed in (1, 2)]
        started = time.perf_counter()
        (found,) = comparison.compare_runs([pair_runs(*folders)])
        comparison_lines(found, 120)
        took_s = time.perf_counter() - started
    print(f"727 clips, {len(found.compared)} numbers: {took_s:.2f} s")
    return 1 if is_bad or took_s > MOST_S else 0


if __name__ == "__main__":
    sys.exit(main())
