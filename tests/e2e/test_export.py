"""What goes out as a dataset comes back with the same numbers, from a folder and from the hub."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile

from fdbench.core.annotation import WordsRequest
from fdbench.core.speech import Word
from fdbench.hear.cache import AnnotationCache
from fdbench.stages.cases import placed
from tests.conftest import fdbench, summaries
from tests.hub_server import COMMIT, serving
from tests.judge_server import JudgeServer
from tests.unit.task.test_hub import IDS, SETS, TURN, make_tree

datasets = pytest.importorskip("datasets", reason="needs pip install 'fdbench[data]'")
pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")

ASR = ("--asr", "sphinx", "--workers", "1")
RATING = {"analysis": "it answers", "rating": 4}


def read(folder, config, cache):
    rows = datasets.load_dataset(str(folder), config, split="test", cache_dir=str(cache))
    for name, feature in rows.features.items():
        if isinstance(feature, datasets.Audio):
            rows = rows.cast_column(name, datasets.Audio(decode=False))
    return list(rows)


def scored_again(folder, target, *options):
    finished = fdbench("score", folder, *ASR, "--json", target, *options)
    assert "Traceback" not in finished.err
    result = json.loads(target.read_text())
    return finished, {summary["protocol"]: summary for summary in result["summaries"]}


def stored(run, judge="none"):
    found = [json.loads(path.read_text()) for path in run.glob("scores/*/summary.json")]
    return {summary["protocol"]: summary for summary in found if summary["engines"]["judge"] == judge}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Where the audio of datasets is laid down."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FDBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two samples of each embedded task, one reply of them rated."""
    finished = fdbench(
        "run", "--model", "vad-endpointer", "--tasks", "mini", "--limit", "2", *ASR, "--out", tmp_path_factory.mktemp("run")
    )
    assert finished.status == 0, finished.err
    take = next((finished.run / "takes" / "mini" / "user_interruption").iterdir()).relative_to(finished.run / "takes")
    (finished.run / "ratings" / take).parent.mkdir(parents=True)
    (finished.run / "ratings" / take).write_text(json.dumps(RATING))
    fdbench("score", finished.run, *ASR, "--judge", "given", "--protocol", "fdbench")
    return finished.run


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    target = tmp_path_factory.mktemp("export") / "dataset"
    finished = fdbench("export", run, "--to", target)
    assert finished.status == 0, finished.err
    assert finished.out.strip().endswith(str(target))
    return target


def test_every_config_opens(exported, tmp_path):
    configs = datasets.get_dataset_config_names(str(exported))
    assert configs == ["recordings", "speech", "transcripts", "scores", "summaries"]
    for config in configs:
        assert read(exported, config, tmp_path)


def test_recordings_are_the_run_s_byte_by_byte(run, exported, tmp_path):
    rows = {row["take"]: row for row in read(exported, "recordings", tmp_path)}
    records = [json.loads(path.read_text()) for path in (run / "takes").rglob("*.json")]
    assert len(rows) == len(records) == 8
    for record in records:
        row = rows[f"{record['task']}/{record['sample']}@main.r0"]
        for channel in ("user", "model"):
            path = run / record[channel]["file"]
            assert row[f"{channel}_audio"] == {"bytes": path.read_bytes(), "path": path.name}
            for name in ("start_s", "sample_rate", "n_samples", "digest"):
                assert row[f"{channel}_{name}"] == record[channel][name]
        for name in ("task", "stimulus", "repeat", "status", "clock", "prompt_s", "right_censored"):
            assert row[name] == record[name]
        assert row["model_events"] == record["events"]
    manifest = (run / "manifest.json").read_bytes()
    assert (exported / "fdbench" / "manifest.json").read_bytes() == manifest
    for name, task in json.loads(manifest)["tasks"].items():
        for sample_id, sample in task["samples"].items():
            assert rows[f"{name}/{sample_id}@main.r0"]["digest"] == sample["digest"]


