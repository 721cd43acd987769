"""Runs with scores per clip, of which only what a test is about is spelled out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fdbench.core.behaviour import BEHAVIOURS
from fdbench.core.score import Score, none_score
from fdbench.scoring.aggregate import summarise
from fdbench.store.manifest import CollectedSample, CollectedTask, Collection, RunManifest, Scored, scores_folder
from fdbench.store.run import Run

ENGINES = {"asr": "sphinx-5.1", "vad": "silero-6.2.3", "judge": "none"}
TASK = "mini/turn_taking"
Scores = Mapping[str, Mapping[str, Sequence[Score | float]]]
"""By metric and clip, the repeats."""


def write_scored_run(root: Path, model: str, tasks: Mapping[str, Scores], **more: Any) -> Path:
    """Write a run whose scores are these, and return its folder.

    Args:
        more: Settings of the collection; ``engines``, ``protocol``, ``digest`` (of its samples), ``facts`` (of each signature)
            and ``name`` (of the run) are taken out first.
    """
    engines = {**ENGINES, **more.pop("engines", {})}
    protocol, digest, name = more.pop("protocol", "fdbench"), more.pop("digest", "d"), more.pop("name", "")
    facts = {"scorer": "1", **more.pop("facts", {})}
    settings = {
        "kind": "model", "adapter": "a", "arguments": {}, "clock": "lockstep", "slots": 8, "seed": 0, "lead_in_s": 0.0,
        "tail_silence_s": 2.0, "tail_limit_s": 10.0, "fdbench": "0.1.0", **more,
    }  # fmt: skip
    collection = Collection(model=model, **settings)
    run, collected, lines, summaries = Run.for_collection(root, collection), {}, [], {}
    run.folder.mkdir(parents=True)
    for task, metrics in tasks.items():
        family, _, rest = task.partition("/")
        behaviour = rest if rest in BEHAVIOURS else rest.partition(".")[0]
        clips = list(dict.fromkeys(clip for of_metric in metrics.values() for clip in of_metric))
        repeats = max(len(each) for of_metric in metrics.values() for each in of_metric.values())
        samples = {clip: CollectedSample(digest=f"{digest}-{clip}", repeats=repeats) for clip in clips}
        collected[task] = CollectedTask(version=1, family=family, behaviour=behaviour, samples=samples)
        of_task = {
            metric: {clip: [as_score(metric, each) for each in values] for clip, values in of_metric.items()}
            for metric, of_metric in metrics.items()
        }
        for clip in clips:
            for repeat in range(repeats):
                scores = {metric: of_task[metric][clip][repeat].as_json() for metric in metrics if clip in of_task[metric]}
                lines.append({"id": clip, "task": task, **({"repeat": repeat} if repeat else {}), "scores": scores})
        signed = "|".join(f"{key}:{value}" for key, value in {"task": task, **facts, **engines}.items())
        summaries[task] = {
            "version": 1, "family": family, "behaviour": behaviour, "n_samples": len(clips) * repeats, "n_errors": 0,
            "metrics": {
                metric: summarise(
                    metric, [score for each in of_metric.values() for score in each], protocol, f"{metric}|{signed}",
                    behaviour=behaviour,
                ).as_json()
                for metric, of_metric in of_task.items()
            },
        }  # fmt: skip
    run.write_manifest(RunManifest(run_id=collection.run_id, collection=collection, tasks=collected, name=name))
    folder = scores_folder(protocol, engines)
    summary = {"schema": 1, "run_id": collection.run_id, "protocol": protocol, "engines": engines, "tasks": summaries}
    run.write_scores(Scored(folder=folder, protocol=protocol, engines=engines, tasks=""), lines, summary)
    return run.folder


def as_score(metric: str, value: Score | float) -> Score:
    return value if isinstance(value, Score) else Score(metric, value)


def ratio(metric: str, numerator: float, denominator: float) -> Score:
    return Score(metric, numerator / denominator, components={"numerator": numerator, "denominator": denominator})


def waited(metric: str, at_least_s: float) -> Score:
    """A reply that did not come while it was recorded."""
    return none_score(metric, "no_reply", censored_at_s=at_least_s)


def each_once(values: Sequence[Score | float]) -> dict[str, list[Score | float]]:
    return {f"c{number:03}": [value] for number, value in enumerate(values)}
