"""Run folders that were made apart, united in one: what each has recorded, as it is.

::

    a/vad-endpointer-56a0e20885   takes 1, 2, 5  --|
    b/vad-endpointer-56a0e20885   takes 3, 4, 5  --|-->  c/vad-endpointer-56a0e20885   takes 1 .. 5, each as it was made

They belong together if they have the same run id, and so the same model, arguments, seed and settings, and the same data. A
call that several have made has to be the same in all of them, byte for byte; a call that failed in one and was recorded in
another is recorded. Scores are of what a folder held and do not carry over: score the united run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fdbench.core.take_id import TakeId
from fdbench.errors import DataError, UsageError
from fdbench.io.files import write_bytes_atomically
from fdbench.store.manifest import RunManifest
from fdbench.store.record import TakeRecord
from fdbench.store.run import Run


@dataclass(frozen=True, slots=True)
class MergedRuns:
    """What came of it.

    Attributes:
        n_new: Calls that the united run had not had.
        n_left: Calls that were asked for and are recorded nowhere.
    """

    run: Run
    n_new: int
    n_left: int


def merge_runs(folders: Sequence[Path], root: Path) -> MergedRuns:
    """Unite runs under ``root``; a run that is there already is added to.

    Raises:
        UsageError: A folder is no run, or they do not belong together; names both.
        DataError: One call has two recordings, or a file is not what was recorded; nothing of that call is written.
    """
    runs = [Run.existing(folder) for folder in folders]
    manifests = [run.manifest() for run in runs]
    for folder, manifest in zip(folders[1:], manifests[1:], strict=True):
        _check_alike(folders[0], manifests[0], folder, manifest)
    united = Run(root / manifests[0].run_id)
    if any(run.folder.resolve() == united.folder.resolve() for run in runs):
        raise UsageError(f"{united.folder}: is one of those that are to be united", "name another folder: --into DIR")
    with united.locked(create=True):
        manifest = united.manifest(manifests[0].collection)
        _check_alike(united.folder, manifest, folders[0], manifests[0])
        for each in manifests:
            manifest = manifest.with_tasks(each.tasks, united.is_recorded)
        united.write_manifest(manifest)
        n_new = sum(_copy(run, united, take) for run in runs for take in run.takes())
        for run in runs:
            _copy_logs(run, united)
        n_left = sum(not united.is_done(take) for take in manifest.takes())
    return MergedRuns(united, n_new, n_left)


def _check_alike(first: Path, one: RunManifest, second: Path, other: RunManifest) -> None:
    if one.run_id != other.run_id:
        settings, others = one.collection.model_dump(), other.collection.model_dump()
        differs = [name for name in settings if settings[name] != others.get(name)]
        what = f"{first} is {one.run_id}, {second} is {other.run_id}: they differ in {', '.join(differs) or 'their data'}"
        raise UsageError(what, "only parts of one run can be united; set others side by side: fdbench compare")


def _copy(run: Run, united: Run, take: TakeId) -> bool:
    """Add one call; whether it is new."""
    record = run.read_record(take)
    if record is None or (record.status == "recorded" and not run.is_done(take)):
        return False
    before = united.record(take)
    if before is not None and before.status == "recorded" and united.is_done(take):
        if record.status == "recorded" and record != before:
            what = f"{take}: {run.record_file(take)} and {united.record_file(take)} are not the same call"
            raise DataError(what, "keep the one that you trust, and remove the other's record")
        return False
    for file in _files_of(record):
        write_bytes_atomically(united.place(file), run.place(file).read_bytes())
    write_bytes_atomically(united.record_file(take), run.record_bytes(take) or b"")
    return record.status == "recorded"


def _files_of(record: TakeRecord) -> list[str]:
    logs = (log for log in (record.log, record.user_log) if log is not None)
    return [*(track.file for track in record.tracks.values()), *(file for log in logs for file in (log.lines, log.sound))]


def _copy_logs(run: Run, united: Run) -> None:
    """When and where calls were made, under a name that says from which folder it came; and what was heard and judged."""
    for path in sorted(run.folder.glob("attempts*.jsonl")):
        part = path.name.removeprefix("attempts").removesuffix(".jsonl").strip(".")
        name = ".".join(filter(None, ("attempts", run.folder.resolve().parent.name, part, "jsonl")))
        write_bytes_atomically(united.folder / name, path.read_bytes())
    for part in ("annotations", "verdicts", "ratings"):
        for file in run.files_in(part):
            if not (target := united.place(file)).exists():
                write_bytes_atomically(target, run.place(file).read_bytes())
