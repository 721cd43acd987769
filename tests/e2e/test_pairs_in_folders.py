"""Pairs that were recorded elsewhere: scored where they lie, taken for a run, and checked as data; each fault by its name."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fdbench.core.metric import VOICE_METRICS
from tests.conftest import fdbench, sample_scores
from tests.judge_server import JudgeServer
from tests.pairs_tree import (
    IDS,
    OVERLAP_S,
    PROMPT_S,
    RATE_HZ,
    overlap_of,
    write_folder,
    write_prompts,
    write_replies,
    write_wav,
)

TASK, SET = "v1.5/user_interruption", "user_interruption"
GOLDEN = Path(__file__).parents[1] / "golden" / "data" / "overlap_timing.json"
GIVEN = ("--vad", "given", "--asr", "given", "--judge", "given")
OVERLAP = (3.6, 5.7)


def vad(*segments):
    return {"segments": [{"start": start, "end": end} for start, end in segments]}


def transcript(*words):
    """Words of 0.2 s, from a time on."""
    chunks = []
    for text, start_s in words:
        for index, word in enumerate(text.split()):
            chunks.append(
                {"text": word, "timestamp": [round(start_s + 0.25 * index, 3), round(start_s + 0.25 * index + 0.2, 3)]}
            )
    return {"text": " ".join(text for text, _ in words), "chunks": chunks}


def metadata(*, timestamps=OVERLAP, context="tell me about towers", current="wait what about bridges"):
    return {"context_text": context, "current_turn_text": current, "timestamps": list(timestamps)}


FIRST, SECOND = "it is the tallest tower in all of europe and it is red", "a bridge hangs from steel cables over the water"
YIELDS = {
    "output.vad": vad((2.4, 4.0), (6.2, 9.0)),
    "output": transcript(("it is the tallest tower", 2.4), (SECOND, 6.2)),
    "clean_output.vad": vad((2.4, 6.0)),
    "clean_output": transcript((FIRST, 2.4)),
    "input": transcript(("tell me about towers", 0.2), ("wait what about bridges", 3.6)),
    "clean_input": transcript(("tell me about towers", 0.2)),
    "input.vad": vad((0.2, 2.0), (3.6, 5.7)),
    "behavior": {"behaviour": ["C_RESPOND"]},
    "metadata": metadata(),
}
"""What is known of a model that yields and answers, by file."""


def lay(folder, id="1", loud=None, **changes):
    """A clip of which everything is given; a file that is None is not there.

    Args:
        loud: How loud the model's two recordings are, of 10 s each; None = nothing is recorded.
    """
    (folder / id).mkdir(parents=True)
    for name in () if loud is None else ("output.wav", "clean_output.wav"):
        write_wav(folder / id / name, loud * np.random.default_rng(0).normal(size=10 * RATE_HZ).astype(np.float32))
    for name, content in {**YIELDS, **{name.replace("__", "."): value for name, value in changes.items()}}.items():
        if content is not None:
            (folder / id / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def scored(folder, *options, protocol="fdbench", status=0):
    """The scores of the folder's samples by id, its messages, and what was printed.

    Args:
        status: Of the command; None where nobody asks, as nothing is recorded and voices cannot be measured.
    """
    target = folder.parent / "result.json"
    command = ("score", folder, "--task", TASK, "--protocol", protocol, "--json", target, "--workers", "1")
    finished = fdbench(*command, *options)
    assert status is None or finished.status == status, finished.err
    samples = json.loads(target.read_text())["samples"]
    return (
        {each["id"]: each["scores"] for each in samples},
        {each["id"]: each.get("messages") for each in samples},
        finished.err,
    )


def said(score):
    """A score in short."""
    return score["value"] if score["status"] == "scored" else (score["status"], score["reason"])


# --- the published lists ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["fdb-2026-05", "fdb-2026-02"])
def test_the_published_lists_are_those_of_the_published_script(tmp_path, protocol):
    items = json.loads(GOLDEN.read_text())
    for number, item in enumerate(items):
        folder = tmp_path / "clips" / str(number)
        folder.mkdir(parents=True)
        given = {"input.vad": vad(*item["user_speech"]), "output.vad": vad(*item["model_speech"]), "metadata": metadata()}
        for name, content in given.items():
            (folder / f"{name}.json").write_text(json.dumps(content))
    target = tmp_path / "result.json"
    finished = fdbench(
        "score", tmp_path / "clips", "--task", TASK, "--protocol", protocol, "--vad", "given", "--asr", "given",
        "--json", target, "--workers", "1",
    )  # fmt: skip
    assert finished.status == 0, finished.err
    result = json.loads(target.read_text())
    found = {each["id"]: each for each in result["samples"]}
    assert len(found) == len(items) == 120
    stops, responses = [], []
    for number, item in enumerate(items):
        for name in ("latency_stop_list", "latency_resp_list"):
            assert found[str(number)]["details"][name] == item["expected"][name], (number, name)
        scores = found[str(number)]["scores"]
        for name, metric, means in (
            ("latency_stop_list", "stop_latency_s", stops),
            ("latency_resp_list", "response_latency_s", responses),
        ):
            lengths = [end - start for start, end in item["expected"][name]]
            if lengths:
                means.append(math.fsum(lengths) / len(lengths))
                assert scores[metric]["value"] == pytest.approx(means[-1], abs=1e-9)
            else:
                assert said(scores[metric]) == ("not_applicable", "nothing_listed")
    assert result["metrics"]["stop_latency_s"]["value"] == pytest.approx(np.mean(stops), abs=1e-9)
    assert result["metrics"]["response_latency_s"]["value"] == pytest.approx(np.mean(responses), abs=1e-9)


# --- one command ------------------------------------------------------------------------------------------------------


def test_a_folder_of_recordings_alone_is_transcribed_four_times_and_scored_by_one_command(tmp_path):
    """A recogniser listens to each of the four; the judge's question has what it heard."""
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    pytest.importorskip("openai", reason="needs pip install 'fdbench[judge]'")
    folder = write_folder(tmp_path / "clips", n=1)
    assert {path.name for path in (folder / "1").iterdir()} == {
        "input.wav", "clean_input.wav", "metadata.json", "output.wav", "clean_output.wav",
    }  # fmt: skip
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with JudgeServer() as server:
        judge = ("--judge", "vllm:judge-1", "--judge-url", server.base_url)
        cache = str(tmp_path / "cache")
        target = tmp_path / "result.json"
        finished = fdbench(
            "score", folder, "--task", TASK, "--asr", "sphinx", "--workers", "1", "--json", target, *judge, FDBENCH_CACHE=cache
        )
    assert finished.status == 0, finished.err
    (body,) = server.bodies
    record = json.loads(body["messages"][-1]["content"].split(" ===\n")[1].split("\n=== ")[0])
    sides = ("heard_by_the_assistant", "assistant", "heard_in_the_clean_call", "assistant_in_the_clean_call")
    heard = {side: [float(each.split("-")[0][1:]) for each in record[side].split() if each.startswith("(")] for side in sides}
    assert all(len(times) >= 2 for times in heard.values())
    start_s, end_s = overlap_of(0)
    assert any(start_s - 0.3 <= time < end_s for time in heard["heard_by_the_assistant"]), "the overlap is heard"
    assert not any(time > 2.5 for time in heard["heard_in_the_clean_call"]), "and nobody speaks over the clean call"
    assert max(heard["assistant"]) > 6.5 > max(heard["assistant_in_the_clean_call"]) > start_s
    scores = json.loads(target.read_text())["samples"][0]["scores"]
    assert scores["stop_latency_s"]["value"] == pytest.approx(0.4, abs=0.05)
    assert scores["response_latency_s"]["value"] == pytest.approx(0.4, abs=0.05)
    assert said(scores["judged_wanted_rate"]) in (0.0, 1.0)
    assert scores["respond_rate"]["value"] == 1.0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_everything_can_be_given(tmp_path):
    scores, _, _ = scored(lay(tmp_path / "clips"), *GIVEN, status=None)
    found = {metric: said(score) for metric, score in scores["1"].items() if metric not in VOICE_METRICS}
    assert "error" not in {score["status"] for metric, score in scores["1"].items() if metric in found}
    assert found["stop_latency_s"] == pytest.approx(0.4) and found["response_latency_s"] == pytest.approx(0.5)
    ones = {metric for metric, value in found.items() if value == 1.0}
    assert ones == {
        "wanted_rate",
        "respond_rate",
        "stop_rate",
        "judged_wanted_rate",
        "judged_respond_rate",
        "label_agreement_rate",
    }


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "rating_missing"),
        ({"behaviour": ["C_SHRUGS"]}, "rating_unreadable"),
        ({"behaviour": ["C_RESPOND", "C_RESUME"]}, "rating_unreadable"),
        ({"behaviour": "C_RESPOND"}, "rating_unreadable"),
        ({"behaviour": [["C_RESPOND"]]}, "rating_unreadable"),
        ({"analysis": "?", "rating": 4}, "label_missing"),
        ("{torn", "rating_unreadable"),
    ],
)
def test_a_given_label_that_is_none_is_an_error_of_what_is_judged_alone(tmp_path, given, reason):
    scores, messages, _ = scored(lay(tmp_path / "clips", behavior=given), *GIVEN, status=3)
    judged = {metric for metric in scores["1"] if metric.startswith("judged_") or metric == "label_agreement_rate"}
    assert {said(scores["1"][metric]) for metric in judged} == {("error", reason)}
    assert said(scores["1"]["wanted_rate"]) == said(scores["1"]["stop_rate"]) == 1.0
    assert messages["1"]


