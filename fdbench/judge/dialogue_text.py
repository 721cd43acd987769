"""From what a judge wrote about a dialogue to its scores, or to the reason why there are none.

Two forms are read. Ours is one JSON object (``OUR_KEYS``), and nothing beside it but a Markdown fence. The published one is
asked for in a notation that is no JSON, and comes in many:

::

    {"Turn-taking event and score": [ [0.4, 9.94]: 4, 4,  [{12.0, 15.5}]: null, 3,  [["0:25.75", "0:34.11"]]: 3, 3 ],
     "Task-specific score": 5}

- An event is a pair of times in brackets or braces of any depth, and the two numbers behind it up to the next bracket. Four
  numbers in one bracket are an event, too. A time is in seconds or ``m:ss``; names beside numbers and comments do not count.
- A score that is ``null`` or not there is None; so is a task score. Any finite number from 0 on is one: whether a 9 counts
  is the protocol's decision.
- Prose and fences around it are skipped. Where the list is there twice, the last one counts. A list that does not end, or
  with something in it and no event, is unreadable.

Reading goes over the text once, without going back, and over no more than ``MAX_TEXT_CHARS``.

References: Full-Duplex-Bench v2, ``v2/eval/eval_prompts.json`` at d7336bd (the form that is asked for).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import DialogueEvent
from fdbench.judge.rating_text import RATING_UNREADABLE, Reading, answer_of

MAX_TEXT_CHARS: Final = 100_000
MAX_DEPTH: Final = 20
SCORES: Final = (1, 2, 3, 4, 5)
OUR_KEYS: Final = frozenset({"analysis", "events", "task_score"})
OUR_EVENT_KEYS: Final = frozenset({"start", "end", "turn_taking", "instruction"})

_LIST: Final = re.compile(
    "Turn[-\u2010\u2011 ]?taking event and scores?[\"'\u201d]?[ \t]{0,9}:\\s{0,99}(?=[\\[{])", re.IGNORECASE
)
_TASK: Final = re.compile(
    "Task[-\u2010\u2011 ]?specific score[\"'\u201d]?[ \t]{0,9}:\\s{0,99}[\"']?(-?[0-9]{1,15}(?:\\.[0-9]{1,15})?|null|none|n/a)",
    re.IGNORECASE,
)
_TOKEN: Final = re.compile(
    r"""//[^\n]*                                          # a comment
      | "(?P<text>[^"\n]*)"
      | (?P<open>[\[{(]) | (?P<close>[\]})])
      | (?P<clock>[0-9]{1,4}(?::[0-5]?[0-9]){1,2}(?:\.[0-9]{1,15})?)(?![0-9.])
      | (?<![0-9.])(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,3})?)
      | (?P<null>null|none|nan|n/a)(?![a-z])
      | [a-z_]+
      | [^\s,:]""",
    re.VERBOSE | re.IGNORECASE,
)
_MAX_DIGITS: Final = 30


@dataclass(slots=True)
class _Bracket:
    """What stands between two brackets: numbers, None for ``null``, and further brackets."""

    items: list[float | _Bracket | None] = field(default_factory=list)


def read_dialogue_text(text: str) -> Reading | Absence:
    """What a judge wrote, in our form or in the published one."""
    ours = read_our_form(text)
    return ours if isinstance(ours, Reading) else read_published_form(text)


def read_our_form(text: str) -> Reading | Absence:
    """One JSON object with ``OUR_KEYS``: whole scores from 1 to 5, events that end after they begin."""
    value = answer_of(text)
    if isinstance(value, Absence):
        return value
    if value.keys() != OUR_KEYS or not isinstance(value["analysis"], str) or not isinstance(value["events"], list):
        return Absence(RATING_UNREADABLE, f"the answer is not one JSON object with {', '.join(sorted(OUR_KEYS))}")
    task_score = value["task_score"]
    if task_score is not None and not _is_score(task_score):
        return Absence(RATING_UNREADABLE, "'task_score' is neither null nor a whole number from 1 to 5")
    events = []
    for index, each in enumerate(value["events"]):
        if not _is_our_event(each):
            return Absence(RATING_UNREADABLE, f"event {index} is not start < end in seconds with two whole scores from 1 to 5")
        events.append(DialogueEvent(float(each["start"]), float(each["end"]), each["turn_taking"], each["instruction"]))
    return Reading(task_score, value["analysis"].strip(), events=tuple(events))


def _is_score(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int) and value in SCORES


def _is_our_event(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != OUR_EVENT_KEYS:
        return False
    times = value["start"], value["end"]
    if any(isinstance(time, bool) or not isinstance(time, int | float) or not 0 <= time < 1e6 for time in times):
        return False
    return bool(times[0] < times[1]) and _is_score(value["turn_taking"]) and _is_score(value["instruction"])


def read_published_form(text: str) -> Reading | Absence:
    """The form that upstream asks for, as tolerantly as it is written."""
    if len(text) > MAX_TEXT_CHARS:
        return Absence(RATING_UNREADABLE, f"the answer has {len(text)} characters")
    begins = [found.end() for found in _LIST.finditer(text)]
    if not begins:
        return Absence(RATING_UNREADABLE, "the answer has no list 'Turn-taking event and score'")
    whole = _bracket_at(text, begins[-1])
    if whole is None:
        return Absence(RATING_UNREADABLE, "the list 'Turn-taking event and score' does not end")
    bracket, end = whole
    events = tuple(_events_in(bracket))
    if not events and text[begins[-1] + 1 : end - 1].strip():
        return Absence(RATING_UNREADABLE, "there is no event with a start and an end in 'Turn-taking event and score'")
    scores = [found[1] for found in _TASK.finditer(text)]
    return Reading(_score(_number(scores[-1])) if scores else None, events=events)


def _bracket_at(text: str, begin: int) -> tuple[_Bracket, int] | None:
    """The bracket that opens at ``begin``, and where it is over; None where it never is, or too deep."""
    above: list[_Bracket] = []
    for token in _TOKEN.finditer(text, begin):
        if token["open"]:
            above.append(_Bracket())
            if len(above) > MAX_DEPTH:
                return None
        elif token["close"]:
            done = above.pop()
            if not above:
                return done, token.end()
            above[-1].items.append(done)
        else:
            above[-1].items += _values_in(token)
    return None


def _values_in(token: re.Match[str]) -> Iterator[float | None]:
    """The number or ``null`` that a token is, in quotation marks or not; nothing where it is anything else."""
    inner = token if token["text"] is None else _TOKEN.fullmatch(token["text"].strip())
    if inner is None or inner["text"] is not None:
        return
    if inner["number"] or inner["clock"]:
        yield _number(inner["number"] or inner["clock"])
    elif inner["null"]:
        yield None


def _number(text: str) -> float | None:
    """Seconds of ``m:ss`` and ``h:mm:ss``, a number as it is; None of anything else."""
    if len(text) > _MAX_DIGITS or not text[-1].isdigit():
        return None
    *larger, last = text.split(":")
    minutes = 0
    for part in larger:
        minutes = minutes * 60 + int(part)
    number = minutes * 60 + float(last)
    return number if math.isfinite(number) else None


def _score(number: float | None) -> float | None:
    return None if number is None or number < 0 else number


def _events_in(bracket: _Bracket) -> Iterator[DialogueEvent]:
    items = bracket.items
    own = _numbers_of(bracket)
    if len(own) == 4 and own[0] is not None and own[1] is not None:
        yield DialogueEvent(own[0], own[1], _score(own[2]), _score(own[3]))
        return
    for index, item in enumerate(items):
        if not isinstance(item, _Bracket):
            continue
        times = _numbers_of(item)
        if len(times) == 2 and times[0] is not None and times[1] is not None:
            turn_taking, instruction = _scores_behind(items[index + 1 : index + 3])
            yield DialogueEvent(times[0], times[1], turn_taking, instruction)
        else:
            yield from _events_in(item)


def _numbers_of(bracket: _Bracket) -> list[float | None]:
    """What stands in a bracket, or in the only bracket in it; empty where it has more brackets."""
    while len(bracket.items) == 1 and isinstance(bracket.items[0], _Bracket):
        bracket = bracket.items[0]
    numbers = [item for item in bracket.items if not isinstance(item, _Bracket)]
    return numbers if len(numbers) == len(bracket.items) else []


def _scores_behind(items: list[float | _Bracket | None]) -> tuple[float | None, float | None]:
    found: list[float | None] = []
    for item in items:
        if isinstance(item, _Bracket):
            break
        found.append(_score(item))
    turn_taking, instruction = (*found, None, None)[:2]
    return turn_taking, instruction
