"""`fdbench replay RUN`: a run made again from what its calls left behind, without whoever was called.

The log of a call on the wall clock holds everything that came and when; what was heard follows from it. Of a call in virtual
time the model's recording is the tape. So a bug in the client, the playout, a path or a scorer is mended after the fact, and a
number is recomputed without paying for the calls, or loading the model, again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fdbench.call.call import Ending
from fdbench.call.replay import Examined, replay_call
from fdbench.call.session_log import SessionLog, from_stored
from fdbench.call.taped_leg import RecordedTape
from fdbench.core.condition import Condition
from fdbench.core.conversation import FailedCall, Recording, Take
from fdbench.core.span import Span
from fdbench.errors import DataError, FdbenchError, UsageError
from fdbench.stages.derive import same_data
from fdbench.stages.options import ScoringOptions
from fdbench.stages.progress import Progress
from fdbench.stages.run import FinishedRun, score_run
from fdbench.store.manifest import Collection, RunManifest
from fdbench.store.record import TakeRecord
from fdbench.store.run import Run
from fdbench.task.data import Data
from fdbench.task.load import TaskLoader


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay gave.

    Attributes:
        n_calls: Calls that were made again.
        differences: A line for each recording or score that is not what the run holds.
        not_compared: Scorings by engines, or under protocols, by which the run was not scored.
    """

    finished: FinishedRun
    n_calls: int
    differences: tuple[str, ...]
    not_compared: tuple[str, ...]


def replay_run(
    folder: Path, out: Path, options: ScoringOptions, data: Data | None, progress: Progress, noise: str = ""
) -> Replayed:
    """Make a run again in ``out``, score it, and compare it with the first.

    Args:
        noise: Folder of the user's own noise, where the run was made in that.

    Raises:
        FdbenchError: Nobody was called in this run, its data is not there, or ``out`` holds it already.
    """
    options.check()
    first = Run.existing(folder)
    manifest = first.manifest()
    if manifest.collection.kind == "recordings":
        raise UsageError(
            f"{folder}: its recordings were made elsewhere, so there is no call to make again", "use `fdbench score`"
        )
    again = Run(out / manifest.run_id)
    if again.folder.exists():
        raise UsageError(f"{again.folder}: is there already", "give another --out, or remove it")
    differences: list[str] = []
    n_calls = 0
    with again.locked(create=True):
        again.write_manifest(manifest.model_copy(update={"scored": []}))
        takes = list(_takes(first, manifest, TaskLoader(data)))
        for done, take in enumerate(takes, 1):
            before = first.record(take.id)
            if before is None:
                continue  # the run was ended before this call was made
            broke = before.absence  # its log says how far it came, and no more
            n_calls += broke is None
            after = again.write(take, broke or _replayed(first, take, before, manifest.collection, noise))
            differences += _record_differs(before, after)
            progress("replay", done, len(takes), len(differences))
        first.copy_judgements(again)  # they are part of the run, not of the calls
    finished = score_run(again.folder, options, data, progress)
    names = again.scorings()
    known = [name for name in names if first.samples_file(name).is_file()]
    differences += [line for name in known for line in _scores_differ(first, again, name)]
    return Replayed(finished, n_calls, tuple(differences), tuple(name for name in names if name not in known))


def _takes(run: Run, manifest: RunManifest, loader: TaskLoader) -> Iterator[Take]:
    loaded = same_data(run, manifest, loader)
    for id in manifest.takes():
        sample = loaded[id.task].sample(id.sample)
        if sample is not None:
            yield Take(sample, id.stimulus, id.repeat, id.condition)


def _replayed(run: Run, take: Take, record: TakeRecord, collection: Collection, noise: str) -> Recording | FailedCall:
    """What a call gave, from what it left behind alone."""
    try:
        lead_in_s, tape = _tape(run, record, collection)
        condition = replace(Condition.of(collection.condition, collection.condition_facts), noise_folder=noise)
        ending = Ending(collection.tail_silence_s, collection.tail_limit_s)
        prompt = take.prompt() if take.has_prompt and take.sample.reaction is None else _examined(run, record)
        return replay_call(take, prompt, lead_in_s, tape, ending, condition)
    except FdbenchError as error:
        return FailedCall("log", error.what)
    except ValueError as error:
        return FailedCall("log", f"the log cannot be replayed: {error}")


def _examined(run: Run, record: TakeRecord) -> Examined:
    """What an examiner, or a user who reacts, said and did in a call."""
    if record.user is None or record.prompt_s is None:
        raise DataError(f"{record.id}: nothing was recorded of the user")
    track = run.load(record.user)
    said = track.cut(Span(0.0, max(0.0, track.span.end_s))).audio
    events = None if record.user_events is None else tuple(each.event for each in record.user_events)
    heard = run.load(record.user_heard) if record.user_heard else None
    log = from_stored(run.read_stored_log(record.user_log)) if record.user_log else None
    return Examined(said, record.prompt_s, events, heard, log, record.on_the_way.get("delay_s"))


def _tape(run: Run, record: TakeRecord, collection: Collection) -> tuple[float, SessionLog | RecordedTape]:
    """What a call left behind, and how much silence there was before its prompt."""
    if record.log is not None:
        log = from_stored(run.read_log(record))
        return log.lead_in_s, log
    if record.model is None or record.user is None:
        raise DataError(f"{record.id}: nothing was recorded")
    heard = record.model_heard or record.user
    tape = RecordedTape(
        said=run.load(record.model).audio,
        heard_hz=heard.sample_rate,
        heard_samples=heard.n_samples,
        events=record.model_events,
        right_censored=record.right_censored,
    )
    return collection.lead_in_s, tape


_LOGS = {"log", "user_log"}


def _record_differs(before: TakeRecord, after: TakeRecord) -> Iterator[str]:
    if before.model_dump(exclude=_LOGS) == after.model_dump(exclude=_LOGS):
        return
    why = f" ({after.failure.message})" if after.failure else ""
    told = ("status", "user", "model", "events", "right_censored", "prompt_s", "model_heard", "user_events", "notes")
    for name in (*told, "on_the_way"):
        if getattr(before, name) != getattr(after, name):
            yield f"{after.id}: {name} is not what was recorded{why}"
            return


def _scores_differ(first: Run, again: Run, scoring: str) -> Iterator[str]:
    for file_of in (Run.samples_file, Run.summary_file):
        stored, made = file_of(first, scoring), file_of(again, scoring)
        if not (stored.is_file() and stored.read_bytes() == made.read_bytes()):
            yield f"{first.relative(stored)}: differs"
