"""A run's folder. One atomic file per call says that the call is done; everything else is derived or volatile.

RUN/manifest.json            what was collected and scored
    attempts.jsonl           everything volatile: when, where, how long (never compared)
    takes/<task>/<id>@<stimulus>.r<repeat>.json
    audio/<task>/<id>@<stimulus>.r<repeat>.{user,model}.flac
    annotations/             cache
    verdicts/                what a judge answered; dear, and needed to verify the scores made with it
    scores/<folder>/         samples.jsonl, summary.json
"""

from __future__ import annotations

import fcntl
import itertools
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fdbench.core.conversation import CallLog, Failure, Recording, Take
from fdbench.core.sound import Track
from fdbench.errors import DataError, UsageError
from fdbench.io.files import digest_of, sha256_of, write_bytes_atomically, write_json_atomically
from fdbench.io.wav import digest_of_audio, read_audio, write_flac
from fdbench.store.attempts import HEARING, Command, append_attempt, start_event
from fdbench.store.judge_checks import COPY, JudgeCheck
from fdbench.store.manifest import MANIFEST, Collection, RunManifest, Scored
from fdbench.store.record import StoredEvent, StoredFailure, StoredLog, StoredTrack, TakeRecord


class RunDir:
    """Reads and writes one run's folder; the only code that does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def for_collection(cls, root: Path, collection: Collection) -> RunDir:
        return cls(root / collection.run_id)

    @classmethod
    def existing(cls, folder: Path) -> RunDir:
        """The run in a folder that a user named.

        Raises:
            UsageError: It is no run's folder.
        """
        run = cls(folder)
        if not run.is_run:
            what = f"{folder}: holds no manifest.json, so it is not a run"
            raise UsageError(what, "name the folder that `fdbench run` printed")
        return run

    @property
    def annotations(self) -> Path:
        return self.folder / "annotations"

    @property
    def verdicts(self) -> Path:
        return self.folder / "verdicts"

    @property
    def is_run(self) -> bool:
        return (self.folder / MANIFEST).is_file()

    @contextmanager
    def locked(self, *, create: bool = False) -> Iterator[None]:
        """Hold the folder for one process, and sweep away what a killed one left half-written.

        Args:
            create: Make the folder where there is none; otherwise it must be a run already.

        Raises:
            DataError: Another process is at work in the folder, or it is not a run's.
        """
        if create:
            self.folder.mkdir(parents=True, exist_ok=True)
        else:
            self.manifest()
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise DataError(f"{self.folder}: another fdbench is at work here", "wait for it to end") from None
            for leftover in [
                *self.folder.glob(".*.part"),
                *(p for part in _OURS for p in (self.folder / part).rglob(".*.part")),
            ]:
                leftover.unlink(missing_ok=True)
            try:
                yield
            finally:
                if not self.is_run:  # nothing came of it: leave no empty folder behind
                    (self.folder / ".lock").unlink(missing_ok=True)
                    with suppress(OSError):
                        self.folder.rmdir()

    def manifest(self, collection: Collection | None = None) -> RunManifest:
        """The stored manifest, or a new one for ``collection`` where there is none yet."""
        if collection is not None and not self.is_run:
            return RunManifest(run_id=collection.run_id, collection=collection)
        return RunManifest.read(self.folder)

    def take_path(self, name: str) -> Path:
        return self.folder / "takes" / f"{_as_path(name)}.json"

    def takes_digest(self, manifest: RunManifest) -> str:
        """Hash of the records of all calls that the manifest lists; one that was not made counts as such."""
        names = (
            f"{task}/{sample_id}@main.r{repeat}"
            for task, collected in manifest.tasks.items()
            for sample_id, sample in collected.samples.items()
            for repeat in range(sample.repeats)
        )
        paths = {name: self.take_path(name) for name in names}
        return digest_of({name: sha256_of(path.read_bytes()) if path.is_file() else None for name, path in paths.items()})

    def record_of(self, name: str) -> TakeRecord | None:
        """The record of a finished call, or None: never made, or its record is unreadable and the call is made again."""
        path = self.take_path(name)
        if not path.exists():
            return None
        try:
            return TakeRecord.read(path)
        except DataError:
            return None

    def is_recorded(self, task: str, sample_id: str) -> bool:
        """Whether any call with this sample succeeded."""
        repeats = itertools.takewhile(lambda name: self.take_path(name).exists(), _names(task, sample_id))
        return any(self.is_done(name) for name in repeats)

    def is_done(self, name: str) -> bool:
        """Whether the call was made, succeeded, and its audio is still there."""
        record = self.record_of(name)
        if record is None or record.status != "recorded" or record.model is None or record.user is None:
            return False
        return all(_is_whole(self.folder / track.file, track.n_bytes) for track in (record.user, record.model))

    def write_take(self, take: Take, outcome: Recording | Failure) -> TakeRecord:
        """Store a call: audio first, the record last."""
        facts: dict[str, Any] = {
            "task": take.sample.task,
            "sample": take.sample.id,
            "stimulus": take.stimulus,
            "repeat": take.repeat,
        }
        if outcome.log is not None:
            facts["log"] = self._write_log(take.name, outcome.log)
        if isinstance(outcome, Failure):
            failure = StoredFailure(kind=outcome.kind, message=outcome.message)
            record = TakeRecord(**facts, status="failed", failure=failure)
        else:
            record = TakeRecord(
                **facts,
                status="recorded",
                prompt_s=outcome.prompt_s,
                clock=outcome.clock,
                right_censored=outcome.right_censored,
                user=self._write_track(take.name, "user", outcome.user),
                model=self._write_track(take.name, "model", outcome.model),
                events=[StoredEvent.of(event) for event in outcome.events],
            )
        unsaid = {"log"} if record.log is None else None
        write_json_atomically(self.take_path(take.name), record.model_dump(by_alias=True, exclude=unsaid))
        return record

    def _write_log(self, name: str, log: CallLog) -> StoredLog:
        lines, sound = f"logs/{_as_path(name)}.jsonl", f"logs/{_as_path(name)}.flac"
        text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in log.lines).encode()
        write_flac(self.folder / sound, log.sound)
        write_bytes_atomically(self.folder / lines, text)
        return StoredLog(lines=lines, lines_sha256=sha256_of(text), sound=sound, sound_digest=digest_of_audio(log.sound))

    def read_log(self, record: TakeRecord) -> CallLog:
        """The log of a call on the wall clock.

        Raises:
            DataError: There is none, or it is not what was recorded; names the file.
        """
        if record.log is None:
            raise DataError(f"{self.folder}: {record.name} has no log", "only calls on the wall clock have one")
        path = self.folder / record.log.lines
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from None
        if sha256_of(data) != record.log.lines_sha256:
            raise DataError(f"{path}: is not the log that was recorded (its SHA-256 is {sha256_of(data)[:12]}...)")
        sound = read_audio(self.folder / record.log.sound)
        if digest_of_audio(sound) != record.log.sound_digest:
            raise DataError(f"{self.folder / record.log.sound}: is not the sound that was recorded")
        return CallLog(tuple(json.loads(line) for line in data.splitlines()), sound)

    def _write_track(self, name: str, channel: str, track: Track) -> StoredTrack:
        file = f"audio/{_as_path(name)}.{channel}.flac"
        data = write_flac(self.folder / file, track.audio)
        return StoredTrack(
            file=file,
            n_bytes=len(data),
            digest=digest_of_audio(track.audio),
            sample_rate=track.audio.sample_rate,
            n_samples=len(track.audio.samples),
            start_s=track.start_s,
        )

    def note_attempt(self, facts: Mapping[str, Any]) -> None:
        """Append one line to ``attempts.jsonl``."""
        append_attempt(self.folder, facts)

    def note_start(self, command: Command, data_origin: str) -> None:
        """Log that a command begins, on which machine and with which packages."""
        append_attempt(self.folder, start_event(command, data_origin))

    def note_hearing(self, engines: Mapping[str, str], weights: Mapping[str, str]) -> None:
        """Note who heard the recordings, by signature and by the hash of what each has learnt."""
        self.note_attempt({"event": HEARING, "engines": dict(engines), "weights": dict(weights)})

    def write_scores(self, scored: Scored, lines: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
        """Store one scoring and enter it in the manifest."""
        folder = self.folder / "scores" / scored.folder
        text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
        write_bytes_atomically(folder / "samples.jsonl", text.encode())
        write_json_atomically(folder / "summary.json", summary)
        manifest = self.manifest().with_scored(scored)
        manifest.write(self.folder)
        current = {each.folder for each in manifest.scored}
        for stale in (path for path in (self.folder / "scores").iterdir() if path.name not in current):
            shutil.rmtree(stale)

    def add_judge_check(self, scored: Scored, check: JudgeCheck) -> None:
        """Put a judge's agreement with the labelled set beside the scores made with it."""
        write_json_atomically(self.folder / "scores" / scored.folder / COPY, check.as_json())


_OURS = ("takes", "audio", "logs", "annotations", "verdicts", "scores")
_LONGEST_STEM_BYTES = 200


def _as_path(name: str) -> str:
    """A take's name as a path; a stem too long for a file system is cut and told apart by a hash."""
    task, _, stem = name.rpartition("/")
    if len(stem.encode()) > _LONGEST_STEM_BYTES:
        stem = f"{stem.encode()[:100].decode(errors='ignore')}~{digest_of([stem])[:16]}"
    return f"{task}/{stem}"


def _names(task: str, sample_id: str) -> Iterator[str]:
    return (f"{task}/{sample_id}@main.r{repeat}" for repeat in itertools.count())


def _is_whole(path: Path, n_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == n_bytes


def scores_folder(protocol: str, engines: Mapping[str, str], shift_s: float = 0.0) -> str:
    """Name of a scoring's folder: the protocol and a hash of everything that made the annotations and verdicts.

    Args:
        shift_s: How far the model's channel was moved from where it was recorded.
    """
    placed = {"shift_s": shift_s} if shift_s else {}
    return f"{protocol}-{digest_of({'protocol': protocol, **engines, **placed})[:10]}"
