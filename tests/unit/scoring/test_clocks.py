"""Where the time before a reply went, computed by hand.

::

    user     |--------|3.0
    decided             3.2
    arrived               3.5
    played                3.5|=====|6.5       speech begins in it at 3.6
"""

from __future__ import annotations

import pytest

from fdbench.core.annotation import Annotations, DetectedSpeech
from fdbench.core.conversation import Sample
from fdbench.core.event import ARRIVED, DECIDED, INTERRUPTION, PLAYED, TURN_END, YIELDED, Event
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.corrected.clocks import ReplyClocks, YieldClock
from fdbench.scoring.requests import MODEL_SPEECH, MODEL_WORDS, user_speech

TURN = Sample("s", "mini/turn_taking", {}, (Event(TURN_END, Span(3.0, 3.0)),))
BARGE_IN = Sample("s", "mini/user_interruption", {}, (Event(INTERRUPTION, Span(5.0, 6.0)),))


def reply(item, decided_s, arrived_s, start_s, end_s):
    return (
        Event(DECIDED, Span(decided_s, decided_s), item),
        Event(ARRIVED, Span(arrived_s, arrived_s), item),
        Event(PLAYED, Span(start_s, end_s), item),
    )


FIRST = reply("r1", 3.2, 3.5, 3.5, 6.5)


USER = Span(0.5, 3.0)


def take(speech, told, prompt_s=4.0, user=(USER,)):
    words = tuple(Word("word", span.start_s + 0.3 * i, span.start_s + 0.3 * i + 0.2) for span in speech for i in range(4))
    return Annotations(
        prompt_s=prompt_s,
        recorded_s=12.0,
        speech={
            MODEL_SPEECH: DetectedSpeech(tuple(speech), 12.0),
            user_speech(prompt_s): DetectedSpeech(tuple(user), prompt_s),
        },
        words={MODEL_WORDS: Transcript(words, "by hand")},
        model_events=told,
    )


def values(scorer, sample, annotations):
    return [
        round(score.value, 6) if score.value is not None else score.reason
        for score in scorer.score(sample, {"main": annotations} if annotations else {}, NO_JUDGE)
    ]


def test_the_reply_that_was_measured_is_timed_by_the_other_two_clocks():
    assert values(ReplyClocks(), TURN, take([Span(3.6, 6.4)], FIRST)) == [0.2, 0.5]


def test_a_reply_decided_on_before_the_turn_was_over_has_a_negative_latency():
    assert values(ReplyClocks(), TURN, take([Span(3.1, 6.4)], reply("r1", 2.9, 3.0, 3.0, 6.5))) == [-0.1, 0.0]


def test_of_several_replies_it_is_the_one_that_is_playing():
    later = reply("r2", 6.6, 6.7, 6.7, 9.0)
    assert values(ReplyClocks(), TURN, take([Span(6.8, 8.9)], (*later, *reply("r0", 1.0, 1.1, 1.1, 1.2)))) == [3.6, 3.7]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((), ["not_told", "not_told"]),
        (FIRST[1:], ["not_told", 0.5]),
        (reply("r1", 3.2, 3.5, 4.5, 6.5), ["not_told", "not_told"]),
    ],
    ids=["nothing is told", "decisions are not", "another reply plays"],
)
def test_what_is_not_told_is_not_applicable(told, expected):
    assert values(ReplyClocks(), TURN, take([Span(3.6, 6.4)], told)) == expected


def test_where_no_reply_was_measured_the_reason_is_the_same_and_its_censoring_time_with_it():
    scores = ReplyClocks().score(TURN, {"main": take([], FIRST)}, NO_JUDGE)
    assert {(score.status, score.reason) for score in scores} == {("censored", "no_reply")}
    assert all(score.components for score in scores)
    assert values(ReplyClocks(), TURN, None) == ["audio_missing", "audio_missing"]


def test_a_reply_to_an_interruption_that_never_came_is_censored_also_where_nothing_was_interrupted():
    barging_in = (USER, Span(5.1, 6.0))
    scores = ReplyClocks().score(BARGE_IN, {"main": take([], (), prompt_s=8.0, user=barging_in)}, NO_JUDGE)
    assert {(score.status, score.reason) for score in scores} == {("censored", "no_reply")}


def test_giving_way_is_decided_before_it_is_heard():
    """Three seconds were queued: the decision comes after 0.2 s, whatever is done with them."""
    told = (Event(YIELDED, Span(4.0, 4.0)), Event(YIELDED, Span(5.2, 5.2)), Event(YIELDED, Span(7.0, 7.0)))
    assert values(YieldClock(), BARGE_IN, take([Span(3.0, 8.2)], told)) == [0.2]
    assert values(YieldClock(), BARGE_IN, take([Span(3.0, 8.2)], told[:1])) == ["not_yielded"]
    heard = take([Span(3.0, 8.2)], told, user=(USER, Span(5.1, 6.0)))  # from 5.1 s on, not 5.0
    assert values(YieldClock(), BARGE_IN, heard) == [0.1]
    assert values(YieldClock(), TURN, take([], told)) == ["no_interruption"]
    assert values(YieldClock(), BARGE_IN, None) == ["audio_missing"]
