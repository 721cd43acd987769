"""`fdbench report`: what the page is made of, where it is written, and that what others wrote is only ever text in it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from fdbench.page.lanes import Drawn, Lane, Piece
from fdbench.page.write import write_call_page
from tests.conftest import fdbench
from tests.judge_server import JudgeServer
from tests.v1_tree import make_v1_tree

OPTIONS = ("--tasks", "mini/turn_taking,mini/user_interruption", "--limit", "3", "--asr", "none", "--protocol", "fdbench")
HOSTILE = '</script><script>window.acted=1</script><img src=x onerror="window.acted=1">\u202e\u2028\u2029"\'${1}'


@pytest.fixture(scope="module")
def pair(record_once):
    """An agent that replies, and one that never does."""
    return record_once("vad-endpointer", *OPTIONS), record_once("silence", *OPTIONS)


@pytest.fixture(scope="module")
def page(pair, tmp_path_factory):
    """The folder of both runs' page, and what the command said."""
    to = tmp_path_factory.mktemp("page") / "report"
    done = fdbench("report", *pair, "--to", to)
    assert done.status == 0, done.err
    return to, done.out


def put(path: Path):
    """What a file of data gives the page."""
    text = path.read_text("ascii")
    name, value = re.fullmatch(r"fdbench\.put\((\"[^\"]+\"), (.*)\);\n", text).groups()
    assert json.loads(name) == path.stem
    return json.loads(value)


def lines_of(run: Path) -> dict[tuple[str, str], dict]:
    (file,) = run.glob("scores/fdbench-*/samples.jsonl")
    return {(line["task"], line["id"]): line for line in map(json.loads, file.read_text().splitlines())}


def test_the_command_says_where_the_page_is_and_how_large(page):
    to, out = page
    n_bytes = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
    assert f"2 runs, 6 clips, {n_bytes / 1e6:.1f} MB" in out
    assert out.splitlines()[-1] == f"open it: {to / 'index.html'}"


def test_a_row_has_the_values_of_both_runs_and_says_which_are_censored(page, pair):
    to, _ = page
    index = put(to / "data/index.js")
    assert [run["name"] for run in index["runs"]] == ["vad-endpointer", "silence"]
    turns = next(task for task in index["tasks"] if task["name"] == "mini/turn_taking")
    columns = [column["metric"] for column in turns["columns"]]
    assert columns == ["response_latency_s", "takeover_rate", "break_in_rate", "lost_per_turn_s"]
    scores = [lines_of(run) for run in pair]
    for _, sample, _, (talks, never) in turns["clips"]:
        stored = scores[0]["mini/turn_taking", sample]["scores"]
        assert talks == ["", [pytest.approx(stored[metric]["value"], abs=1e-4) for metric in columns]]
        later = scores[1]["mini/turn_taking", sample]["scores"]["response_latency_s"]["components"]["censored_at_s"]
        assert never[0] == "c"
        assert never[1][0] == ["c", "no_reply", pytest.approx(later, abs=1e-4)]


def test_onsets_stand_beside_peoples_after_turns_alone(page):
    index = put(page[0] / "data/index.js")
    onsets = {task["name"]: task["onsets"] for task in index["tasks"]}
    turns = onsets["mini/turn_taking"]
    assert sum(turns["human"]) == pytest.approx(1, abs=1e-3)
    assert [run["replies"] for run in turns["runs"]] == [3, 0]
    assert [run["masses"][-1] for run in turns["runs"]] == [0, 1]
    assert onsets["mini/user_interruption"]["human"] is None


def test_a_clip_has_its_lanes_its_decision_and_every_number(page, pair):
    to, _ = page
    index = put(to / "data/index.js")
    turns = next(task for task in index["tasks"] if task["name"] == "mini/turn_taking")
    key, sample = turns["clips"][0][:2]
    talks, never = put(to / f"data/{key}.js")["calls"]
    stored = lines_of(pair[0])["mini/turn_taking", sample]["scores"]
    assert [lane["name"] for lane in talks["lanes"]] == ["user", "model"]
    user, model = talks["lanes"]
    (end,) = (event for event in user["events"] if event[3] == "turn_end")
    (arrow,) = (mark for mark in talks["marks"] if mark[0] == "arrow")
    assert arrow[1] == end[0]
    assert arrow[2] - arrow[1] == pytest.approx(stored["response_latency_s"]["value"], abs=2e-3)
    assert model["found"][0][0] == pytest.approx(arrow[2], abs=2e-3)
    assert model["speech"], "what was heard is stored"
    assert user["words"], "the data has the user's words"
    assert {metric: value for _, metric, value, *_ in talks["values"]} == {name: each["value"] for name, each in stored.items()}
    assert never["why"].startswith("No reply had begun")
    assert (to / model["audio"]).read_bytes() == next(
        pair[0].glob(f"audio/mini/turn_taking/{sample}@*.model.flac")
    ).read_bytes()