def test_scores_and_summaries_are_the_run_s(run, exported, tmp_path):
    expected, found = {}, {}
    for path in run.glob("scores/*/samples.jsonl"):
        for line in map(json.loads, path.read_text().splitlines()):
            for metric, score in line["scores"].items():
                expected[path.parent.name, line["task"], line["id"], metric] = {"components": {}, **score}
    for row in read(exported, "scores", tmp_path):
        score = {name: row[name] for name in ("value", "status", "reason")}
        key = (row["scoring"], row["task"], row["id"], row["metric"])
        found[key] = {**score, "components": json.loads(row["components"])}
    assert found == expected

    expected, found = {}, {}
    for path in run.glob("scores/*/summary.json"):
        for task, facts in json.loads(path.read_text())["tasks"].items():
            for metric, summary in facts["metrics"].items():
                expected[path.parent.name, task, metric] = summary
    for row in read(exported, "summaries", tmp_path):
        summary = {**row, "details": json.loads(row["details"])}
        key = (row["scoring"], row["task"], row["metric"])
        found[key] = {name: summary[name] for name in expected[key]}
    assert found == expected


def test_transcripts_are_what_was_heard(run, exported, tmp_path):
    rows = read(exported, "transcripts", tmp_path)
    recordings = {row["take"]: row for row in read(exported, "recordings", tmp_path)}
    whole = [row for row in rows if row["channel"] == "model" and row["span_start_s"] is None]
    assert len(whole) == 8
    assert any(row["words"] for row in whole)
    for row in whole:
        recording = recordings[row["take"]]
        digest = placed(recording["model_digest"], recording["model_start_s"])
        heard = AnnotationCache(run / "annotations").find(digest, WordsRequest("model"), json.loads(row["engines"]))
        assert [Word(**word) for word in row["words"]] == list(heard.words)
        assert (row["engine"], row["dropped"]) == (heard.engine, heard.dropped)


def test_scoring_an_export_gives_the_run_s_numbers(run, exported, tmp_path):
    finished, again = scored_again(exported, tmp_path / "scores.json")
    assert finished.status == 0
    expected = stored(run)
    assert again.keys() == expected.keys() == {"fdbench", "fdb-2026-02", "fdb-2026-05"}
    for protocol, summary in expected.items():
        assert again[protocol] == summary


def test_ratings_travel_with_an_export(run, exported, tmp_path):
    _, again = scored_again(exported, tmp_path / "scores.json", "--judge", "given", "--protocol", "fdbench")
    assert again == stored(run, "given")
    relevance = again["fdbench"]["tasks"]["mini/user_interruption"]["metrics"]["relevance"]
    assert relevance["value"] == RATING["rating"]


def test_a_judge_s_verdicts_travel_with_an_export_and_nobody_is_asked_again(tmp_path):
    pytest.importorskip("openai", reason="needs pip install 'fdbench[judge]'")
    judge = ("--judge", "vllm:judge-1", "--judge-url")
    command = ("run", "--model", "oracle", "--tasks", "mini/user_interruption", "--limit", "2", "--protocol", "fdbench")
    with JudgeServer() as server:
        judged = fdbench(*command, *ASR, *judge, server.base_url, "--out", tmp_path / "out")
    assert judged.status == 0, judged.err
    assert len(server.requests) == 2
    assert fdbench("export", judged.run, "--to", tmp_path / "dataset").status == 0
    cache = {"FDBENCH_CACHE": str(tmp_path / "cache")}
    with JudgeServer() as server:
        options = ("--protocol", "fdbench", "--json", tmp_path / "scores.json", *judge, server.base_url)
        again = fdbench("score", tmp_path / "dataset", *ASR, *options, **cache)
    assert again.status == 0, again.err
    assert server.requests == []
    (summary,) = json.loads((tmp_path / "scores.json").read_text())["summaries"]
    (expected,) = (json.loads(path.read_text()) for path in judged.run.glob("scores/*/summary.json"))
    assert summary == expected
    assert expected["tasks"]["mini/user_interruption"]["metrics"]["relevance"]["n_scored"] == 2

    assert fdbench("export", judged.run, "--to", tmp_path / "dataset", "--no-prompts").status == 0
    assert not (tmp_path / "dataset" / "fdbench" / "verdicts").exists()


