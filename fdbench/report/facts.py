"""`fdbench show RUN`: everything that a paper's appendix has to say about a run, from the files in its folder alone.

What is damaged is named and the rest is shown. Nothing is recomputed but the run's id and hashes of the manifest's own lists;
whether the numbers are right is for ``fdbench verify`` to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypeVar

from fdbench.core.event import own_text
from fdbench.core.signature import parse_signature
from fdbench.errors import DataError
from fdbench.io.files import digest_of
from fdbench.store.attempts import HEARING, START, Attempts
from fdbench.store.judge_checks import JudgeCheck
from fdbench.store.manifest import CollectedTask, RunManifest, Scored
from fdbench.store.record import StoredTrack, TakeRecord
from fdbench.store.run import Run
from fdbench.store.stored import read_parsed
from fdbench.store.summary import Summary

T = TypeVar("T")

SCHEMA: Final = 1
_WITH_TIME_AND_PLACE: Final = ("event", "at", "command")
"""What may differ between two starts in the same environment."""


def show_run(folder: Path) -> dict[str, Any]:
    """The facts of a run as a JSON value; ``damaged`` lists what could not be read.

    Raises:
        UsageError: It is no run's folder.
        DataError: Its manifest cannot be read.
    """
    run = Run.existing(folder)
    manifest = run.manifest()
    damaged: list[str] = []
    attempts = _read(run, run.attempts, damaged) or Attempts()
    read = {take: _read(run, partial(run.read_record, take), damaged) for take in manifest.takes()}
    records = {name: [record for take, record in read.items() if record and take.task == name] for name in manifest.tasks}
    recorded = [record for of_task in records.values() for record in of_task]
    expected = [track.file for track in _tracks(recorded, prompts=manifest.has_prompts)]
    gone = [file for file in expected if not (run.folder / file).is_file()]
    if gone:
        damaged.append(f"audio: {len(gone)} of {len(expected)} files are missing, the first is {gone[0]}")
    if manifest.run_id != manifest.collection.run_id:
        damaged.append(f"manifest.json: run_id is {manifest.run_id}, its settings give {manifest.collection.run_id}")
    return {
        "schema": SCHEMA,
        "run_id": manifest.run_id,
        "run_id_agrees": manifest.run_id == manifest.collection.run_id,
        "collection": manifest.collection.model_dump(),
        "tasks": {name: _task(task, records[name]) for name, task in manifest.tasks.items()},
        "environments": _environments(attempts),
        "scorings": [
            {**_scoring(run, manifest, scored, damaged), "weights": _weights(attempts, scored)} for scored in manifest.scored
        ],
        "totals": {**_audio(recorded), **_effort(attempts), "judge": _judging(run, attempts)},
        "damaged": damaged,
    }


def _read(run: Run, read: Callable[[], T], damaged: list[str]) -> T | None:
    """What a file of the run holds; None, and a line in ``damaged``, where it cannot be read."""
    try:
        return read()
    except DataError as error:
        damaged.append(error.what.replace(f"{run.folder}/", ""))
        return None


def _task(task: CollectedTask, records: Sequence[TakeRecord]) -> dict[str, Any]:
    failures = [record.failure for record in records if record.status == "failed"]
    failed = Counter(failure.kind if failure else "unknown" for failure in failures)
    n_calls = sum(sample.repeats for sample in task.samples.values()) * len(task.stimuli)
    n_recorded = sum(record.status == "recorded" for record in records)
    return {
        "version": task.version,
        "family": task.family,
        "behaviour": task.behaviour,
        "n_samples": len(task.samples),
        "n_without_data": sum(sample.digest is None for sample in task.samples.values()),
        "repeats": task.repeats,
        "digest": digest_of({sample_id: sample.model_dump() for sample_id, sample in task.samples.items()}),
        "n_calls": n_calls,
        "n_recorded": n_recorded,
        "n_failed": failed.total(),
        "failed": dict(sorted(failed.items())),
        "n_missing": n_calls - n_recorded - failed.total(),
    }


def _environments(attempts: Attempts) -> list[dict[str, Any]]:
    """The machines and packages in order; starts in an unchanged environment are one entry."""

    def place(start: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in start.items() if name not in _WITH_TIME_AND_PLACE}

    found = []
    for environment, starts in groupby(attempts.of(START), place):
        listed = list(starts)
        commands = Counter(str(start.get("command", "")) for start in listed)
        found.append(
            {
                "first_at": listed[0].get("at", ""),
                "last_at": listed[-1].get("at", ""),
                "commands": dict(sorted(commands.items())),
                **environment,
            }
        )
    return found


def _scoring(run: Run, manifest: RunManifest, scored: Scored, damaged: list[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "folder": scored.folder,
        "protocol": scored.protocol,
        "engines": dict(scored.engines),
        "placement": manifest.collection.placement_at(scored.shift_s),
        "shift_s": scored.shift_s,
        "is_stale": scored.tasks != manifest.tasks_digest or scored.takes not in (None, run.takes_digest(manifest)),
        "folder_agrees": scored.folder == scored.right_folder,
        "fdbench": [],
        "tasks": {},
    }
    path = run.summary_file(scored.folder)
    summary = _read(run, partial(read_parsed, Summary, path, "score the run again"), damaged)
    if summary:
        metrics = [metric for task in summary.tasks.values() for metric in task.metrics.values()]
        facts["tasks"] = {name: task.model_dump(include={"n_samples", "n_errors"}) for name, task in summary.tasks.items()}
        facts["fdbench"] = sorted({parse_signature(metric.signature).get("fdbench", "") for metric in metrics} - {""})
        facts |= {"judges": dict(summary.judges)} if summary.judges else {}
    if not run.samples_file(scored.folder).is_file():
        damaged.append(f"scores/{scored.folder}/samples.jsonl: no such file")
    path = run.judge_check_file(scored.folder)
    check = _read(run, partial(JudgeCheck.read, path), damaged) if path.is_file() else None
    return facts | ({"judge_check": _judge_check(check)} if check else {})


def _weights(attempts: Attempts, scored: Scored) -> dict[str, str]:
    """The hashes of the weights of a scoring's engines, as last noted; empty where they never were."""
    for event in reversed(attempts.of(HEARING)):
        engines, weights = event.get("engines"), event.get("weights")
        if not (isinstance(engines, Mapping) and isinstance(weights, Mapping)):
            continue
        if all(scored.engines.get(name) == engine for name, engine in engines.items()):
            return {str(name): str(digest) for name, digest in weights.items() if digest}
    return {}


