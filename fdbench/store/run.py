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
import os
import re
import shutil
import time
from calendar import timegm
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

from fdbench.core.take_id import TakeId
from fdbench.errors import DataError, UsageError
from fdbench.io.files import digest_of, open_own, read_json, sha256_of, write_bytes_atomically, write_json_atomically
from fdbench.store.attempts import (
    ATTEMPTS,
    BEGUN,
    HEARING,
    START,
    UTC_FORMAT,
    Attempts,
    Command,
    append_attempt,
    read_attempts,
    start_event,
)
from fdbench.store.judge_checks import COPY, JudgeCheck
from fdbench.store.leases import forget_ended
from fdbench.store.manifest import MANIFEST, Collection, RunManifest, Scored
from fdbench.store.take_files import TakeFiles, json_lines

_PARTS: Final = ("takes", "audio", "logs", "annotations", "verdicts", "scores")
"""Folders in which a killed process may have left half a file."""
_BEFORE_CALLS: Final = (MANIFEST, ATTEMPTS, ".lock")
_LEFTOVER: Final = re.compile(r"\..+\.[a-z0-9_]+\.part", re.DOTALL)
"""What ``write_bytes_atomically`` calls a file that is not whole yet."""


class BusyError(DataError):
    """Another process is at work in a run's folder."""


class Run(TakeFiles):
    """Reads and writes one run's folder; the only code that knows where anything in it lies.

    Args:
        folder: Of the run; need not exist yet.
        shard: Names this process where several work on one run; each logs to a file of its own.
    """

    def __init__(self, folder: Path, shard: str = "") -> None:
        super().__init__(folder)
        self.shard = shard

    @classmethod
    def for_collection(cls, root: Path, collection: Collection, shard: str = "") -> Run:
        return cls(root / collection.run_id, shard)

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

    @property
    def is_begun(self) -> bool:
        """Whether there is more in the folder than what a command writes before the first call."""
        if any(path.name not in _BEFORE_CALLS for path in self.folder.iterdir()):
            return True
        return any(each.get("event") != START for each in self.attempts().events)

    @contextmanager
    def locked(self, *, create: bool = False, is_shared: bool = False) -> Iterator[None]:
        """Hold the folder for one process, and sweep away what a killed one left half-written.

        Args:
            create: Make the folder where there is none; otherwise it must be a run already.
            is_shared: Hold it with others that do so, too; the first of them sweeps, and forgets calls that ended before.

        Raises:
            BusyError: Another process is at work in the folder.
            DataError: It is not a run's.
        """
        made = [folder for folder in (self.folder, *self.folder.parents) if not folder.exists()]
        if create:
            self.folder.mkdir(parents=True, exist_ok=True)
        else:
            self.manifest()
        self._refuse_links_out()
        with os.fdopen(open_own(self.folder / ".lock", os.O_WRONLY), "w") as lock:
            is_alone = _lock(lock, fcntl.LOCK_EX)
            if is_alone:
                self._sweep()
            if is_shared:
                is_alone = False
                is_held = _lock(lock, fcntl.LOCK_SH, waits=True)
            else:
                is_held = is_alone
            if not is_held:
                raise BusyError(f"{self.folder}: another fdbench is at work here", "wait for it to end")
            try:
                yield
            finally:
                if create and is_alone and not self.is_begun:  # nothing came of it, and nothing is left behind
                    for name in _BEFORE_CALLS:
                        (self.folder / name).unlink(missing_ok=True)
                    with suppress(OSError):
                        for folder in made or [self.folder]:
                            folder.rmdir()

    def _sweep(self) -> None:
        """Remove what killed processes left half-written, and the leases of calls that have ended."""
        in_parts = (path for part in _PARTS for path in (self.folder / part).rglob(".*.part"))
        for leftover in [*self.folder.glob(".*.part"), *in_parts]:
            if _LEFTOVER.fullmatch(leftover.name):
                leftover.unlink(missing_ok=True)
        forget_ended(self.folder)

    def _refuse_links_out(self) -> None:
        """Raises DataError where something in the folder is a link to what lies outside: nothing there is touched."""
        for folder, folders, files in os.walk(self.folder):
            for path in (Path(folder, name) for name in (*folders, *files)):
                if path.is_symlink():
                    self.place(self.relative(path))

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

    def is_recorded(self, task: str, sample_id: str) -> bool:
        """Whether any call with this sample, which was asked for, succeeded, with whichever stimulus."""
        return any(self.is_done(take) for take in self.manifest().takes_of(task, sample_id))

    @cached_property
    def has_prompts(self) -> bool:
        return not self.is_run or self.manifest().has_prompts

    def takes_digest(self, manifest: RunManifest) -> str:
        """Hash of the records of all calls that the manifest lists; one that was not made counts as such."""
        records = {str(take): self.record_bytes(take) for take in manifest.takes()}
        return digest_of({name: None if record is None else sha256_of(record) for name, record in records.items()})

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
        """Store one scoring and enter it in the manifest; scorings of it that this makes stale go, and nothing else."""
        write_bytes_atomically(self.samples_file(scored.folder), json_lines(lines))
        write_json_atomically(self.summary_file(scored.folder), summary)
        before = self.manifest()
        manifest = before.with_scored(scored)
        for stale in {each.folder for each in before.scored} - {each.folder for each in manifest.scored}:
            self._remove_scoring(stale)  # before the manifest forgets them: what it does not list is not ours to remove
        self.write_manifest(manifest)

    def _remove_scoring(self, scoring: str) -> None:
        """Remove the files of a scoring, and their folder, but for what somebody else put there."""
        for file in (self.samples_file(scoring), self.summary_file(scoring), self.judge_check_file(scoring)):
            file.unlink(missing_ok=True)
        with suppress(OSError):  # something else is in it, or it has gone
            self.samples_file(scoring).parent.rmdir()

    def add_judge_check(self, scored: Scored, check: JudgeCheck) -> None:
        """Put a judge's agreement with the labelled set beside the scores made with it."""
        write_json_atomically(self.judge_check_file(scored.folder), check.as_json())

    # The log

    def attempts(self) -> Attempts:
        """Everything that is on record about when and where the run was worked on. Raises DataError."""
        return read_attempts(self.folder)

    @property
    def last_worked_on_s(self) -> float:
        """When a command last began on it, in seconds since 1970; where no log says so, when its manifest was written."""
        starts = [str(each.get("at")) for each in self.attempts().of(START)]
        with suppress(ValueError):
            return max(timegm(time.strptime(at, UTC_FORMAT)) for at in starts)
        return self.manifest_file.stat().st_mtime

    def note_attempt(self, facts: Mapping[str, Any]) -> None:
        """Append one line to the log."""
        append_attempt(self.folder, facts, self.shard)

    def note_begun_call(self, take: str, most_minutes: float, most_cost: float) -> None:
        """Log that a call on the wall clock begins, and what it may take."""
        self.note_attempt({"event": BEGUN, "call": take, "most": {"minutes": round(most_minutes, 4), "cost": most_cost}})

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


def _lock(file: IO[str], how: int, *, waits: bool = False) -> bool:
    """Whether a lock could be had; ``waits`` for one that is only held for a moment."""
    try:
        fcntl.flock(file, how if waits else how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
