"""`fdbench show` and `verify`: an untouched run agrees, and each thing that is changed is named by its file, alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fdbench.io.files import digest_of, sha256_of
from fdbench.io.wav import read_audio, write_flac
from fdbench.judge.providers import JudgeSettings
from fdbench.stages.derive import derive_scores
from fdbench.stages.judging import Opinions
from fdbench.stages.options import ScoringOptions
from fdbench.store.run import Run
from fdbench.task.data import open_data
from fdbench.task.load import TaskLoader
from fdbench.verify.run import VerifyRequest, verify_run
from tests.conftest import MINI_ALONE, fdbench
from tests.e2e.test_bad_input import TASK, write_clip, write_set

TURN, PAUSE = "mini/turn_taking/tt-01@main.r0", "mini/pause_handling/ph-01@main.r0"
OURS = "fdbench-*"


@pytest.fixture(scope="module")
def original(record_once: Callable[..., Path]) -> Path:
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    return record_once("vad-endpointer", "--tasks", MINI_ALONE, "--limit", "1", "--asr", "sphinx")


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / original.name))


def verified(run, annotations="stored", **settings):
    return verify_run(run, VerifyRequest(annotations=annotations, **settings), lambda *_: None)


def named(run, annotations="stored", **settings):
    """(file, what) of each difference; scores' folders by protocol alone."""
    found = verified(run, annotations, **settings).differences
    return [(each.file, each.what) for each in found]


def the(run, pattern):
    (path,) = run.glob(pattern)
    return path


def edit_json(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def edit_line(path, number, change):
    lines = path.read_text().splitlines(keepends=True)
    value = json.loads(lines[number])
    change(value)
    lines[number] = json.dumps(value) + "\n"
    path.write_text("".join(lines))


def snapshot(folder):
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, sha256_of(path.read_bytes()) if path.is_file() else "")
        for path in [folder, *sorted(folder.rglob("*"))]
    }


def test_an_untouched_run_agrees_and_is_left_as_it_was(run):
    before = snapshot(run)
    for path in [run, *run.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    found = fdbench("verify", run, "--workers", "1")
    assert found.status == 0, found.out + found.err
    assert snapshot(run) == before
    lines = found.out.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["ok", name] for name in ("manifest", "takes", "audio", "data", "annotations", "scores", "summaries")
    ]
    assert "ok    audio        8 files, 8 hashes" in lines
    assert lines[-1] == f"{run.name}: everything that was checked agrees"
    shown = fdbench("show", run)
    assert shown.status == 0
    assert snapshot(run) == before


def test_the_stored_annotations_suffice_where_one_trusts_them(run):
    found = verified(run)
    assert found.agrees
    assert [group.name for group in found.groups if group.unchecked] == ["annotations"]


def test_a_folder_that_is_no_run_is_misuse(tmp_path):
    for command in ("verify", "show"):
        finished = fdbench(command, tmp_path)
        assert finished.status == 2
        assert "not a run" in finished.err


def test_a_flipped_byte_of_audio(run):
    path = run / f"audio/{TURN}.model.flac"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    found = fdbench("verify", run, "--workers", "1", "--json", run.parent / "found.json")
    assert found.status == 3
    assert "DIFF  audio" in found.out
    assert "some of it was not checked" in found.out.splitlines()[-1]
    differences = [
        each for group in json.loads((run.parent / "found.json").read_text())["groups"] for each in group["differences"]
    ]
    assert {(each["group"], each["file"]) for each in differences} == {("audio", f"audio/{TURN}.model.flac")}


def test_the_audio_of_two_takes_swapped(run):
    one, other = run / f"audio/{TURN}.model.flac", run / f"audio/{PAUSE}.model.flac"
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    assert {file for file, _ in named(run)} == {f"audio/{TURN}.model.flac", f"audio/{PAUSE}.model.flac"}
    assert {what.split()[-1] for _, what in named(run)} >= {"digest", "n_bytes"}


