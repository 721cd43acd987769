"""One recording, scored where replies could first be heard and where the model's official script would have put them.

A model of a file has no entry in ``models.yaml`` to say how far apart the two are, so these tests write that into the
manifest, where a run of a listed model has it from the start.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fdbench.core.signature import parse_signature
from fdbench.hear.stage import Engines, annotate
from fdbench.scoring.requests import MODEL_SPEECH
from fdbench.stages.derive import placed_cases
from fdbench.store.run import Run
from fdbench.task.data import open_data
from fdbench.task.load import TaskLoader
from fdbench.verify.run import VerifyRequest, verify_run
from tests.conftest import fdbench
from tests.e2e.stand_ins import FRAME_S, Clicker, Writer
from tests.e2e.test_bad_input import TASK as V1_TASK
from tests.e2e.test_bad_input import write_clip

STAND_INS = Path(__file__).parent / "stand_ins.py"
TASK = "mini/turn_taking"
ASR = ("--asr", "sphinx", "--workers", "1")
PUBLISHED = ("--placement", "published")
PROTOCOLS = ("--protocol", "fdbench,fdb-2026-05")
CALL = ("run", "--model", f"{STAND_INS}:{Writer.__name__}", "--tasks", TASK, "--limit", "1", "--lead-in", "1")

pytestmark = pytest.mark.usefixtures("sphinx")


@pytest.fixture(scope="module")
def sphinx():
    pytest.importorskip("pocketsphinx", reason="needs pip install 'fdbench[sphinx]'")


def set_shift(run, shift_s):
    path = run / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["collection"]["published_shift_s"] = shift_s
    path.write_text(json.dumps(manifest))


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def causal(sphinx, tmp_path_factory):
    """A run whose replies lie a frame earlier where they are published, scored as recorded."""
    finished = fdbench(*CALL, *ASR, *PROTOCOLS, "--out", tmp_path_factory.mktemp("out"))
    assert finished.status == 0, finished.err
    set_shift(finished.run, -FRAME_S)
    return finished.run


@pytest.fixture(scope="module")
def both(causal, tmp_path_factory):
    """The same, scored at its published place too; with what that printed."""
    run = Path(shutil.copytree(causal, tmp_path_factory.mktemp("both") / causal.name))
    finished = fdbench("score", run, *ASR, *PROTOCOLS, *PUBLISHED)
    assert finished.status == 0, finished.err
    return run, finished.out


@pytest.fixture
def run(both, tmp_path):
    return Path(shutil.copytree(both[0], tmp_path / both[0].name))


def summary(run, placement, protocol="fdbench"):
    found = [json.loads(path.read_text()) for path in run.glob(f"scores/{protocol}-*/summary.json")]
    (wanted,) = [each for each in found if each.get("placement", "causal") == placement]
    return wanted


def latencies_s(run, placement):
    """By sample, under fdbench."""
    folders = [path.parent for path in run.glob("scores/fdbench-*/summary.json")]
    (folder,) = [
        each for each in folders if json.loads((each / "summary.json").read_text()).get("placement", "causal") == placement
    ]
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    return {line["id"]: line["scores"]["response_latency_s"]["value"] for line in lines}


# What is heard.


def test_a_click_in_answer_to_a_click_is_heard_where_each_placement_puts_it_to_the_sample(tmp_path, monkeypatch):
    """The annotator hears from the prompt's first sample on, so the index of a click in what it hears is its time."""
    rate, at = Clicker.hears.sample_rate, 30_001
    clip = write_clip(tmp_path / "v1.0/candor_turn_taking/1", 0)
    prompt = np.zeros(3 * rate, np.float32)
    prompt[at] = 0.75
    soundfile.write(clip / "input.wav", prompt, rate, subtype="PCM_16")
    finished = fdbench(
        "run", "--model", f"{STAND_INS}:Clicker", "--tasks", V1_TASK, "--data", tmp_path, "--out", tmp_path / "out", *ASR,
        "--lead-in", "1", "--protocol", "fdb-2026-05",
    )  # fmt: skip
    assert finished.status == 0, finished.err
    set_shift(finished.run, -FRAME_S)
    heard = []

    def listen(audio, settings, model):
        heard.append(audio)
        return detect_speech(audio, settings, model)

    from fdbench.hear.stage import detect_speech

    monkeypatch.setattr("fdbench.hear.stage.detect_speech", listen)
    run, engines, data = Run(finished.run), Engines("sphinx"), open_data(str(tmp_path))
    frame = Clicker.says.frame_samples
    for placement, expected, n_lost in (("causal", at + frame, 0), ("published", at, frame)):
        (case,) = placed_cases(run, run.manifest(), placement, TaskLoader(data))
        take = case.takes["main"]
        answers = annotate(take.audio, [MODEL_SPEECH], engines)
        assert np.flatnonzero(heard[-1].samples > 0.5).tolist() == [expected]
        assert take.audio.load("user").cut(take.audio.load("user").span).audio.samples[at + rate] > 0.5, "the user stays"
        assert take.recorded_s == pytest.approx(len(heard[-1].samples) / rate, abs=1e-9)
        assert answers.speech[MODEL_SPEECH].duration_s == pytest.approx((len(heard[0].samples) - n_lost) / rate, abs=1e-4)


