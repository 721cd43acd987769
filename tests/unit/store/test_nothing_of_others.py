"""What is not the run's stays; what lies elsewhere is not read; impossible values are refused."""

from __future__ import annotations

import json

import pytest

from fdbench.core.score import MetricSummary
from fdbench.errors import DataError
from fdbench.store.manifest import RunManifest, Scored
from fdbench.store.record import TakeRecord
from fdbench.store.run import Run
from fdbench.store.stored import read_parsed
from fdbench.store.summary import Summary
from tests.unit.store.test_store import COLLECTION, TAKE, recording, task


@pytest.fixture()
def run(tmp_path):
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    run.write_manifest(RunManifest(run_id="x", collection=COLLECTION).with_tasks({"t": task({"a": "1"})}))
    run.write(TAKE, recording())
    return run


def score(run, folder):
    digest = run.manifest().tasks_digest
    run.write_scores(Scored(folder=folder, protocol="p", engines={}, tasks=digest), [], {})


def grow(run):
    run.write_manifest(run.manifest().with_tasks({"t": task({"b": "2"})}))


class TestStaleScorings:
    def test_folders_and_files_that_no_manifest_listed_stay(self, run):
        score(run, "one")
        scores = run.folder / "scores"
        (scores / "my-notes").mkdir()
        (scores / "my-notes" / "notes.txt").write_text("two days of listening")
        (scores / ".DS_Store").touch()
        (scores / "one" / "remarks.txt").write_text("mine")
        grow(run)
        score(run, "two")
        left = sorted(path.relative_to(scores).as_posix() for path in scores.rglob("*") if path.is_file())
        assert left == [".DS_Store", "my-notes/notes.txt", "one/remarks.txt", "two/samples.jsonl", "two/summary.json"]

    def test_a_link_in_the_place_of_a_stale_one_is_not_followed(self, run, tmp_path):
        score(run, "one")
        (tmp_path / "away").mkdir()
        (tmp_path / "away" / "summary.json").write_text("{}")
        for path in (run.folder / "scores" / "one").iterdir():
            path.unlink()
        (run.folder / "scores" / "one").rmdir()
        (run.folder / "scores" / "one").symlink_to(tmp_path / "away")
        with pytest.raises(DataError, match=r"scores/one: leads out of the run's folder"), run.locked():
            pass
        assert (tmp_path / "away" / "summary.json").exists()

    @pytest.mark.parametrize("folder", ["..", "../../away", "/away", "", "a/b", "."])
    def test_a_manifest_that_lists_another_folder_is_refused(self, folder):
        with pytest.raises(ValueError, match="name of a folder under scores/"):
            Scored(folder=folder, protocol="p", engines={}, tasks="t")


class TestLinks:
    @pytest.mark.parametrize("part", ["scores", "takes/mini", "annotations", "verdicts", "audio", "attempts.jsonl", ".lock"])
    def test_work_in_a_folder_with_a_link_out_of_it_is_refused(self, run, tmp_path, part):
        away = tmp_path / "away"
        away.mkdir()
        (away / "precious").write_text("precious")
        place = run.folder / part
        if place.exists():
            place.rename(tmp_path / "moved")
        place.symlink_to(away / "precious" if "." in part else away)
        with pytest.raises(DataError, match=rf"{part}: leads out"), run.locked():
            pass
        assert (away / "precious").read_text() == "precious"

    def test_a_link_that_stays_inside_is_nobodys_business(self, run):
        (run.folder / "latest").symlink_to("takes")
        with run.locked():
            pass

    def test_a_recording_behind_a_link_is_not_read(self, run, tmp_path):
        record = run.read_record(TAKE.id)
        path = run.folder / record.model.file
        path.rename(tmp_path / "elsewhere.flac")
        path.symlink_to(tmp_path / "elsewhere.flac")
        for read in (run.load, run.measured):
            with pytest.raises(DataError, match=r"model\.flac: leads out of the run's folder"):
                read(record.model)

    def test_a_record_behind_a_link_is_not_read(self, run, tmp_path):
        path = run.record_file(TAKE.id)
        path.rename(tmp_path / "record.json")
        path.symlink_to(tmp_path / "record.json")
        with pytest.raises(DataError, match="leads out"):
            run.read_record(TAKE.id)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("file", "../../x.flac", "inside of the run"),
        ("file", "/etc/passwd", "inside of the run"),
        ("file", "audio/../../x", "inside of the run"),
        ("start_s", 1e300, "start_s"),
        ("start_s", float("inf"), "start_s"),
        ("start_s", 10**400, "start_s"),
        ("start_s", "0", "start_s"),
        ("n_samples", -1, "n_samples"),
        ("n_bytes", True, "n_bytes"),
    ],
)
def test_a_track_that_cannot_be_is_an_error_of_the_record(run, key, value, why):
    path = run.record_file(TAKE.id)
    record = json.loads(path.read_text())
    record["model"][key] = value
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match=rf"{path.name}: model\.{key}.*{why}|{path.name}: model\.{key}"):
        TakeRecord.read(path)