def _judge_check(check: JudgeCheck) -> dict[str, Any]:
    return {
        "judge": check.judge,
        "prompt": dict(check.prompt),
        "labelled": check.labelled.model_dump(),
        "n_rated": check.n_rated,
        "n_failed": check.n_failed,
        "kappa": dict(check.agreement.get("kappa", {})),
        "mean_absolute_error": dict(check.agreement.get("mean_absolute_error", {})),
    }


def _tracks(records: Sequence[TakeRecord], *, prompts: bool) -> Iterator[StoredTrack]:
    """What lies in the run's folder, which may hold no prompts."""
    return (track for record in records for name, track in record.tracks.items() if prompts or name == "model")


def _audio(records: Sequence[TakeRecord]) -> dict[str, Any]:
    tracks = {channel: [track for record in records if (track := getattr(record, channel))] for channel in ("user", "model")}
    return {
        "n_files": sum(len(of_channel) for of_channel in tracks.values()),
        "n_bytes": sum(track.n_bytes for of_channel in tracks.values() for track in of_channel),
        "n_with_text": sum(bool(own_text(record.model_events)) for record in records),
        "hours": {channel: sum(map(_duration_s, of_channel)) / 3600 for channel, of_channel in tracks.items()},
    }


def _duration_s(track: StoredTrack) -> float:
    return track.n_samples / track.sample_rate if track.sample_rate > 0 else 0.0


def _effort(attempts: Attempts) -> dict[str, Any]:
    """Wall time of the calls: of each start, how long after it the last call ended."""
    took_s = [max(times, default=0.0) for times in _calls_of_each_start(attempts)]
    return {
        "n_starts": len(attempts.of(START)),
        "n_attempts": len(attempts.takes),
        "n_failed_attempts": sum(take.get("status") == "failed" for take in attempts.takes),
        "calls_wall_s": round(sum(took_s), 3),
        "n_unreadable_lines": attempts.n_unreadable,
    }


def _calls_of_each_start(attempts: Attempts) -> Iterator[list[float]]:
    times: list[float] = []
    for each in attempts.events:
        if each.get("event") == START:
            yield times
            times = []
        elapsed_s = each.get("since_start_s") if "take" in each else None
        if isinstance(elapsed_s, int | float):
            if times and elapsed_s < times[-1]:  # an older log, which has no line for a start
                yield times
                times = []
            times.append(float(elapsed_s))
    yield times


def _judging(run: Run, attempts: Attempts) -> dict[str, Any]:
    """What judging took, from the log; verdicts are counted on disk."""
    asked = attempts.of("judge")
    return {
        "n_requests": len(asked),
        "n_verdicts": sum(1 for _ in run.verdicts.rglob("*.json")),
        "tokens_in": _total(asked, "tokens_in"),
        "tokens_out": _total(asked, "tokens_out"),
        "cost_usd": _total(asked, "cost_usd"),
    }


def _total(events: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """None where nobody counted."""
    counts = [event[name] for event in events if isinstance(event.get(name), int | float)]
    return sum(counts) if counts else None
