"""Is the data the one that a run was made from, and was each call's user the prompt that it has?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fdbench.core.conversation import Sample, Take
from fdbench.core.sound import Audio
from fdbench.core.take_id import MAIN, TakeId
from fdbench.errors import DataError, FdbenchError
from fdbench.io.wav import as_pcm16, digest_of_audio, resampled
from fdbench.store.manifest import MANIFEST, CollectedTask
from fdbench.store.record import StoredTrack, TakeRecord
from fdbench.task.data import Data
from fdbench.task.load import TaskLoader, task_specs
from fdbench.task.loaded import LoadedTask
from fdbench.verify.differences import Group
from fdbench.verify.records import Takes, about

ROUNDING = 1
"""By so many of 16 bits may a prompt that another version of the resampler made differ from the recorded one."""


def check_data(takes: Takes, data: Data | None) -> tuple[Group, dict[str, LoadedTask]]:
    """The samples of the run against the data, and what the model was played against the prompts.

    Returns:
        What was found, and the tasks whose data is there.
    """
    group, tasks, loader = Group("data"), dict[str, LoadedTask](), TaskLoader(data)
    for name, collected in takes.manifest.tasks.items():
        task = _load(name, collected, loader)
        if isinstance(task, str):
            group.skip(f"{name}: {task}", len(collected.samples))
            for take in takes.manifest.takes(name):
                takes.blame(take, task)
            continue
        tasks[name] = task
        changed = {sample for sample in collected.samples if not _is_same(group, task, sample, collected)}
        for take in takes.manifest.takes(name):
            sample, record = task.sample(take.sample), takes.records.get(take)
            if take.sample in changed:
                takes.blame(take, "its data changed")
            elif not (sample and record and record.user) or take in takes.faulty:
                continue
            elif not _is_prompt(takes, group, take, sample, record, record.user):
                takes.blame(take, "its prompt differs")
    return group, tasks


def _load(name: str, collected: CollectedTask, loader: TaskLoader) -> LoadedTask | str:
    """A task's data as it is now, or why it cannot be had."""
    spec, data = task_specs().get(name), loader.data
    if spec is None:
        return "this fdbench has no such task"
    if spec.version != collected.version:
        return f"recorded as version {collected.version}, this fdbench has version {spec.version}"
    if not spec.ships and (data is None or not data.has(spec)):
        return "no --data" if data is None else "not in --data"
    try:
        return loader.load(spec, ids=collected.samples)
    except FdbenchError as error:
        return f"the data cannot be read: {error.what.splitlines()[0]}"


def _is_same(group: Group, task: LoadedTask, sample: str, collected: CollectedTask) -> bool:
    """Whether a sample is what it was; reported where it is not."""
    group.count("samples")
    stored, found = collected.samples[sample].digest, task.digests.get(sample)
    if stored in (None, found):
        return True
    gone = task.broken[sample].message if sample in task.broken else "not there any more"
    why = "another than was recorded" if found else gone
    group.differ(MANIFEST, f"{task.spec.name} {sample} digest: the data is {why}", stored, found)
    return False


def _is_prompt(takes: Takes, group: Group, id: TakeId, sample: Sample, record: TakeRecord, user: StoredTrack) -> bool:
    """Whether the user's channel is the prompt, each sample where the timeline puts it.

    The wall clock may shift it, an export may leave it out, and an examiner has none. A user who reacts says one thing more,
    where its record says so.
    """
    if takes.manifest.collection.clock == "realtime" or not takes.manifest.has_prompts or sample.dialogue is not None:
        return True
    group.count("prompts")
    try:
        prompt = Take(sample, id.stimulus, id.repeat, id.condition).prompt()
        reactions = _reactions(sample, id, record)
    except DataError as error:
        what = f"{about(id)}: a call was recorded with a prompt that cannot be read: {error.what}"
        group.differ(takes.file_of(id), what)
        return False
    stated, found = {"prompt_s": record.prompt_s}, {"prompt_s": prompt.duration_s}
    is_prompt = not group.diff(takes.file_of(id), stated, found, about(id))
    expected = _as_played([(prompt, 0.0), *reactions], user)
    if digest_of_audio(expected) == user.digest:
        return is_prompt
    heard = as_pcm16(takes.run.load(user).audio).astype(np.int32)
    is_apart = np.abs(heard - as_pcm16(expected)) > ROUNDING
    if not is_apart.any():
        return is_prompt
    first_s = user.start_s + int(np.argmax(is_apart)) / user.sample_rate
    group.differ(user.file, f"{about(id)}: the user's channel is not the prompt from {first_s:.3f} s on", user.digest)
    return False


def _reactions(sample: Sample, id: TakeId, record: TakeRecord) -> list[tuple[Audio, float]]:
    """What a user who reacts said beside its prompt, and when, in seconds. Raises DataError."""
    reaction = sample.reaction
    if reaction is None or id.stimulus != MAIN:
        return []
    starts = [each.start_s for each in record.user_events or () if each.kind == reaction.kind]
    return [(reaction.stimulus.load(), start_s) for start_s in starts]


def _as_played(said: Sequence[tuple[Audio, float]], user: StoredTrack) -> Audio:
    """Sounds, each from its second of the timeline on, as the user's channel holds them."""
    samples = np.zeros(user.n_samples, np.float32)
    for sound, start_s in said:
        played = resampled(sound, user.sample_rate).samples
        at = round((start_s - user.start_s) * user.sample_rate)
        first = max(0, at)
        piece = played[max(0, -at) :][: max(0, user.n_samples - first)]
        samples[first : first + len(piece)] = piece
    return Audio(samples, user.sample_rate)
