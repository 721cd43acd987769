"""A run's folder, and the one door to it. One atomic file per call says that the call is done; the rest is derived or volatile.

RUN/manifest.json            what was collected and scored
    attempts.jsonl           everything volatile: when, where, how long (never compared)
    takes/<take id>.json
    audio/<take id>.{user,model}.flac
    logs/<take id>.{jsonl,flac}   calls on the wall clock
    ratings/<take id>.json   ratings that somebody gave, for ``--judge given``
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
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Channel
from fdbench.core.conversation import CallLog, FailedCall, Recording, Take
from fdbench.core.sound import Track
from fdbench.core.take_id import TakeId
from fdbench.errors import DataError, UsageError
from fdbench.io.files import digest_of, read_json, sha256_of, write_bytes_atomically, write_json_atomically
from fdbench.io.wav import digest_of_audio, read_audio, write_flac
from fdbench.store.attempts import HEARING, Attempts, Command, append_attempt, read_attempts, start_event
from fdbench.store.judge_checks import COPY, JudgeCheck
from fdbench.store.manifest import MANIFEST, Collection, RunManifest, Scored
from fdbench.store.record import StoredEvent, StoredFailure, StoredLog, StoredTrack, TakeRecord

_PARTS: Final = ("takes", "audio", "logs", "annotations", "verdicts", "scores")
"""Folders in which a killed process may have left half a file."""
_LONGEST_STEM_BYTES: Final = 200


class Run:
    """Reads and writes one run's folder; the only code that knows where anything in it lies.

    Args:
        folder: Of the run; need not exist yet.
        shard: Names this process where several work on one run; each logs to a file of its own.
    """

    def __init__(self, folder: Path, shard: str = "") -> None:
        self.folder = folder
        self.shard = shard

    @classmethod
    def for_collection(cls, root: Path, collection: Collection) -> Run:
        return cls(root / collection.run_id)

    @classmethod
    def existing(cls, folder: Path) -> Run:
        """The run in a folder that a user named.

        Raises:
            UsageError: It is no run's folder.
        """
        run = cls(folder)
        if not run.is_run:
            what = f"{folder}: holds no manifest.json, so it is not a run"
            raise UsageError(what, "name the folder that `fdbench run` printed")
        return run

    @classmethod
    def all_in(cls, root: Path) -> tuple[Run, ...]:
        """Every run whose folder lies in ``root``, by name; a folder without a manifest is none."""
        return tuple(cls(path.parent) for path in sorted(root.glob(f"*/{MANIFEST}")))

    @property
    def manifest_file(self) -> Path:
        return self.folder / MANIFEST

    @property
    def is_run(self) -> bool:
        return self.manifest_file.is_file()

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
            in_parts = (path for part in _PARTS for path in (self.folder / part).rglob(".*.part"))
            for leftover in [*self.folder.glob(".*.part"), *in_parts]:
                leftover.unlink(missing_ok=True)
            try:
                yield
            finally:
                if not self.is_run:  # nothing came of it: leave no empty folder behind
                    (self.folder / ".lock").unlink(missing_ok=True)
                    with suppress(OSError):
                        self.folder.rmdir()

    # What was asked for

    def manifest(self, collection: Collection | None = None) -> RunManifest:
        """The stored manifest, or a new one for ``collection`` where there is none yet."""
        if collection is not None and not self.is_run:
            return RunManifest(run_id=collection.run_id, collection=collection)
        return RunManifest.read(self.folder)

    def write_manifest(self, manifest: RunManifest) -> None:
        write_json_atomically(self.manifest_file, manifest.model_dump(by_alias=True))

    def takes(self) -> tuple[TakeId, ...]:
        """Every call that was asked for."""
        return tuple(self.manifest().takes())

    @cached_property
    def has_prompts(self) -> bool:
        return not self.is_run or self.manifest().has_prompts

    def takes_digest(self, manifest: RunManifest) -> str:
        """Hash of the records of all calls that the manifest lists; one that was not made counts as such."""
        paths = {str(take): self.record_file(take) for take in manifest.takes()}
        return digest_of({name: sha256_of(path.read_bytes()) if path.is_file() else None for name, path in paths.items()})

    # Takes

    def record_file(self, take: TakeId) -> Path:
        return self.folder / "takes" / f"{_as_path(take)}.json"

    def read_record(self, take: TakeId) -> TakeRecord | None:
        """The record of a finished call; None where it was never made.

        Raises:
            DataError: It cannot be read; names file and field.
        """
        path = self.record_file(take)
        return TakeRecord.read(path) if path.is_file() else None

    def record(self, take: TakeId) -> TakeRecord | None:
        """The record of a finished call; None where it was never made, or cannot be read and the call is made again."""
        try:
            return self.read_record(take)
        except DataError:
            return None

    def is_done(self, take: TakeId) -> bool:
        """Whether the call was made, succeeded, and its audio is still there."""
        record = self.record(take)
        if record is None or record.status != "recorded" or record.model is None or record.user is None:
            return False
        tracks = (record.user, record.model) if self.has_prompts else (record.model,)
        return all(_is_whole(self.folder / track.file, track.n_bytes) for track in tracks)

    def is_recorded(self, task: str, sample_id: str) -> bool:
        """Whether any call with this sample succeeded."""
        takes = (TakeId(task, sample_id, repeat=repeat) for repeat in itertools.count())
        return any(self.is_done(take) for take in itertools.takewhile(lambda take: self.record_file(take).exists(), takes))

    def audio_file(self, take: TakeId, channel: Channel) -> Path:
        return self.folder / "audio" / f"{_as_path(take)}.{channel}.flac"

    def load(self, track: StoredTrack) -> Track:
        """One channel of a recording at its place on the timeline.

        Raises:
            DataError: It cannot be read, or is not what was recorded.
            UsageError: The run was exported without it.
        """
        path = self.folder / track.file
        if not path.is_file() and not self.has_prompts:
            what = f"{path}: the run was exported without its prompts, and no annotation by these engines is stored"
            raise UsageError(what, "name the engines of one of its scorings, which `fdbench show` lists")
        audio = read_audio(path)
        if digest_of_audio(audio) != track.digest:
            raise DataError(f"{path}: is not what was recorded")
        return Track(audio, track.start_s)

    def measured(self, track: StoredTrack) -> StoredTrack:
        """What the record would say of a channel's file as it is now. Raises DataError where it cannot be read."""
        path = self.folder / track.file
        if not path.is_file():
            raise DataError(f"{path}: the file is missing")
        audio = read_audio(path)
        return StoredTrack(
            file=track.file,
            n_bytes=path.stat().st_size,
            digest=digest_of_audio(audio),
            sample_rate=audio.sample_rate,
            n_samples=len(audio.samples),
            start_s=track.start_s,
        )

    def write(self, take: Take, outcome: Recording | Absence) -> TakeRecord:
        """Store a call: audio first, the record last."""
        id = take.id
        facts: dict[str, Any] = {
            "task": id.task,
            "sample": id.sample,
            "stimulus": id.stimulus,
            "repeat": id.repeat,
            "condition": id.condition,
        }
        log = None if isinstance(outcome, Absence) and not isinstance(outcome, FailedCall) else outcome.log
        if log is not None:
            facts["log"] = self._write_log(id, log)
        if isinstance(outcome, Absence):
            failure = StoredFailure(kind=outcome.reason, message=outcome.message)
            record = TakeRecord(**facts, status="failed", failure=failure)
        else:
            record = TakeRecord(
                **facts,
                status="recorded",
                prompt_s=outcome.prompt_s,
                clock=outcome.clock,
                right_censored=outcome.right_censored,
                user=self._write_track(id, "user", outcome.user),
                model=self._write_track(id, "model", outcome.model),
                events=[StoredEvent.of(event) for event in outcome.events],
            )
        write_json_atomically(self.record_file(id), record.model_dump(by_alias=True))
        return record

    def _write_log(self, take: TakeId, log: CallLog) -> StoredLog:
        lines, sound = f"logs/{_as_path(take)}.jsonl", f"logs/{_as_path(take)}.flac"
        text = _json_lines(log.lines)
        write_flac(self.folder / sound, log.sound)
        write_bytes_atomically(self.folder / lines, text)
        return StoredLog(lines=lines, lines_sha256=sha256_of(text), sound=sound, sound_digest=digest_of_audio(log.sound))

    def read_log(self, record: TakeRecord) -> CallLog:
        """The log of a call on the wall clock.

        Raises:
            DataError: There is none, or it is not what was recorded; names the file.
        """
        if record.log is None:
            raise DataError(f"{self.folder}: {record.id} has no log", "only calls on the wall clock have one")
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

    def _write_track(self, take: TakeId, channel: Channel, track: Track) -> StoredTrack:
        path = self.audio_file(take, channel)
        data = write_flac(path, track.audio)
        return StoredTrack(
            file=self.relative(path),
            n_bytes=len(data),
            digest=digest_of_audio(track.audio),
            sample_rate=track.audio.sample_rate,
            n_samples=len(track.audio.samples),
            start_s=track.start_s,
        )

    # What was heard, and what judges said

    @property
    def annotations(self) -> Path:
        return self.folder / "annotations"

    @property
    def verdicts(self) -> Path:
        return self.folder / "verdicts"

    def rating_file(self, take: TakeId) -> Path:
        """Where somebody else's rating of a reply lies, if there is one."""
        return self.folder / "ratings" / f"{take}.json"

    def copy_judgements(self, to: Run) -> None:
        """Give another run of the same calls what judges said of the replies."""
        for part in ("ratings", "verdicts"):
            if (self.folder / part).is_dir():
                shutil.copytree(self.folder / part, to.folder / part)

    # Scores

    def samples_file(self, scoring: str) -> Path:
        return self.folder / "scores" / scoring / "samples.jsonl"

    def summary_file(self, scoring: str) -> Path:
        return self.folder / "scores" / scoring / "summary.json"

    def judge_check_file(self, scoring: str) -> Path:
        return self.folder / "scores" / scoring / COPY

    def scorings(self) -> tuple[str, ...]:
        """Names of the scorings that lie in the folder, whether or not the manifest lists them."""
        return tuple(path.parent.name for path in sorted(self.folder.glob("scores/*/summary.json")))

    def summaries(self) -> list[Any]:
        """The summary of every scoring, by name. Raises DataError where one is no JSON."""
        return [read_json(self.summary_file(scoring)) for scoring in self.scorings()]

    def write_scores(self, scored: Scored, lines: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
        """Store one scoring and enter it in the manifest; scorings that it makes stale go."""
        write_bytes_atomically(self.samples_file(scored.folder), _json_lines(lines))
        write_json_atomically(self.summary_file(scored.folder), summary)
        manifest = self.manifest().with_scored(scored)
        self.write_manifest(manifest)
        current = {each.folder for each in manifest.scored}
        for stale in (path for path in (self.folder / "scores").iterdir() if path.name not in current):
            shutil.rmtree(stale)

    def add_judge_check(self, scored: Scored, check: JudgeCheck) -> None:
        """Put a judge's agreement with the labelled set beside the scores made with it."""
        write_json_atomically(self.judge_check_file(scored.folder), check.as_json())

    # The log

    def attempts(self) -> Attempts:
        """Everything that is on record about when and where the run was worked on. Raises DataError."""
        return read_attempts(self.folder)

    def note_attempt(self, facts: Mapping[str, Any]) -> None:
        """Append one line to the log."""
        append_attempt(self.folder, facts, self.shard)

    def note_start(self, command: Command, data_origin: str) -> None:
        """Log that a command begins, on which machine and with which packages."""
        self.note_attempt(start_event(command, data_origin))

    def note_hearing(self, engines: Mapping[str, str], weights: Mapping[str, str]) -> None:
        """Log who heard the recordings, by signature and by the hash of what each has learnt."""
        self.note_attempt({"event": HEARING, "engines": dict(engines), "weights": dict(weights)})

    # Everything that lies in the folder

    def files_in(self, part: str) -> tuple[str, ...]:
        """What lies in a part of the folder (``takes``, ``audio``, ...), by path relative to the run."""
        paths = sorted(path for path in (self.folder / part).rglob("*") if not path.is_dir() or path.is_symlink())
        return tuple(self.relative(path) for path in paths)

    def relative(self, path: Path) -> str:
        """A path of the run as messages name it."""
        return path.relative_to(self.folder).as_posix()


def _json_lines(lines: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines).encode()


def _as_path(take: TakeId) -> str:
    """A take's id as a path; a stem too long for a file system is cut and told apart by a hash."""
    task, _, stem = str(take).rpartition("/")
    if len(stem.encode()) > _LONGEST_STEM_BYTES:
        stem = f"{stem.encode()[:100].decode(errors='ignore')}~{digest_of([stem])[:16]}"
    return f"{task}/{stem}"


def _is_whole(path: Path, n_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == n_bytes
