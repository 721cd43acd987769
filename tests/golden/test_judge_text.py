"""What judges wrote in the published forms, with what is to be read in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fdbench.judge.dialogue_text import read_dialogue_text
from fdbench.judge.rating_text import Reading, read_upstream_rating

DATA = Path(__file__).parent / "data"
CASES = json.loads((DATA / "judge_rating_text.json").read_text(encoding="utf-8"))
DIALOGUES = json.loads((DATA / "v2_judge_text.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case["text"][:40]))
def test_the_published_form_is_read_as_the_published_script_reads_it(case: dict) -> None:
    found = read_upstream_rating(case["text"])
    read = {"analysis": found.analysis, "rating": found.rating} if isinstance(found, Reading) else {}
    assert read == case["expected"]


def test_a_nine_is_a_rating_for_the_published_script() -> None:
    assert read_upstream_rating("Analysis: ok.\nI would rate the AI's response as 9.") == Reading(9, "ok.")


@pytest.mark.parametrize("case", DIALOGUES, ids=[f"{index}-{case['style']}" for index, case in enumerate(DIALOGUES)])
def test_the_scores_of_a_dialogue_are_read_in_every_notation(case: dict) -> None:
    found = read_dialogue_text(case["text"])
    assert isinstance(found, Reading)
    events = [[[each.start_s, each.end_s], each.turn_taking, each.instruction] for each in found.events]
    task = {} if found.rating is None else {"Task-specific score": found.rating}
    assert {"Turn-taking event and score": events, **task} == case["expected"]
