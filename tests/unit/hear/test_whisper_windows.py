"""Pieces become words, words get their times; without a network."""

from __future__ import annotations

import pytest

from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.hear.asr_faster_whisper import snapped
from fdbench.hear.whisper_windows import Lateness, timed

EXACT = Lateness()


def test_pieces_without_a_space_belong_to_the_word_before_them() -> None:
    pieces = [(" Uh", 0.0, 0.25), ("-huh", 0.25, 0.5), (",", 0.5, 0.5), (" $48", 1.0, 1.5), (".", 1.5, 1.5), ("75", 1.5, 2.0)]
    assert timed(pieces, EXACT) == [Word("Uh-huh,", 0.0, 0.5), Word("$48.75", 1.0, 2.0)]


def test_the_first_piece_may_lack_its_space() -> None:
    assert timed([("can", 0.0, 0.25), (" you", 0.25, 0.5)], EXACT) == [Word("can", 0.0, 0.25), Word("you", 0.25, 0.5)]


def test_punctuation_that_stands_alone_is_no_word() -> None:
    assert timed([(" -", 0.0, 0.25), (" yes", 0.25, 0.5), (" ...", 0.5, 0.75)], EXACT) == [Word("yes", 0.25, 0.5)]


def test_what_follows_a_long_word_is_less_late_than_what_follows_a_short_one() -> None:
    late = Lateness(0.2, 0.025)
    words = timed([(" a", 1.0, 1.5), (" bicycle", 1.5, 2.0), (" stays,", 2.0, 2.5), (" extraordinarily", 2.5, 3.0)], late)
    starts_s = [word.start_s for word in words]
    assert starts_s == pytest.approx([0.8, 1.325, 1.975, 2.425])  # after 0, 1, 7 and 5 letters; a comma is none
    assert [word.end_s for word in words] == pytest.approx([*starts_s[1:], 3.0])  # no more than 8 letters count


def test_a_correction_never_turns_time_back() -> None:
    late = Lateness(0.2, 0.025)
    words = timed([(" strongest", 0.02, 0.04), (" a", 0.04, 0.06), (" b", 0.06, 0.08)], late)
    times_s = [time_s for word in words for time_s in (word.start_s, word.end_s) if time_s is not None]
    assert times_s == sorted(times_s)
    assert times_s[0] == 0.0


def test_words_at_an_edge_of_speech_begin_and_end_there() -> None:
    speech = (Span(1.0, 2.0), Span(2.5, 3.0))
    words = [Word("can", 0.85, 1.2), Word("you", 1.2, 2.2), Word("explain", 2.6, 2.8), Word("that", 2.8, 3.1)]
    assert snapped(words, speech) == (
        Word("can", 1.0, 1.2), Word("you", 1.2, 2.0), Word("explain", 2.5, 2.8), Word("that", 2.8, 3.0),
    )  # fmt: skip


def test_a_word_far_from_the_edge_is_not_the_first() -> None:
    assert snapped([Word("late", 3.0, 3.4)], (Span(1.0, 5.0),)) == (Word("late", 3.0, 3.4),)


def test_no_words_no_speech() -> None:
    assert snapped((), ()) == ()
    assert snapped((), (Span(0.0, 1.0),)) == ()
