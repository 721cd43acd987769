"""Everything in a run's folder that belongs to one call: its record, its two recordings, its log, a rating of its reply."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.conversation import CallLog, FailedCall, Recording, Take
from fdbench.core.sound import Track
from fdbench.core.take_id import TakeId
from fdbench.errors import DataError, UsageError
from fdbench.io.files import digest_of, parse_json, sha256_of, write_bytes_atomically, write_json_atomically
from fdbench.io.wav import digest_of_audio, read_audio, write_flac
from fdbench.store.record import StoredEvent, StoredFailure, StoredLog, StoredTrack, TakeRecord

_LONGEST_STEM_BYTES: Final = 200
PACK: Final = "takes.jsonl"
"""The records of a run that is kept for its numbers: one line each instead of one file each."""


class TakeFiles:
    """The files of a run's calls, by ``TakeId``.

    Args:
        folder: Of the run; need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def has_prompts(self) -> bool:
        """Whether the user's side is there, too; a run may be exported without it."""
        return True

    def record_file(self, take: TakeId) -> Path:
        return self.folder / "takes" / f"{path_of(take)}.json"

    def read_record(self, take: TakeId) -> TakeRecord | None:
        """The record of a finished call; None where it was never made.

        Raises:
            DataError: It cannot be read; names file and field.
        """
        path = self.record_file(take)
        if path.is_file():
            return TakeRecord.read(self.place(self.relative(path)))
        text = self._packed.get(str(take))
        return None if text is None else TakeRecord.parse(text, f"{self.folder / PACK}: {take}")

    def record_bytes(self, take: TakeId) -> bytes | None:
        """The record as it was written, wherever it lies; None where there is none."""
        path = self.record_file(take)
        if path.is_file():
            return path.read_bytes()
        text = self._packed.get(str(take))
        return None if text is None else text.encode()

    def pack(self, takes: Iterable[TakeId]) -> int:
        """Put the records of calls into one file, each as it was written, and remove their own; returns how many there are.

        A packed run is read like any other. A call that is made again has a file of its own, which counts.
        """
        texts = {str(take): text.decode() for take in takes if (text := self.record_bytes(take)) is not None}
        lines = [{"take": name, "record": text} for name, text in texts.items()]
        write_bytes_atomically(self.folder / PACK, json_lines(lines))
        shutil.rmtree(self.folder / "takes", ignore_errors=True)
        self.__dict__.pop("_packed", None)
        return len(texts)

    @cached_property
    def _packed(self) -> Mapping[str, str]:
        """Records that lie in one file, as text, by the call's name; one that cannot be read is none."""
        path = self.folder / PACK
        if not path.is_file():
            return {}
        lines = [parse_json(line, str(path)) for line in self.place(PACK).read_bytes().splitlines()]
        try:
            return {str(line["take"]): str(line["record"]) for line in lines}
        except (TypeError, KeyError):
            raise DataError(f"{path}: expected lines of take and record", "restore the file, or make the calls again") from None

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
        return all(_is_whole(self.folder / track.file, track.n_bytes) for track in self.tracks_of(record).values())

    def tracks_of(self, record: TakeRecord) -> dict[str, StoredTrack]:
        """The channels of a record that are to be in the folder, by name; the user's are in none that was exported without."""
        return {name: track for name, track in record.tracks.items() if self.has_prompts or name == "model"}

    def place(self, file: str) -> Path:
        """Where a file of the run lies, by the path that a record has.

        Raises:
            DataError: That leads out of the run's folder.
        """
        path = self.folder / file
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise DataError(f"{path}: leads out of the run's folder", "put the file itself there")
        return path

    def audio_file(self, take: TakeId, channel: str) -> Path:
        return self.folder / "audio" / f"{path_of(take)}.{channel}.flac"

    def load(self, track: StoredTrack) -> Track:
        """One channel of a recording at its place on the timeline.

        Raises:
            DataError: It cannot be read, or is not what was recorded.
            UsageError: The run was exported without it.
        """
        path = self.place(track.file)
        if not path.is_file() and not self.has_prompts:
            what = f"{path}: the run was exported without its prompts, and no annotation by these engines is stored"
            raise UsageError(what, "name the engines of one of its scorings, which `fdbench show` lists")
        audio = read_audio(path)
        facts = (digest_of_audio(audio), audio.sample_rate, len(audio.samples))
        if facts != (track.digest, track.sample_rate, track.n_samples):
            raise DataError(f"{path}: is not what was recorded", "put that back, or make the call anew: fdbench run --again")
        return Track(audio, track.start_s)

    def measured(self, track: StoredTrack) -> StoredTrack:
        """What the record would say of a channel's file as it is now. Raises DataError where it cannot be read."""
        path = self.place(track.file)
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
        if not isinstance(outcome, Absence) or isinstance(outcome, FailedCall):
            for name, log in (("log", outcome.log), ("user_log", outcome.user_log)):
                if log is not None:
                    facts[name] = self._write_log(id, log, ".user" if name == "user_log" else "")
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
                model_heard=self._write_other(id, "model-heard", outcome.model_heard),
                user_heard=self._write_other(id, "user-heard", outcome.user_heard),
                user_events=None if outcome.user_events is None else tuple(map(StoredEvent.of, outcome.user_events)),
                notes=outcome.notes,
                on_the_way={name: float(value) for name, value in outcome.on_the_way.items()},
            )
        write_json_atomically(self.record_file(id), record.model_dump(by_alias=True))
        return record

    def _write_log(self, take: TakeId, log: CallLog, side: str) -> StoredLog:
        lines, sound = (f"logs/{path_of(take)}{side}.{ending}" for ending in ("jsonl", "flac"))
        text = json_lines(log.lines)
        write_flac(self.folder / sound, log.sound)
        write_bytes_atomically(self.folder / lines, text)
        return StoredLog(lines=lines, lines_sha256=sha256_of(text), sound=sound, sound_digest=digest_of_audio(log.sound))

    def read_log(self, record: TakeRecord) -> CallLog:
        """The log of a model on the wall clock.

        Raises:
            DataError: There is none, or it is not what was recorded; names the file.
        """
        if record.log is None:
            raise DataError(f"{self.folder}: {record.id} has no log", "only calls on the wall clock have one")
        return self.read_stored_log(record.log)

    def read_stored_log(self, log: StoredLog) -> CallLog:
        """A log of either side. Raises DataError where it is not what was recorded; names the file."""
        path = self.place(log.lines)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from None
        if sha256_of(data) != log.lines_sha256:
            raise DataError(f"{path}: is not the log that was recorded (its SHA-256 is {sha256_of(data)[:12]}...)")
        sound = read_audio(self.place(log.sound))
        if digest_of_audio(sound) != log.sound_digest:
            raise DataError(f"{self.folder / log.sound}: is not the sound that was recorded")
        return CallLog(tuple(parse_json(line, str(path)) for line in data.splitlines()), sound)

    def _write_track(self, take: TakeId, channel: str, track: Track) -> StoredTrack:
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

    def _write_other(self, take: TakeId, channel: str, track: Track | None) -> StoredTrack | None:
        return None if track is None else self._write_track(take, channel, track)

    def relative(self, path: Path) -> str:
        """A path of the run as messages name it."""
        return path.relative_to(self.folder).as_posix()


def json_lines(lines: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines).encode()


def path_of(take: TakeId) -> str:
    """A take's id as a path; a stem too long for a file system is cut and told apart by a hash."""
    task, _, stem = str(take).rpartition("/")
    if len(stem.encode()) > _LONGEST_STEM_BYTES:
        stem = f"{stem.encode()[:100].decode(errors='ignore')}~{digest_of([stem])[:16]}"
    return f"{task}/{stem}"


def _is_whole(path: Path, n_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == n_bytes
