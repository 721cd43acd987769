"""Do a run's manifest and its records of calls say what follows from its settings and from what was asked for?"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from fdbench.core.take_id import MAIN, TakeId
from fdbench.errors import DataError
from fdbench.store.manifest import MANIFEST, RunManifest
from fdbench.store.record import TakeRecord
from fdbench.store.run import Run
from fdbench.verify.differences import Group


@dataclass(slots=True)
class Takes:
    """The records that could be read, and the calls from which nothing can be derived.

    Attributes:
        faulty: Why not, by call.
    """

    run: Run
    manifest: RunManifest
    records: dict[TakeId, TakeRecord] = field(default_factory=dict)
    faulty: dict[TakeId, str] = field(default_factory=dict)

    def blame(self, take: TakeId, why: str) -> None:
        self.faulty.setdefault(take, why)

    def file_of(self, take: TakeId) -> str:
        """The record of a call, as messages name it."""
        return self.run.relative(self.run.record_file(take))


def about(take: TakeId) -> str:
    """A call as messages name it: what is usual is left out."""
    stimulus = f" {take.stimulus}" if take.stimulus != MAIN else ""
    return f"{take.task} {take.sample}{stimulus}" + (f" repeat {take.repeat}" if take.repeat else "")


def check_manifest(run: Run, manifest: RunManifest) -> Group:
    """What the manifest says about itself."""
    group, collection = Group("manifest"), manifest.collection
    group.count("run id")
    if manifest.run_id != collection.run_id:
        group.differ(MANIFEST, "run_id: not that of the settings", manifest.run_id, collection.run_id)
    for scored in manifest.scored:
        group.count("scorings")
        if scored.folder != scored.right_folder:
            group.differ(
                MANIFEST,
                f"scored: folder of {scored.protocol} by other engines or placement",
                scored.folder,
                scored.right_folder,
            )
        elif scored.shift_s not in (0.0, collection.published_shift_s):
            what = f"scored: {scored.folder} shift_s: not the published placement of the settings"
            group.differ(MANIFEST, what, scored.shift_s, collection.published_shift_s)
        if scored.tasks != manifest.tasks_digest:
            what = f"scored: {scored.folder} is stale: the run has other tasks or samples than it covers (`fdbench score`)"
            group.differ(MANIFEST, what, scored.tasks, manifest.tasks_digest)
    listed = {run.relative(run.samples_file(scored.folder).parent) for scored in manifest.scored}
    for file in run.files_in("scores"):
        if not any(file.startswith(f"{folder}/") for folder in listed):
            group.differ(file, "the manifest lists no such scoring")
    return group


def check_takes(run: Run, manifest: RunManifest) -> tuple[Group, Takes]:
    """One record for each call, true to its name, its place and the settings; no other files."""
    group, takes = Group("takes"), Takes(run, manifest)
    for take in manifest.takes():
        file = takes.file_of(take)
        group.count("records")
        try:
            record = run.read_record(take)
            if record is None:
                raise DataError("the call is in the manifest and has no record")
        except DataError as error:
            group.broken(file, error, about(take))
            takes.blame(take, "its record differs")
            continue
        takes.records[take] = record
        if group.diff(file, record.model_dump(), _expected(takes, take, record), about(take)):
            takes.blame(take, "its record differs")
    known = {takes.file_of(take) for take in manifest.takes()}
    for file in run.files_in("takes"):
        if file not in known:
            group.differ(file, "the manifest lists no such call")
    return group, takes


def check_records_scored(takes: Takes, group: Group) -> None:
    """Whether the records are those that were scored, which shows what nothing else can show, but not in which of them."""
    now = takes.run.takes_digest(takes.manifest)
    for scored in takes.manifest.scored:
        if scored.takes not in (None, now):
            group.differ("takes", f"a record is not what it was when {scored.folder} was made", scored.takes, now)


def _expected(takes: Takes, take: TakeId, record: TakeRecord) -> dict[str, Any]:
    """What a record has to say, whatever the call gave; clock and timeline only where the settings are not in doubt."""
    collection = takes.manifest.collection
    is_recorded = record.failure is None
    named = record.model_copy(update={**asdict(take), "status": "recorded" if is_recorded else "failed"})
    facts: dict[str, Any] = named.model_dump()
    for channel in ("user", "model"):
        path = takes.run.audio_file(take, channel)
        facts[channel] = {**(facts[channel] or {}), "file": takes.run.relative(path)} if is_recorded else None
    if is_recorded and takes.manifest.run_id == collection.run_id:
        facts["clock"] = collection.clock
        for track in (facts["user"], facts["model"]):
            if collection.clock == "lockstep" and "sample_rate" in track:
                track["start_s"] = -round(collection.lead_in_s * track["sample_rate"]) / track["sample_rate"]
    return facts