# --- named statuses ---------------------------------------------------------------------------------------------------


def test_without_the_clean_twin_what_needs_it_says_so_and_the_rest_stands(tmp_path):
    folder = lay(tmp_path / "clips", clean_output=None, clean_output__vad=None)
    scores, messages, _ = scored(folder, *GIVEN, status=3)
    found = {metric: said(score) for metric, score in scores["1"].items()}
    needs_twin = ("error", "twin_missing")
    for metric in ("wanted_rate", "respond_rate", "stop_rate", "stop_latency_s", "label_agreement_rate"):
        assert found[metric] == needs_twin, metric
    assert found["not_exercised_rate"] == 0.0
    assert found["response_latency_s"] == pytest.approx(0.5)
    assert isinstance(found["lost_per_turn_s"], float)
    assert any("clean: " in line and "clean_output.wav: no such file" in line for line in messages["1"])


def test_an_overlap_outside_the_file_is_a_bad_annotation_and_the_published_numbers_stand(tmp_path):
    folder = lay(tmp_path / "clips", metadata=metadata(timestamps=(7.9, 11.0)))
    write_wav(folder / "1" / "input.wav", 0.01 * np.ones(8 * RATE_HZ, np.float32))
    scores, messages, _ = scored(folder, *GIVEN, status=3)
    assert {said(score) for score in scores["1"].values()} == {("error", "bad_annotation")}
    what = "the overlap [7.9, 11] lies 3.000 s behind the end of the clip (8.000 s)"
    assert any(f"metadata.json: {what}" in line for line in messages["1"])
    published, messages, _ = scored(folder, *GIVEN, protocol="fdb-2026-05", status=None)
    assert published["1"]["stop_latency_s"]["value"] == pytest.approx(0.4)
    assert any(what in line for line in messages["1"])


