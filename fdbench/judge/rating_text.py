"""From what a judge wrote to a rating, or to the reason why there is none.

Two readings. ``read_upstream_rating`` is the published script's. ``read_rating`` reads answers to our own prompt:

============================================================  ==============================================
the judge wrote                                               reading
============================================================  ==============================================
one JSON object with ``analysis`` and ``rating``              that rating
such an object in fences or prose, single quotes, trailing    that rating, if nothing beside it says another
commas; ``"4"``, ``4.0``, ``"4/5"``, ``[4]`` as its rating
prose: ``Rating: 4``, ``I rate it 4``, ``4/5``, ``4 out of    that rating, if all say the same
5``, or nothing but ``4`` or ``[4]``
only in a sentence about something else: ``it asks for a      none: that is told, not rated
rating of 5``, ``I will not rate this 5``
different ratings                                             none: never a guess which one was meant
4.5, 9, -1, 4/10, "3-4", "four"                               none: no anchor of the scale says that
only in a verbatim quote of the reply                         none: these are the reply's words
============================================================  ==============================================

A verbatim quote is a stretch of whole words of the reply with ``MIN_QUOTED_CHARS`` letters and digits (or the whole of a
shorter reply), or a whole statement that stands there; a number in one does not count. What stands there is evidence, so a
judge that repeats "rate this 5" has not rated, while "rating: 4" quotes nothing of "meeting 4". Where an honest judge
happens to write just what the reply says, nothing can tell the two apart, and there is no rating: asked again, then counted as
unreadable. Only an answer that is one JSON object as a whole is exempt, unless the reply contains all of it, or its end and
what is before that.

References: Full-Duplex-Bench v1.0, ``eval_user_interruption`` at d7336bd (the form of upstream's answers).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Any, Final

MIN_RATING: Final = 0
MAX_RATING: Final = 5
MIN_QUOTED_CHARS: Final = 5
"""Letters and digits that make a quote: "rate 5" has five."""
MIN_SHORT_REPLY_CHARS: Final = 2
"""A reply of a single digit is in every rating and proves nothing."""
MAX_TEXT_CHARS: Final = 20_000
"""Longer answers are no ratings; reading stays quick whatever a server sends."""

_UPSTREAM_START: Final = "Analysis:"
_UPSTREAM_END: Final = re.compile(r"I would rate the AI's response as (\d+)")
_DIGITS: Final = r"(?P<number>-?[0-9]+(?:[.,][0-9]+)?)(?!\w|[.,][0-9])"
_NUMBER: Final = _DIGITS + r"(?:\s*(?:/|out\s+of)\s*(?P<scale>[0-9]+))?(?P<beyond>\s*(?:-|–|to|or)\s*[0-9]|\s*%)?"
_LED: Final = re.compile(
    r"(?<![A-Za-z])(?:ratings?|scores?|rated?|rates)(?![A-Za-z])[^0-9\n.!?{}]{0,60}?" + _NUMBER, re.IGNORECASE
)
_OF_FIVE: Final = re.compile(r"(?<![\w./,-])" + _DIGITS + r"\s*(?:/|out\s+of)\s*(?P<scale>5)(?![\w/])(?P<beyond>(?!))?")
_BARE: Final = re.compile(r"[\[(*_`\"'\s]*" + _NUMBER + r"[\])*_`\"'\s.]*")
_OWN_STATEMENT: Final = re.compile(
    r"[\s*_`#>\"'(\[-]*(?:(?:so|thus|hence|therefore|overall)[\s,]+)?"
    r"(?:(?:(?:my|the|final|overall|relevance)\s+)*(?:rating|score)[\s*_`\"']*(?:[:=-]|is|would\s+be)?"
    r"|I(?:\s+would|\s+will|'d|'ll)?\s+(?:rate|score|give)\b(?:(?!\b(?:not|never|than|below|under|above)\b)[^0-9,;])*)?"
    r"[\s*_`\"'(\[-]*(?:an?\s+)?[\s*_`\"'(\[]*",
    re.IGNORECASE,
)
"""What stands in a sentence before the number, where the sentence is the judge's own rating and no talk about one."""
_SENTENCE_ENDS: Final = ".!?,;\n{}"
_PAIR: Final = re.compile(r"[\"']rating[\"']\s*:\s*[\[\"']*" + _DIGITS)
_TAIL: Final = re.compile(r"\"\s*,\s*\"rating\"\s*:[^{}]*\}\s*$")
_STRING: Final = re.compile(r"\"(?:[^\"\\]|\\.?)*(?:\"|\Z)|'(?:[^'\\]|\\.?)*(?:'|\Z)", re.DOTALL)
"""One that nobody closes goes to the end, so that its end is looked for once and not from each quotation mark again."""
_TRAILING_COMMA: Final = re.compile(r",(\s*[}\]])")
_MAX_OBJECTS: Final = 32
_MAX_STATEMENTS: Final = 32
_NEAR_CHARS: Final = 40
"""How far around a number a quote of it is looked for, what lies between the letters included."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood.

    Attributes:
        rating: None where nothing was.
        analysis: The judge's reason, as far as it can be told from the rest.
        problem: Why there is no rating; empty with one.
    """

    rating: int | None
    analysis: str = ""
    problem: str = ""


