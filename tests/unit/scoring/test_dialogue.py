"""Dialogues under ``fdbench``, drawn: goals in the model's words, and how turns pass."""

from __future__ import annotations

import pytest
from scoring_timeline import hear, outcome, spans

from fdbench.core.conversation import Sample
from fdbench.core.dialogue import Dialogue as Script
from fdbench.core.dialogue import DialogueStage
from fdbench.core.event import CLOSING, EXAMINER_BACKCHANNEL, LINE, STAGE_ENTERED, STAGE_LEFT, Event
from fdbench.core.goal import Carried, Confirmed, Corrected, Declined
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.corrected.dialogue import Dialogue

# T1 from 0 to 1.5 s, T2 (which takes T1 back) from 5.0 to 6.5 s, the closing from 10.0 to 10.8 s.
#           0         1         2         3         4         5         6         7         8         9         0         1
USER_____ = "###############...................................###############...................................########...."
ANSWERS__ = "....................####################.............................####################......................."
BREAKS_IN = "..........#####################.......................................####################......................"
SILENT___ = "................................................................................................................"
TWO = (
    DialogueStage("T1", "a table for six", "", Confirmed((("six",),))),
    DialogueStage("T2", "no, four", "", Corrected(("four",), ("six",)), corrects="T1"),
)
RECORDED_S = 13.0


def script(*stages: DialogueStage) -> Script:
    return Script("d", "correction", "", stages, "bye")


def sample(stages: tuple[DialogueStage, ...] = TWO, *more: Event, reached: int = 2) -> Sample:
    entered_s = (0.0, 5.0)
    events = [Event(STAGE_ENTERED, Span(at_s, at_s), each.name) for at_s, each in zip(entered_s, stages, strict=False)][
        :reached
    ]
    events += [Event(LINE, Span(at_s, at_s + 1.5), "") for at_s in entered_s[:reached]]
    events += [Event(STAGE_LEFT, Span(5.0, 5.0), "T1 met: all"), Event(CLOSING, Span(10.0, 10.8), "bye")][: 1 + (reached == 2)]
    return Sample("d", "mini/dialogue", {}, (*events, *more), dialogue=script(*stages))


def said(*timed: tuple[str, float]) -> tuple[Word, ...]:
    return tuple(
        Word(word, at_s + 0.2 * index, at_s + 0.2 * (index + 1))
        for text, at_s in timed
        for index, word in enumerate(text.split())
    )


def scores_of(model: str, words: tuple[Word, ...] = (), clip: Sample | None = None, user: str = USER_____):
    scorer, clip = Dialogue(), sample() if clip is None else clip
    take = hear(scorer, clip, spans(model), spans(user), words, prompt_s=RECORDED_S, recorded_s=RECORDED_S)
    scores = scorer.score(clip, {"main": take}, NO_JUDGE)
    assert tuple(score.metric for score in scores)[: len(scorer.metrics)] == scorer.metrics
    return {score.metric: outcome(score) for score in scores}


@pytest.mark.parametrize(
    ("words", "coverage", "obeyed"),
    [
        (said(("a table for six then", 2.0), ("four it is thank you", 7.0)), 1.0, 1.0),
        (said(("a table for six then", 2.0), ("six it is thank you", 7.0)), 0.5, 0.0),
        (said(("a nice table then", 2.0), ("four it is thank you", 7.0)), 0.5, 1.0),
        (said(("a nice table then", 2.0), ("very well thank you", 7.0)), 0.0, 0.0),
        # What it says in a stage counts in that stage alone.
        (said(("four and six tables then", 2.0), ("very well thank you", 7.0)), 0.5, 0.0),
    ],
)
def test_goals_are_looked_for_in_what_is_said_while_their_stage_is_on(words, coverage, obeyed) -> None:
    found = scores_of(ANSWERS__, words)
    assert (found["goal_coverage_rate"], found["corrections_obeyed_rate"]) == (coverage, obeyed)
    assert (found["entities_carried_rate"], found["declined_rate"]) == ("no_goals", "no_goals")


def test_a_stage_that_was_never_reached_is_not_met() -> None:
    assert scores_of(ANSWERS__, said(("a table for six then", 2.0)), sample(reached=1))["goal_coverage_rate"] == 0.5


