"""Interruptions under ``fdbench``, drawn: the gates, the stop, the answer."""

from __future__ import annotations

import pytest
from scoring_timeline import by_metric, hear, outcome, sample, spans

from fdbench.core.annotation import Verdict
from fdbench.core.event import INTERRUPTION, Event
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.corrected.interruption import Interruption, interruption_outcome

#           0         1         2         3         4         5         6
USER_____ = "####................############........................"
BARGE_IN = Span(2.0, 3.2)
CLIP = sample(Event(INTERRUPTION, BARGE_IN, "wait"))
RECORDED_S = 8.0


def scores_of(
    model: str, words: tuple[Word, ...] | None = None, recorded_s: float = RECORDED_S
) -> dict[str, float | str | None]:
    scorer = Interruption()
    take = hear(scorer, CLIP, spans(model), spans(USER_____), words, recorded_s=recorded_s)
    return {name: outcome(score) for name, score in by_metric(scorer, CLIP, take, Verdict(4)).items()}


NOT, THROUGH, YES = "not_exercised", "talked_through", "exercised"


@pytest.mark.parametrize(
    ("model", "exercised", "through", "stop_s", "latency_s", "apart_s", "takeover", "no_response", "rating"),
    [
        # stops and answers
        ("......##################............#################...", 1, 0, 0.4, 0.4, YES, 1, 0, 4),
        # answers before the user is done; the gap of 0.6 s does not make it a continuation
        ("......##################......##########################", 1, 0, 0.4, -0.2, YES, 1, 0, 4),
        # stops late, 1.0 s after the interruption's end, which is soon enough
        ("......####################################......########", 1, 0, 2.2, 1.6, YES, 1, 0, 4),
        # stops 1.1 s after it, which is not
        ("......#####################################......#######", 1, 1, THROUGH, THROUGH, YES, 0, THROUGH, "no_takeover"),
        # catches its breath for 0.4 s only
        ("......###############....###############################", 1, 1, THROUGH, THROUGH, YES, 0, THROUGH, "no_takeover"),
        # breathes 0.4 s, then stops: the stretch that was going on ended after 0.1 s
        ("......###############....######...........##############", 1, 0, 0.1, 1.0, YES, 1, 0, 4),
        # begins 0.1 s after the interruption: that is speaking at it
        (".....................#####...............###############", 1, 0, 0.6, 0.9, YES, 1, 0, 4),
        # begins 0.2 s after it: that is not
        ("......................####...............###############", 0, NOT, NOT, NOT, -1.0, 1, 0, 4),
        # nothing to interrupt, then an answer
        ("........................................################", 0, NOT, NOT, NOT, 0.8, 1, 0, 4),
        # says "okay" and no more
        ("......##################...........####.................", 1, 0, 0.4, 0.3, YES, 0, 0, "no_takeover"),
        # stops for good
        ("......##################................................", 1, 0, 0.4, "no_reply", YES, 0, 1, "no_takeover"),
        # says nothing at all
        ("........................................................", 0, NOT, NOT, NOT, "no_reply", 0, 1, "no_takeover"),
    ],
)
def test_interruptions(
    model: str,
    exercised: float,
    through: float | str,
    stop_s: float | str,
    latency_s: float | str,
    apart_s: float | str,
    takeover: float,
    no_response: float | str,
    rating: float | str,
) -> None:
    assert scores_of(model) == {
        "not_exercised_rate": 1 - exercised,
        "talked_through_rate": through,
        "stop_latency_s": stop_s,
        "response_latency_s": latency_s,
        "response_latency_not_exercised_s": apart_s,
        "takeover_rate": takeover,
        "no_response_rate": no_response,
        "relevance": rating,
    }


def test_a_model_that_never_stops_gets_no_credit() -> None:
    scores = scores_of("#" * 80)
    assert scores["takeover_rate"] == 0
    assert scores["talked_through_rate"] == 1
    assert scores["response_latency_s"] == scores["stop_latency_s"] == "talked_through"


def test_speech_that_reaches_the_recordings_end_was_cut_off_and_silence_that_does_is_a_stop() -> None:
    bursts = [Span(0.5, 3.6)]
    assert interruption_outcome(bursts, BARGE_IN, recorded_s=3.6).gate == "talked_through"
    assert interruption_outcome(bursts, BARGE_IN, recorded_s=3.68).gate == "talked_through"
    assert interruption_outcome(bursts, BARGE_IN, recorded_s=3.75).gate == "stopped"


def test_a_reply_that_never_came_is_censored_in_its_own_column() -> None:
    scorer = Interruption()
    stopped = by_metric(scorer, CLIP, hear(scorer, CLIP, [Span(1.0, 2.4)], (), recorded_s=RECORDED_S))
    assert stopped["response_latency_s"].status == "censored"
    assert stopped["response_latency_s"].components == {"censored_at_s": pytest.approx(4.8)}
    silent = by_metric(scorer, CLIP, hear(scorer, CLIP, [], (), recorded_s=RECORDED_S))
    assert silent["response_latency_not_exercised_s"].status == "censored"


def test_segments_without_a_recording_end_by_themselves_and_a_missing_reply_has_no_time() -> None:
    assert interruption_outcome([Span(0.5, 3.6)], BARGE_IN, None).gate == "stopped"
    scorer = Interruption()
    for model, column in (([Span(1.0, 2.4)], "response_latency_s"), ([], "response_latency_not_exercised_s")):
        scores = by_metric(scorer, CLIP, hear(scorer, CLIP, model, (), recorded_s=None))
        assert (scores[column].status, scores[column].reason) == ("error", "audio_missing")
        assert scores["no_response_rate"].value == 1


def test_without_a_transcript_the_timing_stands() -> None:
    scorer = Interruption()
    take = hear(scorer, CLIP, [Span(1.0, 2.4), Span(4.0, 6.0)], (), missing={"words": "transcript_incomplete"})
    scores = {name: outcome(score) for name, score in by_metric(scorer, CLIP, take, Verdict(4)).items()}
    assert scores["takeover_rate"] == scores["relevance"] == "transcript_incomplete"
    assert (scores["stop_latency_s"], scores["response_latency_s"], scores["no_response_rate"]) == (0.4, 0.8, 0)


@pytest.mark.parametrize("rating", [9.0, -1.0, float("nan"), float("inf")])
def test_a_rating_out_of_range_is_an_error(rating: float) -> None:
    scorer = Interruption()
    take = hear(scorer, CLIP, [Span(1.0, 2.4), Span(4.0, 6.0)], ())
    relevance = by_metric(scorer, CLIP, take, Verdict(rating))["relevance"]
    assert (relevance.status, relevance.reason) == ("error", "rating_out_of_range")


def test_no_segments_or_no_annotation_is_an_error_of_every_metric() -> None:
    scorer, unmarked = Interruption(), sample()
    lacking = hear(scorer, CLIP, [], (), missing={"speech": "audio_missing"})
    assert {(s.status, s.reason) for s in by_metric(scorer, CLIP, lacking).values()} == {("error", "audio_missing")}
    assert {s.reason for s in by_metric(scorer, unmarked, hear(scorer, unmarked, [], ())).values()} == {"no_interruption"}
    assert {s.reason for s in scorer.score(CLIP, {}, NO_JUDGE)} == {"audio_missing"}
