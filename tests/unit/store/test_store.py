"""The store: a record is the last file of a call, settings make the run id, nothing half-written is ever read."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.event import Event
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span
from fdbench.errors import DataError
from fdbench.io.wav import digest_of_audio, read_audio
from fdbench.store.manifest import CollectedSample, CollectedTask, Collection, RunManifest, Scored, scores_folder
from fdbench.store.record import TakeRecord
from fdbench.store.run import Run

COLLECTION = Collection(
    model="My Model",
    kind="model",
    adapter="m:C",
    arguments={"a": 1},
    clock="lockstep",
    slots=4,
    seed=0,
    lead_in_s=0.0,
    tail_silence_s=2.0,
    tail_limit_s=10.0,
    fdbench="0.1.0",
)
TAKE = Take(Sample("clip-1", "mini/turn_taking", {}))


def recording():
    sound = np.random.default_rng(0).normal(0, 0.3, 8000).astype(np.float32)
    track = Track(Audio(sound, 16000), -0.25)
    return Recording(track, track, "lockstep", 0.25, True, (Event("text", Span(0.1, 0.2), "hi"),))


def task(samples, *, repeats=1, version=1):
    asked = {name: CollectedSample(digest=digest, repeats=repeats) for name, digest in samples.items()}
    return CollectedTask(version=version, family="mini", behaviour="turn_taking", samples=asked)


def digests(manifest):
    return {name: sample.digest for name, sample in manifest.tasks["t"].samples.items()}


def test_a_take_is_done_when_its_record_and_both_files_are_there(tmp_path):
    run = Run(tmp_path)
    assert not run.is_done(TAKE.id)
    record = run.write(TAKE, recording())
    assert run.is_done(TAKE.id)
    assert record == run.record(TAKE.id)
    file = tmp_path / record.model.file
    file.write_bytes(file.read_bytes()[:-1])
    assert not run.is_done(TAKE.id), "damaged"
    file.unlink()
    assert not run.is_done(TAKE.id), "gone"


def test_the_stored_audio_has_the_digest_in_its_record(tmp_path):
    record = Run(tmp_path).write(TAKE, recording())
    assert digest_of_audio(read_audio(tmp_path / record.model.file)) == record.model.digest
    assert record.model.start_s == -0.25
    assert record.right_censored


@pytest.mark.parametrize("name", ["x" * 250, "\u00fc" * 120, "a b@c*[1]", "..x", "-n"])
def test_any_name_of_a_folder_can_be_stored(tmp_path, name):
    run, take = Run(tmp_path), Take(Sample(name, "mini/turn_taking", {}))
    run.write(take, recording())
    assert run.is_done(take.id)
    assert not run.is_done(Take(Sample(name[:-1], "mini/turn_taking", {})).id)


def test_a_sample_is_recorded_where_any_of_its_calls_succeeded(tmp_path):
    run = Run(tmp_path)
    asked = task({"clip-1": "1", "clip-2": "2"}, repeats=3).model_copy(update={"stimuli": ("main", "clean")})
    run.write_manifest(RunManifest(run_id="x", collection=COLLECTION).with_tasks({"mini/turn_taking": asked}))
    run.write(replace(TAKE, stimulus="clean", repeat=2), recording())
    assert run.is_recorded("mini/turn_taking", "clip-1")
    assert not run.is_recorded("mini/turn_taking", "clip-2")


def test_a_failed_take_is_recorded_and_not_done(tmp_path):
    run = Run(tmp_path)
    run.write(TAKE, FailedCall("adapter", "it broke"))
    assert not run.is_done(TAKE.id)
    assert run.record(TAKE.id).absence == FailedCall("adapter", "it broke")
    assert not (tmp_path / "audio").exists()


def test_an_unreadable_record_is_as_good_as_none(tmp_path):
    run = Run(tmp_path)
    run.write(TAKE, recording())
    run.record_file(TAKE.id).write_text('{"schema": 1')
    assert run.record(TAKE.id) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"adapter": "m:D"},
        {"arguments": {"a": 2}},
        {"weights_revision": "abc"},
        {"clock": "realtime"},
        {"slots": 5},
        {"seed": 1},
        {"condition": "noise"},
        {"lead_in_s": 3.0},
        {"tail_limit_s": 11.0},
    ],
)
def test_any_other_setting_is_another_folder(changes):
    assert COLLECTION.model_copy(update=changes).run_id != COLLECTION.run_id


def test_the_run_id_is_a_slug_and_a_hash_and_does_not_move_with_the_version_of_fdbench():
    assert COLLECTION.run_id.startswith("my-model-")
    assert COLLECTION.model_copy(update={"fdbench": "0.2.0"}).run_id == COLLECTION.run_id


def test_a_manifest_survives_the_disk_and_joins_what_is_collected_later(tmp_path):
    manifest = RunManifest(run_id="x", collection=COLLECTION).with_tasks({"t": task({"b": "1"})})
    Run(tmp_path).write_manifest(manifest)
    more = RunManifest.read(tmp_path).with_tasks({"t": task({"a": "2"}, repeats=2), "s": task({"c": "3"})})
    assert list(more.tasks) == ["s", "t"]
    assert digests(more) == {"a": "2", "b": "1"}
    assert {name: sample.repeats for name, sample in more.tasks["t"].samples.items()} == {"a": 2, "b": 1}


def test_a_task_whose_content_or_version_changed_cannot_join_the_run():
    manifest = RunManifest(run_id="x", collection=COLLECTION).with_tasks({"t": task({"b": "1"})})
    with pytest.raises(DataError, match=r"task t was collected as version 1.*differs in b"):
        manifest.with_tasks({"t": task({"b": "2"})})
    with pytest.raises(DataError, match="the data is now version 2"):
        manifest.with_tasks({"t": task({"b": "1"}, version=2)})


def test_a_repaired_sample_joins_and_a_sample_that_broke_later_keeps_its_hash():
    manifest = RunManifest(run_id="x", collection=COLLECTION).with_tasks({"t": task({"a": None, "b": "d"})})
    assert digests(manifest.with_tasks({"t": task({"a": "c", "b": None})})) == {"a": "c", "b": "d"}


def test_a_changed_sample_that_was_never_recorded_may_join():
    manifest = RunManifest(run_id="x", collection=COLLECTION).with_tasks({"t": task({"a": "1", "b": "2"})})
    now = {"t": task({"a": "9", "b": "2"})}
    assert digests(manifest.with_tasks(now, lambda *key: key != ("t", "a"))) == {"a": "9", "b": "2"}
    with pytest.raises(DataError, match="differs in a"):
        manifest.with_tasks(now, lambda *key: key == ("t", "a"))


def test_a_scoring_of_fewer_samples_is_stale_and_goes(tmp_path):
    run = Run(tmp_path)
    manifest = RunManifest(run_id="x", collection=COLLECTION).with_tasks({"t": task({"a": "1"})})
    Run(tmp_path).write_manifest(manifest)
    for folder in ("one", "two"):
        run.write_scores(Scored(folder=folder, protocol="p", engines={}, tasks=manifest.tasks_digest), [], {})
    assert sorted(path.name for path in tmp_path.glob("scores/*")) == ["one", "two"]
    grown = run.manifest().with_tasks({"t": task({"b": "2"})})
    Run(tmp_path).write_manifest(grown)
    run.write_scores(Scored(folder="one", protocol="p", engines={}, tasks=grown.tasks_digest), [], {})
    assert [path.name for path in tmp_path.glob("scores/*")] == ["one"]
    assert [scored.folder for scored in run.manifest().scored] == ["one"]


def test_unknown_keys_in_a_manifest_are_errors_naming_file_and_key(tmp_path):
    Run(tmp_path).write_manifest(RunManifest(run_id="x", collection=COLLECTION))
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "colour": 1}))
    with pytest.raises(DataError, match=r"manifest\.json: colour"):
        RunManifest.read(tmp_path)


def test_a_later_form_of_a_file_is_not_read_as_this_one(tmp_path):
    Run(tmp_path).write_manifest(RunManifest(run_id="x", collection=COLLECTION))
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))
    with pytest.raises(DataError, match=r"manifest\.json: a newer fdbench wrote it"):
        RunManifest.read(tmp_path)
    record = {"schema": 2, "task": "t", "sample": "1", "stimulus": "main", "repeat": 0, "status": "failed"}
    (tmp_path / "take.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"take\.json: a newer fdbench wrote it"):
        TakeRecord.read(tmp_path / "take.json")


def test_two_processes_cannot_work_in_one_folder_and_leftovers_are_swept(tmp_path):
    Run(tmp_path).write_manifest(RunManifest(run_id="x", collection=COLLECTION))
    leftover = tmp_path / "takes" / "t" / ".x.json.abc.part"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("half")
    with Run(tmp_path).locked():
        assert not leftover.exists()
        with pytest.raises(DataError, match="another fdbench"), Run(tmp_path).locked():
            pass


def test_a_folder_that_is_no_run_is_left_alone(tmp_path):
    (tmp_path / ".movie.part").write_text("mine")
    with pytest.raises(DataError, match="not a run"), Run(tmp_path).locked():
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".movie.part"]


def test_a_folder_made_for_nothing_goes_again(tmp_path):
    with Run(tmp_path / "run").locked(create=True):
        assert (tmp_path / "run").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_scoring_of_another_placement_has_a_folder_of_its_own_and_the_causal_one_keeps_its_name():
    """The names are those of the committed results, which were written before there was any other placement."""
    engines = {"asr": "sphinx-en-us@5.1.1", "vad": "silero-6.2.3", "judge": "none"}
    assert scores_folder("fdbench", engines) == scores_folder("fdbench", engines, 0.0) == "fdbench-6fa70d6dc9"
    assert scores_folder("fdb-2026-02", engines) == "fdb-2026-02-1c747e5789"
    assert len({scores_folder("fdbench", engines, shift_s) for shift_s in (0.0, -0.08, -0.16)}) == 3


def test_scorings_of_two_placements_stand_side_by_side_in_a_manifest():
    manifest = RunManifest(run_id="x", collection=COLLECTION)
    facts = {"protocol": "fdbench", "engines": {"asr": "a"}, "tasks": "t", "takes": "r"}
    for folder, shift_s in (("one", 0.0), ("two", -0.08)):
        manifest = manifest.with_scored(Scored(folder=folder, shift_s=shift_s, **facts))
    assert [(each.folder, each.shift_s) for each in manifest.scored] == [("one", 0.0), ("two", -0.08)]


@pytest.mark.parametrize("span", [(1.0, 0.5), (0.0, float("nan")), (float("-inf"), 0.0)])
def test_a_record_whose_text_lies_nowhere_cannot_be_read(tmp_path, span):
    run = Run(tmp_path)
    run.write(TAKE, recording())
    path = run.record_file(TAKE.id)
    record = json.loads(path.read_text())
    record["events"][0].update(start_s=span[0], end_s=span[1])
    path.write_text(json.dumps(record))
    assert run.record(TAKE.id) is None
    with pytest.raises(DataError, match=r"events\.0: .*not a span"):
        TakeRecord.read(path)


def test_what_a_model_told_comes_back_as_it_was(tmp_path):
    record = Run(tmp_path).write(TAKE, recording())
    assert record.model_events == recording().events