def test_latencies_are_a_frame_shorter(both):
    """The windows of the detector's two passes begin every 16 ms, from t = 0, and a frame is five of their steps."""
    run, _ = both
    before, after = latencies_s(run, "causal"), latencies_s(run, "published")
    assert before.keys() == after.keys() == {"tt-01"}
    for sample_id, latency_s in before.items():
        assert latency_s - after[sample_id] == pytest.approx(FRAME_S, abs=1e-9)


def test_latencies_are_shorter_by_exactly_the_shift_where_it_is_whole_steps_of_the_detector(causal, tmp_path):
    run = Path(shutil.copytree(causal, tmp_path / causal.name))
    set_shift(run, -2 * FRAME_S)  # ten steps
    assert fdbench("score", run, *ASR, "--protocol", "fdbench", *PUBLISHED).status == 0
    before, after = latencies_s(run, "causal"), latencies_s(run, "published")
    for sample_id, latency_s in before.items():
        assert latency_s - after[sample_id] == pytest.approx(2 * FRAME_S, abs=1e-9)


# What is stored and shown.


def test_scorings_of_both_placements_lie_side_by_side(causal, both):
    run, _ = both
    told = [(summary(run, "published", name)["shift_s"], name) for name in ("fdbench", "fdb-2026-05")]
    assert told == [(-FRAME_S, "fdbench"), (-FRAME_S, "fdb-2026-05")]
    assert len(list(run.glob("scores/*"))) == 4
    before, now = contents(causal / "scores"), contents(run / "scores")
    assert {name: now[name] for name in before} == before
    heard, remembered = contents(causal / "annotations"), contents(run / "annotations")
    assert {name: remembered[name] for name in heard} == heard
    assert len(remembered) > len(heard)


def test_the_signature_says_which_is_which_and_nothing_else_differs(both):
    run, _ = both
    for protocol in ("fdbench", "fdb-2026-05"):
        tasks = [summary(run, placement, protocol)["tasks"][TASK]["metrics"] for placement in ("causal", "published")]
        assert tasks[0].keys() == tasks[1].keys()
        for name in tasks[0]:
            left, right = (parse_signature(task[name]["signature"]) for task in tasks)
            assert (left.pop("placement"), right.pop("placement")) == ("causal", "published")
            assert left == right


def test_what_is_said_is_what_was_written_at_both(both):
    run, _ = both
    first, second = (summary(run, placement)["tasks"][TASK]["metrics"]["own_text_wer"] for placement in ("causal", "published"))
    assert (first["n_scored"], second["n_scored"]) == (1, 1)
    assert max(first["value"], second["value"]) <= 0.2


def test_the_table_in_the_terminal_says_the_placement_of_each_block(causal, both):
    heads = [line for line in fdbench("show", both[0]).out.splitlines() if line.startswith(f"{TASK} | ")]
    assert len(heads) == 4
    assert sum(" | placement causal" in line for line in heads) == sum(" | placement published" in line for line in heads) == 2
    assert not any(" | placement" in line for line in fdbench("show", causal).out.splitlines())


def test_the_leaderboard_has_a_table_for_each(both, tmp_path):
    board = tmp_path / "board.md"
    assert fdbench("leaderboard", "--results", both[0].parent, "--out", board).status == 0
    pages = board.read_text() + (tmp_path / "fdb.md").read_text()
    facts = [line for line in pages.splitlines() if line.startswith("protocol `")]
    told = [(line.split("`")[1], line.partition("placement ")[2]) for line in facts]
    assert told == [(name, f"`{each}`") for name in ("fdbench", "fdb-2026-05") for each in ("causal", "published")]


def test_show_tells_the_placement_of_each_scoring(both):
    facts = json.loads(fdbench("show", both[0], "--json").out)
    assert facts["collection"]["placement"] == "causal"
    assert facts["collection"]["published_shift_s"] == -FRAME_S
    told = {(each["protocol"], each["placement"], each["shift_s"]) for each in facts["scorings"]}
    assert told == {(name, *at) for name in ("fdbench", "fdb-2026-05") for at in (("causal", 0.0), ("published", -FRAME_S))}
    assert all(each["folder_agrees"] for each in facts["scorings"])
    text = fdbench("show", both[0]).out
    assert "placement causal (published: -0.08 s)" in text
    assert sum(line.split() == ["placement", "published"] for line in text.splitlines()) == 2