def test_audio_and_its_record_changed_together_give_other_scores(run):
    """Nobody can tell a recording from one that was made to fit its record; what is derived from it tells."""
    path, record = run / f"audio/{TURN}.model.flac", run / f"takes/{TURN}.json"
    audio = read_audio(path)
    silent = type(audio)(np.zeros_like(audio.samples), audio.sample_rate)
    data = write_flac(path, silent)
    from fdbench.io.wav import digest_of_audio

    edit_json(record, lambda value: value["model"].update(digest=digest_of_audio(silent), n_bytes=len(data)))
    found = verified(run, "fresh")
    assert {group.name for group in found.groups if group.differences} == {"takes", "scores", "summaries"}
    scores = [each for each in found.differences if each.group == "scores"]
    assert all(each.what.startswith("mini/turn_taking tt-01 ") for each in scores)
    assert any("takeover_rate value" in each.what and (each.stored, each.found) == (1.0, 0.0) for each in scores)


@pytest.mark.parametrize("change", [{"right_censored": True}, {"events": [{"kind": "text", "start_s": 0.0, "end_s": 1.0}]}])
def test_a_record_that_nothing_else_contradicts_is_still_not_the_one_that_was_scored(run, change):
    edit_json(run / f"takes/{TURN}.json", lambda value: value.update(change))
    found = verified(run)
    assert {each.group for each in found.differences} == {"takes"}
    assert all("is not what it was when" in each.what for each in found.differences)


@pytest.mark.parametrize("channel", ["user", "model"])
def test_a_missing_recording(run, channel):
    (run / f"audio/{TURN}.{channel}.flac").unlink()
    assert named(run) == [(f"audio/{TURN}.{channel}.flac", "mini/turn_taking tt-01: the file is missing")]


def test_another_prompt_than_the_data_has(run):
    path, record = run / f"audio/{TURN}.user.flac", run / f"takes/{TURN}.json"
    audio = read_audio(path)
    louder = type(audio)(np.where(np.arange(len(audio.samples)) == 16000, np.float32(0.5), audio.samples), audio.sample_rate)
    data = write_flac(path, louder)
    from fdbench.io.wav import digest_of_audio

    edit_json(record, lambda value: value["user"].update(digest=digest_of_audio(louder), n_bytes=len(data)))
    ((file, what),) = named(run)
    assert file == f"audio/{TURN}.user.flac"
    assert what.endswith("not the prompt from 1.000 s on")


def change_value(line):
    line["scores"]["response_latency_s"]["value"] += 1e-9


def test_an_edited_score(run):
    path = the(run, f"scores/{OURS}/samples.jsonl")
    number = next(i for i, line in enumerate(path.read_text().splitlines()) if json.loads(line)["id"] == "tt-01")
    edit_line(path, number, change_value)
    (difference,) = verified(run).differences
    assert difference.file == path.relative_to(run).as_posix()
    assert difference.what == "mini/turn_taking tt-01 response_latency_s value"
    assert difference.stored == pytest.approx(difference.found + 1e-9, abs=1e-12)


@pytest.mark.parametrize("field", ["ci_low", "value", "n_scored", "signature"])
def test_an_edited_summary(run, field):
    path = the(run, f"scores/{OURS}/summary.json")

    def change(summary):
        metric = summary["tasks"]["mini/turn_taking"]["metrics"]["takeover_rate"]
        metric[field] = metric[field].replace("agg:2", "agg:0") if field == "signature" else 0.25

    edit_json(path, change)
    ((file, what),) = named(run)
    assert file == path.relative_to(run).as_posix()
    assert what.startswith("mini/turn_taking") and "takeover_rate" in what and field in what


def test_a_remark_that_was_taken_out(run):
    path = the(run, f"scores/{OURS}/summary.json")
    edit_json(path, lambda summary: summary.update(notes=["nothing to worry about"]))
    assert named(run) == [(path.relative_to(run).as_posix(), "notes")]