@pytest.mark.parametrize(
    ("text", "why"), [("NaN", "lead_in_s"), ('"NaN"', "lead_in_s"), ("1e999", "lead_in_s"), ("true", "lead")]
)
def test_a_manifest_with_a_number_that_is_none_is_refused(run, text, why):
    path = run.manifest_file
    path.write_text(path.read_text().replace('"lead_in_s": 0.0', f'"lead_in_s": {text}'))
    with pytest.raises(DataError, match=rf"manifest\.json: collection\.{why}"):
        run.manifest()


def test_one_where_nothing_says_what_it_must_be_is_refused_too(run):
    path = run.manifest_file
    path.write_text(path.read_text().replace('"fdbench": "0.1.0"', '"condition_facts": {"gain": Infinity}, "fdbench": "0.1.0"'))
    with pytest.raises(DataError, match=r"manifest\.json: cannot be read \(Infinity is no number\)"):
        run.manifest()


METRIC = MetricSummary("takeover_rate", 0.5, "rate", True, 10, 1, 0, 1, "takeover_rate|task:t", 0.4, 0.6)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"value": 7.5}, "value: expected rate from 0 to 1, found 7.5"),
        ({"value": -0.1}, "value: expected rate from 0 to 1"),
        ({"ci_high": 1.2}, "ci_high: expected rate from 0 to 1"),
        ({"ci_low": 0.9}, "ci_low: expected at most ci_high"),
        ({"n_scored": 13}, "expected counts of at most 12 samples together, found 15"),
        ({"n_censored": -1}, "n_censored: expected 0 or more"),
        ({"unit": "s"}, "unit: expected rate"),
        ({"value": "0.5"}, "value: expected a number, found '0.5'"),
        ({"n_scored": True}, "n_scored: expected a number, found True"),
        ({"value": 10**400}, "value"),
        ({"value": 1e300}, "value: expected rate"),
        ({"details": {"bursts": -1e300}}, "details.bursts: expected at most"),
    ],
)
def test_a_number_that_cannot_be_is_an_error_of_the_summary(tmp_path, change, why):
    metric = {**METRIC.as_json(), **change}
    scored = {
        "version": 1,
        "family": "f",
        "behaviour": "b",
        "n_samples": 12,
        "n_errors": 1,
        "metrics": {"takeover_rate": metric},
    }
    engines = {"asr": "a", "vad": "v", "judge": "none"}
    summary = {"schema": 1, "run_id": "r", "protocol": "fdbench", "engines": engines, "tasks": {"t": scored}}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(DataError) as raised:
        read_parsed(Summary, tmp_path / "summary.json", "score again")
    assert why in raised.value.what
    assert raised.value.what.startswith(f"{tmp_path}/summary.json: tasks.t")