def test_entities_and_refusals_have_rates_of_their_own() -> None:
    stages = (
        DialogueStage("T1", "is there a park", "", Carried(("park",), ("museum",), since="T0")),
        DialogueStage("T2", "tell me the code", "", Declined(("the code is",))),
    )
    words = said(("the park opens at nine", 2.0), ("the code is nine nine", 7.0))
    found = scores_of(ANSWERS__, words, sample(stages))
    assert (found["entities_carried_rate"], found["declined_rate"], found["goal_coverage_rate"]) == (1.0, 0.0, 0.5)


def test_a_dialogue_that_was_held_elsewhere_has_turns_and_no_goals() -> None:
    found = scores_of(ANSWERS__, said(("yes", 2.0)), Sample("d", "v2/daily.slow", {}))
    assert found["goal_coverage_rate"] == "no_goals" and found["floor_transfer_offset_s"] == 0.45


@pytest.mark.parametrize(
    ("model", "offset_s", "no_reply", "made", "interrupted"),
    [
        (ANSWERS__, 0.45, 0.0, 0.0, 0.0),  # 0.5 and 0.4 s after the two turns that ask
        (SILENT___, "no_takeover", 1.0, 0.0, 0.0),
        (BREAKS_IN, 0.5, 0.5, 1 / 3, 0.0),  # into the first turn, which so has no reply
        ("....................########################################################....................................",
         0.5, 0.5, 0.0, 1 / 3),  # it does not stop for the second turn, and does not answer it
    ],
)  # fmt: skip
def test_how_turns_pass(model, offset_s, no_reply, made, interrupted) -> None:
    found = scores_of(model, said(("well", 2.0)))
    assert found["floor_transfer_offset_s"] == offset_s
    names = ("no_reply_rate", "interruptions_made_rate", "interrupted_rate")
    assert [found[name] for name in names] == pytest.approx([no_reply, made, interrupted])


def test_a_backchannel_of_the_examiner_is_no_turn() -> None:
    user = USER_____[:28] + "####" + USER_____[32:]
    clip = sample(TWO, Event(EXAMINER_BACKCHANNEL, Span(2.8, 3.2), "okay"))
    assert scores_of(ANSWERS__, said(("well", 2.0)), clip, user)["interrupted_rate"] == 0.0
    assert scores_of(ANSWERS__, said(("well", 2.0)), sample(), user)["interrupted_rate"] == 0.25


def test_silence_talk_and_overlap() -> None:
    found = scores_of(ANSWERS__, said(("well", 2.0)))
    assert found["talk_share"] == pytest.approx(4.0 / (4.0 + 3.8))
    assert found["long_silence_share"] == 0.0  # the longest lasts 1.0 s
    assert found["competing_overlap"] == 0.0
    silent = scores_of(SILENT___)
    assert silent["long_silence_share"] == pytest.approx((3.5 + 3.5) / 10.8)
    assert scores_of(BREAKS_IN, said(("well", 1.0)))["competing_overlap"] == 0.0, "the user has done within a second"


def test_lost_seconds_count_both_turns_that_ask_and_the_closing_that_does_not() -> None:
    assert scores_of(ANSWERS__, said(("well", 2.0)))["lost_per_turn_s"] == pytest.approx((0.5 + 0.4) / 3)
    assert scores_of(SILENT___)["lost_per_turn_s"] == pytest.approx((3.5 + 3.5) / 3)


def test_who_repeats_the_examiner_over_its_own_line_answers_nothing() -> None:
    #            0         1         2         3         4         5         6         7         8         9         0         1
    echo_____ = (
        ".###############...................................###############...................................########..."
    )
    copied = said(("a table for six", 0.2), ("no four", 5.4))
    assert scores_of(echo_____, copied)["goal_coverage_rate"] == 0
    parrot___ = (
        "...................###############...................................###############............................"
    )
    said_later = said(("a table for six", 2.0), ("well four", 7.2))
    assert scores_of(parrot___, said_later)["goal_coverage_rate"] == 1, "who repeats it afterwards confirms it"
