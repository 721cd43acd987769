"""`fdbench replay RUN`: a run made again from the logs of its calls, without whoever was called.

The log of a call holds everything that came and when; what was heard follows from it. So a bug in the client, the playout or
a scorer is mended after the fact, and a number is recomputed without paying for the calls again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fdbench.call.lockstep import Ending
from fdbench.call.source import LogReplay
from fdbench.core.conversation import CallLog, Take
from fdbench.errors import DataError, UsageError
from fdbench.stages.progress import Progress
from fdbench.stages.run import Finished, Hearing, score_run
from fdbench.store.manifest import RunManifest
from fdbench.store.record import TakeRecord
from fdbench.store.run import RunDir
from fdbench.task.data import Data
from fdbench.task.load import load_samples, task_specs


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay gave.

    Attributes:
        n_calls: Calls with a log.
        differences: A line for each recording or score that is not what the run holds.
        not_compared: Scorings by engines, or under protocols, by which the run was not scored.
    """

    finished: Finished
    n_calls: int
    differences: tuple[str, ...]
    not_compared: tuple[str, ...]


def replay_run(folder: Path, out: Path, hearing: Hearing, data: Data | None, progress: Progress) -> Replayed:
    """Make a run again in ``out``, score it, and compare it with the first.

    Raises:
        FdbenchError: It is no run of calls on the wall clock, its data is not there, or ``out`` holds it already.
    """
    hearing.check()
    first = RunDir.existing(folder)
    manifest = first.manifest()
    if manifest.collection.clock != "realtime":
        raise UsageError(
            f"{folder}: its clock is {manifest.collection.clock}, and only calls on the wall clock have logs",
            "virtual time needs no replay: the same command gives the same run again",
        )
    again = RunDir(out / manifest.run_id)
    if again.folder.exists():
        raise UsageError(f"{again.folder}: is there already", "give another --out, or remove it")
    differences: list[str] = []
    with again.locked(create=True):
        manifest.model_copy(update={"scored": []}).write(again.folder)
        takes = list(_takes(manifest, data))
        collection = manifest.collection
        source = LogReplay(partial(_log_of, first), Ending(collection.tail_silence_s, collection.tail_limit_s))
        n_calls = 0
        for done, (take, outcome) in enumerate(source.collect(takes), 1):
            before = first.record_of(take.name)
            if before is None:
                continue  # the run was ended before this call was made
            broke = before.as_failure  # its log says how far it came, and no more
            n_calls += broke is None
            after = again.write_take(take, broke or outcome)
            differences += _record_differs(before, after)
            progress("replay", done, len(takes), len(differences))
        for beside in ("ratings", "verdicts"):  # what judges said of the replies is part of the run, not of the calls
            if (first.folder / beside).is_dir():
                shutil.copytree(first.folder / beside, again.folder / beside)
    finished = score_run(again.folder, hearing, data, progress)
    names = sorted(path.parent.name for path in again.folder.glob("scores/*/samples.jsonl"))
    known = [name for name in names if (first.folder / "scores" / name / "samples.jsonl").is_file()]
    differences += [line for name in known for line in _scores_differ(first, again, name)]
    return Replayed(finished, n_calls, tuple(differences), tuple(name for name in names if name not in known))


def _takes(manifest: RunManifest, data: Data | None) -> Iterator[Take]:
    for name, collected in manifest.tasks.items():
        if name not in task_specs():
            raise DataError(f"task {name} is not one that this fdbench knows", "install the version that made the run")
        loaded = load_samples(task_specs()[name], data, ids=collected.samples)
        for sample in loaded.samples:
            if sample.id in collected.samples:
                for repeat in range(collected.samples[sample.id].repeats):
                    yield Take(sample, repeat=repeat)


def _log_of(run: RunDir, take: Take) -> CallLog:
    record = run.record_of(take.name)
    if record is None:
        raise DataError("no call has been made yet")
    return run.read_log(record)


def _record_differs(before: TakeRecord | None, after: TakeRecord) -> Iterator[str]:
    if before is None or before.model_dump(exclude={"log"}) == after.model_dump(exclude={"log"}):
        return
    told = after.failure.message if after.failure else None
    for name in ("status", "user", "model", "events", "right_censored", "prompt_s"):
        if getattr(before, name) != getattr(after, name):
            yield f"{after.name}: {name} is not what was recorded" + (f" ({told})" if told else "")
            return


def _scores_differ(first: RunDir, again: RunDir, name: str) -> Iterator[str]:
    for file in ("samples.jsonl", "summary.json"):
        stored, made = (run.folder / "scores" / name / file for run in (first, again))
        same = stored.is_file() and stored.read_bytes() == made.read_bytes()
        if not same:
            yield f"scores/{name}/{file}: differs"