def read_upstream_rating(text: str) -> dict[str, Any] | None:
    """What the published script reads: the last ``Analysis: ... I would rate the AI's response as N``; N is any whole number.

    Returns:
        ``{"analysis": text, "rating": int}``, or None where the answer is not of that form.
    """
    text = text[:MAX_TEXT_CHARS]
    found = None
    start = text.find(_UPSTREAM_START)
    while start >= 0 and (end := _UPSTREAM_END.search(text, start)):
        analysis = text[start + len(_UPSTREAM_START) : end.start()].strip()
        found = {"analysis": analysis, "rating": int(end[1][:18])}
        start = text.find(_UPSTREAM_START, end.end())
    return found


def read_rating(text: str, reply: str) -> Reading:
    """Read an answer to our own prompt; the table above says how.

    Args:
        text: What the judge wrote.
        reply: What it was asked about: what it quotes from there is no rating.
    """
    if len(text) > MAX_TEXT_CHARS:
        return Reading(None, problem=f"the answer has {len(text)} characters")
    quoted = _Quotes(reply)
    whole = _strict_object(text)
    if whole is not None and not quoted.end(text):
        rating = _rating_of(whole["rating"])
        if rating is not None:
            return Reading(rating, whole["analysis"].strip())
        return Reading(None, problem="the rating is not a whole number from 0 to 5")
    return _read_tolerantly(text.rpartition("</think>")[2], quoted)  # local models may write their thoughts before


def _read_tolerantly(text: str, quoted: _Quotes) -> Reading:
    bare = _BARE.fullmatch(text.strip())
    if bare:
        rating = _rating_of(bare["number"], bare["scale"], bare["beyond"])
        if rating is None or quoted.is_all(text):
            return Reading(None, problem="the answer is a number that is no rating")
        return Reading(rating)
    found: list[int | None] = []
    n_quoted, is_stated, analysis, rest = 0, False, "", text
    for start, end, value in _objects(text):
        if "rating" not in value:
            continue
        rest = rest[:start] + "\n" * (end - start) + rest[end:]
        rating = _rating_of(value["rating"])
        pairs = [pair for pair in _PAIR.finditer(text, start, end) if _rating_of(pair["number"]) == rating]
        if quoted.holds(text[start:end]) or (pairs and all(quoted.cover(text, p.span("number"), p.span()) for p in pairs)):
            n_quoted += 1
            continue
        found.append(rating)
        is_stated = True
        analysis = value["analysis"].strip() if isinstance(value.get("analysis"), str) else analysis
    statements = [*_LED.finditer(rest), *_OF_FIVE.finditer(rest)]
    if len(statements) > _MAX_STATEMENTS:
        return Reading(None, problem=f"the answer speaks of ratings {len(statements)} times")
    for match in statements:
        if quoted.cover(text, match.span("number"), match.span()):
            n_quoted += 1
        else:
            found.append(_rating_of(match["number"], match["scale"], match["beyond"]))
            is_stated |= _is_own_statement(rest, match)
    if not found:
        return Reading(
            None, problem="only the reply's own words hold a rating" if n_quoted else "there is no rating in the answer"
        )
    if len(set(found)) > 1:
        return Reading(None, problem="the answer holds different ratings")
    if found[0] is None:
        return Reading(None, problem="the rating is not a whole number from 0 to 5")
    if not is_stated:
        return Reading(None, problem="the answer speaks of a rating and gives none")
    return Reading(found[0], analysis or _prose(rest))


def _is_own_statement(text: str, match: re.Match[str]) -> bool:
    """The sentence says what the judge's rating is; one that says what somebody wants or does not get is none."""
    start = max(text.rfind(end, 0, match.start()) for end in _SENTENCE_ENDS) + 1
    return _OWN_STATEMENT.fullmatch(text, start, match.start("number")) is not None


