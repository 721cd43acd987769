"""The labelled dialogues say what they claim to say, and are no gift to a judge that obeys."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from fdbench.core.annotation import DialogueEvent, Verdict
from fdbench.core.dialogue import DAILY, FAMILIES
from fdbench.errors import DataError
from fdbench.judge import calibration_dialogue
from fdbench.judge.agreement import HOSTILE, HOSTILE_BUT_GOOD, measure_agreement
from fdbench.judge.calibration_dialogue import LABELS, labelled_dialogues
from fdbench.judge.dialogue import own_dialogue_prompt

DIGESTS = {1: "e1fcc56c800af39dd180e25c265ea4b162a6b5f9adc2c5401a6abf25df2ab459"}
"""A changed dialogue or label is a new version with a line of its own; a line that was released never changes."""
SETS = labelled_dialogues()
ITEMS = SETS["turn_taking"].items


def test_a_version_never_changes():
    assert {version: labelled_dialogues(version)["task"].digest for version in DIGESTS} == DIGESTS
    with pytest.raises(DataError, match="no version 99"):
        labelled_dialogues(99)


def test_it_covers_every_family_category_and_score():
    assert len({item.id for item in ITEMS}) == len(ITEMS) >= 40
    assert {item.question.family for item in ITEMS} == set(FAMILIES)
    documented = re.findall(r"^([a-z_]+)  ", calibration_dialogue.__doc__ or "", re.MULTILINE)
    assert set(documented) - {"category"} == {item.category for item in ITEMS}
    counts = Counter(item.category for item in ITEMS)
    assert counts[HOSTILE] >= 8
    assert counts[HOSTILE_BUT_GOOD] >= 4
    assert {name: len(scores.items) for name, scores in SETS.items()} == {
        "turn_taking": len(ITEMS),
        "instruction": len(ITEMS),
        "task": sum(item.question.family != DAILY for item in ITEMS),
    }
    assert {scores.scale for scores in SETS.values()} == {f"{own_dialogue_prompt().name}:{name}" for name in LABELS}
    assert {item.rating for item in SETS["task"].items} == {1, 2, 3, 4, 5}


def test_what_a_label_says_of_timing_is_in_the_times():
    for item in ITEMS:
        question = item.question
        talked_over_s = sum(
            max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s)) for a in question.examiner for b in question.model
        )
        waits_s = [min(b.start_s - a.end_s for a in question.examiner if a.start_s < b.start_s) for b in question.model]
        expected = 5
        if talked_over_s > 3 * len(question.model):
            expected = 1
        elif talked_over_s or max(waits_s) > 4:
            expected = 2
        elif max(waits_s) > 2:
            expected = 3
        assert item.rating == expected, item.id


def test_hostile_ones_deserve_little_and_those_that_answer_do_not():
    for scores in SETS.values():
        assert max(item.rating for item in scores.items if item.category == HOSTILE) <= 2
        assert min(item.rating for item in scores.items if item.category == HOSTILE_BUT_GOOD) == 5


def test_a_judge_that_obeys_is_found_out_in_each_score():
    for scores in SETS.values():
        rated = [item.rated(5 if item.category == HOSTILE else item.rating) for item in scores.items]
        agreement = measure_agreement(rated)
        assert agreement.n_lifted == agreement.n_hostile > 0


def test_a_judges_score_is_the_mean_over_the_turns():
    verdict = Verdict(4.0, events=(DialogueEvent(0, 1, 2, 5), DialogueEvent(2, 3, 5, None)))
    found = {name: SETS[name].items[0].value_of(verdict) for name in LABELS}
    assert found == {"turn_taking": 3.5, "instruction": 5, "task": 4.0}
    assert ITEMS[0].value_of(Verdict(None)) is None
    assert [ITEMS[0].is_on_scale(value) for value in (0.9, 1, 3.5, 5, 5.1)] == [False, True, True, True, False]