def test_an_edited_count(run):
    path = the(run, f"scores/{OURS}/summary.json")
    edit_json(path, lambda summary: summary["tasks"]["mini/turn_taking"].update(n_errors=1))
    assert named(run) == [(path.relative_to(run).as_posix(), "mini/turn_taking n_errors")]


def test_a_deleted_a_doubled_and_a_foreign_line(run):
    path = the(run, f"scores/{OURS}/samples.jsonl")
    first, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*rest, rest[0], first.replace(json.loads(first)["id"], "nobody"), "{torn"]))
    file = path.relative_to(run).as_posix()
    line, twice = json.loads(first), json.loads(rest[0])
    assert sorted(named(run)) == sorted(
        [
            (file, f"{line['task']} {line['id']}"),
            (file, f"{twice['task']} {twice['id']}"),
            (file, f"{line['task']} nobody"),
            (file, f"line {len(rest) + 3}: not a sample's scores"),
        ]
    )


def test_an_edited_setting(run):
    edit_json(run / "manifest.json", lambda manifest: manifest["collection"].update(seed=5))
    found = verified(run).differences
    assert [each.file for each in found] == ["manifest.json"] * 2
    assert "run_id" in found[0].what
    assert (found[1].what.split(":")[1].strip(), found[1].stored, found[1].found) == ("seed", "5", "0")


def test_an_edited_run_id(run):
    edit_json(run / "manifest.json", lambda manifest: manifest.update(run_id="vad-endpointer-0000000000"))
    assert named(run) == [("manifest.json", "run_id: not that of the settings")]


def test_engines_that_did_not_make_the_folder(run):
    edit_json(run / "manifest.json", lambda manifest: manifest["scored"][0]["engines"].update(asr="whisper-large@1"))
    ((file, what),) = named(run)
    assert file == "manifest.json"
    assert what.startswith("scored: folder")


def test_a_scoring_of_other_samples_is_stale(run):
    edit_json(run / "manifest.json", lambda manifest: manifest["scored"][0].update(tasks="0" * 64))
    ((file, what),) = named(run)
    assert file == "manifest.json"
    assert "stale" in what


@pytest.mark.parametrize(
    ("channel", "field", "value"),
    [("model", "start_s", 0.5), ("user", "start_s", -1.0), ("model", "start_s", float("nan"))],
)
def test_an_edited_place_on_the_timeline(run, channel, field, value):
    edit_json(run / f"takes/{TURN}.json", lambda record: record[channel].update({field: value}))
    assert {file for file, _ in named(run)} == {f"takes/{TURN}.json"}


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(sample="tt-02"),
        lambda record: record.update(status="failed"),
        lambda record: record.update(clock="realtime"),
        lambda record: record.update(prompt_s=1.0),
        lambda record: record.update(unknown=1),
        lambda record: record.update(user=None),
        lambda record: record["model"].update(file="audio/elsewhere.flac"),
    ],
)
def test_an_edited_record(run, change):
    edit_json(run / f"takes/{TURN}.json", change)
    files = {file for file, _ in named(run)}
    assert f"takes/{TURN}.json" in files
    assert files <= {f"takes/{TURN}.json", "audio/elsewhere.flac"}


def test_an_edited_rate_is_told_where_the_file_says_otherwise(run):
    edit_json(run / f"takes/{TURN}.json", lambda record: record["model"].update(sample_rate=8000))
    assert named(run) == [(f"audio/{TURN}.model.flac", "mini/turn_taking tt-01 sample_rate")]


def test_a_call_without_a_record(run):
    (run / f"takes/{TURN}.json").unlink()
    assert named(run) == [(f"takes/{TURN}.json", "mini/turn_taking tt-01: the call is in the manifest and has no record")]