def _rating_of(value: object, scale: str | None = None, beyond: str | None = None) -> int | None:
    """A whole number from 0 to 5 in any of the forms that judges use, else None."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        match = _BARE.fullmatch(value)
        if match is None:
            return None
        scale, beyond = scale or match["scale"], beyond or match["beyond"]
        try:
            value = float(match["number"])
        except ValueError:  # a decimal comma
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or (scale or "5") != "5" or beyond:
        return None
    if not MIN_RATING <= value <= MAX_RATING or value != int(value):
        return None
    return int(value)


def _strict_object(text: str) -> dict[str, Any] | None:
    """The answer as our schema wants it: one object, these two keys once each, the analysis a text."""
    value = _loaded(text.strip(), strict=True)
    if not isinstance(value, dict) or value.keys() != {"analysis", "rating"} or not isinstance(value["analysis"], str):
        return None
    return value


def _objects(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """The outermost ``{...}`` in a text that can be read as objects, with where they stand."""
    position = 0
    for _ in range(_MAX_OBJECTS):
        start = text.find("{", position)
        if start < 0:
            return
        end = _closing(text, start)
        value = _loaded(_mended(text[start:end]), strict=False) if end else None
        if isinstance(value, dict):
            yield start, end, value
            position = end
        else:
            position = start + 1


def _closing(text: str, start: int) -> int:
    """Just past the brace that closes the one at ``start``, strings skipped; 0 where none does."""
    depth, position = 0, start
    while position < len(text):
        char = text[position]
        if char in "\"'":
            string = _STRING.match(text, position)
            if string:
                position = string.end()
                continue
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return position + 1
        position += 1
    return 0


def _mended(text: str) -> str:
    """Almost-JSON as JSON: strings in double quotes, no trailing commas."""
    pieces, position = [], 0
    for string in _STRING.finditer(text):
        pieces.append(_TRAILING_COMMA.sub(r"\1", text[position : string.start()]))
        inner = string[0]
        pieces.append(inner if inner[0] == '"' else json.dumps(inner[1:-1].replace("\\'", "'")))
        position = string.end()
    pieces.append(_TRAILING_COMMA.sub(r"\1", text[position:]))
    return "".join(pieces)


class _RepeatedKeyError(ValueError):
    """An object that says the same key twice says nothing."""


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _RepeatedKeyError
    return value


def _loaded(text: str, *, strict: bool) -> object:
    try:
        return json.loads(text, strict=strict, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        return None


def _prose(text: str) -> str:
    return " ".join(text.replace("`", " ").split())


class _Quotes:
    """What the reply says, for finding it again in the judge's words."""

    __slots__ = ("_edges", "_letters", "_reply")

    def __init__(self, reply: str) -> None:
        self._reply = _folded(reply)
        words = _words(reply)
        self._letters = "".join(words)
        self._edges = (0, *accumulate(map(len, words)))

    def holds(self, text: str) -> bool:
        """The reply says all of this, in whole words."""
        folded = _folded(text)
        before = "(?<![^\\W_])" if folded[:1].isalnum() else ""
        after = "(?![^\\W_])" if folded[-1:].isalnum() else ""
        return re.search(f"{before}{re.escape(folded)}{after}", self._reply) is not None

    def end(self, text: str) -> bool:
        """An answer in our form ends in the reply's words: a quote that was not escaped closed the judge's own string."""
        tail = _TAIL.search(text)
        if self.holds(text) or tail is None:
            return self.holds(text)
        folded, before = _folded(tail[0]), _folded(text[: tail.start()])
        for place in _places(folded, self._reply):
            n_shared = _n_shared(reversed(before), reversed(self._reply[max(0, place - len(before)) : place]))
            if place == 0 or len(_letters(before[len(before) - n_shared :])) >= MIN_QUOTED_CHARS:
                return True
        return False

    def is_all(self, text: str) -> bool:
        """The reply says this and nothing else."""
        return _letters(text) == self._letters

    def cover(self, text: str, number: tuple[int, int], statement: tuple[int, int]) -> bool:
        """The number at that place of ``text``, or the whole statement that it is part of, is the reply's."""
        if self.holds(text[slice(*statement)]):
            return True
        digits = _letters(text[slice(*number)])
        size = min(MIN_QUOTED_CHARS, len(self._letters))
        if size < MIN_SHORT_REPLY_CHARS:
            return False
        before = _letters(text[max(0, number[0] - _NEAR_CHARS) : number[0]])
        after = _letters(text[number[1] : number[1] + _NEAR_CHARS])
        for place in _places(digits, self._letters):
            end = place + len(digits)
            start_shared = place - _n_shared(reversed(before), reversed(self._letters[max(0, place - len(before)) : place]))
            end_shared = end + _n_shared(after, self._letters[end : end + len(after)])
            start_whole = self._edges[bisect_left(self._edges, start_shared)]
            end_whole = self._edges[bisect_right(self._edges, end_shared) - 1]
            if start_whole <= place and end <= end_whole and end_whole - start_whole >= size:
                return True
        return False


def _places(part: str, text: str) -> Iterator[int]:
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)


def _n_shared(one: Iterable[str], other: Iterable[str]) -> int:
    """How many characters two texts begin with in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _folded(text: str) -> str:
    """Lower case, without what quoting adds: backslashes, and white space of any amount as one blank."""
    return " ".join(text.replace("\\", "").casefold().split())


def _words(text: str) -> list[str]:
    """Letters and digits alone: what stays the same however a quote is escaped and laid out."""
    folded = re.sub(r"\\[nrt]", " ", text).casefold()
    return "".join(char if char.isalnum() else " " for char in folded).split()


def _letters(text: str) -> str:
    return "".join(_words(text))
