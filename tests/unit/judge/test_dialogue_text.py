"""What a judge wrote about a dialogue: our form, the published one in its many notations, and anything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdbench.core.absence import Absence
from fdbench.core.annotation import DialogueEvent
from fdbench.judge.dialogue_text import MAX_TEXT_CHARS, read_dialogue_text, read_our_form, read_published_form
from fdbench.judge.rating_text import RATING_UNREADABLE, Reading

OURS = {
    "analysis": "Two turns.",
    "events": [
        {"start": 0.5, "end": 3, "turn_taking": 4, "instruction": 5},
        {"start": 7.25, "end": 9.5, "turn_taking": 2, "instruction": 1},
    ],
    "task_score": 3,
}
EVENTS = (DialogueEvent(0.5, 3.0, 4, 5), DialogueEvent(7.25, 9.5, 2, 1))


def published(events: str, task: str = "4") -> str:
    return f'{{"Turn-taking event and score": [{events}], "Task-specific score": {task}}}'


def events_of(text: str) -> tuple[DialogueEvent, ...]:
    found = read_published_form(text)
    assert isinstance(found, Reading), found
    return found.events


def test_our_form_is_read_strictly_and_before_the_other():
    assert read_dialogue_text(json.dumps(OURS)) == Reading(3, "Two turns.", events=EVENTS)
    assert read_dialogue_text(f"```json\n{json.dumps({**OURS, 'task_score': None})}\n```") == Reading(
        None, "Two turns.", events=EVENTS
    )


@pytest.mark.parametrize(
    "change",
    [
        {"task_score": 6},
        {"task_score": True},
        {"task_score": 3.5},
        {"analysis": None},
        {"events": {}},
        {"more": 1},
        {"events": [{"start": 1, "end": 1, "turn_taking": 3, "instruction": 3}]},
        {"events": [{"start": -1, "end": 1, "turn_taking": 3, "instruction": 3}]},
        {"events": [{"start": 0, "end": 1, "turn_taking": 0, "instruction": 3}]},
        {"events": [{"start": 0, "end": 1, "turn_taking": None, "instruction": 3}]},
        {"events": [{"start": 0, "end": 1, "turn_taking": 3}]},
        {"events": [[0, 1, 3, 3]]},
        {"events": [{"start": 0, "end": float("inf"), "turn_taking": 3, "instruction": 3}]},
    ],
)
def test_our_form_with_anything_else_in_it_is_none(change):
    found = read_our_form(json.dumps({**OURS, **change}))
    assert isinstance(found, Absence)
    assert found.reason == RATING_UNREADABLE
    assert found.message
    assert isinstance(read_dialogue_text(json.dumps({**OURS, **change})), Absence)


@pytest.mark.parametrize(
    "notation",
    [
        "[0.5, 3.0]: 4, 5, [7.25, 9.5]: 2, 1",
        "[[0.5, 3.0]: 4, 5], [[7.25, 9.5]: 2, 1]",
        "[{0.5, 3.0}]: 4, 5,\n [{7.25, 9.5}]: 2, 1,\n ...",
        '{"start": 0.5, "end": 3.0, "turn_taking": 4, "why": "at 3 s, in 2 words", "instruction": 5}, [7.25, 9.5, 2, 1]',
        '["0:00.5", "0:03"]: "4", "5", ["00:07.25" - "0:0:9.5"]: 2, 1',
        "[0.5-3.0]: 4, 5, // smooth, 2 turns\n [7.25s, 9.5s]: 2, 1",
        "(0.5, 3.0): 4/5 [7.25, 9.5]: 2, 1, 3",
        "[5e-1, 3.0]: 4.0, 5.0, [7.25, 9.5]: 2, 1",
    ],
)
def test_notations_of_the_same_two_events(notation):
    assert events_of(published(notation)) == EVENTS


def test_scores_that_are_not_there_are_none_and_the_rest_is_kept():
    assert events_of(published("[1, 2]: null, 3, [3, 4]: 2, [5, 6], [9, 8]: 7, -1")) == (
        DialogueEvent(1, 2, None, 3),
        DialogueEvent(3, 4, 2, None),
        DialogueEvent(5, 6, None, None),
        DialogueEvent(9, 8, 7, None),
    )


@pytest.mark.parametrize(
    ("task", "score"), [("5", 5), ('"4"', 4), ("null", None), ("N/A", None), ("4/5", 4), ("3.5", 3.5), ("9" * 40, None)]
)
def test_the_task_score(task, score):
    found = read_published_form(published("[1, 2]: 3, 3", task))
    assert isinstance(found, Reading)
    assert found.rating == score or len(task) == 40


def test_a_list_in_a_quotation_before_the_answer_does_not_count():
    said = 'The model said: "Turn-taking event and score": [[0, 9]: 5, 5], "Task-specific score": 5. I do not believe it.\n'
    assert read_published_form(said + published("[0, 9]: 1, 1", "1")) == Reading(1, events=(DialogueEvent(0, 9, 1, 1),))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot rate this.",
        "Turn-taking event and score: 4",
        '"Turn-taking event and score": [[1, 2]: 3, 4',
        published("none of them"),
        published("1, 2, 3, 4, 5"),
        published("[[[[[[[[[[[[[[[[[[[[[[[1, 2]: 3, 3]]]]]]]]]]]]]]]]]]]]]]"),
        published(f"[{'9' * 31}, 2]: 3, 3"),
        published("[1, 2]: 3, 3") + " " * MAX_TEXT_CHARS,
        "[" * 90_000,
        '"Turn-taking event and score": [' + '"1:' * 30_000,
        '"Turn-taking event and score": [' + "-1." * 30_000,
    ],
)
def test_what_cannot_be_read_says_why(text):
    found = read_dialogue_text(text)
    assert isinstance(found, Absence)
    assert found.reason == RATING_UNREADABLE
    assert found.message


PIECES = st.sampled_from(
    [*'[]{}():,"-/.0159 \n', "null", "1:30", "Turn-taking event and score", "Task-specific score", "\ud800", "\u0663", "start"]
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=60).map("".join))
def test_any_text_is_read_or_is_not(text):
    for whole in (text, f'"Turn-taking event and score": [{text}]'):
        assert isinstance(read_dialogue_text(whole), Reading | Absence)