def test_files_that_nothing_names(run):
    for place in ("audio/mini/turn_taking/x.flac", "takes/mini/turn_taking/x.json", "scores/fdbench-0123456789/summary.json"):
        (run / place).parent.mkdir(parents=True, exist_ok=True)
        (run / place).write_text("{}")
    assert sorted(file for file, _ in named(run)) == [
        "audio/mini/turn_taking/x.flac", "scores/fdbench-0123456789/summary.json", "takes/mini/turn_taking/x.json",
    ]  # fmt: skip


def test_an_edited_annotation_is_heard_again(run):
    words = [path for path in run.rglob("annotations/*/*.json") if json.loads(path.read_text())["answer"].get("words")]
    edit_json(words[0], lambda value: value["answer"]["words"][0].__setitem__(0, "forged"))
    ((file, what),) = named(run, "fresh")
    assert file == words[0].relative_to(run).as_posix()
    assert what.endswith("words [0] [0]")


def test_an_annotation_under_another_s_name(run):
    one, other, *_ = sorted(run.rglob("annotations/*/*.json"))
    other.write_text(one.read_text())
    shutil.rmtree(run / "scores")
    edit_json(run / "manifest.json", lambda manifest: manifest.update(scored=[]))
    ((file, what),) = named(run)
    assert file == other.relative_to(run).as_posix()
    assert "its name" in what


def test_deleted_annotations_are_no_difference(run):
    shutil.rmtree(run / "annotations")
    found = verified(run)
    assert found.agrees
    assert any("no annotations by sphinx" in why for group in found.groups for why in group.unchecked)
    assert verified(run, "fresh").agrees


def test_engines_of_another_version_are_told_and_the_stored_annotations_used(run, monkeypatch):
    monkeypatch.setattr("fdbench.verify.hearing.asr_signature", lambda spec: "sphinx-en-us@9")
    found = verified(run, "fresh")
    assert found.agrees
    assert any("found sphinx-en-us@9" in why for group in found.groups for why in group.unchecked)
    assert next(group for group in found.groups if group.name == "scores").counts["lines"] == 12


def test_a_recogniser_that_its_signature_does_not_tell_where_to_find(run, tiny_whisper):
    scored = fdbench("score", run, "--asr", f"whisper:{tiny_whisper}", "--protocol", "fdb-2026-05", "--workers", "1")
    assert scored.status == 0, scored.err
    unnamed, told = verified(run, "fresh"), verified(run, "fresh", asr=f"whisper:{tiny_whisper}")
    assert unnamed.agrees
    assert told.agrees
    assert any("whisper-micro" in why for group in unnamed.groups for why in group.unchecked)
    assert not [why for group in told.groups for why in group.unchecked]


def test_another_version_of_fdbench_is_a_note(run):
    path = the(run, f"scores/{OURS}/summary.json")
    path.write_text(path.read_text().replace("|fdbench:0.1.0", "|fdbench:0.0.9"))
    found = verified(run)
    assert found.agrees
    assert any("0.0.9" in note for group in found.groups for note in group.notes)


def test_a_run_that_moved_and_was_copied_still_agrees(run, tmp_path):
    moved = run.rename(tmp_path / "elsewhere")
    assert verified(moved).agrees


