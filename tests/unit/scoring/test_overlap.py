"""Overlaps under ``fdbench``, drawn: the same call with and without somebody who speaks over the model."""

from __future__ import annotations

import pytest
from scoring_timeline import hear, outcome, sample, spans

from fdbench.core.absence import Absence
from fdbench.core.annotation import LABELS, UNCERTAIN, Annotations, Verdict
from fdbench.core.behaviour import OVERLAP_ASIDE, OVERLAP_INTERRUPTION
from fdbench.core.event import CONTEXT, OVERLAP, Event
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.corrected.overlap import Overlap
from fdbench.scoring.overlap_label import BY_RULE, label_of, share_said

# The context ends at 0.4 s; somebody speaks from 2.0 to 4.0 s. Unheard (below), they speak where it is annotated.
#           0         1         2         3         4         5         6         7         8         9
USER_____ = "####................####################......................................................"
CLEAN_USR = "####.........................................................................................."
GOES_ON__ = "......###########################################............................................."
CLIP = sample(Event(CONTEXT, Span(0.0, 2.0), "so"), Event(OVERLAP, Span(2.0, 4.0), "wait"))
RECORDED_S = 9.0


def scores_of(
    model: str,
    clean: str | None = GOES_ON__,
    *,
    behaviour: str = OVERLAP_INTERRUPTION,
    words: tuple[Word, ...] | None = None,
    clean_words: tuple[Word, ...] | None = None,
    user: str = USER_____,
    verdict: Verdict | Absence = NO_JUDGE,
    recorded_s: float = RECORDED_S,
) -> dict[str, float | str | None]:
    scorer = Overlap(behaviour)
    takes: dict[str, Annotations | Absence] = {
        "main": hear(scorer, CLIP, spans(model), spans(user), words, recorded_s=recorded_s),
        "clean": Absence("call_failed", "it hung up")
        if clean is None
        else hear(scorer, CLIP, spans(clean), spans(CLEAN_USR), clean_words, recorded_s=recorded_s),
    }
    scores = scorer.score(CLIP, takes, verdict)
    assert tuple(score.metric for score in scores) == scorer.metrics
    return {score.metric: outcome(score) for score in scores}


def label_in(found: dict[str, float | str | None]) -> str | None:
    return next((label for metric, label in zip(BY_RULE, LABELS, strict=True) if found[metric] == 1), None)


def said(text: str, start_s: float) -> tuple[Word, ...]:
    return tuple(Word(word, start_s + 0.2 * i, start_s + 0.2 * (i + 1)) for i, word in enumerate(text.split()))


AGAIN, WHAT = said("the wheels keep it from", 4.4), said("sorry what was that", 4.4)
UNTOLD = "not_exercised"
NEW, OLD = said("of course a motorcycle is much heavier", 4.4), said("and the wheels keep it from falling over", 2.1)


@pytest.mark.parametrize(
    ("model", "words", "label", "stop", "stop_s", "response_s"),
    [
        # 0         1         2         3         4         5         6         7         8
        # stops 0.5 s into the overlap and says something else 0.4 s after it
        ("......###################...................###############", NEW, "C_RESPOND", 1, 0.5, 0.4),
        # ... the same words that the clean twin goes on with
        ("......###################...................###############", AGAIN, "C_RESUME", 1, 0.5, 0.4),
        # ... asks back
        ("......###################...................###############", WHAT, UNCERTAIN, 1, 0.5, 0.4),
        # ... only shows attention
        ("......###################...................####...........", said("yeah", 4.4), "C_UNKNOWN", 1, 0.5, "no_reply"),
        # stops and says nothing more
        ("......###################..................................", (), "C_UNKNOWN", 1, 0.5, "no_reply"),
        # talks through it; a breath of 0.5 s is none
        ("......###########################################..........", OLD, "C_RESUME", 0, "no_stop", "no_reply"),
        ("......###################.....####################.........", OLD, "C_RESUME", 0, "no_stop", "no_reply"),
        # was silent when it began, and answers it
        ("............................................###############", NEW, "C_RESPOND", UNTOLD, UNTOLD, 0.4),
        # is silent throughout
        ("...........................................................", (), "C_UNKNOWN", UNTOLD, UNTOLD, "no_reply"),
        # talks throughout
        (90 * "#", OLD, "C_RESUME", 0, "no_stop", "no_reply"),
    ],
)  # fmt: skip
def test_what_the_model_did(
    model: str, words: tuple[Word, ...], label: str, stop: float | str, stop_s: float | str, response_s: float | str
) -> None:
    found = scores_of(model, words=words, clean_words=OLD)
    assert label_in(found) == label
    assert (found["stop_rate"], found["stop_latency_s"], found["response_latency_s"]) == (stop, stop_s, response_s)
    assert found["wanted_rate"] == (label == "C_RESPOND")


def test_elsewhere_to_go_on_is_what_is_wanted() -> None:
    assert scores_of(GOES_ON__, behaviour=OVERLAP_ASIDE, words=OLD, clean_words=OLD)["wanted_rate"] == 1
    answers = "......###################...................###############"
    assert scores_of(answers, behaviour=OVERLAP_ASIDE, words=NEW, clean_words=OLD)["wanted_rate"] == 0