def test_a_model_that_is_silent_throughout_is_not_exercised_and_unknown(tmp_path):
    silent = {"output__vad": vad(), "output": transcript(), "clean_output__vad": vad(), "clean_output": transcript()}
    found = {
        metric: said(score) for metric, score in scored(lay(tmp_path / "clips", loud=0.0, **silent), *GIVEN)[0]["1"].items()
    }
    assert found["not_exercised_rate"] == found["unknown_rate"] == 1.0
    assert found["stop_rate"] == found["stop_latency_s"] == ("not_applicable", "not_exercised")
    assert found["response_latency_s"] == ("censored", "no_reply")
    assert found["wanted_rate"] == found["label_agreement_rate"] == 0.0


def test_a_model_that_talks_throughout_has_not_stopped_and_resumes(tmp_path):
    words = transcript(("so it goes on and on " * 6, 0.0))
    talks = {"output__vad": vad((0.0, 10.0)), "output": words, "clean_output__vad": vad((0.0, 10.0)), "clean_output": words}
    found = {
        metric: said(score) for metric, score in scored(lay(tmp_path / "clips", loud=0.1, **talks), *GIVEN)[0]["1"].items()
    }
    assert found["stop_rate"] == found["wanted_rate"] == found["not_exercised_rate"] == 0.0
    assert found["stop_latency_s"] == ("censored", "no_stop")
    assert found["resume_rate"] == 1.0


