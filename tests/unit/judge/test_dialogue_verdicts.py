"""Scores of dialogues on disk: found again as they were, recalled from their files, and asked with the prompt's temperature."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs pip install 'fdbench[judge]'")

from fdbench.core.absence import Absence
from fdbench.core.annotation import DialogueQuestion, RelevanceQuestion, Verdict
from fdbench.core.speech import Word
from fdbench.errors import DataError
from fdbench.io.secret import NO_SECRET
from fdbench.judge import prompts
from fdbench.judge.client import Judge
from fdbench.judge.providers import JudgeSettings, settings_of
from fdbench.judge.recall import recall_verdicts
from fdbench.judge.upstream_dialogue import UpstreamDialoguePrompt
from fdbench.judge.upstream_prompt import UpstreamPrompt
from fdbench.judge.verdicts import VerdictCache, question_as_json, question_of
from fdbench.stages.judging import AskedModel, GivenRatings, Nobody, UnratedReply
from fdbench.verify.verdicts import Recollection
from tests.judge_server import JudgeServer


def question(family: str = "correction", reply: str = "Four, sure.") -> DialogueQuestion:
    return DialogueQuestion(
        family,
        ("T1: A table for four.",),
        (Word("A table for four.", 0.0, 1.5),),
        (Word(reply, 2.0, None), Word("bye", 3.0, 4.0)),
    )


def settings(server: JudgeServer, **options: object) -> JudgeSettings:
    return settings_of("vllm:j", url=server.base_url, **options)


def ask(server: JudgeServer, root: Path, *questions: DialogueQuestion, **options: object) -> list[Verdict | Absence]:
    with Judge(settings(server, **options), VerdictCache(root), secret=NO_SECRET, sleep=lambda s: None) as judge:
        found = dict(judge.rate(dict(enumerate(questions))))
    return [found[index] for index in range(len(questions))]


def test_a_question_is_stored_and_read_again():
    assert question_of(json.loads(json.dumps(question_as_json(question())))) == question()


def test_a_verdict_is_found_again_with_its_events_and_nothing_is_asked_twice(tmp_path):
    with JudgeServer() as server:
        first = ask(server, tmp_path, question(), question("daily"))
        again = ask(server, tmp_path, question(), question("daily"))
        assert len(server.requests) == 2
    assert first == again
    correction, daily = first
    assert isinstance(correction, Verdict) and isinstance(daily, Verdict)
    assert len(correction.events) == 1
    assert correction.rating is not None and daily.rating is None
    for _, recalled in recall_verdicts(tmp_path, None):
        assert not isinstance(recalled, DataError)
        assert recalled.stated == recalled.follows
        assert recalled.judge.startswith("j@local-vllm/dialogue-1-")


@pytest.mark.parametrize("damage", [[1, 2, 3], [1, 2, "3", 4], [1, 2, True, 4], [1, float("nan"), 3, 4], 7])
def test_a_damaged_event_is_no_verdict(tmp_path, damage):
    with JudgeServer() as server:
        ask(server, tmp_path, question())
    (path,) = tmp_path.rglob("*.json")
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "events": [damage]}))
    assert VerdictCache(tmp_path).find(path.stem) is None
    ((_, recalled),) = recall_verdicts(tmp_path, None)
    assert isinstance(recalled, DataError)


def test_a_changed_score_is_found_out(tmp_path):
    with JudgeServer() as server:
        ask(server, tmp_path, question())
    (path,) = tmp_path.rglob("*.json")
    facts = json.loads(path.read_text())
    facts["events"][0][2] = 3
    path.write_text(json.dumps(facts))
    ((_, recalled),) = recall_verdicts(tmp_path, None)
    assert not isinstance(recalled, DataError)
    assert recalled.stated != recalled.follows


def test_unreadable_answers_are_asked_for_again_and_not_for_ever(tmp_path):
    with JudgeServer(script=["malformed", "prose", "fenced"]) as server:
        (found,) = ask(server, tmp_path / "a", question())
        n_asked = len(server.requests)
    assert isinstance(found, Verdict)
    assert n_asked <= 3
    with JudgeServer(behave=lambda *_: "malformed") as server:
        (found,) = ask(server, tmp_path / "b", question())
        assert len(server.requests) == 3
    assert isinstance(found, Absence)
    assert found.reason == "rating_unreadable"


def test_upstreams_prompt_is_asked_with_its_own_temperature_and_recalled_under_the_judges_signature(tmp_path, monkeypatch):
    scale = "Turn-taking event and score"
    readers = {
        DialogueQuestion: lambda path: UpstreamDialoguePrompt("s", (scale,)),
        RelevanceQuestion: lambda path: UpstreamPrompt("", ()),
    }
    monkeypatch.setattr(prompts, "_READERS", readers)
    with JudgeServer() as server:
        options = {"prompts": "upstream", "upstream_script": tmp_path / "x"}
        (verdict,) = ask(server, tmp_path, question(), **options)
        (body,) = server.bodies
        signature = settings(server, **options).signature
    assert (body["temperature"], body["seed"]) == (0.2, 1)
    assert "response_format" not in body
    assert isinstance(verdict, Verdict)
    assert (verdict.rating, len(verdict.events)) == (2.0, 1)
    ((_, recalled),) = recall_verdicts(tmp_path, None)
    assert not isinstance(recalled, DataError)
    assert recalled.judge == "j@local-vllm/upstream-dialogue-3c154051/t0.2/s0"
    assert recalled.doubt
    recollection = Recollection(signature, {(recalled.judge, recalled.question): recalled.verdict})
    assert recollection.prompt_for(DialogueQuestion) == "upstream-dialogue-3c154051"
    replies = {KEY: UnratedReply(question())}
    assert recollection.opinions(replies, lambda *_: None).of == {KEY: verdict}
    other = Recollection(f"{signature.removesuffix('s0')}s1", recollection.intact)
    assert other.opinions(replies, lambda *_: None).of == {KEY: Absence("rating_missing")}


SILENT = Verdict(1.0, "the model said nothing", "nobody")
KEY = ("take", "fdbench")


def test_a_verdict_in_the_place_of_a_question_is_taken_as_it_is_unless_nobody_judges_or_one_is_given(tmp_path):
    reply = UnratedReply(SILENT, lambda: None)
    given = Verdict(4.0)
    quiet = lambda *_: None  # noqa: E731
    assert Nobody().opinions({KEY: reply}, quiet).of[KEY] == Absence("no_judge")
    assert GivenRatings().opinions({KEY: reply}, quiet).of[KEY] == SILENT
    assert GivenRatings().opinions({KEY: UnratedReply(SILENT, lambda: given)}, quiet).of[KEY] == given
    with JudgeServer() as server:
        asked = AskedModel(settings(server), tmp_path)
        assert asked.opinions({KEY: reply}, quiet).of[KEY] == SILENT
        assert server.requests == []
