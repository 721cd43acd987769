"""Bursts, utterances, and what they are; the user's last utterance and the reply to it."""

from __future__ import annotations

import pytest
from scoring_timeline import mark_s, sample, spans

from fdbench.core.absence import Absence
from fdbench.core.annotation import DetectedSpeech
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.scoring.corrected.latency import find_reply, last_utterance_start_s, score_latency, user_bursts
from fdbench.scoring.corrected.utterance import Utterance, diagnose, find_bursts, find_utterances


def test_gaps_under_a_fifth_of_a_second_lie_inside_a_burst() -> None:
    assert find_bursts(spans("..###.###..##")) == spans("..#######..##")


def test_a_limit_in_decimals_is_the_limit_although_floats_fall_short_of_it() -> None:
    assert 1.2 - 1.0 < 0.2
    assert len(find_bursts([Span(0.5, 1.0), Span(1.2, 1.5)])) == 2
    assert 4.1 - 3.1 < 1.0
    assert len(find_utterances([Span(2.5, 3.1), Span(4.1, 4.5)], ())) == 2
    assert 2.3 - 1.3 < 1.0
    assert Utterance(Span(1.3, 2.3), 0).is_takeover


def test_gaps_under_a_second_lie_inside_an_utterance() -> None:
    found = find_utterances([Span(0.0, 1.0), Span(1.99, 3.0), Span(4.0, 5.0)], ())
    assert [utterance.span for utterance in found] == [Span(0.0, 3.0), Span(4.0, 5.0)]


@pytest.mark.parametrize(
    ("duration_s", "n_words", "is_backchannel"),
    [(0.5, 0, True), (0.5, 2, True), (0.5, 3, False), (0.999, 2, True), (1.0, 0, False), (4.0, 1, False)],
)
def test_a_backchannel_is_short_in_time_and_in_words(duration_s: float, n_words: int, is_backchannel: bool) -> None:
    utterance = Utterance(Span(0.0, duration_s), n_words)
    assert (utterance.is_backchannel, utterance.is_takeover) == (is_backchannel, not is_backchannel)


def test_a_word_belongs_where_its_middle_lies_and_never_moves_an_onset() -> None:
    words = (Word("a", 0.5, 1.4), Word("b", 0.5, 1.6), Word("c", 1.5, 3.0), Word("d", None, 1.2), Word("e", 1.5, 1.1))
    (utterance,) = find_utterances([Span(1.0, 1.6)], words)
    assert utterance == Utterance(Span(1.0, 1.6), 1)  # only b's middle, 1.05 s, lies in it


def test_bursts_without_a_word_under_them_are_counted() -> None:
    bursts = spans("..###...###...###")
    words = (Word("spans the first two", 0.3, 0.9),)
    assert diagnose(bursts, words, 0)["wordless"] == 1
    assert diagnose(bursts, (), 0)["wordless"] == 3
    touching = (Word("ends where the burst starts", 0.0, 0.2),)
    assert diagnose(bursts, touching, 0)["wordless"] == 3
    odd = (*words, Word("x", None, None), Word("y", 2.0, 1.0))
    assert diagnose(bursts, odd, 4) == {"bursts": 3, "wordless": 1, "untimed_words": 2, "dropped_words": 4}


def test_the_last_utterance_starts_after_the_last_gap_of_a_second() -> None:
    user = spans("..######...######..........#####.....#####....###")
    turn = mark_s("..........................................^")
    assert last_utterance_start_s(user, turn) == 2.7


def test_the_users_speech_is_cut_at_the_annotated_turn_end() -> None:
    user = spans("..######................########")
    assert last_utterance_start_s(user, mark_s("..............^")) == 0.2
    assert last_utterance_start_s(user, 0.1) is None


def test_an_annotated_pause_begins_a_new_utterance_however_short_it_is() -> None:
    user = spans("..##########....########")
    pause = Span(1.2, 1.5)
    assert last_utterance_start_s(user, 2.4) == 0.2
    assert last_utterance_start_s(user, 2.4, [pause]) == 1.6
    undetected = spans("..######################")
    assert last_utterance_start_s(undetected, 2.4, [pause]) == 1.5
    assert last_utterance_start_s(user, 2.4, [pause, Span(2.4, 3.0)]) == 1.6  # a pause after the turn is none


def test_a_silent_detector_gives_way_to_the_users_transcript() -> None:
    heard = DetectedSpeech((Span(1.0, 2.0),), 10.0)
    silent = DetectedSpeech((), 10.0)
    written = sample(transcript=Transcript((Word("a", 3.0, 3.4), Word("b", 3.5, 4.0), Word("c", None, None)), "given"))
    assert user_bursts(written, heard) == (Span(1.0, 2.0),)
    assert user_bursts(written, silent) == (Span(3.0, 4.0),)
    assert user_bursts(written, Absence("audio_missing")) == (Span(3.0, 4.0),)
    assert user_bursts(sample(), silent) == Absence("user_speech_unknown")
    assert user_bursts(sample(transcript=Transcript((), "given")), silent) == Absence("user_speech_unknown")


SEARCH_S, TURN_S, END_S = 3.0, 5.0, 12.0


@pytest.mark.parametrize(
    ("takeovers", "latency_s", "reason", "censored_at_s", "is_early"),
    [
        ([Span(5.5, 7.0)], 0.5, "", None, False),
        ([Span(4.5, 7.0)], -0.5, "", None, False),
        ([Span(3.0, 4.0), Span(6.0, 7.0)], -2.0, "", None, False),
        ([Span(6.0, 7.0), Span(5.2, 5.5)], 0.2, "", None, False),
        ([Span(1.0, 2.0), Span(6.0, 7.0)], 1.0, "", None, True),
        ([Span(1.0, 12.0)], None, "no_reply", 7.0, True),  # it never stops: a reply has not begun
        ([Span(1.0, 5.0)], None, "no_reply", 7.0, True),
        ([], None, "no_reply", 7.0, False),
    ],
)
def test_the_reply_is_the_first_takeover_from_the_search_start_on(
    takeovers: list[Span], latency_s: float | None, reason: str, censored_at_s: float | None, is_early: bool
) -> None:
    reply = find_reply(takeovers, SEARCH_S, TURN_S, END_S)
    assert (reply.latency_s, reply.reason, reply.censored_at_s, reply.has_early_start) == (
        pytest.approx(latency_s) if latency_s is not None else None,
        reason,
        censored_at_s,
        is_early,
    )


def test_a_reply_that_never_came_is_censored_at_the_recordings_end() -> None:
    score = score_latency("response_latency_s", find_reply([], SEARCH_S, TURN_S, END_S), early_start=0.0)
    assert (score.value, score.status, score.reason) == (None, "censored", "no_reply")
    assert score.components == {"censored_at_s": 7.0, "early_start": 0.0}


@pytest.mark.parametrize(("takeovers", "early"), [([], 0.0), ([Span(1.0, 9.0)], 1.0)])
def test_a_reply_that_never_came_into_a_recording_of_unknown_length_is_censored_nowhere(
    takeovers: list[Span], early: float
) -> None:
    reply = find_reply(takeovers, SEARCH_S, TURN_S, None)
    assert reply.has_early_start == bool(early)
    score = score_latency("response_latency_s", reply, early_start=early)
    assert (score.value, score.status, score.reason) == (None, "error", "audio_missing")
    assert score.components == {"early_start": early}
    assert find_reply([Span(5.5, 7.0)], SEARCH_S, TURN_S, None).latency_s == 0.5