def test_a_model_whose_clean_reply_is_over_before_the_overlap_is_had_finished(tmp_path):
    short = vad((2.4, 4.0))
    folder = lay(tmp_path / "clips", clean_output__vad=short, clean_output=transcript(("it is the tallest tower", 2.4)))
    found = {metric: said(score) for metric, score in scored(folder, *GIVEN, status=None)[0]["1"].items()}
    assert found["stop_rate"] == found["stop_latency_s"] == ("not_applicable", "finished")
    assert found["response_latency_s"] == pytest.approx(0.5)
    assert found["respond_rate"] == 1.0


def test_a_damaged_recording_of_the_twin_is_named(tmp_path):
    folder = write_folder(tmp_path / "clips", n=1)
    (folder / "1" / "clean_output.wav").write_bytes(b"RIFF")
    scores, messages, _ = scored(folder, "--asr", "none", status=3)
    assert said(scores["1"]["stop_rate"]) == ("error", "audio_unreadable")
    assert any("clean_output.wav: " in line for line in messages["1"]), messages


def test_a_recording_of_the_twin_that_ends_before_the_overlap_or_is_silent_is_told(tmp_path):
    folder = write_folder(tmp_path / "clips", n=2)
    samples, _ = soundfile.read(folder / "1" / "clean_output.wav", dtype="float32")
    write_wav(folder / "1" / "clean_output.wav", samples[: 3 * RATE_HZ])
    write_wav(folder / "2" / "clean_output.wav", np.zeros(10 * RATE_HZ, np.float32))
    _, messages, told = scored(folder, "--asr", "none")
    assert any(line.startswith("clean: the recording is too short: it ends at 3.000 s, and is asked about the overlap at ")
               for line in messages["1"])  # fmt: skip
    assert "the recording is silent from end to end" in told
    assert f"first: {TASK}/2@clean.r0" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "metadata.json: no such file"),
        ("{torn", "metadata.json"),
        ("[1, 2]", "metadata.json: expected an object, found [1, 2]"),
        ({"context_text": "a", "current_turn_text": "b"}, "metadata.json: 'timestamps': expected [start, end], found null"),
        (metadata(timestamps=(1.0,)), "metadata.json: 'timestamps': expected [start, end], found [1.0]"),
        (metadata(timestamps=(1.0, 2.0, 3.0)), "metadata.json: 'timestamps': expected [start, end]"),
        (metadata(timestamps=("1", 2.0)), "metadata.json: 'timestamps': expected a number, found '1'"),
        (metadata(timestamps=(True, 2.0)), "metadata.json: 'timestamps': expected a number, found True"),
        (metadata(timestamps=(None, 2.0)), "metadata.json: 'timestamps': expected a number, found null"),
        (metadata(timestamps=(1.0, math.inf)), "metadata.json: 'timestamps': expected a finite number"),
        (metadata(timestamps=(math.nan, 1.0)), "metadata.json: 'timestamps': expected a finite number"),
        (metadata(timestamps=(2.0, 2.0)), "metadata.json: 'timestamps': expected 0 <= start < end, found [2, 2]"),
        (metadata(timestamps=(3.0, 2.0)), "metadata.json: 'timestamps': expected 0 <= start < end, found [3, 2]"),
        (metadata(timestamps=(-1.0, 2.0)), "metadata.json: 'timestamps': expected 0 <= start < end, found [-1, 2]"),
        (metadata(context=["a"]), "metadata.json: 'context_text': expected text, found ['a']"),
        (metadata(current=7), "metadata.json: 'current_turn_text': expected text, found 7"),
    ],
)
def test_metadata_that_is_damaged_breaks_its_pair_alone_and_is_named_by_file_and_key(tmp_path, content, told):
    folder = lay(lay(tmp_path / "clips", metadata=content), "2")
    scores, messages, _ = scored(folder, *GIVEN, status=3)
    assert {said(score) for score in scores["1"].values()} == {("error", "bad_annotation")}
    assert told in messages["1"][0] and "\n" not in messages["1"][0]
    assert said(scores["2"]["stop_rate"]) == 1.0


