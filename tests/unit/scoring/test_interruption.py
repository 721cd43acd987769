"""Interruptions under ``fdbench``, drawn: the gates, the stop, the answer."""

from __future__ import annotations

import pytest
from scoring_timeline import by_metric, hear, outcome, sample, spans

from fdbench.core.annotation import Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import CONTEXT, INTERRUPTION, Event
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.corrected.interruption import Interruption
from fdbench.scoring.corrected.yielding import heard_interruption, interruption_outcome

# The context ends at 0.4 s, the interruption is annotated from 1.5 s on and heard from 2.0 to 5.0 s. So s may lie between; up
# to 4.0 s the silence has to last until 4.7 s, later for 1.0 s.
#           0         1         2         3         4         5         6         7         8
USER_____ = "####................##############################........................................"
ANNOTATED = Span(1.5, 5.0)
BARGE_IN = Span(2.0, 5.0)
CLIP = sample(Event(CONTEXT, Span(0.0, 1.5), "so"), Event(INTERRUPTION, ANNOTATED, "wait"))
RECORDED_S = 9.0


def scores_of(
    model: str,
    words: tuple[Word, ...] | None = None,
    recorded_s: float = RECORDED_S,
    clip: Sample = CLIP,
    user: str = USER_____,
) -> dict[str, float | str | None]:
    scorer = Interruption()
    take = hear(scorer, clip, spans(model), spans(user), words, recorded_s=recorded_s)
    return {name: outcome(score) for name, score in by_metric(scorer, clip, take, Verdict(4)).items()}


THROUGH, YES, UNKNOWN = "talked_through", "exercised", "user_speech_unknown"


