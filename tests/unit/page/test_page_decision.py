"""What is drawn of a decision lies where the scorers put it, and lasts as long as what was stored."""

from __future__ import annotations

import pytest

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, DetectedSpeech
from fdbench.core.conversation import Sample
from fdbench.core.event import INTERRUPTION, OVERLAP, PAUSE, TURN_END, Event
from fdbench.core.score import Score, none_score
from fdbench.core.span import Span
from fdbench.core.speech import Transcript
from fdbench.page.decision import decide
from fdbench.page.numbers import cost_of
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.registry import scorer_for
from fdbench.scoring.requests import MODEL_SPEECH, MODEL_WORDS, user_speech

PROMPT_S = 12.0


def sample_with(*events: Event) -> Sample:
    return Sample("s", "mini/x", {}, events)


def heard(model: list[tuple[float, float]], user: list[tuple[float, float]] = (), recorded_s: float = 20.0) -> Annotations:
    """A take in which the two sides speak when they are said to."""
    speech = {
        MODEL_SPEECH: DetectedSpeech(tuple(Span(*each) for each in model), recorded_s),
        user_speech(PROMPT_S): DetectedSpeech(tuple(Span(*each) for each in user), PROMPT_S),
    }
    return Annotations(PROMPT_S, recorded_s, False, speech, {MODEL_WORDS: Transcript((), "some")})


def drawn(behaviour: str, sample: Sample, take: Annotations | Absence):
    """The decision, drawn from what the scorer itself makes of the take."""
    takes = {"main": take}
    scores = {score.metric: score.as_json() for score in scorer_for(behaviour, "fdbench").score(sample, takes, NO_JUDGE)}
    return decide(behaviour, sample, takes, scores), scores


def marks(decision, kind):
    return [(mark.start_s, pytest.approx(mark.end_s), mark.label) for mark in decision.marks if mark.kind == kind]


TURN = sample_with(Event(TURN_END, Span(5.0, 5.3)))


def test_a_reply_is_an_arrow_from_the_turns_end_to_its_onset():
    decision, _ = drawn("turn_taking", TURN, heard([(5.6, 9.0)]))
    assert marks(decision, "arrow") == [(5.0, 5.6, "reply 0.60 s")]
    assert [mark.start_s for mark in decision.marks if mark.kind == "line"] == [4.7, 5.0]
    assert [(piece.start_s, piece.end_s, piece.kind) for piece in decision.found] == [(5.6, 9.0, "takeover")]
    assert decision.why == "The reply begins at 5.60 s, 0.60 s after the turn's end at 5.00 s."


def test_an_early_reply_points_back():
    decision, _ = drawn("turn_taking", TURN, heard([(4.8, 9.0)]))
    assert marks(decision, "arrow") == [(5.0, 4.8, "reply -0.20 s")]
    assert "0.20 s before the turn's end" in decision.why


def test_a_reply_that_never_came_is_open_to_the_recordings_end_and_a_break_in_is_shaded():
    decision, _ = drawn("turn_taking", TURN, heard([(1.0, 3.0)]))
    assert marks(decision, "open") == [(5.0, 20.0, "reply > 15.00 s")]
    assert marks(decision, "window") == [(1.0, 3.0, "break-in")]
    assert decision.why.startswith("No reply had begun when the recording ended")
    assert "broke in at 1.00 s" in decision.why


def test_a_pause_is_the_users_floor():
    sample = sample_with(Event(PAUSE, Span(2.0, 3.0)), Event(TURN_END, Span(6.0, 6.3)))
    decision, _ = drawn("pause_handling", sample, heard([(2.4, 4.0), (6.5, 9.0)]))
    assert marks(decision, "window") == [(2.0, 6.0, "the floor is the user's"), (2.4, 4.0, "takes the turn")]
    assert marks(decision, "arrow") == [(6.0, 6.5, "reply 0.50 s")]
    assert decision.why.startswith("The model takes the turn at 2.40 s, while the user only pauses")


def test_who_speaks_before_the_pause_and_goes_on_keeps_the_floor():
    sample = sample_with(Event(PAUSE, Span(2.0, 3.0)), Event(TURN_END, Span(6.0, 6.3)))
    decision, _ = drawn("pause_handling", sample, heard([(0.5, 4.0)]))
    assert (2.0, 4.0, "takes the turn") in marks(decision, "window")
    assert decision.why.startswith("The model, speaking since 0.50 s, keeps the floor")


