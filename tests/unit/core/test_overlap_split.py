"""Where a recording is cut at an overlap: the edges; the goldens have the rest."""

from __future__ import annotations

import math

import pytest

from fdbench.core.overlap_split import split_at_overlap, words_around, words_per_minute
from fdbench.core.speech import Word

WORDS = (Word("so", 1.0, 1.4), Word("I", 1.6, 1.8), Word("think", 2.0, 2.6))


@pytest.mark.parametrize(
    ("overlap_end_s", "split_s", "n_before"),
    [
        (0.0, 1.0, 0),  # before every word: at the first
        (1.0, 1.0, 0),  # at a word's start
        (1.2, 1.0, 0),  # within a word: at its start
        (1.4, 1.6, 1),  # at a word's end: the next
        (1.5, 1.6, 1),  # between two: the next
        (2.5, 2.0, 2),
        (2.6, 2.6, 3),  # at the end of the last
        (9.0, 2.6, 3),  # past the last word
    ],
)
def test_no_word_is_cut(overlap_end_s: float, split_s: float, n_before: int) -> None:
    assert split_at_overlap(WORDS, overlap_end_s) == split_s
    before, after = words_around(WORDS, split_s)
    assert (len(before), before + after) == (n_before, WORDS)


def test_without_words_the_cut_is_where_the_overlap_ends() -> None:
    assert split_at_overlap((), 3.5) == 3.5
    assert words_per_minute(()) == 0.0


def test_the_cut_lies_in_the_recording() -> None:
    assert split_at_overlap((), 9.0, recorded_s=4.0) == 4.0
    assert split_at_overlap((Word("late", 5.0, 5.2),), 3.0, recorded_s=4.0) == 4.0
    assert split_at_overlap((Word("early", -0.02, 0.3),), 0.1, recorded_s=4.0) == 0.0


def test_the_order_of_words_does_not_matter() -> None:
    assert split_at_overlap(reversed(WORDS), 1.5) == 1.6


def test_a_word_with_one_time_lies_at_it_and_one_without_takes_no_part() -> None:
    words = (Word("so", 1.0, 1.5), Word("what", None, None), Word("I", None, 2.0), Word("think", 3.0, None))
    assert split_at_overlap(words, 1.7) == 2.0
    assert split_at_overlap(words, 2.5) == 3.0
    assert split_at_overlap(words, 9.0) == 3.0
    before, after = words_around(words, 2.0)
    assert [word.text for word in before] == ["so", "I"]
    assert [word.text for word in after] == ["think"]
    assert words_per_minute(words) == 3 / 2 * 60
    assert split_at_overlap([Word("what", None, None)], 0.4) == 0.4


def test_words_without_any_duration_have_no_speed() -> None:
    assert words_per_minute([Word("I", 2.0, 2.0)]) == 0.0


@pytest.mark.parametrize("time_s", [math.nan, math.inf])
def test_an_overlap_ends_at_a_finite_time(time_s: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        split_at_overlap(WORDS, time_s)