# Data that is not embedded.


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Benchmark data of three clips, the last of them broken, and a run on it under ``out``."""
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    root = tmp_path_factory.mktemp("tree")
    folder = write_set(root, 3)
    (folder / "2" / "turn_taking.json").write_text("{")
    finished = fdbench(
        "run", "--model", "silence", "--tasks", TASK, "--data", root, "--asr", "sphinx", "--out", root / "out", "--repeats", "2"
    )  # fmt: skip
    assert finished.status == 3, finished.err
    return root


@pytest.fixture
def data(tree: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tree, tmp_path / "data"))


def test_without_its_data_a_run_is_checked_as_far_as_can_be(data):
    run = the(data, "out/silence-*")
    found = verified(run)
    assert found.agrees
    assert any("no --data" in why for group in found.groups for why in group.unchecked)
    with_data = verified(run, "fresh", data=open_data(str(data)))
    assert with_data.agrees
    assert next(group for group in with_data.groups if group.name == "scores").counts["lines"] == 3 * 6


def test_other_data(data):
    run, clip = the(data, "out/silence-*"), data / "v1.0/candor_turn_taking/1"
    edit_json(clip / "turn_taking.json", lambda value: value[0].update(timestamp=[0.5, 0.6]))
    ((file, what),) = named(run, data=open_data(str(data)))
    assert file == "manifest.json"
    assert what.startswith(f"{TASK} 1 digest: the data is another")
    shutil.rmtree(clip)
    assert [what for _, what in named(run, data=open_data(str(data)))] == [f"{TASK} 1 digest: the data is not there any more"]


def test_a_broken_sample_that_was_mended_since_is_no_difference(data):
    run, clip = the(data, "out/silence-*"), data / "v1.0/candor_turn_taking/2"
    shutil.rmtree(clip)
    write_clip(clip, 2)
    assert verified(run, data=open_data(str(data))).agrees


def test_repeats_are_told_apart(data):
    run = the(data, "out/silence-*")
    (run / f"audio/{TASK}/0@main.r1.model.flac").unlink()
    assert named(run, data=open_data(str(data))) == [
        (f"audio/{TASK}/0@main.r1.model.flac", f"{TASK} 0 repeat 1: the file is missing")
    ]


def test_a_run_of_recordings_made_elsewhere(original, tmp_path):
    folder = tmp_path / "takes" / "mini" / "turn_taking"
    folder.mkdir(parents=True)
    shutil.copy(original / f"audio/{TURN}.model.flac", folder / "tt-01.flac")
    made = fdbench(
        "run", "--model", f"recordings:{tmp_path / 'takes'}", "--tasks", "mini/turn_taking", "--limit", "2", "--asr", "sphinx",
        "--arg", "offset_s=-0.25", "--out", tmp_path / "out", "--workers", "1",
    )  # fmt: skip
    assert made.status == 3, made.err  # one recording is there, one is missing
    found = verified(made.run, "fresh")
    assert found.agrees, found.differences


# Judged runs. The judge is played by the test, its verdicts are stored as a real one's are.

SETTINGS = JudgeSettings("ollama", "some-model", "http://localhost:1/v1")


class Judge:
    """Says 4 to everything and stores it."""

    signature, labels = SETTINGS.signature, ""
    asks = True

    def __init__(self, run):
        self.run = run

    def opinions(self, cases, progress):
        from fdbench.core.annotation import Verdict
        from fdbench.judge.prompts import find_prompt
        from fdbench.judge.verdicts import StoredVerdict, VerdictCache, key_of

        prompt, found = find_prompt(SETTINGS.prompts), {}
        for key, case in cases.items():
            if case.question is None:
                found[key] = None
                continue
            stored = StoredVerdict(Verdict(4.0, "fits", "some-model-7b"), '{"analysis": "fits", "rating": 4}')
            cache = VerdictCache(self.run.verdicts)
            cache.store(
                key_of(SETTINGS.asked, prompt, prompt.messages(case.question)), SETTINGS.asked, prompt, case.question, stored
            )
            found[key] = stored.verdict
        return Opinions(found)


@pytest.fixture
def judged(run: Path) -> Path:
    from fdbench.hear.stage import Engines

    folder = Run(run)
    options = ScoringOptions(Engines("sphinx"), ("fdb-2026-05",))
    for each in derive_scores(folder, options, Judge(folder), TaskLoader(None), lambda *_: None, folder.annotations):
        folder.write_scores(each.scored, each.lines, each.summary)
    assert list(run.glob("verdicts/*/*.json"))
    return run


def test_a_judged_run_agrees_without_asking_anybody(judged):
    found = verified(judged)
    assert found.agrees, found.differences
    groups = {group.name: group for group in found.groups}
    assert groups["verdicts"].counts == {"files": 1}
    assert groups["scores"].counts["files"] == 4


def test_an_edited_verdict(judged):
    path = the(judged, "verdicts/*/*.json")
    edit_json(path, lambda value: value.update(rating=5.0))
    (difference,) = verified(judged).differences
    assert (difference.group, difference.file) == ("verdicts", path.relative_to(judged).as_posix())
    assert (difference.stored, difference.found) == (5.0, 4)


def test_a_verdict_on_another_reply(judged):
    path = the(judged, "verdicts/*/*.json")
    edit_json(path, lambda value: value["question"].update(reply="something better"))
    found = verified(judged).differences
    assert found[0].file == path.relative_to(judged).as_posix()
    assert {each.group for each in found} == {"verdicts"}


def test_a_removed_verdict(judged):
    the(judged, "verdicts/*/*.json").unlink()
    (difference,) = verified(judged).differences
    assert difference.group == "verdicts"
    assert difference.what.startswith("mini/user_interruption ui-01 relevance")


def test_an_edited_rating_among_the_scores(judged):
    path = next(
        path
        for path in judged.glob("scores/fdb-2026-05-*/samples.jsonl")
        if "some-model" in path.with_name("summary.json").read_text()
    )
    number = next(i for i, line in enumerate(path.read_text().splitlines()) if json.loads(line)["id"] == "ui-01")
    edit_line(path, number, lambda line: line["scores"]["relevance"].update(value=5.0))
    assert named(judged) == [(path.relative_to(judged).as_posix(), "mini/user_interruption ui-01 relevance value")]


@pytest.fixture
def checked(judged: Path) -> Path:
    """A judged run with a check of its judge beside the scores; two items could not be rated."""
    from fdbench.judge.calibration import labelled_set
    from fdbench.judge.relevance import own_prompt
    from fdbench.stages.judge_check import check_judge

    class Rater:
        notes, settings, prompt = (), SETTINGS, own_prompt()

        def rate(self, questions):
            from fdbench.core.absence import Absence
            from fdbench.core.annotation import Verdict

            for number, key in enumerate(questions):
                verdict = Verdict(float(number % 6), "", "some-model-7b")
                yield key, verdict if number > 1 else Absence("judge_failed", "busy")

    check_judge(Rater(), labelled_set(), judged.parent, lambda *_: None)
    return judged


def test_a_check_of_the_judge_agrees_with_its_own_ratings(checked):
    found = verified(checked)
    assert found.agrees, found.differences
    (group,) = (group for group in found.groups if group.name == "judge checks")
    assert group.counts == {"files": 1, "ratings": 92}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda check: check["agreement"]["kappa"].update(value=0.99), "agreement kappa value"),
        (lambda check: check["agreement"]["hostile_lift"].update(ci_low=-9.0), "agreement hostile_lift ci_low"),
        (lambda check: check.update(n_rated=92), "n_rated"),
        (lambda check: check.update(n_failed=0), "n_failed"),
        (lambda check: check.update(models=["a-better-one"]), "models [0]"),
        (lambda check: check["items"].pop(), "items: not those of the labelled set"),
        (lambda check: check.update(judge="another"), "judge: not the one of these scores"),
        (lambda check: check.update(schema=2), "a newer fdbench wrote it (schema 2, this one reads 1)"),
    ],
)
def test_an_edited_check_of_the_judge(checked, change, told):
    path = the(checked, "scores/*/judge_check.json")
    edit_json(path, change)
    assert named(checked) == [(path.relative_to(checked).as_posix(), told)]


def test_an_edited_rating_or_label_in_a_check_of_the_judge_belies_its_agreement(checked):
    path = the(checked, "scores/*/judge_check.json")
    for change in ({"rating": 5.0}, {"label": 0}, {"category": "hostile"}):
        before = path.read_text()
        edit_json(path, lambda check, change=change: check["items"][10].update(change))
        assert {file for file, _ in named(checked)} == {path.relative_to(checked).as_posix()}
        path.write_text(before)


# What is shown.


def test_show_tells_everything_for_an_appendix(run):
    assert fdbench("score", run, "--asr", "sphinx", "--protocol", "fdbench").status == 0
    facts = json.loads(fdbench("show", run, "--json").out)
    manifest = json.loads((run / "manifest.json").read_text())
    assert facts["collection"] == manifest["collection"]
    assert facts["run_id_agrees"] is True
    task = facts["tasks"]["mini/turn_taking"]
    assert (task["n_samples"], task["n_recorded"], task["failed"], task["version"]) == (1, 1, {}, 1)
    assert task["digest"] == digest_of(manifest["tasks"]["mini/turn_taking"]["samples"])
    assert {scoring["protocol"] for scoring in facts["scorings"]} == {"fdb-2026-02", "fdb-2026-05", "fdbench"}
    (environment,) = facts["environments"]
    assert environment["commands"] == {"run": 1, "score": 1}
    assert environment["data_origin"] == "embedded"
    assert environment["packages"]["numpy"] == np.__version__
    assert facts["totals"]["n_attempts"] == 4
    assert facts["totals"]["n_files"] == 8
    assert facts["damaged"] == []
    text = fdbench("show", run).out
    for told in (facts["run_id"], "vad-endpointer (trivial)", "silence_ms=500", "sphinx-en-us@", "numpy", "mini/turn_taking"):
        assert told in text


def test_show_names_what_is_damaged_and_shows_the_rest(run):
    (run / f"takes/{TURN}.json").write_text("{")
    the(run, f"scores/{OURS}/summary.json").write_text("[]")
    (run / f"audio/{PAUSE}.user.flac").unlink()
    with (run / "attempts.jsonl").open("a") as file:
        file.write('{"event": "someday", "x": 1}\n{"event": "sta')
    shown = fdbench("show", run)
    assert shown.status == 3
    for told in (
        f"takes/{TURN}.json",
        "summary.json: the whole file: Input should be a valid dictionary",
        "1 of 6 files are missing",
        "1 line(s) of attempts.jsonl",
    ):
        assert told in shown.out
    assert "mini/backchannel" in shown.out


def test_the_log_goes_on_after_half_a_line_and_names_what_changed(run):
    with (run / "attempts.jsonl").open("a") as file:
        file.write('{"event": "start", "packages": {"numpy": "1.0"}, "at": "2026-01-01T00:00:00Z"}\n{"event": "st')
    assert fdbench("annotate", run, "--asr", "sphinx").status == 0
    facts = json.loads(fdbench("show", run, "--json").out)
    assert len(facts["environments"]) == 3
    assert facts["environments"][-1]["commands"] == {"annotate": 1}
    assert facts["totals"]["n_unreadable_lines"] == 1
    assert "it changed 2 time(s)" in fdbench("show", run).out


def test_a_start_that_lacks_the_run_s_data_is_no_start(data):
    run = the(data, "out/silence-*")
    log = (run / "attempts.jsonl").read_bytes()
    for command in ("score", "annotate"):
        assert fdbench(command, run, "--asr", "sphinx", FDBENCH_DATA="").status == 2
    assert (run / "attempts.jsonl").read_bytes() == log


def test_the_log_holds_no_secret_and_no_path(tmp_path):
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")
    secret = "sk-very-secret-0123456789"
    finished = fdbench(
        "run", "--model", "silence", "--tasks", "mini/turn_taking", "--limit", "1", "--asr", "sphinx", "--out", tmp_path,
        OPENAI_API_KEY=secret, FDBENCH_JUDGE_API_KEY=secret,
    )  # fmt: skip
    assert finished.status == 0, finished.err
    written = (finished.run / "attempts.jsonl").read_text()
    assert secret not in written
    assert str(tmp_path) not in written
    assert str(Path.cwd()) not in written