def test_metadata_may_lack_its_texts(tmp_path):
    folder = lay(tmp_path / "clips", metadata={"timestamps": list(OVERLAP)})
    assert said(scored(folder, *GIVEN, status=None)[0]["1"]["stop_rate"]) == 1.0


# --- recordings in the place of a model -------------------------------------------------------------------------------

QUICK = ("--asr", "none", "--protocol", "fdbench", "--workers", "1")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("pairs") / "data"
    write_prompts(root / "v1.5" / SET)
    return root


def run(folder, data, out, *options):
    return fdbench(
        "run", "--model", f"recordings:{folder}", "--data", data, "--tasks", TASK, "--out", out, *QUICK,
        "--arg", "name=theirs", *options,
    )  # fmt: skip


LAYOUTS = {
    "v1.5/user_interruption/{id}.wav": "v1.5/user_interruption/{id}.clean.wav",
    "v1.5/user_interruption/{id}/output.wav": "v1.5/user_interruption/{id}/clean_output.wav",
    "user_interruption/{id}/output.wav": "user_interruption/{id}/clean_output.wav",
    "user_interruption/{id}.wav": "user_interruption/{id}.clean.wav",
    "v1_5/user_interruption/{id}/output.wav": "v1_5/user_interruption/{id}/clean_output.wav",
    "{id}.wav": "{id}.clean.wav",
    "{id}/output.wav": "{id}/clean_output.wav",
}


@pytest.fixture(scope="module")
def theirs(data, tmp_path_factory):
    """The run that every layout gives."""
    root = tmp_path_factory.mktemp("theirs")
    finished = run(write_replies(root / "rec"), data, root / "out")
    assert (finished.status, finished.err) == (0, "")
    return finished.run


def laid_out(root, main, clean):
    replies = write_replies(root / "replies")
    for id in IDS:
        for layout, name in ((main, "output.wav"), (clean, "clean_output.wav")):
            target = root / "rec" / layout.format(id=id)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(replies / id / name, target)
    return root / "rec"


@pytest.mark.parametrize(("main", "clean"), LAYOUTS.items())
def test_every_layout_holds_the_twins_beside_the_replies(data, theirs, tmp_path, main, clean):
    finished = run(laid_out(tmp_path, main, clean), data, tmp_path / "out")
    assert (finished.status, finished.err) == (0, "")
    assert finished.run.name == theirs.name
    assert sample_scores(finished.run, "fdbench") == sample_scores(theirs, "fdbench")


