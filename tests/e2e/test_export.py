"""What goes out as a dataset comes back with the same numbers, from a folder and from the hub."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fdbench.task.rows import config_of
from tests.conftest import MINI_ALONE, fdbench, summaries
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


def scored_again(folder, scratch, *options):
    """A copy of an export, scored without data; scoring writes into it as into any run."""
    copy = Path(shutil.copytree(folder, scratch / "copy"))
    for path in copy.glob("scores/*"):
        shutil.rmtree(path)
    finished = fdbench("score", copy, *ASR, *options)
    assert "Traceback" not in finished.err
    return finished, copy


def scores(run, judge="none"):
    """The scorings that were made with a judge (None: with any), by folder; messages are for people, and name folders."""
    found = {}
    for path in run.glob("scores/*/summary.json"):
        summary = json.loads(path.read_text())
        if judge in (None, summary["engines"]["judge"]):
            lines = [json.loads(line) for line in (path.parent / "samples.jsonl").read_text().splitlines()]
            found[path.parent.name] = summary, [{**line, "messages": bool(line.get("messages"))} for line in lines]
    return found


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def assert_silent(folder, scratch):
    """Nothing in an export is, or quotes, what the user says."""
    assert not list(folder.rglob("*.user.flac"))
    assert not (folder / "logs").exists()
    for config in datasets.get_dataset_config_names(str(folder)):
        for row in read(folder, config, scratch / "cache") if config != "scores" else ():
            assert row["audio"] is None
            assert not any(each["text"] for each in [*row["events"], *(row["words"] or ())])
    heard = [json.loads(path.read_text()) for path in folder.glob("annotations/*/*.json")]
    of_users = [each["answer"]["words"] for each in heard if each["key"]["kind"] == "words" and is_user(each)]
    assert all(not text for words in of_users for text, _, _ in words)
    assert all(json.loads(path.read_text()).keys() == {"rating"} for path in folder.rglob("ratings/*.json"))


def is_user(heard):
    return heard["key"]["request"]["channel"] == "user"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Where the audio of datasets is laid down."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FDBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def run(record_once, tmp_path_factory):
    """Two samples of each embedded task, one reply of them rated."""
    recorded = record_once("vad-endpointer", "--tasks", MINI_ALONE, "--limit", "2", "--asr", "sphinx")
    copy = Path(shutil.copytree(recorded, tmp_path_factory.mktemp("run") / recorded.name))
    take = next((copy / "takes" / "mini" / "user_interruption").iterdir()).relative_to(copy / "takes")
    (copy / "ratings" / take).parent.mkdir(parents=True)
    (copy / "ratings" / take).write_text(json.dumps(RATING))
    fdbench("score", copy, *ASR, "--judge", "given", "--protocol", "fdbench")
    return copy


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    target = tmp_path_factory.mktemp("export") / "dataset"
    finished = fdbench("export", run, "--to", target)
    assert finished.status == 0, finished.err
    assert finished.out.strip().endswith(str(target))
    return target


def test_an_export_is_the_run_with_a_card_and_without_its_logs_of_attempts(run, exported):
    added = {path for path in files(exported) if path.split("/")[0] in ("README.md", "data", "fdbench")}
    assert files(exported) - added == {path for path in files(run) if path not in (".lock", "attempts.jsonl")}
    for path in files(exported) - added:
        assert (exported / path).read_bytes() == (run / path).read_bytes(), path
    card = (exported / "README.md").read_text()
    assert "license:\n- mit\n" in card
    assert json.loads((run / "manifest.json").read_text())["run_id"] in card


def test_every_config_opens(exported, tmp_path):
    configs = datasets.get_dataset_config_names(str(exported))
    behaviours = ("backchannel", "pause_handling", "turn_taking", "user_interruption")
    assert configs == [*(f"mini--{behaviour}" for behaviour in behaviours), "scores"]
    for config in configs:
        assert read(exported, config, tmp_path)


def test_samples_are_the_run_s_with_their_prompts(run, exported, tmp_path):
    for name, task in json.loads((run / "manifest.json").read_text())["tasks"].items():
        rows = read(exported, config_of(name), tmp_path)
        assert {row["id"]: row["digest"] for row in rows} == {id: each["digest"] for id, each in task["samples"].items()}
        assert all(row["audio"]["bytes"] and row["words"] is not None for row in rows)


def test_scores_are_the_run_s(run, exported, tmp_path):
    expected, found = {}, {}
    for path in run.glob("scores/*/samples.jsonl"):
        for line in map(json.loads, path.read_text().splitlines()):
            for metric, score in line["scores"].items():
                expected[path.parent.name, f"{line['task']}/{line['id']}@main.r0", metric] = {"components": {}, **score}
    for row in read(exported, "scores", tmp_path):
        score = {name: row[name] for name in ("value", "status", "reason")}
        found[row["scoring"], row["take"], row["metric"]] = {**score, "components": json.loads(row["components"])}
        assert row["take"] == f"{row['task']}/{row['id']}@main.r{row['repeat']}"
        assert row["placement"] == "causal"
    assert found == expected


def test_scoring_an_export_gives_the_run_s_numbers(run, exported, tmp_path):
    finished, copy = scored_again(exported, tmp_path)
    assert finished.status == 0, finished.err
    assert scores(copy) == scores(run)
    assert {summary["protocol"] for summary, _ in scores(run).values()} == {"fdbench", "fdb-2026-02", "fdb-2026-05"}
    for path in (path for path in files(copy) if path.startswith("scores/")):
        assert (copy / path).read_bytes() == (run / path).read_bytes()


def test_the_recordings_of_an_export_are_heard_anew_where_nothing_is_stored(run, exported, tmp_path):
    bare = Path(shutil.copytree(exported, tmp_path / "bare", ignore=shutil.ignore_patterns("annotations")))
    finished, copy = scored_again(bare, tmp_path, "--protocol", "fdbench")
    assert finished.status == 0, finished.err
    assert scores(copy).items() <= scores(run).items()


def test_an_export_is_shown_as_the_run_is(run, exported):
    found = {}
    for folder in (run, exported):
        finished = fdbench("show", folder, "--json")
        assert finished.status == 0, finished.err
        found[folder] = json.loads(finished.out)
    for name in ("run_id", "collection", "tasks", "damaged"):
        assert found[exported][name] == found[run][name]
    assert found[exported]["environments"] == []


def test_ratings_travel_with_an_export(run, exported, tmp_path):
    _, copy = scored_again(exported, tmp_path, "--judge", "given", "--protocol", "fdbench")
    assert scores(copy, "given") == scores(run, "given")
    ((summary, _),) = scores(copy, "given").values()
    assert summary["tasks"]["mini/user_interruption"]["metrics"]["relevance"]["value"] == RATING["rating"]


def test_a_judge_s_verdicts_travel_with_an_export_and_nobody_is_asked_again(tmp_path):
    pytest.importorskip("openai", reason="needs pip install 'fdbench[judge]'")
    judge = ("--judge", "vllm:judge-1", "--judge-url")
    model = ("--model", "oracle", "--tasks", "mini/user_interruption", "--limit", "2", "--tail-limit", "4")
    with JudgeServer() as server:
        judged = fdbench("run", *model, *ASR, "--protocol", "fdbench", *judge, server.base_url, "--out", tmp_path / "out")
    assert judged.status == 0, judged.err
    assert len(server.requests) == 2
    assert fdbench("export", judged.run, "--to", tmp_path / "dataset").status == 0
    with JudgeServer() as server:
        again, copy = scored_again(tmp_path / "dataset", tmp_path, "--protocol", "fdbench", *judge, server.base_url)
    assert again.status == 0, again.err
    assert server.requests == []
    assert scores(copy, None) == scores(judged.run, None)
    ((summary, _),) = scores(copy, None).values()
    assert summary["tasks"]["mini/user_interruption"]["metrics"]["relevance"]["n_scored"] == 2

    assert fdbench("export", judged.run, "--to", tmp_path / "dataset", "--no-prompts").status == 0
    assert not (tmp_path / "dataset" / "verdicts").exists()


def test_without_prompts_no_word_of_the_user_is_left_and_the_numbers_are_the_same(run, tmp_path):
    finished = fdbench("export", run, "--to", tmp_path / "dataset", "--no-prompts")
    assert finished.status == 0, finished.err
    assert_silent(tmp_path / "dataset", tmp_path)
    finished, copy = scored_again(tmp_path / "dataset", tmp_path)
    assert finished.status == 0, finished.err
    assert scores(copy) == scores(run)
    shown = fdbench("show", tmp_path / "dataset")
    assert shown.status == 0, shown.out


def test_without_prompts_the_rest_is_verified(run, tmp_path):
    assert fdbench("export", run, "--to", tmp_path / "dataset", "--no-prompts").status == 0
    verified = fdbench("verify", tmp_path / "dataset")
    assert verified.status == 0, verified.out
    assert "ok    scores" in verified.out
    recording = next((tmp_path / "dataset" / "audio").rglob("*.model.flac"))
    recording.unlink()
    damaged = fdbench("verify", tmp_path / "dataset")
    assert damaged.status == 3
    assert f"{recording.name}: " in damaged.out


def test_without_prompts_other_engines_are_refused_in_two_lines(run, tmp_path):
    assert fdbench("export", run, "--to", tmp_path / "dataset", "--no-prompts").status == 0
    shutil.rmtree(tmp_path / "dataset" / "annotations")
    finished = fdbench("score", tmp_path / "dataset", *ASR, "--protocol", "fdbench")
    assert finished.status == 2
    assert len(finished.err.strip().splitlines()) == 2
    assert "exported without its prompts" in finished.err


def test_an_altered_recording_is_an_error_of_its_sample(exported, tmp_path):
    copy = Path(shutil.copytree(exported, tmp_path / "dataset"))
    shutil.rmtree(copy / "annotations")
    one, other = sorted(copy.glob("audio/mini/turn_taking/*.model.flac"))
    one.write_bytes(other.read_bytes())
    finished = fdbench("score", copy, *ASR, "--protocol", "fdbench")
    assert finished.status == 3
    assert f"{one}: is not what was recorded" in finished.err
    assert sum(task["n_errors"] for task in summaries(copy)["fdbench"].values()) == 1


def test_damaged_scores_are_not_exported_and_damaged_audio_is_left_out_and_told(run, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    audio = next(copy.glob("audio/mini/turn_taking/*.model.flac"))
    audio.unlink()
    finished = fdbench("export", copy, "--to", tmp_path / "dataset")
    assert finished.status == 3
    assert finished.err == f"fdbench: {audio}: left out: cannot be read (No such file or directory)\n"
    lines = next(copy.glob("scores/*/samples.jsonl"))
    lines.write_text(lines.read_text() + "{torn")
    before = files(tmp_path / "dataset")
    finished = fdbench("export", copy, "--to", tmp_path / "dataset")
    assert finished.status == 2
    assert len(finished.err.strip().splitlines()) == 2
    assert str(lines) in finished.err
    assert files(tmp_path / "dataset") == before


def test_an_export_replaces_an_export_and_never_a_run(run, tmp_path):
    target = tmp_path / "dataset"
    assert fdbench("export", run, "--to", target, "--no-prompts").status == 0
    (target / ".git").mkdir()
    (target / ".git" / "config").write_text("kept")
    assert fdbench("export", run, "--to", target).status == 0
    assert files(target) >= {".git/config", *(path for path in files(run) if path.endswith(".flac"))}
    assert fdbench("data", "export", "--tasks", "mini/turn_taking", "--to", target).status == 0
    assert {path.split("/")[0] for path in files(target)} == {".git", "README.md", "data", "fdbench"}

    before = files(run)
    for to in (run, Path(shutil.copytree(run, tmp_path / "another"))):
        finished = fdbench("export", run, "--to", to, "--no-prompts", "--force")
        assert finished.status == 2
        assert "belongs to a run" in finished.err
        assert files(to) == before


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


@pytest.fixture(scope="module")
def odd(tree, tmp_path_factory):
    """A run with odd names, one prompt that is no audio and one broken annotation."""
    folder = tmp_path_factory.mktemp("odd")
    copy = Path(shutil.copytree(tree, folder / "tree"))
    (copy / "v1.0" / SETS[TURN][0] / "2" / "input.wav").write_bytes(b"RIFF")
    (copy / "v1.0" / SETS[TURN][0] / "10" / "turn_taking.json").write_text("[]")
    run = take(copy, folder / "out", copy)
    assert str(folder) in "".join(path.read_text() for path in run.rglob("*.json*"))
    return run, copy


@pytest.mark.parametrize("options", [(), ("--no-prompts",)])
def test_takes_with_odd_names_and_failed_ones_survive_without_the_data(odd, tmp_path, options):
    run, data = odd
    finished = fdbench("export", run, "--data", data, "--to", tmp_path / "dataset", *options)
    assert finished.status == 0, finished.err
    exported = tmp_path / "dataset"
    rows = {row["id"]: row for row in read(exported, config_of(TURN), tmp_path / "cache")}
    assert set(rows) == {name for name, sample in digests(run).items() if sample["digest"]} == set(IDS) - {"10"}
    records = {
        record["sample"]: record for record in (json.loads(path.read_text()) for path in exported.glob("takes/*/*/*.json"))
    }
    assert [records[name]["status"] for name in ("1", "2", "10")] == ["recorded", "failed", "failed"]
    assert str(data.parent).encode() not in b"".join((exported / path).read_bytes() for path in files(exported))
    finished, copy = scored_again(exported, tmp_path, "--protocol", "fdbench")
    assert finished.status == 3, finished.err
    assert scores(copy) == scores(run)
    shown = json.loads(fdbench("show", exported, "--json").out)
    assert [scoring["is_stale"] for scoring in shown["scorings"]] == [False]
    if options:
        assert_silent(copy, tmp_path)
        assert fdbench("export", copy, "--to", tmp_path / "again").status == 0  # what is not there cannot be given on
        assert_silent(tmp_path / "again", tmp_path / "again.cache")


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
    assert scores(streamed) == scores(run)
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