def test_a_run_that_is_there_is_scored_at_its_published_place_without_a_call(causal, tmp_path):
    run = Path(shutil.copytree(causal, tmp_path / causal.name))
    recorded = contents(run / "takes") | contents(run / "audio")
    finished = fdbench(*CALL, *ASR, "--protocol", "fdb-2026-05", *PUBLISHED, "--out", tmp_path)
    assert finished.status == 0, finished.err
    assert finished.run == run
    assert contents(run / "takes") | contents(run / "audio") == recorded
    assert summary(run, "published", "fdb-2026-05")["shift_s"] == -FRAME_S


# What is verified.


def verified(run, annotations="stored"):
    return verify_run(run, VerifyRequest(annotations=annotations), lambda *_: None)


def test_verify_recomputes_both(run):
    found = verified(run, "fresh")
    assert found.agrees, found.differences
    counts = {group.name: group.counts for group in found.groups}
    assert counts["scores"]["files"] == counts["summaries"]["files"] == 4
    assert counts["annotations"]["answers"] == len(list(run.rglob("annotations/*/*.json")))
    assert not [why for group in found.groups for why in group.unchecked]


def test_a_number_of_one_placement_is_no_number_of_the_other(run):
    folders = {
        json.loads(path.read_text()).get("placement", "causal"): path.parent for path in run.glob("scores/fdbench-*/*.json")
    }
    file = folders["published"] / "samples.jsonl"
    file.write_bytes((folders["causal"] / "samples.jsonl").read_bytes())
    found = verified(run).differences
    assert {(each.group, each.file) for each in found} == {("scores", file.relative_to(run).as_posix())}
    assert f"{TASK} tt-01 response_latency_s value" in {each.what for each in found}
    moved = {"response_latency_s", "content_latency_s", "lost_per_turn_s", "lost_worded_s", "sound_beside_speech", "details"}
    assert {each.what.removeprefix(f"{TASK} tt-01 ").split()[0] for each in found} == moved


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda manifest: manifest["collection"].update(published_shift_s=-0.16),
            "not the published placement of the settings",
        ),
        (lambda manifest: [each.update(shift_s=0.0) for each in manifest["scored"]], "by other engines or placement"),
    ],
)
def test_an_edited_shift_is_named(run, change, told):
    path = run / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    found = verified(run).differences
    assert [each.file for each in found] == ["manifest.json"] * 2  # one per protocol
    assert all(told in each.what for each in found)


# What is exported.


def test_an_export_of_both_gives_the_numbers_of_either(both, tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs pip install 'fdbench[data]'")
    run, dataset = both[0], tmp_path / "dataset"
    assert fdbench("export", run, "--to", dataset, "--no-prompts").status == 0
    rows = datasets.load_dataset(str(dataset), "scores", split="test", cache_dir=str(tmp_path / "cache"))
    latency_s = {row["placement"]: row["value"] for row in rows if row["metric"] == "response_latency_s"}
    assert latency_s["published"] < latency_s["causal"]
    for placement in ("causal", "published"):
        shutil.rmtree(dataset / "scores")
        finished = fdbench("score", dataset, *ASR, "--protocol", "fdbench", "--placement", placement)
        assert finished.status == 0, finished.err
        assert summary(dataset, placement) == summary(run, placement)
        assert summary(dataset, placement)["tasks"][TASK]["metrics"]["own_text_wer"]["n_scored"] == 1


# What is refused.


def refused(finished):
    assert finished.status == 2
    lines = finished.err.strip().splitlines()
    assert len(lines) == 2
    assert "--placement published" in lines[0]
    return lines[0]


def test_a_model_without_a_published_place_is_refused_before_any_call(tmp_path):
    finished = fdbench("run", "--model", "silence", "--tasks", TASK, "--limit", "1", "--out", tmp_path, *ASR, *PUBLISHED)
    assert "silence has no published placement" in refused(finished)
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_published_place_is_refused_and_left_as_it_was(causal, tmp_path):
    run = Path(shutil.copytree(causal, tmp_path / "run"))
    set_shift(run, 0.0)
    before = contents(run)
    for command in ("score", "annotate"):
        assert "no published placement" in refused(fdbench(command, run, *ASR, *PUBLISHED))
    assert contents(run) == before


def test_recordings_made_elsewhere_are_refused(causal, tmp_path):
    folder = tmp_path / "takes" / TASK
    folder.mkdir(parents=True)
    shutil.copy(causal / f"audio/{TASK}/tt-01@main.r0.model.flac", folder / "tt-01.flac")
    model = ("--model", f"recordings:{tmp_path / 'takes'}", "--tasks", TASK, "--limit", "1", "--out", tmp_path / "out")
    assert "was recorded elsewhere" in refused(fdbench("run", *model, *ASR, *PUBLISHED))
    assert "made elsewhere" in refused(fdbench("score", folder, "--task", TASK, "--asr", "sphinx", *PUBLISHED))