def test_recordings_of_both_are_a_run_that_is_scored_as_the_folder_is(data, theirs, tmp_path):
    found = sample_scores(theirs, "fdbench")
    in_folder, _, _ = scored(write_folder(tmp_path / "clips"), "--asr", "none")
    for id in IDS:
        for metric in ("stop_latency_s", "response_latency_s", "stop_rate", "not_exercised_rate", "lost_per_turn_s"):
            assert found[TASK, id][metric]["value"] == pytest.approx(in_folder[id][metric]["value"], abs=1e-9), metric
    verified = fdbench("verify", theirs, "--data", data, "--workers", "1")
    assert verified.status == 0, verified.out


def test_a_twin_that_was_not_recorded_is_told_and_can_be_added(data, theirs, tmp_path):
    folder = write_replies(tmp_path / "rec")
    twin = folder / "2" / "clean_output.wav"
    kept = twin.read_bytes()
    twin.unlink()
    finished = run(folder, data, tmp_path / "out")
    assert finished.status == 3
    assert f"{TASK} 2: clean: recording_missing: no recording; looked for v1.5/user_interruption/2.clean.wav" in finished.err
    scores = sample_scores(finished.run, "fdbench")
    assert said(scores[TASK, "2"]["stop_rate"]) == ("error", "twin_missing")
    assert said(scores[TASK, "2"]["not_exercised_rate"]) == 0.0
    assert said(scores[TASK, "2"]["response_latency_s"]) == said(
        sample_scores(theirs, "fdbench")[TASK, "2"]["response_latency_s"]
    )
    twin.write_bytes(kept)
    complete = run(folder, data, tmp_path / "out")
    assert (complete.status, complete.run) == (0, finished.run)
    assert sample_scores(complete.run, "fdbench") == sample_scores(theirs, "fdbench")


def test_another_recording_of_a_twin_is_another_model(data, tmp_path):
    folder = write_replies(tmp_path / "rec")
    assert run(folder, data, tmp_path / "out").status == 0
    shutil.copy(folder / "1" / "output.wav", folder / "1" / "clean_output.wav")
    refused = run(folder, data, tmp_path / "out")
    assert refused.status == 2
    assert f"1 of its samples: {TASK} 1 clean" in refused.err
    assert len(refused.err.strip().splitlines()) == 2


def test_two_recordings_of_one_twin_are_told(data, tmp_path):
    folder = write_replies(tmp_path / "rec")
    shutil.copy(folder / "1" / "clean_output.wav", folder / "1.clean.wav")
    finished = run(folder, data, tmp_path / "out")
    assert finished.status == 3
    assert "1.clean.wav and 1/clean_output.wav: both are its recording" in finished.err


def test_doctor_counts_the_recordings_of_both(data, tmp_path):
    folder = write_replies(tmp_path / "rec")
    (folder / "2" / "clean_output.wav").unlink()
    finished = fdbench("doctor", "--model", f"recordings:{folder}", "--data", data, "--json")
    (check,) = [each for each in json.loads(finished.out) if each["name"] == TASK]
    assert check["detail"].startswith("3 of 4 takes have a recording that can be scored")
    assert "first of 1 that have none: 2 clean: " in check["detail"]


# --- the data itself --------------------------------------------------------------------------------------------------


def check(data):
    """Severity, file and first words of each finding, but that the set is small."""
    finished = fdbench("data", "check", "--data", data, "--tasks", TASK, "--json")
    told = set()
    for each in json.loads(finished.out)["findings"]:
        told.add((each["severity"], each["file"].rpartition("/")[2], each["what"].partition(":")[0]))
    return told - {("error", SET, "expected 200 clips, found 2")}, finished


def test_a_sound_set_of_pairs_has_no_fault_also_with_what_was_recorded_beside_it(data, tmp_path):
    assert check(data)[0] == set()
    copy = Path(shutil.copytree(data, tmp_path / "data"))
    clips = write_replies(copy / "v1.5" / SET)
    for name, content in YIELDS.items():
        if name != "metadata":
            (clips / "1" / f"{name}.json").write_text(json.dumps(content))
    assert check(copy)[0] == set()
    listed = json.loads(fdbench("data", "list", "--data", data, "--json").out)
    (row,) = [each for each in listed if each["name"] == SET]
    assert (row["clips"], row["tasks"], row["state"]) == (200, [TASK], "incomplete")


