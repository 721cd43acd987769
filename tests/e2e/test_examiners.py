"""Runs with the examiners that are asked: a language model on loopback, and a server that calls, on a real clock."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fdbench.call import examined_calls
from fdbench.call.examiner import options
from fdbench.call.examiner.voice import ShippedVoice
from fdbench.task.dialogues import shipped_dialogues
from tests.conftest import fdbench, summaries
from tests.judge_server import JudgeServer

DIALOGUE = next(dialogue for dialogue in shipped_dialogues() if dialogue.id == "correction-01")
ONE = ("run", "--model", "vad-endpointer", "--tasks", "mini/dialogue", "--limit", "1", "--protocol", "fdbench")


def reader_of_lines(facts):
    """Reads each stage's line aloud, as there are clips of those, and is satisfied with whatever comes."""
    names = [stage.name for stage in DIALOGUE.stages]
    if facts["happened"] == "SPEAKING":
        return json.dumps({"goal_met": False, "stage": facts["stage"], "done": False, "say": ""})
    at = 0 if facts["happened"] == "BEGIN" else names.index(facts["stage"]) + 1
    is_done = at == len(names)
    say = DIALOGUE.closing if is_done else DIALOGUE.stages[at].line
    return json.dumps({"goal_met": True, "stage": names[min(at, len(names) - 1)], "done": is_done, "say": say})


def speaks_in_clips(*, ships):
    return ShippedVoice()


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_language_model_holds_a_dialogue_and_what_it_costs_is_on_record(tmp_path, monkeypatch):
    for module in (options, examined_calls):
        monkeypatch.setattr(module, "voice_of", speaks_in_clips)
    asked = ("--asr", "none", "--examiner", "llm:ollama:a-model", "--duration", "25")
    with JudgeServer(answer=reader_of_lines) as server:
        given = (*asked, "--examiner-arg", f"url={server.base_url}", "--examiner-arg", "price=1,10")
        environment = {"FDBENCH_CACHE": str(tmp_path / "cache")}
        done = fdbench(*ONE, *given, "--out", tmp_path / "a", "--max-cost", "1", **environment)
        assert done.status == 0, done.err
        n = len(server.requests)
        again = fdbench(*ONE, *given, "--out", tmp_path / "b", **environment)
        assert len(server.requests) == n >= 2
    (record,) = (json.loads(path.read_text()) for path in done.run.glob("takes/**/*.json"))
    said = [event["text"] for event in record["user_events"] if event["kind"] in ("line", "correction", "closing")]
    assert said and said == [*(stage.line for stage in DIALOGUE.stages), DIALOGUE.closing][: len(said)]
    for folder in ("takes", "audio", "scores"):
        for path in (done.run / folder).rglob("*.*"):
            assert (again.run / path.relative_to(done.run)).read_bytes() == path.read_bytes()
    calls = [each["call"] for each in lines_of(done.run / "attempts.jsonl") if "take" in each]
    assert calls == [{"cost": pytest.approx(n * (100 * 1 + 10 * 10) / 1e6)}]
    assert not any("call" in each for each in lines_of(again.run / "attempts.jsonl") if "take" in each)
    named = json.loads((done.run / "manifest.json").read_text())["collection"]["examiner"]
    assert (named["kind"], named["server"], named["thinks"]) == ("llm:ollama:a-model", "local-ollama", "not charged")
    metric = summaries(done.run)["fdbench"]["mini/dialogue"]["metrics"]["talk_share"]
    assert "|examiner:llm:ollama:a-model:1|" in metric["signature"] and "|examiner_prompt:llm-1-" in metric["signature"]


@pytest.fixture(scope="module")
def caller():
    with subprocess.Popen([sys.executable, "-m", "tests.realtime_server"], stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.terminate()


def test_a_server_calls_a_model_in_process_and_the_run_is_replayed_without_it(caller, tmp_path):
    asked = ("--examiner", "realtime:gpt-realtime", "--duration", "6", "--tail-limit", "6", "--most-late", "3000")
    given = ("--examiner-arg", f"base_url={caller}", "--examiner-arg", "query=behave=speaks", "--examiner-arg", "price=32,64")
    done = fdbench(*ONE, *asked, *given, "--asr", "none", "--out", tmp_path / "a", "--max-minutes", "1")
    assert done.status == 0, done.err
    manifest = json.loads((done.run / "manifest.json").read_text())
    assert manifest["collection"]["clock"] == "realtime"
    (record,) = (json.loads(path.read_text()) for path in done.run.glob("takes/**/*.json"))
    assert record["clock"] == "realtime" and record["user_log"] and "log" not in record
    (call,) = (each["call"] for each in lines_of(done.run / "attempts.jsonl") if "take" in each)
    assert call["cost"] > 0 and call["minutes"] > 0.05
    again = fdbench("replay", done.run, "--asr", "none", "--protocol", "fdbench", "--out", tmp_path / "b")
    assert "1 calls replayed: everything that was compared agrees" in again.err, again.err
    checked = fdbench("verify", done.run)
    assert checked.status == 0, checked.out + checked.err


def test_wrong_input_is_refused_before_anything_is_done(tmp_path):
    for wrong, words in (
        (("--examiner-arg", "thinks_s"), "--examiner-arg thinks_s: expected NAME=VALUE"),
        (("--examiner", "llm:openai"), "expected PROVIDER:MODEL"),
        (("--examiner", "realtime:moshi"), "is no server of the Realtime protocol"),
        (("--examiner", "llm:ollama:m", "--max-minutes", "1"), "are for calls on the wall clock"),
        (("--examiner", "llm:ollama:m", "--max-cost", "1"), "what the examiner llm:ollama:m costs is not known here"),
    ):
        done = fdbench(*ONE, *wrong, "--asr", "none", "--out", tmp_path)
        assert done.status == 2 and words in done.err and len(done.err.splitlines()) == 2, done.err
    assert not list(tmp_path.iterdir())
