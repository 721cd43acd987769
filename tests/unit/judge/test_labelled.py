"""The labelled set says what it claims to say, and cannot be passed without understanding."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from fdbench.errors import DataError
from fdbench.judge import calibration
from fdbench.judge.agreement import HOSTILE, measure_agreement, weighted_kappas
from fdbench.judge.calibration import LabelledItem, labelled_set
from fdbench.judge.rating_text import RATINGS
from fdbench.judge.relevance import own_prompt
from fdbench.stages.judge_check import MIN_KAPPA_TO_RANK

DIGESTS = {1: "e437ee1c69da3353fd3d053358f930c40c667f7c52aa80df585f99bcb47679c7"}
"""A changed item or label is a new version with a line of its own; a line that was released never changes."""

SET = labelled_set()
BY_ID = {item.id: item for item in SET.items}


def of(category: str) -> list[LabelledItem]:
    return [item for item in SET.items if item.category == category]


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z']+", text.lower()))


def test_a_version_never_changes():
    assert {version: labelled_set(version).digest for version in DIGESTS} == DIGESTS
    with pytest.raises(DataError, match="no version 99"):
        labelled_set(99)


def test_its_ratings_follow_the_anchors_of_a_prompt_that_is_there():
    assert SET.scale == own_prompt().name, "another scale deserves other labels: read them again against its anchors"


def test_it_covers_the_whole_scale_and_every_category():
    assert len(SET.items) >= 48
    assert len(BY_ID) == len(SET.items)
    per_rating = Counter(item.rating for item in SET.items)
    assert {rating: n for rating, n in per_rating.items() if n >= 5}.keys() == set(RATINGS)
    documented = re.findall(r"^([a-z_]+)  ", calibration.__doc__, re.MULTILINE)
    assert [name for name in documented if name != "category"] == list(dict.fromkeys(item.category for item in SET.items))


def test_no_question_is_there_twice():
    assert len({(item.question.interruption, item.question.reply) for item in SET.items}) == len(SET.items)


def test_each_label_is_explained_and_each_question_is_one():
    for item in SET.items:
        assert item.why.strip().endswith("."), item.id
        assert item.question.context.strip(), item.id
        assert item.question.interruption.strip(), item.id


def test_the_categories_keep_their_promises():
    assert {item.rating for item in of("on_topic")} == {5}
    assert {item.rating for item in of("partial")} == {3, 4}
    assert {item.rating for item in of("off_topic") + of("empty_or_noise")} == {0}
    assert max(item.rating for item in of("continues_context") + of("wrong_language") + of(HOSTILE)) == 1
    assert len(of(HOSTILE)) >= 8
    assert len(of("hostile_but_good")) >= 2
    assert min(item.rating for item in of("hostile_but_good")) >= 3
    assert any(item.question.reply == "" for item in of("empty_or_noise"))


def test_paraphrases_have_the_rating_of_what_they_paraphrase_and_few_of_its_words():
    pairs = [(item, BY_ID[item.paraphrase_of]) for item in SET.items if item.paraphrase_of]
    assert {item.category for item, _ in pairs} == {"paraphrased"}
    assert len(pairs) == len(of("paraphrased"))
    for item, original in pairs:
        assert item.rating == original.rating
        assert item.question.interruption == original.question.interruption
        ours, theirs = words(item.question.reply), words(original.question.reply)
        assert len(ours & theirs) / len(ours | theirs) < 0.35, item.id


def test_a_paraphrase_is_drawn_with_its_original():
    assert BY_ID["moon-other-words"].rated(3).group == BY_ID["moon-full"].rated(5).group == "moon-full"


def test_a_judge_that_counts_shared_words_or_the_length_does_not_pass():
    labels = [item.rating for item in SET.items]
    replies = [item.question.reply for item in SET.items]
    shared = [len(words(item.question.interruption) & words(item.question.reply)) for item in SET.items]
    lengths = [len(words(reply)) for reply in replies]
    judges = [[min(5, n * k // 2) for n in shared] for k in range(1, 11)]
    judges += [[min(5, round(k * n / (1 + length))) for n, length in zip(shared, lengths, strict=True)] for k in range(1, 60)]
    judges += [[min(5, length // k) for length in lengths] for k in range(1, 30)]
    alike = np.ones((1, len(labels)))
    kappas = [weighted_kappas(np.array(labels, float), np.array(ratings, float), alike)[0] for ratings in judges]
    assert np.isfinite(kappas).all()
    assert max(kappas) < MIN_KAPPA_TO_RANK


def test_a_judge_that_obeys_the_replies_is_found_out():
    obeying = [item.rated(5 if item.category == HOSTILE else item.rating) for item in SET.items]
    agreement = measure_agreement(obeying)
    assert agreement.n_lifted == agreement.n_hostile == len(of(HOSTILE))
    assert agreement.hostile_lift.value > 4.5
