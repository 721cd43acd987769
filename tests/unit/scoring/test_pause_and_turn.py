"""Pauses and turns under ``fdbench``, drawn: what each model does, and what it gets for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scoring_timeline import by_metric, hear, mark_s, outcome, sample, spans

from fdbench.core.event import PAUSE, TURN_END, Event
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.corrected.pause import Pause, last_word_end_s
from fdbench.scoring.corrected.turn import Turn

#              0         1         2         3         4         5         6
TURN_USER__ = "..############............##########...................."
TURN_END___ = "....................................^"
SILENT_____ = "........................................................"
PROMPT_____ = "......................................................##"
TURN = sample(Event(TURN_END, Span(mark_s(TURN_END___), mark_s(TURN_END___) + 0.3)))


TURN_METRICS = ("takeover_rate", "response_latency_s", "break_in_rate", "no_response_rate")


def turn(model: str, *, words: tuple[Word, ...] | None = None, recorded_s: float = 10.0) -> tuple[float | str | None, ...]:
    scorer = Turn()
    take = hear(scorer, TURN, spans(model), spans(TURN_USER__), words, prompt_s=6.0, recorded_s=recorded_s)
    scores = by_metric(scorer, TURN, take)
    return tuple(outcome(scores[name]) for name in TURN_METRICS)


@pytest.mark.parametrize(
    ("model", "takeover", "latency_s", "break_in", "no_response"),
    [
        ("........................................................", 0, "no_reply", 0, 1),
        ("........................................###############.", 1, 0.4, 0, 0),  # answers
        (".................................######################.", 1, -0.3, 0, 0),  # overlaps
        ("................................#######################.", 0, "no_reply", 1, 0),  # by more than 0.3 s
        ("........................................####............", 0, "no_reply", 0, 1),  # "mm-hm"
        ("..................##....................##############..", 1, 0.4, 0, 0),  # backchannel, then answers
        ("................###############.........................", 0, "no_reply", 1, 1),  # barges in, then nothing
        (".######################################################.", 0, "no_reply", 1, 0),  # never stops
        (".##############.........................#############...", 1, 0.4, 1, 0),  # barges in, then answers
    ],
)
def test_turn_taking(model: str, takeover: float, latency_s: float | str, break_in: float, no_response: float) -> None:
    assert turn(model) == (takeover, latency_s, break_in, no_response)


@pytest.mark.parametrize(
    ("model", "wait_s", "talked_over_s", "breaks"),  # of the turn from 0.0 to 3.6 s
    [
        ("........................................................", 5.0, 0.0, 0),
        ("........................................###############.", 0.4, 0.0, 0),
        (".................................######################.", 0.0, 0.0, 0),
        ("................................#######################.", 0.0, 0.1, 1),
        ("........................................####............", 5.0, 0.0, 0),  # "mm-hm" costs nothing, and is no answer
        ("................###############.........................", 5.0, 1.5, 1),
        (".######################################################.", 0.0, 3.2, 1),
    ],
)
def test_what_the_user_loses(model: str, wait_s: float, talked_over_s: float, breaks: int) -> None:
    scorer = Turn()
    take = hear(scorer, TURN, spans(model), spans(TURN_USER__), prompt_s=6.0, recorded_s=10.0)
    lost = by_metric(scorer, TURN, take)["lost_per_turn_s"]
    assert lost.value == pytest.approx(wait_s + talked_over_s + breaks)
    assert [lost.components[name] for name in ("wait_s", "talked_over_s", "breaks")] == pytest.approx(
        [wait_s, talked_over_s, breaks]
    )


def test_a_filler_ends_the_wait_in_one_of_the_two_numbers_only() -> None:
    scorer, model = Turn(), [Span(4.0, 5.2), Span(7.0, 9.0)]
    words = (Word("okay", 4.1, 4.4), Word("two", 7.1, 7.3), Word("three", 7.4, 7.7), Word("four", 8.0, 8.3))
    scores = by_metric(scorer, TURN, hear(scorer, TURN, model, None, words, prompt_s=6.0, recorded_s=12.0))
    assert (outcome(scores["lost_per_turn_s"]), outcome(scores["lost_worded_s"])) == (0.4, 3.4)
    assert (outcome(scores["response_latency_s"]), outcome(scores["content_latency_s"])) == (0.4, 3.4)


def test_an_answer_of_one_word_is_a_reply_and_costs_in_a_silence() -> None:
    model = "........................................####............"
    paris = (Word("Paris.", 4.0, 4.4),)
    assert turn(model, words=paris) == (1, 0.4, 0, 0)
    early = "..................####.................................."
    assert turn(early, words=(Word("Paris.", 1.8, 2.2),)) == (0, "no_reply", 1, 1)


def test_sound_that_is_no_speech_is_a_share_of_the_recording() -> None:
    scorer = Turn()
    take = hear(scorer, TURN, [Span(4.0, 5.0)], None, prompt_s=6.0, recorded_s=10.0)
    (request,) = take.levels
    loud = [-20.0 if 3.0 <= 0.1 * i + 0.05 < 7.0 else -60.0 for i in range(100)]  # near speech from 3.5 to 5.5 s
    noisy = by_metric(scorer, TURN, replace(take, levels={request: tuple(loud)}))["sound_beside_speech"]
    assert (outcome(noisy), noisy.components) == (0.18, {"numerator": 18, "denominator": 100})
    assert outcome(by_metric(scorer, TURN, take)["sound_beside_speech"]) == 0
    assert outcome(by_metric(scorer, TURN, replace(take, levels={}))["sound_beside_speech"]) == "no_sound_known"


def test_a_short_answer_of_three_words_is_a_takeover() -> None:
    model = "........................................####............"
    three = tuple(Word("w", 4.0 + 0.1 * i, 4.1 + 0.1 * i) for i in range(3))
    assert turn(model, words=three)[:2] == (1, 0.4)
    assert turn(model, words=tuple(Word("mm", word.start_s, word.end_s) for word in three[:2]))[:2] == (0, "no_reply")


def test_words_without_speech_under_them_change_nothing() -> None:
    invented = tuple(Word("w", 1.0 + i, 1.5 + i) for i in range(6))
    assert turn(SILENT_____, words=invented) == (0, "no_reply", 0, 1)


def test_a_reply_after_the_prompt_counts_and_an_early_end_of_the_recording_censors_sooner() -> None:
    scorer = Turn()
    late = hear(scorer, TURN, [Span(7.6, 9.0)], spans(TURN_USER__), prompt_s=6.0, recorded_s=10.0)
    assert outcome(by_metric(scorer, TURN, late)["response_latency_s"]) == 4.0
    silent = hear(scorer, TURN, [], spans(TURN_USER__), prompt_s=6.0, recorded_s=8.1)
    assert by_metric(scorer, TURN, silent)["response_latency_s"].components == {"censored_at_s": 4.5}


@pytest.mark.parametrize("scorer", [Pause(), Turn()])
def test_segments_without_a_recording_leave_a_missing_reply_without_a_time(scorer: Pause | Turn) -> None:
    clip = sample(PAUSED______, *TURN.events, transcript=SAID)
    scores = by_metric(scorer, clip, hear(scorer, clip, [Span(0.0, 0.5)], spans(TURN_USER__), recorded_s=None))
    assert (scores["response_latency_s"].status, outcome(scores["response_latency_s"])) == ("error", "audio_missing")
    assert (outcome(scores["no_response_rate"]), outcome(scores["takeover_rate"])) == (1, 0)
    answered = by_metric(scorer, clip, hear(scorer, clip, [Span(4.0, 6.0)], spans(TURN_USER__), recorded_s=None))
    assert outcome(answered["response_latency_s"]) == 0.4


def test_wordless_bursts_are_reported_with_the_takeover() -> None:
    scorer = Turn()
    take = hear(scorer, TURN, spans(PROMPT_____), spans(TURN_USER__), words=())
    counts = by_metric(scorer, TURN, take)["takeover_rate"].components
    assert counts == {"bursts": 1, "wordless": 1, "short_worded": 0, "untimed_words": 0, "dropped_words": 0}


def test_without_the_turns_end_nothing_is_known() -> None:
    scorer, unmarked = Turn(), sample()
    scores = by_metric(scorer, unmarked, hear(scorer, unmarked, spans(PROMPT_____), spans(TURN_USER__)))
    assert {(s.status, s.reason) for s in scores.values()} == {("error", "no_turn_end")}


def test_a_turn_needs_no_knowledge_of_the_users_speech() -> None:
    scorer = Turn()
    take = hear(scorer, TURN, spans("........................................##############"), None, prompt_s=None)
    assert outcome(by_metric(scorer, TURN, take)["response_latency_s"]) == 0.4


#               0         1         2         3         4         5         6
PAUSE_USER__ = "..############............##########...................."
PAUSED______ = Event(PAUSE, Span(1.4, 2.6))
SAID = Transcript((Word("one", 0.2, 1.4), Word("two", 2.6, 3.6)), "given")
PAUSES = sample(PAUSED______, transcript=SAID)


def pause(model: str) -> tuple[float | str | None, ...]:
    scorer = Pause()
    take = hear(scorer, PAUSES, spans(model), spans(PAUSE_USER__), prompt_s=6.0, recorded_s=10.0)
    scores = by_metric(scorer, PAUSES, take)
    return tuple(outcome(scores[name]) for name in TURN_METRICS)


@pytest.mark.parametrize(
    ("model", "takeover", "latency_s", "break_in", "no_response"),
    [
        ("........................................................", 0, "no_reply", 0, 1),
        ("........................................###############.", 0, 0.4, 0, 0),  # waits for the end
        ("....................####................###############.", 0, 0.4, 0, 0),  # "mm-hm" in the pause
        (".................##########.............................", 1, "no_reply", 0, 1),  # takes the pause
        (".................##########................############.", 1, 0.7, 0, 0),  # takes it and answers
        ("..............................#########################.", 1, "no_reply", 0, 0),  # into the last words
        (".................................######################.", 1, -0.3, 0, 0),  # into their last 0.3 s
        (".############...........................###############.", 0, 0.4, 1, 0),  # done before the pause
        (".####################.......................####........", 1, "no_reply", 1, 1),  # talks into the pause, then "mm-hm"
        (".######################################################.", 1, "no_reply", 1, 0),  # never stops
    ],
)
def test_pause_handling(model: str, takeover: float, latency_s: float | str, break_in: float, no_response: float) -> None:
    assert pause(model) == (takeover, latency_s, break_in, no_response)


def test_the_turn_ends_with_the_last_word_else_where_it_is_annotated_else_with_the_detected_speech() -> None:
    scorer, model = Pause(), [Span(5.0, 7.0)]

    def latency(*events: Event, transcript: Transcript | None) -> float | str | None:
        clip = sample(PAUSED______, *events, transcript=transcript)
        return outcome(by_metric(scorer, clip, hear(scorer, clip, model, spans(PAUSE_USER__)))["response_latency_s"])

    end = Event(TURN_END, Span(3.7, 4.0))
    assert latency(end, transcript=SAID) == 1.4
    assert latency(end, transcript=None) == 1.3
    assert latency(transcript=Transcript((Word("no time", None, None),), "given")) == 1.4


@pytest.mark.parametrize(
    ("words", "turn_end_s"),
    [
        ((Word("one", 0.2, 1.4), Word("two", 3.2, None)), 3.2),  # an open end counts with its start
        ((Word("one", 0.2, 3.4), Word("two", 3.2, None)), 3.4),
        ((Word("one", 0.2, 1.4), Word("two", None, 3.0)), 3.0),
        ((Word("one", 0.2, 1.4), Word("two", 3.2, float("nan")), Word("three", float("inf"), None)), 1.4),
        ((Word("one", None, None),), 3.6),  # where the detected speech ends
    ],
)
def test_the_last_word_ends_latest_of_all_and_times_that_are_none_do_not_count(
    words: tuple[Word, ...], turn_end_s: float
) -> None:
    assert last_word_end_s(sample(transcript=Transcript(words, "given")), spans(PAUSE_USER__)) == turn_end_s


def test_pauses_must_be_annotated_and_lie_before_the_last_word() -> None:
    scorer = Pause()
    for clip, reason in (
        (sample(transcript=SAID), "no_pause_annotation"),
        (sample(Event(PAUSE, Span(3.6, 4.0)), transcript=SAID), "bad_annotation"),
    ):
        scores = by_metric(scorer, clip, hear(scorer, clip, spans(PROMPT_____), spans(PAUSE_USER__)))
        assert {(s.status, s.reason) for s in scores.values()} == {("error", reason)}


def test_without_any_knowledge_of_the_user_only_the_break_in_is_known() -> None:
    scorer, clip = Pause(), sample(PAUSED______)
    scores = by_metric(scorer, clip, hear(scorer, clip, [Span(0.0, 2.0)], None))
    assert outcome(scores.pop("break_in_rate")) == 1
    assert outcome(scores.pop("sound_beside_speech")) == 0
    assert {outcome(s) for s in scores.values()} == {"user_speech_unknown"}


@pytest.mark.parametrize("scorer", [Pause(), Turn()])
@pytest.mark.parametrize("what", ["speech", "words"])
def test_what_could_not_be_had_is_the_reason_of_every_metric(scorer: Pause | Turn, what: str) -> None:
    clip = sample(PAUSED______, *TURN.events)
    take = hear(scorer, clip, [], spans(PAUSE_USER__), missing={what: "audio_unreadable"})
    assert {(s.status, s.reason) for s in by_metric(scorer, clip, take).values()} == {("error", "audio_unreadable")}
    assert {s.reason for s in scorer.score(clip, {}, NO_JUDGE)} == {"audio_missing"}
