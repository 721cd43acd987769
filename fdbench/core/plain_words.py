"""What somebody said as words that compare: the same value in different spellings is the same words.

::

    "At seven p.m., please."   "at 7 PM please"   "at 19:00 please"     at 7:00 pm please
    "twenty-one"   "21"   "21st"   "the twenty first"                   21
    "half past seven"   "seven thirty"   "7:30"                         7:30
    "I can't"   "I cannot"   "I can not"                                i can not
    "$48"   "forty eight dollars"                                       48 dollars

Times of the day are hours and minutes on a clock of twelve hours, with ``am`` or ``pm`` where somebody said which. Names and
mail addresses are left as they are, and nobody should compare what a recogniser made of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

_SMALL: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS: Final = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip
_NUMBERS: Final = {
    **{word: value for value, word in enumerate(_SMALL)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    **_ORDINALS,
    **{f"{word}th": value for value, word in enumerate(_SMALL[13:], 13)},
}
_SHORT: Final = {"can't": "can not", "won't": "will not", "cannot": "can not", "let's": "let us"}
_ENDINGS: Final = (("n't", " not"), ("'m", " am"), ("'ll", " will"), ("'d", " would"), ("'re", " are"), ("'ve", " have"))
_PART_OF_DAY: Final = {"morning": "am", "afternoon": "pm", "evening": "pm", "night": "pm", "tonight": "pm"}
_PIECES: Final = re.compile(r"\$?\d+(?:[.,:]\d+)*(?:st|nd|rd|th|am|pm|%)?|[a-z]+(?:'[a-z]+)*|[.,;:!?—–]")
_DIGITS: Final = re.compile(r"(\$?)(\d+(?:[.,:]\d+)*)(st|nd|rd|th|am|pm|%)?")
_MERIDIEM: Final = re.compile(r"\b([ap])\.\s?m\b\.?")
_FEWEST_MINUTES, _MOST_MINUTES, _HOURS = 10, 59, 12


@dataclass(frozen=True, slots=True)
class PlainWord:
    """One word.

    Attributes:
        text: In small letters and digits.
        clause: Which stretch between two marks it stands in, counted from 0.
        was_spelled: A number that was written in letters.
    """

    text: str
    clause: int = 0
    was_spelled: bool = False


def plain_words(text: str) -> tuple[PlainWord, ...]:
    """The words of a text, in its order."""
    return tuple(_with_times(_with_numbers(_pieces(text))))


def places_of(phrase: str, words: Sequence[PlainWord]) -> tuple[int, ...]:
    """Where a phrase begins in some words, whatever marks stand in between; nowhere where it is empty."""
    wanted = [word.text for word in plain_words(phrase)]
    found = [word.text for word in words]
    n = len(wanted)
    return tuple(at for at in range(len(found) - n + 1) if found[at : at + n] == wanted) if n else ()


def _pieces(text: str) -> list[PlainWord]:
    plain = _MERIDIEM.sub(r"\1m", text.lower().replace("’", "'"))
    out: list[PlainWord] = []
    clause = 0
    for piece in _PIECES.findall(plain):
        if piece[0].isalpha():
            out += [PlainWord(word, clause) for word in _whole(piece).split()]
        elif number := _DIGITS.fullmatch(piece):
            out += [PlainWord(word, clause) for word in _digits(*number.groups(""))]
        else:
            clause += 1
    return out


def _whole(word: str) -> str:
    """A short form in full."""
    if word in _SHORT:
        return _SHORT[word]
    for ending, full in _ENDINGS:
        if word.endswith(ending):
            return word.removesuffix(ending) + full
    return word if word == "o'clock" else word.replace("'", "")


def _digits(currency: str, number: str, suffix: str) -> list[str]:
    if ":" in number:
        hours, minutes = (int(part) for part in number.split(":")[:2])
        on_24 = not suffix and hours > _HOURS and hours < 24
        return _time(hours % _HOURS or _HOURS, minutes, "pm" if on_24 else suffix)
    plain = number.replace(",", "")
    named = {"%": ["percent"], "am": ["am"], "pm": ["pm"]}.get(suffix, [])
    return [plain, *(["dollars"] if currency else named)]


def _time(hours: int, minutes: int, half: str) -> list[str]:
    return [f"{hours}:{minutes:02d}", *([half] if half in ("am", "pm") else [])]


def _with_numbers(words: list[PlainWord]) -> list[PlainWord]:
    """Numbers in letters as digits, each of them one word."""
    out: list[PlainWord] = []
    at = 0
    while at < len(words):
        value, end = _number(words, at)
        if value is None:
            out.append(words[at])
            at += 1
        else:
            out.append(replace(words[at], text=str(value), was_spelled=True))
            at = end
    return out


def _number(words: Sequence[PlainWord], at: int) -> tuple[int | None, int]:
    """The number that begins at a word, and where it ends; "a hundred and five" is one, "nine thirty" are two."""
    value, end = _below_thousand(words, at)
    if value is None and _text(words, at) == "a" and _text(words, at + 1) == "thousand":
        value, end = 1, at + 1
    if value is None or _text(words, end) != "thousand":
        return value, end
    more, after = _below_thousand(words, end + 1 + (_text(words, end + 1) == "and"))
    return (value * 1000, end + 1) if more is None else (value * 1000 + more, after)


def _below_thousand(words: Sequence[PlainWord], at: int) -> tuple[int | None, int]:
    value, end = _below_hundred(words, at)
    if value is None and _text(words, at) == "a" and _text(words, at + 1) == "hundred":
        value, end = 1, at + 1
    if value is None or _text(words, end) != "hundred":
        return value, end
    more, after = _below_hundred(words, end + 1 + (_text(words, end + 1) == "and"))
    return (value * 100, end + 1) if more is None else (value * 100 + more, after)


def _below_hundred(words: Sequence[PlainWord], at: int) -> tuple[int | None, int]:
    value = _NUMBERS.get(_text(words, at))
    if value is None:
        return None, at
    more = _NUMBERS.get(_text(words, at + 1), 0)
    return (value + more, at + 2) if value >= 20 and value % 10 == 0 and 0 < more < 10 else (value, at + 1)


def _with_times(words: list[PlainWord]) -> Iterable[PlainWord]:
    at = 0
    while at < len(words):
        texts, n = _time_at(words, at)
        yield from (replace(words[at], text=text) for text in texts)
        at += n


def _time_at(words: Sequence[PlainWord], at: int) -> tuple[list[str], int]:
    """What the words from here on are with times in one form, and of how many of them that is made."""
    text = _text(words, at)
    if text in ("noon", "midnight"):
        return ["12:00", "pm" if text == "noon" else "am"], 1
    spoken = {"half": 30, "quarter": 15}.get(text)
    if spoken and _text(words, at + 1) in ("past", "to") and (hours := _hour(words, at + 2)):
        is_past = _text(words, at + 1) == "past"
        hours, minutes = (hours, spoken) if is_past else ((hours - 2) % _HOURS + 1, 60 - spoken)
        half, n = _half_of_day(words, at + 3)
        return _time(hours, minutes, half), 3 + n
    if re.fullmatch(r"\d+:\d\d", text):
        half, n = _half_of_day(words, at + 1)
        return [text, *([half] if half else [])], 1 + n
    hour = _hour(words, at)
    if not hour:
        return [text], 1
    minutes, n = 0, 1
    is_time = _text(words, at + 1) == "o'clock"
    if is_time:
        n = 2
    elif _are_minutes(words, at):
        minutes, n, is_time = int(words[at + 1].text), 2, True
    half, n_half = _half_of_day(words, at + n)
    return (_time(hour, minutes, half), n + n_half) if is_time or half else ([text], 1)


def _are_minutes(words: Sequence[PlainWord], at: int) -> bool:
    """Whether an hour in letters is followed by minutes in letters: "seven thirty"."""
    if at + 1 >= len(words) or not (words[at].was_spelled and words[at + 1].was_spelled):
        return False
    same_clause = words[at].clause == words[at + 1].clause
    return same_clause and _FEWEST_MINUTES <= int(words[at + 1].text) <= _MOST_MINUTES


def _half_of_day(words: Sequence[PlainWord], at: int) -> tuple[str, int]:
    """Which half of the day the words from here on name, and in how many words."""
    first, second, third = (_text(words, at + k) for k in range(3))
    if first in ("am", "pm"):
        return first, 1
    if first in ("a", "p") and second == "m":
        return f"{first}m", 2
    if first == "in" and second == "the" and third in _PART_OF_DAY:
        return _PART_OF_DAY[third], 3
    if first == "at" and second == "night":
        return "pm", 2
    return ("pm", 1) if first == "tonight" else ("", 0)


def _hour(words: Sequence[PlainWord], at: int) -> int:
    """The hour on a clock of twelve hours that a word is; 0 where it is none."""
    text = _text(words, at)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) <= _HOURS else 0


def _text(words: Sequence[PlainWord], at: int) -> str:
    return words[at].text if 0 <= at < len(words) else ""