def break_it(clip, name, content):
    file = clip / name
    if content is None:
        file.unlink()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    elif isinstance(content, np.ndarray):
        soundfile.write(file, content, RATE_HZ)
    else:
        file.write_text(json.dumps(content))


ERROR, WARNING = "error", "warning"


@pytest.mark.parametrize(
    ("name", "content", "severity", "what"),
    [
        ("clean_input.wav", None, ERROR, "no such file"),
        ("input.wav", None, ERROR, "no such file"),
        ("metadata.json", None, ERROR, "no such file"),
        ("clean_input.wav", b"", ERROR, "empty"),
        ("clean_input.wav", b"RIFF", ERROR, "not a readable audio file (Format not recognised.)"),
        ("clean_input.wav", np.zeros(8 * RATE_HZ), ERROR, "silent or constant"),
        ("clean_input.wav", np.full((8 * RATE_HZ, 2), 0.1), ERROR, "expected mono, found 2 channels"),
        ("metadata.json", metadata(timestamps=(3.0, 2.0)), ERROR, "'timestamps'"),
        ("metadata.json", metadata(timestamps=(7.0, 12.0)), ERROR,
         "the overlap [7, 12] lies 3.800 s behind the end of the clip (8.200 s)"),
        ("metadata.json", metadata(current=" "), WARNING, "the overlap"),
        ("notes.txt", ["?"], WARNING, "a stray file"),
    ],
)  # fmt: skip
def test_each_fault_of_a_pair_is_found_in_its_file(data, tmp_path, name, content, severity, what):
    copy = Path(shutil.copytree(data, tmp_path / "data"))
    break_it(copy / "v1.5" / SET / "2", name, content)
    found, finished = check(copy)
    assert finished.status == 3
    assert {(each, file) for each, file, _ in found} == {(severity, name)}, found
    assert any(line.startswith(what) for _, _, line in found), found


def test_a_clip_that_is_its_own_twin_is_an_error(data, tmp_path):
    copy = Path(shutil.copytree(data, tmp_path / "data"))
    clip = copy / "v1.5" / SET / "2"
    shutil.copy(clip / "input.wav", clip / "clean_input.wav")
    assert check(copy)[0] == {("error", "clean_input.wav", "the same audio as input.wav")}


def test_the_tree_of_these_tests_is_what_it_says(data):
    for index, id in enumerate(IDS):
        sounds = [soundfile.read(data / "v1.5" / SET / id / name)[0] for name in ("input.wav", "clean_input.wav")]
        apart = np.flatnonzero(sounds[0] != sounds[1]) / RATE_HZ
        assert len(sounds[0]) == len(sounds[1]) == round(PROMPT_S * RATE_HZ)
        assert OVERLAP_S <= apart[0] < apart[-1] <= overlap_of(index)[1]


def test_the_stand_in_for_the_published_sets_is_sound_and_a_small_one_begins_a_large_one(tmp_path):
    script = Path(__file__).parents[2] / "benchmarks" / "synthetic_v1_5.py"
    for n in (2, 3):
        made = subprocess.run([sys.executable, str(script), str(tmp_path / str(n)), "--clips", str(n)], check=True,
                              capture_output=True, text=True)  # fmt: skip
        assert f"{4 * n} clips" in made.stdout
    for file in (tmp_path / "2").rglob("*.*"):
        assert file.is_dir() or file.read_bytes() == (tmp_path / "3" / file.relative_to(tmp_path / "2")).read_bytes()
    checked = json.loads(fdbench("data", "check", "--data", tmp_path / "3", "--tasks", "v1.5", "--json").out)
    assert {each["n_clips"] for each in checked["sets"]} == {3} and len(checked["sets"]) == 4
    assert [each["what"] for each in checked["findings"] if not each["what"].startswith("expected ")] == []
