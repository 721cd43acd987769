"""What compares as the same value, by hand."""

from __future__ import annotations

import pytest

from fdbench.core.plain_words import places_of, plain_words

SAME = [
    ["7 pm", "seven p m", "7 p.m.", "7:00 PM", "19:00", "seven in the evening", "seven o'clock in the evening"],
    ["7:30", "seven thirty", "half past seven", "Half past 7."],
    ["7:30 am", "seven thirty a.m.", "half past seven in the morning", "7:30 a m"],
    ["quarter to seven", "6:45", "six forty five"],
    ["quarter to one", "12:45"],
    ["nine o'clock", "9:00", "9 o'clock"],
    ["noon", "12 pm", "12:00 p.m.", "twelve p m"],
    ["twenty-one", "21", "21st", "twenty first", "twenty-first"],
    ["a hundred and five", "one hundred five", "105"],
    ["two thousand three hundred", "2,300", "2300"],
    ["$48", "48 dollars", "forty-eight dollars"],
    ["15%", "fifteen percent"],
    ["May 3rd", "may third", "May three"],
    ["I can't", "i cannot", "I can not"],
    ["we won't", "we will not"],
    ["I'm sorry", "i am sorry", "I’m sorry"],
    ["the Park Hotel", "the park hotel."],
]
DIFFERENT = [
    ("7 pm", "7 am"), ("7 pm", "seven"), ("7:00", "7"), ("21", "20 1"), ("I am ready", "7 am"), ("nine people", "9:00"),
    ("twenty", "two"), ("six", "sixteen"), ("one hundred", "one"), ("3 dollars", "3"),
]  # fmt: skip


def words(text):
    return [word.text for word in plain_words(text)]


@pytest.mark.parametrize("spellings", SAME, ids=lambda each: each[0])
def test_spellings_of_one_value_are_the_same_words(spellings):
    assert [words(spelling) for spelling in spellings] == [words(spellings[0])] * len(spellings)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_values_are_not(one, other):
    assert words(one) != words(other)


def test_minutes_follow_an_hour_in_the_same_clause_only():
    assert words("at seven, thirty people") == ["at", "7", "30", "people"]
    assert words("flat 7 30 people") == ["flat", "7", "30", "people"]


def test_a_phrase_is_found_across_marks_and_as_whole_words():
    said = plain_words("So, that's a table at 7 p.m. for six people. Six!")
    assert places_of("seven p m", said) == (5,)
    assert len(places_of("six", said)) == 2
    assert places_of("able", said) == places_of("", said) == ()


def test_hostile_text_is_only_words():
    for text in ("", "?!.", "::", "$", "1:", "99:99", "a hundred hundred", "9" * 5000, "½ ² 三", "half past", "quarter to"):
        plain_words(text)