def test_a_model_that_falls_silent_where_its_clean_twin_does_had_finished() -> None:
    done = "......###################..................................."
    found = scores_of(done, "......####################..................................", words=OLD, clean_words=OLD)
    assert (found["stop_rate"], found["stop_latency_s"], label_in(found)) == ("finished", "finished", "C_UNKNOWN")
    pauses = "......####################.....############################"  # the twin only breathes there
    assert scores_of(done, pauses, words=OLD, clean_words=OLD)["stop_rate"] == 1


def test_without_its_twin_nobody_knows_whether_it_stopped_or_goes_on() -> None:
    answers = "......###################...................###############"
    found = scores_of(answers, None, words=NEW)
    names = ("stop_rate", "stop_latency_s", "respond_rate", "wanted_rate")
    assert {found[name] for name in names} == {"twin_missing"}
    assert found["response_latency_s"] == 0.4 and found["not_exercised_rate"] == 0
    assert label_in(scores_of(GOES_ON__, None, words=OLD)) == "C_RESUME", "who talks through it needs no twin to be told"


def test_an_overlap_that_nobody_hears_is_where_it_is_annotated() -> None:
    answers = "......###################...................###############"
    assert scores_of(answers, user=CLEAN_USR, words=NEW, clean_words=OLD)["stop_latency_s"] == 0.5


def test_a_recording_that_ends_in_the_overlap_says_nothing_about_what_came_after() -> None:
    found = scores_of("......###################....", words=OLD, clean_words=OLD, recorded_s=2.8)
    assert (found["stop_rate"], found["wanted_rate"]) == ("recording_too_short", "recording_too_short")


@pytest.mark.parametrize(
    ("model", "behaviour", "lost_s"),
    [
        # Both turns ask: 0.2 s to the first answer, 0.4 s to the second, and 0.5 s of talk over the interruption.
        ("......###################...................###############", OVERLAP_INTERRUPTION, (0.2 + 0.4 + 0.5) / 2),
        # Nobody asked: a break, and the 1.9 s from the stop to where it speaks again.
        ("......###################...................###############", OVERLAP_ASIDE, 0.2 + 1.0 + 1.9),
        # Going on costs nothing but the 0.2 s before it began.
        (GOES_ON__, OVERLAP_ASIDE, 0.2),
        # ... and is talking over who interrupts: from 2.0 to 3.7 s, and it answers nothing, which costs 5 s.
        (GOES_ON__, OVERLAP_INTERRUPTION, (0.2 + 1.7 + 5.0) / 2),
        # To fall silent for good costs what it may.
        ("......###################..................................", OVERLAP_ASIDE, 0.2 + 5.0),
    ],
)  # fmt: skip
def test_lost_seconds(model: str, behaviour: str, lost_s: float) -> None:
    found = scores_of(model, behaviour=behaviour, words=(*OLD[:2], *NEW), clean_words=OLD)
    assert found["lost_per_turn_s"] == pytest.approx(lost_s)


def test_a_judges_label_stands_beside_the_rules() -> None:
    answers = "......###################...................###############"
    found = scores_of(answers, words=NEW, clean_words=OLD, verdict=Verdict(None, "it answers", "judge", "C_RESPOND"))
    assert (found["judged_respond_rate"], found["judged_wanted_rate"], found["label_agreement_rate"]) == (1, 1, 1)
    other = scores_of(answers, words=NEW, clean_words=OLD, verdict=Verdict(None, "", "judge", "C_RESUME"))
    assert (other["judged_resume_rate"], other["judged_wanted_rate"], other["label_agreement_rate"]) == (1, 0, 0)
    assert scores_of(answers, words=NEW, clean_words=OLD)["judged_respond_rate"] == "no_judge"
    rated = scores_of(answers, words=NEW, clean_words=OLD, verdict=Verdict(4.0))
    assert rated["judged_respond_rate"] == "label_missing"


@pytest.mark.parametrize(
    ("words", "before", "share"),
    [
        ("the wheels keep it", "well the wheels keep it up", 1.0),
        ("so the wheels turn around", "the wheels and all", 0.4),
        ("the a of and", "a the and of", 0.0),  # single words in passing are no run
        ("Wheels,", "wheels", 1.0),  # of one word, one is enough
        ("", "anything", 0.0),
    ],
)
def test_how_much_was_said_before(words: str, before: str, share: float) -> None:
    tokens = [word.strip(",").casefold() for word in words.split()]
    assert share_said(tokens, before.split()) == pytest.approx(share)


def test_the_label_of_a_new_stretch() -> None:
    clean = ["a", "bicycle", "stays", "up", "because", "its", "wheels", "turn"]
    assert label_of(False, ["Pardon?", "I", "did", "not", "hear"], clean) == "C_UNCERTAIN_HANDLING"
    assert label_of(False, ["as", "I", "said", "a", "bicycle", "stays", "up", "because"], clean) == "C_RESUME"
    assert label_of(False, ["it", "costs", "nine", "euros"], clean) == "C_RESPOND"
    assert label_of(False, None, clean) == "C_UNKNOWN"
    assert label_of(True, None, ()) == "C_RESUME"


def test_where_the_users_speech_is_unknown_no_lost_time_is_told_of_the_overlap_alone() -> None:
    model = "......###################...................###############"
    assert isinstance(scores_of(model)["lost_per_turn_s"], float)
    unknown = scores_of(model, user="." * 40)
    assert unknown["lost_per_turn_s"] == unknown["lost_worded_s"] == "user_speech_unknown"
    assert unknown["stop_rate"] == 1, "what does not need the context stands"