def test_without_prompts_no_word_of_the_user_is_left_and_the_numbers_are_the_same(run, tmp_path):
    finished = fdbench("export", run, "--to", tmp_path / "dataset", "--no-prompts")
    assert finished.status == 0, finished.err
    for row in read(tmp_path / "dataset", "recordings", tmp_path / "cache"):
        assert row["user_audio"] is None
        assert row["model_audio"]["bytes"]
        assert not any(each["text"] for each in [*row["events"], *row["words"]])
    for row in read(tmp_path / "dataset", "transcripts", tmp_path / "cache"):
        assert row["channel"] == "model" or not any(word["text"] for word in row["words"])
    _, again = scored_again(tmp_path / "dataset", tmp_path / "scores.json", "--protocol", "fdbench")
    assert again["fdbench"] == stored(run)["fdbench"]


def test_an_altered_recording_is_an_error_of_its_sample(exported, tmp_path):
    import pyarrow
    from pyarrow import parquet

    copy = tmp_path / "dataset"
    shutil.copytree(exported, copy)
    (path,) = (copy / "data" / "recordings").iterdir()
    table = parquet.read_table(path)
    rows = table.to_pylist()
    rows[0]["model_audio"] = rows[1]["model_audio"]
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=table.schema), path)
    finished, again = scored_again(copy, tmp_path / "scores.json", "--protocol", "fdbench")
    assert finished.status == 3
    assert f"{rows[0]['take']}: the model channel is not what was recorded" in finished.err
    assert sum(task["n_errors"] for task in again["fdbench"]["tasks"].values()) == 1

    rows.pop()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=table.schema), path)
    finished = fdbench("score", copy, *ASR)
    assert finished.status == 2
    assert "expected one row for each of 8 takes of the manifest, found 7" in finished.err
    assert len(finished.err.strip().splitlines()) == 2


# --- samples ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """One set with odd names and one clip that cannot be played."""
    root = make_tree(tmp_path_factory.mktemp("data") / "tree", TURN)
    folder = root / "v1.0" / SETS[TURN][0]
    (folder / "3").mkdir()
    soundfile.write(folder / "3" / "input.wav", np.zeros((100, 2)), 16000)
    (folder / "3" / "turn_taking.json").write_text('[{"timestamp": [0.1]}]')
    finished = fdbench("data", "export", "--tasks", TURN, "--data", root, "--to", root.parent / "dataset")
    assert finished.status == 3, finished.err
    assert f"{TURN} 3: left out: " in finished.err
    assert "expected mono, found 2 channels" in finished.err
    shutil.rmtree(folder / "3")
    return root


def take(tree, out, data, *options, **environment):
    finished = fdbench(
        "run", "--model", "silence", "--tasks", TURN, "--data", data, *ASR, "--protocol", "fdbench", "--out", out, *options,
        **environment,
    )  # fmt: skip
    assert finished.status in (0, 3), finished.err
    return finished.run


def digests(run):
    return json.loads((run / "manifest.json").read_text())["tasks"][TURN]["samples"]


def test_a_run_may_change_between_the_folder_and_its_export(tree, tmp_path):
    run = take(tree, tmp_path, tree)
    before, manifest = summaries(run), json.loads((run / "manifest.json").read_text())
    assert take(tree, tmp_path, tree.parent / "dataset") == run, "the same settings, the same run"
    assert json.loads((run / "manifest.json").read_text()) == manifest
    assert fdbench("score", run, "--data", tree.parent / "dataset", *ASR, "--protocol", "fdbench").status == 3
    assert summaries(run) == before


