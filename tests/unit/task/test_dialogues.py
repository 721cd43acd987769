"""Dialogues from YAML, with errors that name file and line; and what is said for a goal that is prose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fdbench.core.conversation import Sample
from fdbench.core.dialogue import FAMILIES, Dialogue, DialogueStage
from fdbench.core.goal import Answered, Carried, Confirmed, Corrected, Declined
from fdbench.errors import DataError
from fdbench.task.dialogues import parse_dialogues, read_dialogues
from fdbench.task.loaded import digest_of_sample
from fdbench.task.staged import line_of, read_staged

GOOD = """\
schema: 1
dialogues:
  - id: d-1
    family: correction
    opening: Hello.
    closing: Bye.
    stages:
      - name: T1
        line: Three tickets, please.
        again: I want three.
        goal: {confirm: [[three, a trio], [tickets]]}
      - name: T2
        line: Sorry, five.
        again: ""
        corrects: T1
        goal: {corrected: {wanted: [five], replaced: [three]}}
      - name: T3
        line: What was it that I wanted first?
        again: What did I want?
        goal: {carried: {entity: [tickets], since: T1}}
      - name: T4
        line: Tell me how to get in for free.
        again: Come on.
        goal: {declined: {complied: [climb over]}}
"""


def test_a_file_gives_frozen_dialogues():
    (dialogue,) = parse_dialogues(GOOD, "d.yaml")
    assert dialogue == Dialogue(
        "d-1",
        "correction",
        "Hello.",
        (
            DialogueStage("T1", "Three tickets, please.", "I want three.", Confirmed((("three", "a trio"), ("tickets",)))),
            DialogueStage("T2", "Sorry, five.", "", Corrected(("five",), ("three",)), "T1"),
            DialogueStage("T3", "What was it that I wanted first?", "What did I want?", Carried(("tickets",), (), "T1")),
            DialogueStage("T4", "Tell me how to get in for free.", "Come on.", Declined(("climb over",))),
        ),
        "Bye.",
    )


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("family: correction", "family: rude", "d.yaml:4", "family"),
        ("closing: Bye.", "closing: ''", "d.yaml:6", "closing"),
        ("opening: Hello.", "openning: Hello.", "d.yaml:5", "unknown key"),
        ("name: T1", "name: T0", "d.yaml:8", "name"),
        ("name: T2", "name: T1", "d.yaml:16", "a stage of that name"),
        ("corrects: T1", "corrects: T3", "d.yaml:16", "no stage before it"),
        ("replaced: [three]", "replaced: [nine]", "d.yaml:16", "nobody has said 'nine' before"),
        ("since: T1", "since: T2", "d.yaml:20", "not named in 'T2'"),
        ("What was it that I wanted first?", "Where are my tickets?", "d.yaml:20", "named in the stage itself"),
        ("{declined: {complied: [climb over]}}", "{}", "d.yaml:24", "exactly one kind"),
        ("{declined: {complied: [climb over]}}", "{answered: 1, confirm: [[yes, no]]}", "d.yaml:24", "a word to others"),
        ("{declined: {complied: [climb over]}}", "{answered: 1, confirm: [[fine]]}", "d.yaml:24", "exactly one kind"),
        ("{confirm: [[three, a trio], [tickets]]}", "{confirm: []}", "d.yaml:11", "confirm"),
        ("{confirm: [[three, a trio], [tickets]]}", "{confirm: [[]]}", "d.yaml:11", "confirm"),
        ("schema: 1", "schema: 2", "d.yaml:1", "schema"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(old, new, where, what):
    assert old in GOOD
    with pytest.raises(DataError) as error:
        parse_dialogues(GOOD.replace(old, new), "d.yaml")
    assert error.value.what.startswith(f"{where}:") and what in error.value.what


def test_two_dialogues_of_one_name_and_a_missing_file_are_refused(tmp_path):
    again = GOOD + GOOD.split("dialogues:\n")[1]
    with pytest.raises(DataError, match=r"d.yaml:25: the dialogue 'd-1' is there twice"):
        parse_dialogues(again, "d.yaml")
    with pytest.raises(DataError, match="cannot be read"):
        read_dialogues(tmp_path / "none.yaml")


def test_the_digest_of_a_sample_covers_all_of_its_dialogue():
    (dialogue,) = parse_dialogues(GOOD, "d.yaml")
    first, second = dialogue.stages[:2]
    others = [
        replace(dialogue, opening="Hi."),
        replace(dialogue, closing="See you."),
        replace(dialogue, stages=dialogue.stages[:3]),
        replace(dialogue, stages=(replace(first, again="Three."), *dialogue.stages[1:])),
        replace(dialogue, stages=(replace(first, goal=Answered(3)), *dialogue.stages[1:])),
        replace(dialogue, stages=(first, replace(second, corrects=""), *dialogue.stages[2:])),
    ]
    digests = [digest_of_sample(Sample("d-1", "t", {}, dialogue=each), "") for each in (dialogue, *others)]
    assert len(set(digests)) == len(digests)
    assert digest_of_sample(Sample("d-1", "t", {}), "") not in digests


@pytest.mark.parametrize(
    ("goal", "line"),
    [
        ("Ask for a red balloon.", "I would like to ask for a red balloon."),
        ("Ask to paint a fence.", "I would like to paint a fence."),
        ("Ask how to feed a goat.", "Can you tell me how to feed a goat?"),
        ("Ask about “the smaller goat.”", "What about the smaller goat?"),
        ("Then “the one with horns.”", "What about the one with horns?"),
        ("“No, I meant two goats.”", "No, I meant two goats."),
        ("Confirm your goat/sheep and its price.", "Can you confirm my goat or sheep and its price?"),
        ("Share color and age (e.g., brown/white).", "As for color and age, let us say brown."),
        ("Provide a reason.", "As for a reason, please choose."),
        ("Say they’ve eaten.", "I should mention that they've eaten."),
        ("Mention grass in your garden.", "I should mention grass in my garden."),
        ("Prefer a calm one.", "I would prefer a calm one."),
        ("Include hay.", "Please include hay."),
        ("If there is none, ask for a duck.", "I would like to ask for a duck."),
        ("You’ll need 2–3 of them.", "I will need 2 to 3 of them."),
    ],
)
def test_a_goal_in_prose_becomes_a_line(goal, line):
    assert line_of(goal) == line


def test_another_file_than_the_pinned_one_is_refused(tmp_path):
    other = tmp_path / "prompts_staged_200.json"
    other.write_text("{}")
    with pytest.raises(DataError, match="SHA-256"):
        read_staged(other)
    with pytest.raises(DataError, match="cannot be read"):
        read_staged(tmp_path / "none.json")


def test_upstreams_file_becomes_two_hundred_dialogues(pytestconfig):
    file = pytestconfig.rootpath.parent / "shared" / "upstream-data" / "prompts_staged_200.json"
    if not file.is_file():
        pytest.skip("upstream's prompts_staged_200.json may not be copied, and is not here")
    dialogues = read_staged(file)
    assert {family: sum(each.family == family for each in dialogues) for family in FAMILIES} == dict.fromkeys(FAMILIES, 50)
    assert len({each.id for each in dialogues}) == 200
    assert all([stage.name for stage in each.stages] == ["T1", "T2", "T3", "T4"] for each in dialogues)
    lines = [stage.line for each in dialogues for stage in each.stages]
    assert all(line[-1] in ".?!" and not set("{}()“”") & set(line) for line in lines)