def test_the_same_runs_give_the_same_page(pair, page, tmp_path):
    fdbench("report", *pair, "--to", tmp_path / "again")

    def digests(folder: Path) -> dict[str, str]:
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    assert digests(tmp_path / "again") == digests(page[0])


def test_one_file_holds_everything(pair, tmp_path):
    done = fdbench("report", pair[0], "--to", tmp_path / "all.html")
    assert done.status == 0, done.err
    text = (tmp_path / "all.html").read_text()
    assert text.count('type="text/plain" id="sound-audio/') == 12
    assert text.count('type="application/json" id="data-') == 7
    assert [path.name for path in tmp_path.iterdir()] == ["all.html"]


def test_inline_puts_one_file_into_a_folder(pair, tmp_path):
    assert fdbench("report", pair[0], "--inline", "--to", tmp_path / "site").status == 0
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["index.html"]


def test_without_prompts_the_user_is_seen_and_neither_heard_nor_read(pair, tmp_path):
    assert fdbench("report", pair[0], "--no-prompts", "--to", tmp_path / "page").status == 0
    assert {path.name.split(".")[1] for path in (tmp_path / "page/audio").iterdir()} == {"model"}
    for file in (tmp_path / "page/data").glob("0*.js"):
        user = put(file)["calls"][0]["lanes"][0]
        assert (user["peaks"], user["audio"], user["words"]) == ("", "", [])
        assert user["speech"] or user["events"]
        assert all(event[2] == "" for event in user["events"])


def test_without_audio_waveforms_stay(pair, tmp_path):
    assert fdbench("report", pair[0], "--no-audio", "--to", tmp_path / "page").status == 0
    assert not list((tmp_path / "page/audio").iterdir())
    assert all(put(file)["calls"][0]["lanes"][1]["peaks"] for file in (tmp_path / "page/data").glob("0*.js"))