def test_takes_with_odd_names_and_failed_ones_survive(tree, tmp_path):
    copy = tmp_path / "tree"
    shutil.copytree(tree, copy)
    (copy / "v1.0" / SETS[TURN][0] / "2" / "input.wav").write_bytes(b"RIFF")
    (copy / "v1.0" / SETS[TURN][0] / "10" / "turn_taking.json").write_text("[]")
    run = take(copy, tmp_path / "out", copy)
    assert fdbench("export", run, "--data", copy, "--to", tmp_path / "dataset").status == 0
    rows = {row["id"]: row for row in read(tmp_path / "dataset", "recordings", tmp_path / "cache")}
    assert set(rows) == set(IDS)
    assert [rows[name]["status"] for name in ("1", "2", "10")] == ["recorded", "failed", "failed"]
    assert [rows[name]["fault_reason"] for name in ("1", "2", "10")] == [None, "call_failed", "bad_annotation"]
    assert str(tmp_path) not in "".join(str(value) for row in rows.values() for value in row.values() if isinstance(value, str))
    finished, again = scored_again(tmp_path / "dataset", tmp_path / "scores.json", "--protocol", "fdbench")
    assert finished.status == 3
    assert again == stored(run)


# --- the hub ----------------------------------------------------------------------------------------------------------


def environment(hub, tmp_path, **more):
    return {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "FDBENCH_CACHE": str(tmp_path / "cache"),
        "HF_TOKEN": "",
        **more,
    }


def test_a_dataset_on_the_hub_gives_the_samples_of_the_folder(tree, tmp_path):
    run = take(tree, tmp_path / "tree", tree, "--limit", "2")
    with serving(tree.parent / "dataset", "org/name") as hub:
        streamed = take(tree, tmp_path / "hub", "hf:org/name@v1", "--limit", "2", **environment(hub, tmp_path))
    assert digests(streamed) == digests(run)
    assert list(digests(run)) == ["1", "2"]
    assert stored(streamed) == stored(run)
    starts = [json.loads(line) for line in (streamed / "attempts.jsonl").read_text().splitlines()]
    assert f"hf:org/name@{COMMIT}" in [line.get("data_origin") for line in starts]
    assert len([path for path in (tmp_path / "cache" / "audio").rglob("*") if path.is_file()]) == 2


def test_a_private_dataset_needs_hugging_face_s_own_token_which_goes_nowhere_else(tree, tmp_path):
    token = "hf_notasecretnotasecret"
    with serving(tree.parent / "dataset", "org/name", token) as hub:
        refused = fdbench("run", "--model", "silence", "--tasks", TURN, "--data", "hf:org/name", **environment(hub, tmp_path))
        run = take(tree, tmp_path / "out", "hf:org/name", "--limit", "1", **environment(hub, tmp_path, HF_TOKEN=token))
    assert refused.status == 2
    assert len(refused.err.strip().splitlines()) == 2
    assert "hf auth login" in refused.err
    assert list(digests(run)) == ["1"]
    written = [*run.rglob("*"), *(tmp_path / "cache").rglob("*")]
    assert not any(token.encode() in path.read_bytes() for path in written if path.is_file())


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("hf:org/other", "cannot find it on the hub"),
        ("hf:org/name@v2", "cannot find v2 on the hub"),
        ("hf:name", "not the name of a dataset"),
    ],
)
def test_what_the_hub_does_not_have_is_told_in_two_lines(tree, tmp_path, data, told):
    with serving(tree.parent / "dataset", "org/name") as hub:
        finished = fdbench("run", "--model", "silence", "--tasks", TURN, "--data", data, **environment(hub, tmp_path))
    assert finished.status == 2
    assert told in finished.err
    assert len(finished.err.strip().splitlines()) == 2


def test_a_hub_that_cannot_be_reached_is_told_in_two_lines(tmp_path):
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    finished = fdbench("run", "--model", "silence", "--tasks", TURN, "--data", "hf:org/name", **nowhere)
    assert finished.status == 2
    assert len(finished.err.strip().splitlines()) == 2
    assert "is the hub reachable?" in finished.err
