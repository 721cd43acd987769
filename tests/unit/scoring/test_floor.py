"""Bursts, utterances, and what they are; the user's last utterance and the reply to it."""

from __future__ import annotations

import pytest
from scoring_timeline import sample, spans

from fdbench.core.absence import Absence
from fdbench.core.annotation import DetectedSpeech
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word
from fdbench.scoring.corrected.latency import content_latency, find_reply, score_latency, user_bursts
from fdbench.scoring.corrected.phrases import ENGLISH, is_listed
from fdbench.scoring.corrected.utterance import SpokenBurst, Utterance, diagnose, find_bursts, find_utterances


def test_gaps_under_a_fifth_of_a_second_lie_inside_a_burst() -> None:
    assert find_bursts(spans("..###.###..##")) == spans("..#######..##")


def test_a_limit_in_decimals_is_the_limit_although_floats_fall_short_of_it() -> None:
    assert 1.2 - 1.0 < 0.2
    assert len(find_bursts([Span(0.5, 1.0), Span(1.2, 1.5)])) == 2
    assert 4.1 - 3.1 < 1.0
    assert len(find_utterances([Span(2.5, 3.1), Span(4.1, 4.5)], ())) == 2
    assert 2.3 - 1.3 < 1.0
    assert Utterance(Span(1.3, 2.3)).is_takeover


def test_gaps_under_a_second_lie_inside_an_utterance() -> None:
    found = find_utterances([Span(0.0, 1.0), Span(1.99, 3.0), Span(4.0, 5.0)], ())
    assert [utterance.span for utterance in found] == [Span(0.0, 3.0), Span(4.0, 5.0)]


@pytest.mark.parametrize(
    ("duration_s", "words", "is_backchannel"),
    [
        (0.5, "", True),  # none is recognised
        (0.5, "mm", True),
        (0.5, "Uh-huh.", True),
        (0.5, "uh huh", True),
        (0.5, "Of course!", True),
        (0.5, "that\u2019s right", True),
        (0.5, "oh wow", True),  # two phrases in order
        (0.5, "of", False),  # half a phrase
        (0.5, "course of", False),
        (0.5, "i", False),
        (0.5, "Paris.", False),  # an answer
        (0.5, "yes", False),
        (0.5, "no", False),
        (0.5, "nope", False),
        (0.5, "okay Paris", False),
        (0.5, "yeah yeah yeah", False),  # three words
        (0.999, "yeah okay", True),
        (1.0, "", False),
        (1.0, "mm", False),
        (4.0, "w", False),
    ],
)
def test_a_backchannel_is_short_and_says_nothing_but_listed_phrases(
    duration_s: float, words: str, is_backchannel: bool
) -> None:
    utterance = Utterance(Span(0.0, duration_s), tuple(words.split()))
    assert (utterance.is_backchannel, utterance.is_takeover) == (is_backchannel, not is_backchannel)
    assert utterance.is_short_worded == (duration_s < 1.0 and not is_backchannel)


def test_every_listed_phrase_is_one_and_the_answers_are_not_in_the_list() -> None:
    assert all(is_listed([phrase.upper() + "."]) for phrase in ENGLISH)
    assert len(ENGLISH) == len(set(ENGLISH)) == 40
    assert not any(is_listed([answer]) for answer in ("yes", "no", "nope"))


def test_a_word_belongs_where_its_middle_lies_and_never_moves_an_onset() -> None:
    words = (Word("a", 0.5, 1.4), Word("b", 0.5, 1.6), Word("c", 1.5, 3.0), Word("d", None, 1.2), Word("e", 1.5, 1.1))
    (utterance,) = find_utterances([Span(1.0, 1.6)], words)
    burst = SpokenBurst(Span(1.0, 1.6), ("b",))
    assert utterance == Utterance(Span(1.0, 1.6), ("b",), (burst,))  # only b's middle, 1.05 s, lies in it


def test_bursts_without_a_word_under_them_are_counted() -> None:
    bursts = spans("..###...###...###")
    words = (Word("spans the first two", 0.3, 0.9),)
    utterances = find_utterances(bursts, words)
    assert diagnose(utterances, words, 0)["wordless"] == 1
    assert diagnose(utterances, (), 0)["wordless"] == 3
    touching = (Word("ends where the burst starts", 0.0, 0.2),)
    assert diagnose(utterances, touching, 0)["wordless"] == 3
    odd = (*words, Word("x", None, None), Word("y", 2.0, 1.0))
    counts = {"bursts": 3, "wordless": 1, "short_worded": 0, "untimed_words": 2, "dropped_words": 4}
    assert diagnose(utterances, odd, 4) == counts


def test_utterances_that_only_their_words_made_takeovers_are_counted() -> None:
    words = (Word("Paris", 1.1, 1.4), Word("mm", 4.0, 4.2), Word("long", 8.0, 8.5))
    utterances = find_utterances([Span(1.0, 1.5), Span(4.0, 4.3), Span(8.0, 10.0)], words)
    assert [each.is_takeover for each in utterances] == [True, False, True]
    assert diagnose(utterances, words, 0)["short_worded"] == 1


