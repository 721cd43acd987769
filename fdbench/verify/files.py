"""The first half of a verification: do the files of a run agree with each other and with the data?

=========  =============================================================================================
group      compared
=========  =============================================================================================
manifest   run id with its settings; each scoring's folder with its protocol, engines and placement; whether it is stale
takes      a record for each call of the manifest, true to its name, its place and the settings; no other files
audio      both files of each record: there, of the recorded size, rate, length and hash; no other files
data       hash of each sample with the data as it is now; the user's channel with the prompt
=========  =============================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from fdbench.core.conversation import Sample
from fdbench.core.signature import parse_signature
from fdbench.core.sound import Audio
from fdbench.errors import DataError, FdbenchError
from fdbench.io.files import read_json
from fdbench.io.wav import as_pcm16, digest_of_audio, read_audio, resampled
from fdbench.stages.run import facts_of
from fdbench.store.manifest import MANIFEST, CollectedTask, RunManifest, scores_folder
from fdbench.store.record import StoredTrack, TakeRecord
from fdbench.store.run import Run
from fdbench.verify.differences import Group

if TYPE_CHECKING:
    from fdbench.task.data import Data

ROUNDING: Final = 1
"""By so many of 16 bits may a prompt that another version of the resampler made differ from the recorded one."""

Key = tuple[str, str, int]
"""Task, sample id, repeat."""


@dataclass(slots=True)
class Takes:
    """The records that could be read, and the calls whose recording cannot be relied upon, with why."""

    records: dict[Key, TakeRecord] = field(default_factory=dict)
    faulty: dict[Key, str] = field(default_factory=dict)

    def blame(self, key: Key, why: str) -> None:
        self.faulty.setdefault(key, why)


def keys_of(manifest: RunManifest) -> Iterator[Key]:
    """Every call that the manifest lists."""
    for name, task in manifest.tasks.items():
        for sample_id, asked in task.samples.items():
            for repeat in range(asked.repeats):
                yield name, sample_id, repeat


def take_name(key: Key) -> str:
    task, sample_id, repeat = key
    return f"{task}/{sample_id}@main.r{repeat}"


def check_manifest(run: Run, manifest: RunManifest) -> Group:
    """What the manifest says about itself."""
    group = Group("manifest")
    collection = manifest.collection
    group.count("run id")
    if manifest.run_id != collection.run_id:
        group.differ(MANIFEST, "run_id: not that of the settings", manifest.run_id, collection.run_id)
        for name, (stored, found) in sorted(_settings_contradicted(run, manifest).items()):
            group.differ(MANIFEST, f"collection: {name}: the signatures of the scores say otherwise", stored, found)
    for scored in manifest.scored:
        group.count("scorings")
        folder = scores_folder(scored.protocol, scored.engines, scored.shift_s)
        if scored.folder != folder:
            group.differ(MANIFEST, f"scored: folder of {scored.protocol} by other engines or placement", scored.folder, folder)
        elif scored.shift_s not in (0.0, collection.published_shift_s):
            what = f"scored: {scored.folder} shift_s: not the published placement of the settings"
            group.differ(MANIFEST, what, scored.shift_s, collection.published_shift_s)
        if scored.tasks != manifest.tasks_digest:
            what = f"scored: {scored.folder} is stale: the run has other tasks or samples than it covers (`fdbench score`)"
            group.differ(MANIFEST, what, scored.tasks, manifest.tasks_digest)
    listed = {scored.folder for scored in manifest.scored}
    for path in _inside(run.folder / "scores"):
        if path.relative_to(run.folder / "scores").parts[0] not in listed:
            group.differ(_relative(run, path), "the manifest lists no such scoring")
    return group


def _settings_contradicted(run: Run, manifest: RunManifest) -> dict[str, tuple[str, str]]:
    contradicted: dict[str, tuple[str, str]] = {}
    for scored in manifest.scored:
        origins = [task.origin for task in facts_of(manifest, scored.shift_s).values()]
        facts = {name: str(value) for origin in origins for name, value in origin.items() if name != "repeats"}
        try:
            tasks = read_json(run.folder / "scores" / scored.folder / "summary.json")["tasks"]
            signatures = [metric["signature"] for task in tasks.values() for metric in task["metrics"].values()]
            signed = [parse_signature(signature) for signature in signatures]
        except (DataError, KeyError, TypeError, AttributeError, ValueError):
            continue  # a damaged summary is named where summaries are compared
        for each in signed:
            contradicted |= {name: (value, each[name]) for name, value in facts.items() if each.get(name, value) != value}
    return contradicted


def check_takes(run: Run, manifest: RunManifest) -> tuple[Group, Takes]:
    """One record for each call."""
    group, takes = Group("takes"), Takes()
    known = set()
    for key in keys_of(manifest):
        path = run.take_path(take_name(key))
        known.add(path)
        group.count("records")
        n_before = len(group.differences)
        if not path.is_file():
            group.differ(_relative(run, path), f"{_told(key)}: the call is in the manifest and has no record")
        else:
            record = _check_record(run, manifest, group, key, path)
            if record is not None:
                takes.records[key] = record
        if len(group.differences) > n_before:
            takes.blame(key, "its record differs")
    for path in _inside(run.folder / "takes"):
        if path not in known:
            group.differ(_relative(run, path), "the manifest lists no such call")
    return group, takes


def check_records_scored(run: Run, manifest: RunManifest, group: Group) -> None:
    """Whether the records are those that were scored; tells what nothing else can tell, which one it is."""
    now = run.takes_digest(manifest)
    for scored in manifest.scored:
        if scored.takes not in (None, now):
            group.differ("takes", f"a record is not what it was when {scored.folder} was made", scored.takes, now)


def _check_record(run: Run, manifest: RunManifest, group: Group, key: Key, path: Path) -> TakeRecord | None:
    file = _relative(run, path)
    try:
        record = TakeRecord.read(path)
    except DataError as error:
        group.differ(file, f"{_told(key)}: {error.what.removeprefix(f'{path}: ')}")
        return None
    if record.name != take_name(key):
        group.differ(file, "name", record.name, take_name(key))
    tracks = {"user": record.user, "model": record.model}
    if record.status == "failed":
        if record.failure is None or any(tracks.values()):
            group.differ(file, f"{_told(key)} status: failed without a reason, or with audio", record.status)
        return record
    missing = [channel for channel, track in tracks.items() if track is None]
    if missing or record.failure is not None or record.prompt_s is None:
        group.differ(file, f"{_told(key)} status: recorded without {' and '.join(missing) or 'being so'}", record.status)
        return record
    for channel, track in tracks.items():
        expected = f"audio/{file.removeprefix('takes/').removesuffix('.json')}.{channel}.flac"
        if track and track.file != expected:
            group.differ(file, f"{_told(key)} {channel} file", track.file, expected)
        if track and not math.isfinite(track.start_s):
            group.differ(file, f"{_told(key)} {channel} start_s: not a time", str(track.start_s))
    if manifest.run_id == manifest.collection.run_id:  # else the settings are in doubt, and that is told already
        _check_timeline(manifest, group, key, file, record)
    return record


def _check_timeline(manifest: RunManifest, group: Group, key: Key, file: str, record: TakeRecord) -> None:
    collection = manifest.collection
    if record.clock != collection.clock:
        group.differ(file, f"{_told(key)} clock", record.clock, collection.clock)
    if collection.clock != "lockstep" or record.user is None or record.model is None:
        return
    rate = record.user.sample_rate
    start_s = -round(collection.lead_in_s * rate) / rate if rate > 0 else math.nan
    for channel, track in (("user", record.user), ("model", record.model)):
        if track.start_s != start_s:
            group.differ(file, f"{_told(key)} {channel} start_s", track.start_s, start_s)


def check_audio(run: Run, takes: Takes) -> Group:
    """Every recorded file, decoded."""
    group = Group("audio")
    known = set()
    for key, record in takes.records.items():
        for track in (record.user, record.model):
            if track is None:
                continue
            known.add(run.folder / track.file)
            n_before = len(group.differences)
            _check_track(run, group, key, track)
            if len(group.differences) > n_before:
                takes.blame(key, "its audio differs")
    unread = {f"{take_name(key)}.{channel}.flac" for key in takes.faulty for channel in ("user", "model")}
    for path in _inside(run.folder / "audio"):
        if path not in known and path.relative_to(run.folder / "audio").as_posix() not in unread:
            group.differ(_relative(run, path), "no record names this file")
    return group


def _check_track(run: Run, group: Group, key: Key, track: StoredTrack) -> None:
    path = run.folder / track.file
    group.count("files")
    if not path.is_file():
        group.differ(track.file, f"{_told(key)}: the file is missing")
        return
    n_bytes = path.stat().st_size
    if n_bytes != track.n_bytes:
        group.differ(track.file, f"{_told(key)} n_bytes", track.n_bytes, n_bytes)
    try:
        audio = read_audio(path)
    except DataError as error:
        group.differ(track.file, f"{_told(key)}: {error.what.removeprefix(f'{path}: ')}", track.digest)
        return
    group.count("hashes")
    for what, stored, found in (
        ("sample_rate", track.sample_rate, audio.sample_rate),
        ("n_samples", track.n_samples, len(audio.samples)),
        ("digest", track.digest, digest_of_audio(audio)),
    ):
        if stored != found:
            group.differ(track.file, f"{_told(key)} {what}", stored, found)


@dataclass(frozen=True, slots=True)
class TaskData:
    """A task of the run with its data as it is now, as far as it is the data of the run.

    Attributes:
        samples: By id.
        faults: Why a sample cannot be used, by id.
    """

    samples: Mapping[str, Sample]
    faults: Mapping[str, str]


@dataclass(slots=True)
class DataNow:
    """The tasks whose data is there; those that cannot be had and why; samples that are not what they were."""

    tasks: dict[str, TaskData] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    changed: set[tuple[str, str]] = field(default_factory=set)


def check_data(run: Run, manifest: RunManifest, data: Data | None, takes: Takes) -> tuple[Group, DataNow]:
    """The samples of the run against the data, and what the model was played against the prompts."""
    group, now = Group("data"), DataNow()
    for name, collected in manifest.tasks.items():
        found = _load(name, collected, data)
        if isinstance(found, str):
            now.absent[name] = found
            group.skip(f"{name}: {found}", len(collected.samples))
            continue
        digests, task = found
        now.tasks[name] = task
        for sample_id, asked in collected.samples.items():
            group.count("samples")
            if asked.digest is not None and asked.digest != digests.get(sample_id):
                now.changed.add((name, sample_id))
                digest = digests.get(sample_id)
                why = "another than was recorded" if digest else task.faults.get(sample_id, "not there any more")
                group.differ(MANIFEST, f"{name} {sample_id} digest: the data is {why}", asked.digest, digest)
    for key, record in takes.records.items():
        task_data = now.tasks.get(key[0])
        if task_data is None or key[:2] in now.changed or key in takes.faulty or key[1] not in task_data.samples:
            continue
        n_before = len(group.differences)
        _check_prompt(run, manifest, group, key, record, task_data.samples[key[1]])
        if len(group.differences) > n_before:
            takes.blame(key, "its prompt differs")
    return group, now


def _load(name: str, collected: CollectedTask, data: Data | None) -> str | tuple[Mapping[str, str | None], TaskData]:
    from fdbench.task.load import load_samples, task_specs

    specs = task_specs()
    if name not in specs:
        return "this fdbench has no such task"
    spec = specs[name]
    if spec.version != collected.version:
        return f"recorded as version {collected.version}, this fdbench has version {spec.version}"
    if spec.source.kind != "scripts" and (data is None or not data.has(spec)):
        return "no --data" if data is None else "not in --data"
    try:
        loaded = load_samples(spec, data, ids=collected.samples)
    except FdbenchError as error:
        return f"the data cannot be read: {error.what.splitlines()[0]}"
    faults = {broken.id: broken.message for broken in loaded.broken}
    return loaded.digests, TaskData({sample.id: sample for sample in loaded.samples}, faults)


def _check_prompt(run: Run, manifest: RunManifest, group: Group, key: Key, record: TakeRecord, sample: Sample) -> None:
    """The user's channel is the prompt, each sample where the timeline puts it; other clocks than ours may shift it."""
    user = record.user
    if user is None or record.prompt_s is None or manifest.collection.clock == "realtime":
        return
    file = _relative(run, run.take_path(take_name(key)))
    group.count("prompts")
    try:
        prompt = sample.stimuli["main"].load()
    except DataError as error:
        group.differ(file, f"{_told(key)}: a call was recorded with a prompt that cannot be read: {error.what}")
        return
    if abs(record.prompt_s - prompt.duration_s) > 1e-9:
        group.differ(file, f"{_told(key)} prompt_s", record.prompt_s, prompt.duration_s)
    expected = _as_played(prompt, user)
    if digest_of_audio(expected) == user.digest:
        return
    heard = as_pcm16(read_audio(run.folder / user.file)).astype(np.int32)
    apart = np.abs(heard - as_pcm16(expected))
    if apart.max(initial=0) > ROUNDING:
        first_s = user.start_s + int(np.argmax(apart > ROUNDING)) / user.sample_rate
        group.differ(user.file, f"{_told(key)}: the user's channel is not the prompt from {first_s:.3f} s on", user.digest)


def _as_played(prompt: Audio, user: StoredTrack) -> Audio:
    samples = np.zeros(user.n_samples, np.float32)
    played = resampled(prompt, user.sample_rate).samples
    at = round(-user.start_s * user.sample_rate)
    first = max(0, at)
    piece = played[max(0, -at) :][: max(0, user.n_samples - first)]
    samples[first : first + len(piece)] = piece
    return Audio(samples, user.sample_rate)


def _told(key: Key) -> str:
    task, sample_id, repeat = key
    return f"{task} {sample_id}" + (f" repeat {repeat}" if repeat else "")


def _inside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())


def _relative(run: Run, path: Path) -> str:
    return path.relative_to(run.folder).as_posix()