def test_an_answer_right_after_the_stop_is_an_utterance_of_its_own():
    sample = sample_with(Event(INTERRUPTION, Span(4.0, 6.0)))
    decision, scores = drawn("user_interruption", sample, heard([(1.0, 4.9), (5.75, 9.0)], [(4.0, 6.0)]))
    assert scores["stop_latency_s"]["value"] == pytest.approx(0.9)
    assert [(piece.start_s, piece.end_s) for piece in decision.found] == [(1.0, 4.9), (5.75, 9.0)]


def test_an_interruption_has_a_stop_and_a_reply():
    sample = sample_with(Event(INTERRUPTION, Span(4.0, 7.0)))
    decision, scores = drawn("user_interruption", sample, heard([(1.0, 4.9), (7.4, 10.0)], [(0.0, 0.8), (4.2, 7.0)]))
    assert scores["stop_latency_s"]["value"] == pytest.approx(0.7)
    assert marks(decision, "window") == [(4.2, 7.0, "interruption as heard")]
    assert marks(decision, "arrow") == [(4.2, 4.9, "stop 0.70 s"), (7.0, 7.4, "reply 0.40 s")]
    assert (4.9, 4.9, "stops") in marks(decision, "line")


def test_a_model_that_talks_on_has_no_end_of_its_stop():
    sample = sample_with(Event(INTERRUPTION, Span(4.0, 7.0)))
    decision, _ = drawn("user_interruption", sample, heard([(1.0, 12.0)], [(4.0, 7.0)]))
    assert marks(decision, "open") == [(4.0, 7.0, "stop > 3.00 s")]
    assert "talks on through" in decision.why


def test_in_a_monologue_utterances_are_told_apart_by_length():
    decision, _ = drawn("backchannel", sample_with(), heard([(2.0, 2.4), (5.0, 7.0)], [(0.0, 11.0)]))
    assert [piece.kind for piece in decision.found] == ["backchannel", "takeover"]
    assert decision.why == "The model takes the turn at 5.00 s; 1 backchannel, where people have 0 moments for one."


def test_nothing_that_was_said_over_a_silent_model_is_drawn():
    decision, _ = drawn("overlap.user_interruption", sample_with(Event(OVERLAP, Span(3.0, 5.0))), heard([], [(3.0, 5.0)]))
    assert decision.why.startswith("The model was not speaking when it was spoken over at 3.00 s")


def test_why_nothing_is_known_is_said_in_the_registrys_words():
    scores = {"takeover_rate": none_score("takeover_rate", "call_failed").as_json()}
    decision = decide("turn_taking", TURN, {"main": Absence("call_failed", "hung up")}, scores)
    assert decision.why == "takeover: the call did not yield a recording"
    assert not decision.marks


def test_scores_without_anything_heard_still_have_their_arrows():
    scores = {"response_latency_s": Score("response_latency_s", 0.5).as_json()}
    decision = decide("turn_taking", TURN, {"main": Annotations(PROMPT_S, 20.0)}, scores)
    assert marks(decision, "arrow") == [(5.0, 5.5, "reply 0.50 s")]
    assert decision.found == ()


def test_the_published_scripts_hear_no_further_than_the_prompt():
    given = {"takeover_rate": 1.0, "response_latency_s": 0.5}
    scores = {metric: Score(metric, value).as_json() for metric, value in given.items()}
    decision = decide("turn_taking", TURN, {"main": Annotations(PROMPT_S, 20.0)}, scores, "fdb-2026-05")
    assert (PROMPT_S, PROMPT_S, "the published scripts hear up to here") in marks(decision, "line")
    assert marks(decision, "arrow") == [(5.0, 5.5, "reply 0.50 s")]
    assert decision.why == "By the published rule the model takes the turn; its latency is 0.50 s."


def test_what_was_lost_is_a_sum():
    _, scores = drawn("turn_taking", TURN, heard([(1.0, 3.0), (5.6, 9.0)]))
    lost_s = scores["lost_per_turn_s"]["value"]
    assert cost_of(scores) == f"Lost per turn {lost_s:.2f} s = 0.60 s waiting + 2.00 s talked over + 1 s for breaks"
    assert lost_s == pytest.approx(0.6 + 2.0 + 1.0)
    assert cost_of({"lost_per_turn_s": none_score("lost_per_turn_s", "cut_off").as_json()}) == ""