@pytest.mark.parametrize(
    ("model", "through", "undecided", "stop_s", "latency_s", "takeover", "no_response", "rating"),
    [
        # 0         1         2         3         4         5         6         7         8
        # stops at 2.4 s and answers at 5.4 s
        ("......##################..............................####################", 0, 0, 0.4, 0.4, 1, 0, 4),
        # answers at 4.7 s, before the user is done
        ("......##################.......................###########################", 0, 0, 0.4, -0.3, 1, 0, 4),
        # ... at 4.6 s: it was not silent until 4.7 s
        (
            "......##################......................############################",
            1,
            0,
            "no_stop",
            THROUGH,
            0,
            0,
            "no_takeover",
        ),
        # stops at 4.0 s for 0.7 s, which is long enough there; the answer is no continuation
        ("......##################################.......###########################", 0, 0, 2.0, -0.3, 1, 0, 4),
        # stops at 4.1 s for 0.9 s: in the last second it takes 1.0 s
        (
            "......###################################.........########################",
            1,
            1,
            "no_stop",
            THROUGH,
            0,
            0,
            "no_takeover",
        ),
        # stops at 4.1 s for 1.0 s
        ("......###################################..........#######################", 0, 0, 2.1, 0.1, 1, 0, 4),
        # stops at 5.0 s, the last moment
        ("......############################################............############", 0, 0, 3.0, 1.2, 1, 0, 4),
        # stops at 5.1 s, too late
        (
            "......#############################################............###########",
            1,
            0,
            "no_stop",
            THROUGH,
            0,
            0,
            "no_takeover",
        ),
        # breathes for 0.4 s at the end: no doubt about it
        (
            "......########################################....########################",
            1,
            0,
            "no_stop",
            THROUGH,
            0,
            0,
            "no_takeover",
        ),
        # breathes for 0.5 s in the middle: nor here
        (
            "......###############.....################################################",
            1,
            0,
            "no_stop",
            THROUGH,
            0,
            0,
            "no_takeover",
        ),
        # breathes, then stops at 3.1 s: what it says before that silence is counted
        ("......###############.....#####...........................################", 0, 0, 1.1, 0.8, 1, 0, 4),
        # begins 0.1 s after the interruption: that is speaking at it
        (".....................#####................................################", 0, 0, 0.6, 0.8, 1, 0, 4),
        # "okay" first, which is no answer
        ("......##################..........................####..........##########", 0, 0, 0.4, 1.4, 1, 0, 4),
        # "okay" and no more
        (
            "......##################..........................####....................",
            0,
            0,
            0.4,
            "no_reply",
            0,
            1,
            "no_takeover",
        ),
        # stops for good
        (
            "......##################..................................................",
            0,
            0,
            0.4,
            "no_reply",
            0,
            1,
            "no_takeover",
        ),
    ],
)
def test_interruptions_of_a_speaking_model(
    model: str,
    through: float,
    undecided: float,
    stop_s: float | str,
    latency_s: float | str,
    takeover: float,
    no_response: float,
    rating: float | str,
) -> None:
    scores = scores_of(model)
    expected = {
        "not_exercised_rate": 0,
        "talked_through_rate": through,
        "undecided_rate": undecided,
        "stop_latency_s": stop_s,
        "response_latency_s": latency_s,
        "takeover_rate": takeover,
        "no_response_rate": no_response,
        "relevance": rating,
        "takeover_not_exercised_rate": YES,
        "response_latency_not_exercised_s": YES,
        "break_in_not_exercised_rate": YES,
    }
    assert {name: scores[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("model", "takeover", "latency_s", "break_in", "no_response", "rating"),
    [
        # 0         1         2         3         4         5         6         7         8
        # begins 0.2 s after the interruption, so it was not speaking; breaks in and goes on
        ("......................####################################################", 0, "no_reply", 1, 0, "no_takeover"),
        # breaks in for 1.0 s, then answers
        (".........................##########...................####################", 1, 0.4, 1, 0, 4),
        ("..........................................................################", 1, 0.8, 0, 0, 4),
        ("..............................####........................################", 1, 0.8, 0, 0, 4),  # "mm-hm"
        ("...............................................###########################", 1, -0.3, 0, 0, 4),
        # spoke before: that is no break-in into the interruption
        (".....###########..........................................################", 1, 0.8, 0, 0, 4),
        ("..........................................................................", 0, "no_reply", 0, 1, "no_takeover"),
    ],
)
def test_where_nothing_was_interrupted_the_turn_is_an_ordinary_one(
    model: str, takeover: float, latency_s: float | str, break_in: float, no_response: float, rating: float | str
) -> None:
    scores = scores_of(model)
    expected = {
        "not_exercised_rate": 1,
        "takeover_not_exercised_rate": takeover,
        "response_latency_not_exercised_s": latency_s,
        "break_in_not_exercised_rate": break_in,
        "no_response_rate": no_response,
        "relevance": rating,
        **dict.fromkeys(
            ("takeover_rate", "response_latency_s", "stop_latency_s", "talked_through_rate", "undecided_rate"), "not_exercised"
        ),
    }
    assert {name: scores[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("model", "answered"),
    [
        ("......##################..............................####################", 1),
        (".#######################..............................####################", 1),  # 0.3 s before the context ends
        ("########################..............................####################", 0),  # breaks into it
        ("......####...................................................#############", 0),  # "mm-hm"
        ("....................######################################################", 0),  # only when interrupted
        ("..........................................................................", 0),
    ],
)
def test_answering_the_turn_before_the_interruption_is_a_turn_of_its_own(model: str, answered: float) -> None:
    assert scores_of(model)["context_answered_rate"] == answered


def test_speech_that_goes_on_into_the_interruption_is_no_turn_before_it() -> None:
    """A detector may hear the interruption 0.1 s before it is annotated."""
    late = sample(Event(INTERRUPTION, Span(2.1, 5.0), "wait"))
    assert (
        scores_of("......##################..............................####################", clip=late)[
            "context_answered_rate"
        ]
        == 1
    )


def test_without_a_turn_before_the_interruption_there_is_none_to_be_answered() -> None:
    assert scores_of("", user="." * 20 + "#" * 30)["context_answered_rate"] == "no_context"


def test_the_interruption_starts_where_the_user_is_heard() -> None:
    assert heard_interruption(Span(2.5, 5.0), spans(USER_____)) == Span(2.5, 5.0)  # cut by the annotation
    assert heard_interruption(ANNOTATED, spans(USER_____)) == BARGE_IN
    assert heard_interruption(Span(0.2, 5.0), spans(USER_____)) == Span(0.2, 5.0)
    assert heard_interruption(Span(0.5, 1.5), spans(USER_____)) is None
    unheard = scores_of("#" * 80, clip=sample(Event(INTERRUPTION, Span(0.5, 1.5))))
    assert set(unheard.values()) == {"interruption_not_heard"}


def test_where_nothing_is_known_of_the_users_speech_the_annotation_stands() -> None:
    """Annotated from 1.5 to 5.0 s: the stop at 2.4 s is 0.9 s after its start."""
    scores = scores_of("......##################..............................####################", user="")
    assert (scores["stop_latency_s"], scores["response_latency_s"], scores["context_answered_rate"]) == (0.9, 0.4, UNKNOWN)
    assert scores["lost_per_turn_s"] == UNKNOWN, "the context turn is not left out without a word"


def test_of_a_short_interruption_the_response_is_judged_and_yielding_is_not() -> None:
    """Heard from 2.0 to 3.4 s. The model goes on to 4.5 s, 1.1 s after it, and answers at 5.6 s."""
    short = sample(Event(INTERRUPTION, Span(1.5, 3.4), "wait"))
    user = "####................##############"
    scores = scores_of("......#######################################...........##############", clip=short, user=user)
    assert {scores[name] for name in ("talked_through_rate", "undecided_rate", "stop_latency_s")} == {"too_short"}
    assert (scores["not_exercised_rate"], scores["takeover_rate"], scores["response_latency_s"]) == (0, 1, 2.2)
    yielded = scores_of("......##################....................##############", clip=short, user=user)
    assert (yielded["stop_latency_s"], yielded["response_latency_s"]) == ("too_short", 1.0)
    never = scores_of("......" + "#" * 84, clip=short, user=user)
    assert (never["takeover_rate"], never["response_latency_s"], never["no_response_rate"]) == (0, "no_reply", 0)


def test_a_model_has_a_second_and_a_half_to_yield_to_what_is_heard_for_as_long() -> None:
    assert interruption_outcome([Span(1.0, 3.5)], Span(2.0, 3.5), 9.0).stop_latency_s == 1.5
    assert interruption_outcome([Span(1.0, 3.6)], Span(2.0, 3.5), 9.0).gate == "talked_through"
    assert interruption_outcome([Span(1.0, 3.6)], Span(2.0, 3.5), 9.0).deadline_s == 1.5
    assert interruption_outcome([Span(1.0, 3.5)], Span(2.0, 3.49), 9.0).is_judged is False


def test_a_model_that_never_stops_gets_no_credit_and_a_stop_that_is_longer_than_the_deadline() -> None:
    scorer = Interruption()
    scores = by_metric(scorer, CLIP, hear(scorer, CLIP, spans("#" * 90), spans(USER_____), recorded_s=RECORDED_S))
    assert scores["takeover_rate"].value == 0
    assert scores["talked_through_rate"].value == 1
    assert outcome(scores["response_latency_s"]) == "talked_through"
    assert (scores["stop_latency_s"].status, scores["stop_latency_s"].components) == ("censored", {"censored_at_s": 3.0})


def test_speech_that_reaches_the_recordings_end_was_cut_off_and_silence_that_does_is_a_stop() -> None:
    bursts = [Span(0.5, 5.0)]
    assert interruption_outcome(bursts, BARGE_IN, recorded_s=5.0).gate == "talked_through"
    assert interruption_outcome(bursts, BARGE_IN, recorded_s=5.08).gate == "talked_through"
    assert interruption_outcome(bursts, BARGE_IN, recorded_s=5.5).gate == "unknown"  # 0.5 s are no stop yet
    assert interruption_outcome(bursts, BARGE_IN, recorded_s=6.0).gate == "yielded"
    assert interruption_outcome([Span(0.5, 4.0)], BARGE_IN, recorded_s=4.0).gate == "unknown"  # it may yet stop


def test_a_reply_that_never_came_is_censored_in_its_own_column() -> None:
    scorer, user = Interruption(), spans(USER_____)
    stopped = by_metric(scorer, CLIP, hear(scorer, CLIP, [Span(1.0, 2.4)], user, recorded_s=RECORDED_S))
    assert stopped["response_latency_s"].status == "censored"
    assert stopped["response_latency_s"].components == {"censored_at_s": pytest.approx(4.0)}
    silent = by_metric(scorer, CLIP, hear(scorer, CLIP, [], user, recorded_s=RECORDED_S))
    assert silent["response_latency_not_exercised_s"].status == "censored"


def test_segments_without_a_recording_end_by_themselves_and_a_missing_reply_has_no_time() -> None:
    assert interruption_outcome([Span(0.5, 4.6)], BARGE_IN, None).gate == "yielded"
    scorer = Interruption()
    for model, column in (([Span(1.0, 2.4)], "response_latency_s"), ([], "response_latency_not_exercised_s")):
        scores = by_metric(scorer, CLIP, hear(scorer, CLIP, model, spans(USER_____), recorded_s=None))
        assert (scores[column].status, scores[column].reason) == ("error", "audio_missing")
        assert scores["no_response_rate"].value == 1


def test_without_a_transcript_the_gates_stand() -> None:
    scorer = Interruption()
    model = [Span(1.0, 2.4), Span(5.8, 7.0)]
    take = hear(scorer, CLIP, model, spans(USER_____), missing={"words": "transcript_incomplete"})
    scores = {name: outcome(score) for name, score in by_metric(scorer, CLIP, take, Verdict(4)).items()}
    assert (scores["stop_latency_s"], scores["talked_through_rate"], scores["not_exercised_rate"]) == (0.4, 0, 0)
    assert {scores[name] for name in ("takeover_rate", "response_latency_s", "relevance", "lost_per_turn_s")} == {
        "transcript_incomplete"
    }


@pytest.mark.parametrize("rating", [9.0, -1.0, float("nan"), float("inf")])
def test_a_rating_out_of_range_is_an_error(rating: float) -> None:
    scorer = Interruption()
    take = hear(scorer, CLIP, [Span(1.0, 2.4), Span(5.5, 7.0)], spans(USER_____))
    relevance = by_metric(scorer, CLIP, take, Verdict(rating))["relevance"]
    assert (relevance.status, relevance.reason) == ("error", "rating_out_of_range")


def test_no_segments_or_no_annotation_is_an_error_of_every_metric() -> None:
    scorer, unmarked = Interruption(), sample()
    lacking = hear(scorer, CLIP, [], (), missing={"speech": "audio_missing"})
    assert {(s.status, s.reason) for s in by_metric(scorer, CLIP, lacking).values()} == {("error", "audio_missing")}
    assert {s.reason for s in by_metric(scorer, unmarked, hear(scorer, unmarked, [], ())).values()} == {"no_interruption"}
    assert {s.reason for s in scorer.score(CLIP, {}, NO_JUDGE)} == {"audio_missing"}