def test_a_run_whose_recordings_are_elsewhere_is_shown_without_them(pair, tmp_path):
    run = tmp_path / pair[0].name
    shutil.copytree(pair[0], run, ignore=shutil.ignore_patterns("audio", "annotations"))
    done = fdbench("report", run, "--to", tmp_path / "page")
    assert done.status == 0, done.err
    assert "12 recordings are not beside their runs" in done.out
    index = put(tmp_path / "page/data/index.js")
    assert "neither speech nor words are drawn" in index["runs"][0]["notes"][0]
    clip = put(tmp_path / "page/data/00000.js")["calls"][0]
    assert clip["lanes"][0]["peaks"] == ""
    assert [mark[0] for mark in clip["marks"]].count("arrow") >= 1


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("nothing", "--to", "page"), "nothing: holds no manifest.json, so it is not a run"),
        (("unscored", "--to", "page"), "unscored: the run has no scores"),
        (("run", "--to", "taken"), "--to taken: the folder is not empty and holds no report"),
        (("run", "--to", "taken/mine.html"), "--to taken/mine.html: is there and is no report"),
        (("run", "--to", "taken/mine.txt"), "--to taken/mine.txt: not a folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_two_lines(pair, tmp_path, arguments, what):
    shutil.copytree(pair[0], tmp_path / "run")
    shutil.copytree(pair[0], tmp_path / "unscored", ignore=shutil.ignore_patterns("scores"))
    (tmp_path / "taken").mkdir()
    for name in ("mine.html", "mine.txt"):
        (tmp_path / "taken" / name).write_text("mine")
    done = fdbench("report", *arguments, cwd=tmp_path)
    assert done.status == 2
    first, second = done.err.splitlines()
    assert first == f"fdbench: {what}"
    assert second.startswith("  ")
    assert not list(tmp_path.glob("**/*.part"))
    assert (tmp_path / "taken/mine.html").read_text() == "mine"


def test_a_page_is_written_over_an_earlier_one_and_over_nothing_else(pair, tmp_path):
    to = tmp_path / "page"
    assert fdbench("report", *pair, "--to", to).status == 0
    (to / "CNAME").write_text("mine")
    assert fdbench("report", pair[1], "--to", to).status == 0
    assert {path.name[0] for path in (to / "audio").iterdir()} == {"0"}
    assert (to / "CNAME").read_text() == "mine"


def hostile_run(run: Path, to: Path) -> Path:
    """A copy of a run in which everybody who wrote something into it meant ill."""
    shutil.copytree(run, to)
    manifest = json.loads((to / "manifest.json").read_text())
    manifest["collection"]["model"] = HOSTILE
    manifest["collection"]["arguments"] = {"voice": HOSTILE}
    (to / "manifest.json").write_text(json.dumps(manifest))
    (scores,) = to.glob("scores/fdbench-*")
    lines = [json.loads(line) for line in (scores / "samples.jsonl").read_text().splitlines()]
    (scores / "samples.jsonl").write_text("".join(json.dumps({**line, "messages": [HOSTILE]}) + "\n" for line in lines))
    summary = json.loads((scores / "summary.json").read_text())
    (scores / "summary.json").write_text(json.dumps({**summary, "notes": [HOSTILE]}))
    for record in (to / "takes").rglob("*.json"):
        facts = json.loads(record.read_text())
        facts["events"] = [{"kind": "text", "start_s": 0.5, "end_s": 0.6, "text": HOSTILE}]
        record.write_text(json.dumps(facts))
        rating = to / "ratings" / record.relative_to(to / "takes")
        rating.parent.mkdir(parents=True, exist_ok=True)
        rating.write_text(json.dumps({"rating": 3, "analysis": HOSTILE}))
    return to


@pytest.mark.parametrize("inline", [False, True])
def test_nothing_that_others_wrote_can_act(pair, tmp_path, inline):
    run = hostile_run(pair[0], tmp_path / "hostile")
    to = tmp_path / ("all.html" if inline else "page")
    done = fdbench("report", run, "--to", to)
    assert done.status == 0, done.err
    texts = [path.read_bytes() for path in ([to] if inline else to.rglob("*.[jh]*"))]
    for text in texts:
        assert b"window.acted=1</script>" not in text
        assert b"<img" not in text
        assert "\u202e".encode() not in text
        assert "\u2028".encode() not in text
    assert sum(rb"\\u202e" in text for text in texts), "it is seen, not left out"


def test_the_page_of_a_single_call_has_its_lanes_and_nothing_else(tmp_path):
    lane = Lane("model", "model", 0.0, 2.0, words=(Piece(0.5, 0.9, HOSTILE),))
    page = write_call_page(tmp_path / "call.html", HOSTILE, Drawn((lane,), why="Nobody decided."), {})
    text = page.path.read_text()
    assert text.count("<script") == 3
    assert "<img" not in text
    assert json.loads(re.search(r'id="data-index">(.*?)</script>', text)[1])["only"] == "call"


def test_a_call_that_failed_is_marked_and_says_why(pair, tmp_path):
    run = tmp_path / pair[0].name
    shutil.copytree(pair[0], run)
    record = next(run.glob("takes/mini/turn_taking/tt-02@*.json"))
    facts = json.loads(record.read_text())
    failure = {"kind": "dropped", "message": "the server hung up"}
    record.write_text(json.dumps({**facts, "status": "failed", "failure": failure, "user": None, "model": None}))
    assert fdbench("score", run, "--asr", "none", "--protocol", "fdbench").status == 3
    assert fdbench("report", run, "--to", tmp_path / "page").status == 0
    index = put(tmp_path / "page/data/index.js")
    (clip,) = (clip for task in index["tasks"] for clip in task["clips"] if clip[1] == "tt-02")
    assert clip[3][0][0] == "f"
    call = put(tmp_path / f"page/data/{clip[0]}.js")["calls"][0]
    assert call["lanes"] == []
    assert call["why"] == "response latency: the call did not yield a recording"
    assert call["remarks"][0] == "no recording: dropped: the server hung up"


FAILING = """
import numpy as np
from fdbench.adapter.base import Agent, Port

class Failing(Agent):
    hears = says = Port(sample_rate=24_000, frame_samples=1920)

    def reset(self, brief):
        raise RuntimeError("it is not there")

    def step(self, frame):
        return frame
"""


def test_a_run_of_which_every_call_failed_has_a_page_and_no_verdict_beside_another(record_once, tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    tasks = "mini/pause_handling,mini/turn_taking,mini/backchannel,mini/user_interruption,mini/overlap.talking_to_other"
    options = ("--tasks", tasks, "--asr", "none", "--protocol", "fdbench", "--limit", "1")
    failed = fdbench("run", "--model", tmp_path / "failing.py:Failing", *options, "--out", tmp_path / "runs")
    assert failed.status == 3
    done = fdbench("report", failed.run, "--to", tmp_path / "page")
    assert done.status == 0, done.err
    compared = fdbench("compare", failed.run, record_once("silence", *options))
    assert compared.out.splitlines()[-1] == "verdict: none, there is no number to compare that both runs have"


def test_a_call_with_a_condition_shows_what_the_model_heard(record_once, tmp_path):
    heard = record_once("vad-endpointer", *OPTIONS, "--condition", "echo-60ms", "--limit", "1")
    assert fdbench("report", heard, "--to", tmp_path / "page").status == 0
    call = put(tmp_path / "page/data/00000.js")["calls"][0]
    assert [lane["name"] for lane in call["lanes"]] == ["user", "what the model heard", "model"]
    assert all(lane["audio"] for lane in call["lanes"])
    assert fdbench("report", heard, "--no-prompts", "--to", tmp_path / "page").status == 0
    assert [lane["name"] for lane in put(tmp_path / "page/data/00000.js")["calls"][0]["lanes"]] == ["user", "model"]


def test_a_live_call_shows_when_the_server_decided(tmp_path):
    answerer = Path(__file__).with_name("live_stand_ins.py")
    options = (*OPTIONS, "--limit", "1", "--out", tmp_path / "runs")
    done = fdbench("run", "--model", f"{answerer}:Answerer", *options, FDBENCH_TEST_TIME="virtual")
    assert done.status == 0, done.err
    assert fdbench("report", done.run, "--to", tmp_path / "page").status == 0
    call = put(tmp_path / "page/data/00000.js")["calls"][0]
    assert [name for name, _ in call["clocks"]] == ["decided", "arrived", "played"]
    told = {name: pieces[0][0] for name, pieces in call["clocks"]}
    arrows = {mark[3].split()[0]: mark for mark in call["marks"] if mark[0] == "arrow"}
    assert arrows["decided"][2] == pytest.approx(told["decided"], abs=2e-3)
    assert arrows["arrived"][2] == pytest.approx(told["arrived"], abs=2e-3)
    assert "".join(call["own_text"].split())


def test_the_judges_words_stand_beside_the_reply_that_they_are_about(tmp_path):
    for package in ("openai", "pocketsphinx"):
        pytest.importorskip(package, reason="needs pip install 'fdbench[judge,sphinx]'")
    options = ("--tasks", "mini/user_interruption", "--limit", "1", "--asr", "sphinx", "--tail-limit", "4")
    with JudgeServer() as server:
        judge = ("--judge", "vllm:judge-1", "--judge-url", server.base_url)
        out = ("--out", tmp_path / "runs")
        done = fdbench("run", "--model", "oracle", *options, *judge, *out, FDBENCH_JUDGE_API_KEY="judge-key-5f3a91c7e2")
    assert done.status == 0, done.err
    assert fdbench("score", done.run, "--asr", "sphinx").status == 0  # another scoring, in which nobody was asked
    assert fdbench("report", done.run, "--to", tmp_path / "page").status == 0
    stored = [json.loads(path.read_text()) for path in (done.run / "verdicts").rglob("*.json")]
    said = {(facts["answered"]["model"], facts["analysis"]) for facts in stored}
    judged = [(by, words) for by, _, words in put(tmp_path / "page/data/00000.js")["calls"][0]["judged"]]
    assert judged
    assert set(judged) <= said
    assert fdbench("report", done.run, "--no-prompts", "--to", tmp_path / "page").status == 0
    assert put(tmp_path / "page/data/00000.js")["calls"][0]["judged"] == []


def test_without_the_data_the_page_says_that_its_events_are_not_drawn(tmp_path):
    make_v1_tree(tmp_path / "data", "--clips", 1)
    options = ("--tasks", "v1/turn_taking.candor", "--asr", "none", "--protocol", "fdbench", "--out", tmp_path / "runs")
    done = fdbench("run", "--model", "vad-endpointer", *options, "--limit", "1", "--data", tmp_path / "data")
    assert done.status == 0, done.err
    told = fdbench("report", done.run, "--to", tmp_path / "page")
    assert told.status == 0, told.err
    assert "v1/turn_taking.candor: annotated events are not drawn" in told.err
    call = put(tmp_path / "page/data/00000.js")["calls"][0]
    assert call["marks"] == []
    assert call["why"].startswith("response latency 0.")
    assert call["lanes"][1]["speech"]