def test_a_silent_detector_gives_way_to_the_users_transcript() -> None:
    heard = DetectedSpeech((Span(1.0, 2.0),), 10.0)
    silent = DetectedSpeech((), 10.0)
    written = sample(transcript=Transcript((Word("a", 3.0, 3.4), Word("b", 3.5, 4.0), Word("c", None, None)), "given"))
    assert user_bursts(written, heard) == (Span(1.0, 2.0),)
    assert user_bursts(written, silent) == (Span(3.0, 4.0),)
    assert user_bursts(written, Absence("audio_missing")) == (Span(3.0, 4.0),)
    assert user_bursts(sample(), silent) == Absence("user_speech_unknown")
    assert user_bursts(sample(transcript=Transcript((), "given")), silent) == Absence("user_speech_unknown")


TURN_S, END_S = 5.0, 12.0


@pytest.mark.parametrize(
    ("takeovers", "latency_s", "reason", "censored_at_s", "breaks_in", "is_no_response"),
    [
        ([Span(5.5, 7.0)], 0.5, "", None, False, False),
        ([Span(4.7, 7.0)], -0.3, "", None, False, False),  # at e - 0.3 s: not earlier than it
        ([Span(4.69, 7.0)], None, "no_reply", 7.0, True, False),  # going on at the end, and broken in
        ([Span(3.0, 4.0), Span(6.0, 7.0)], 1.0, "", None, True, False),  # a break-in, whatever comes later
        ([Span(6.0, 7.0), Span(5.2, 5.5)], 0.2, "", None, False, False),
        ([Span(0.0, 12.0)], None, "no_reply", 7.0, True, False),  # it never stops: a reply has not begun
        ([Span(1.0, 5.0)], None, "no_reply", 7.0, True, True),  # over at the end
        ([], None, "no_reply", 7.0, False, True),
    ],
)
def test_the_reply_is_the_first_takeover_from_just_before_the_turns_end_on(
    takeovers: list[Span],
    latency_s: float | None,
    reason: str,
    censored_at_s: float | None,
    breaks_in: bool,
    is_no_response: bool,
) -> None:
    reply = find_reply(takeovers, TURN_S, END_S)
    assert (reply.latency_s, reply.reason, reply.censored_at_s, reply.has_break_in, reply.is_no_response) == (
        pytest.approx(latency_s) if latency_s is not None else None,
        reason,
        censored_at_s,
        breaks_in,
        is_no_response,
    )


def test_what_begins_before_the_turn_is_no_break_in_into_it() -> None:
    assert find_reply([Span(1.0, 2.0)], TURN_S, END_S, turn_start_s=1.5).has_break_in is False
    assert find_reply([Span(1.5, 2.0)], TURN_S, END_S, turn_start_s=1.5).has_break_in is True


def test_a_reply_that_never_came_is_censored_at_the_recordings_end() -> None:
    score = score_latency("response_latency_s", find_reply([], TURN_S, END_S))
    assert (score.value, score.status, score.reason) == (None, "censored", "no_reply")
    assert score.components == {"censored_at_s": 7.0}


@pytest.mark.parametrize("takeovers", [[], [Span(1.0, 4.0)]])
def test_a_reply_that_never_came_into_a_recording_of_unknown_length_is_censored_nowhere(takeovers: list[Span]) -> None:
    reply = find_reply(takeovers, TURN_S, None)
    score = score_latency("response_latency_s", reply)
    assert (score.value, score.status, score.reason) == (None, "error", "audio_missing")
    assert (reply.has_break_in, reply.is_no_response) == (bool(takeovers), True)
    assert find_reply([Span(5.5, 7.0)], TURN_S, None).latency_s == 0.5


@pytest.mark.parametrize(
    ("words", "content_s"),
    [
        ("um .. the capital", 0.85),  # a filler at 0.12 s has content at 0.85
        ("Paris .. is", 0.12),
        (".. the capital", 0.85),  # a short burst without a word says nothing
        ("um .. right okay yeah", None),  # nor does this
    ],
)
def test_content_begins_with_the_first_burst_that_is_no_filler(words: str, content_s: float | None) -> None:
    filler, rest = ([text for text in part.split() if text] for part in words.split(".."))
    said = [Word(text, 5.13 + 0.1 * i, 5.2 + 0.1 * i) for i, text in enumerate(filler)]
    said += [Word(text, 5.9 + 0.2 * i, 6.05 + 0.2 * i) for i, text in enumerate(rest)]
    utterances = find_utterances([Span(5.12, 5.42), Span(5.85, 8.0)], said)
    reply = find_reply([utterances[0].span], TURN_S, END_S)
    assert reply.latency_s == pytest.approx(0.12)
    found = content_latency(utterances, reply, TURN_S, END_S)
    assert found.latency_s == (None if content_s is None else pytest.approx(content_s))
    assert found.censored_at_s == (7.0 if content_s is None else None)
