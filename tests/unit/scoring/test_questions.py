"""What a judge is asked about a reply, under each protocol."""

from __future__ import annotations

import pytest
from scoring_timeline import hear, sample, spans

from fdbench.core.annotation import RelevanceQuestion
from fdbench.core.behaviour import BEHAVIOURS, OVERLAPS, PROBES
from fdbench.core.event import CONTEXT, INTERRUPTION, Event
from fdbench.core.metric import PROTOCOLS
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.scoring.base import AskingScorer, Scorer
from fdbench.scoring.corrected.interruption import Interruption
from fdbench.scoring.published.interruption import PublishedInterruption
from fdbench.scoring.registry import has_scorer, scorer_for

#           0         1         2         3         4         5         6
MODEL____ = "......##################............#################..."
USER_____ = "###############.....############"
BARGE_IN = Span(2.0, 3.2)
CLIP = sample(
    Event(CONTEXT, Span(0.0, 1.5), "how do planes fly"), Event(INTERRUPTION, BARGE_IN, "wait, what about helicopters")
)
WORDS = (
    Word("wings", 0.8, 1.2), Word("push", 1.4, 1.9), Word("air", 2.1, 2.4),
    Word("their", 3.7, 4.0), Word("blades", 4.1, 4.6), Word("turn", 4.7, 5.2),
)  # fmt: skip


def asked(
    scorer: AskingScorer, model: str = MODEL____, words: tuple[Word, ...] = WORDS, **how: object
) -> RelevanceQuestion | None:
    return scorer.question(CLIP, {"main": hear(scorer, CLIP, spans(model), spans(USER_____), words, recorded_s=8.0, **how)})  # type: ignore[arg-type]


def test_interruptions_overlaps_and_dialogues_are_judged_under_every_protocol() -> None:
    asking = {(b, p) for b in BEHAVIOURS for p in PROTOCOLS if has_scorer(b, p) and isinstance(scorer_for(b, p), AskingScorer)}
    everywhere = {(behaviour, p) for behaviour in ("user_interruption", *OVERLAPS, "dialogue") for p in PROTOCOLS}
    assert asking == everywhere | {(each, "fdbench") for each in PROBES}


def test_the_judge_sees_what_was_said_after_the_stop_and_not_what_was_interrupted() -> None:
    expected = RelevanceQuestion("how do planes fly", "wait, what about helicopters", "their blades turn")
    assert asked(Interruption()) == expected


def test_words_that_the_recogniser_put_outside_the_answer_are_no_part_of_it() -> None:
    stray = (Word("stray", 2.6, 2.9), *WORDS, Word("later", 7.0, 7.5))
    question = asked(Interruption(), words=stray)
    assert question is not None
    assert question.reply == "their blades turn"


def test_the_published_question_is_everything_that_the_recogniser_heard_after_the_interruption() -> None:
    question = asked(PublishedInterruption(), words=WORDS[3:])
    assert question == RelevanceQuestion("how do planes fly", "wait, what about helicopters", "their blades turn")


@pytest.mark.parametrize("scorer", [Interruption(), PublishedInterruption()])
def test_where_there_is_no_takeover_nobody_is_asked(scorer: AskingScorer) -> None:
    assert asked(scorer, model="......####..............................####............", words=()) is None
    assert asked(scorer, missing={"words": "transcript_missing"}) is None
    assert asked(scorer, missing={"speech": "audio_missing", "words": "audio_missing"}) is None
    assert scorer.question(CLIP, {}) is None
    bare: Scorer = scorer
    assert scorer.question(sample(), {"main": hear(bare, sample(), (), ())}) is None


def test_who_is_talked_through_is_not_asked_about() -> None:
    assert asked(Interruption(), model="#" * 80) is None


def test_a_takeover_without_words_is_asked_about_with_an_empty_reply() -> None:
    question = asked(Interruption(), words=())
    assert question is not None
    assert question.reply == ""


def test_an_annotation_without_text_gives_an_empty_interruption() -> None:
    clip = sample(Event(INTERRUPTION, BARGE_IN))
    scorer = Interruption()
    question = scorer.question(clip, {"main": hear(scorer, clip, spans(MODEL____), spans(USER_____), WORDS, recorded_s=8.0)})
    assert question == RelevanceQuestion("", "", "their blades turn")
