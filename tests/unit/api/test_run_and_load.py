"""``fdbench.run`` of what is only in memory, and ``fdbench.load_run``."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import numpy as np
import pytest

import fdbench
from fdbench.adapter.base import Agent, AgentParty, Port
from fdbench.scoring.corrected.turn import Turn
from tests.e2e.live_stand_ins import Answerer
from tests.virtual_time import VirtualTimeLoop

TASK = "mini/turn_taking"


class Hum(Agent):
    """Says its gain all the time."""

    hears = says = Port(16000, 1280)

    def __init__(self, gain: float = 0.0) -> None:
        self.gain = gain

    def reset(self, brief):
        self.n = 0

    def step(self, heard):
        return np.full(1280, self.gain, np.float32)


def run(model, tmp_path, **more):
    return fdbench.run(model, TASK, out=tmp_path, limit=2, asr="none", **more)


def value(results, metric):
    (found,) = (row["value"] for row in results.metrics() if row["metric"] == metric)
    return found


def test_a_class_is_made_once_per_slot_and_resumes_its_run(tmp_path):
    first = run(Hum, tmp_path, arguments={"gain": 0.0})
    assert value(first, "takeover_rate") == 0.0 and value(first, "no_response_rate") == 1.0
    records = {path: path.stat().st_mtime_ns for path in first.path.glob("takes/**/*.json")}
    again = run(Hum, tmp_path, arguments={"gain": 0.0})
    assert again.path == first.path
    assert {path: path.stat().st_mtime_ns for path in again.path.glob("takes/**/*.json")} == records
    assert run(Hum, tmp_path, arguments={"gain": 0.5}).path != first.path


def test_an_object_holds_one_conversation_and_each_call_is_a_run_of_its_own(tmp_path):
    hum = Hum()
    first, second = run(hum, tmp_path, name="my-hum"), run(hum, tmp_path, name="my-hum")
    assert first.path != second.path and first.path.name.startswith("my-hum-")
    assert json.loads((first.path / "manifest.json").read_text())["collection"]["slots"] == 1


def made_by_a_function(gain):
    class Louder(Hum):
        def __init__(self):
            super().__init__(gain)

    return Louder


def test_what_a_function_makes_is_told_apart_though_its_source_is_the_same(tmp_path):
    quiet, loud = made_by_a_function(0.0), made_by_a_function(0.5)
    assert run(quiet, tmp_path).path != run(loud, tmp_path).path


class Broken(Hum):
    """Fails in every conversation."""

    def step(self, heard):
        raise RuntimeError("no more memory")


def test_a_model_that_fails_is_a_warning_and_its_words_are_kept(tmp_path):
    with pytest.warns(UserWarning, match="2 samples have errors; first: mini/turn_taking tt-01: .*no more memory"):
        results = run(Broken, tmp_path)
    assert [note for note in results.notes if "no more memory" in note]
    assert {row["status"] for row in results.samples()} == {"error"}
    assert all("no more memory" in row["messages"][0] for row in results.samples())


def test_scorings_of_one_run_are_told_apart(tmp_path):
    results = run("silence", tmp_path)
    fdbench.run("silence", TASK, out=tmp_path, limit=2, asr="sphinx", protocols="fdbench")
    samples = results.samples()
    assert {row["run"] for row in samples} == {results.path.name}
    made = sorted({(row["asr"], row["scoring"]) for row in samples})
    assert [asr.split("-")[0] for asr, _ in made] == ["none", "sphinx"] and made[0][1] != made[1][1]


def test_a_party_keeps_its_slots(tmp_path):
    results = run(AgentParty(Hum, 3), tmp_path, name="party")
    assert json.loads((results.path / "manifest.json").read_text())["collection"]["slots"] == 3


def test_a_live_party_is_called_on_the_wall_clock(tmp_path, monkeypatch):
    monkeypatch.setattr(asyncio, "new_event_loop", VirtualTimeLoop)
    results = run(Answerer(slots=2), tmp_path)
    collection = json.loads((results.path / "manifest.json").read_text())["collection"]
    assert (collection["model"], collection["clock"], collection["slots"]) == ("Answerer", "realtime", 2)
    assert next(row["value"] for row in results.metrics() if row["metric"] == "takeover_rate") == 1.0


def test_a_party_that_is_released_at_the_end_of_a_run_can_be_run_again(tmp_path):
    party = AgentParty(Hum, 2)
    once, again = run(party, tmp_path), run(party, tmp_path)
    assert [row["value"] for row in once.metrics()] == [row["value"] for row in again.metrics()]


def test_a_name_is_the_same_run_as_on_the_command_line(tmp_path):
    assert run("silence", tmp_path).path.name == "silence-08df830466"


@pytest.mark.parametrize(
    ("model", "more", "what"),
    [
        (object(), {}, "a object is no model: it lacks hears, says, slots, open, step, close"),
        ("silense", {}, "unknown model 'silense'"),
        ("silence", {"name": "x"}, "silence has a name"),
        (Hum, {"arguments": {"gain": np.float32(1)}}, "no manifest can record gain"),
        (Hum(), {"arguments": {"gain": 1.0}}, "the model is made already"),
        (Hum, {"protocols": []}, "protocols is empty"),
        (Hum, {"protocols": "fdb"}, "unknown protocol 'fdb'"),
        (Hum, {"protocols": "fdb-2026-05"}, "--asr none: fdb-2026-05 decide by words"),
    ],
)
def test_misuse_is_two_lines(model, more, what, tmp_path):
    with pytest.raises(fdbench.FdbenchError) as caught:
        run(model, tmp_path, **more)
    assert what in caught.value.what and caught.value.remedy


def test_a_run_is_read_as_rows(tmp_path):
    results = fdbench.load_run(run("silence", tmp_path).path)
    metrics, samples = results.metrics(), results.samples()
    assert {row["metric"] for row in metrics} == {*Turn.metrics, "human_distance_s"}
    assert {(row["id"], row["metric"]) for row in samples} >= {("tt-01", "takeover_rate"), ("tt-02", "no_response_rate")}
    late = next(row for row in samples if row["metric"] == "response_latency_s")
    assert (late["value"], late["status"], late["reason"]) == (None, "censored", "no_reply")
    pandas = pytest.importorskip("pandas", reason="needs pip install 'fdbench[notebook]'")
    assert len(results.metrics_df()) == len(metrics) and isinstance(results.samples_df(), pandas.DataFrame)


def test_what_is_no_run_and_what_is_newer_is_refused_in_two_lines(tmp_path):
    with pytest.raises(fdbench.FdbenchError, match="not a run"):
        fdbench.load_run(tmp_path)
    folder = run("silence", tmp_path).path
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "schema": 2}))
    with pytest.raises(fdbench.FdbenchError, match="a newer fdbench wrote it \\(schema 2, this one reads 1\\)") as caught:
        fdbench.load_run(folder)
    assert caught.value.remedy


def test_importing_fdbench_loads_nothing_heavy_and_offers_what_it_names():
    code = (
        "import sys, fdbench\n"
        "print([m for m in ('numpy', 'scipy', 'pydantic', 'yaml') if m in sys.modules])\n"
        "print([name for name in fdbench.__all__ if getattr(fdbench, name) is None])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
    with pytest.raises(AttributeError, match="no attribute 'skore'"):
        _ = fdbench.skore
