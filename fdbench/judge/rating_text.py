"""From what a judge wrote to a rating, or to the reason why there is none.

``read_rating`` reads answers to our own prompt: one JSON object with an ``analysis`` and a whole ``rating`` from 0 to 5, and
nothing beside it but a Markdown fence. Prose is not searched for a rating: what stands there may be a quote of the reply,
and replies are written by the model under test.

References: Full-Duplex-Bench v1.0, ``parse_output`` of ``eval_user_interruption`` at d7336bd (the form of upstream's answers).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import DialogueEvent

RATING_UNREADABLE: Final = "rating_unreadable"
RATINGS: Final = (0, 1, 2, 3, 4, 5)
MAX_TEXT_CHARS: Final = 20_000
"""Longer answers are no ratings; reading stays quick whatever a server sends."""

_FENCE: Final = "```"
_ANALYSIS: Final = re.compile(r"Analysis:\s*")
_RATED: Final = re.compile(r"\nI would rate the AI's response as (\d{1,18})")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood: the rating, the label or the scores of a dialogue, and the judge's reason for it."""

    rating: float | None
    analysis: str = ""
    label: str = ""
    events: tuple[DialogueEvent, ...] = ()


def read_rating(text: str, reply: str) -> Reading | Absence:
    """Read an answer to our own prompt.

    Args:
        text: What the judge wrote.
        reply: What it was asked about: a judge that only repeats what stands there has not rated.
    """
    value = answer_of(text)
    if isinstance(value, Absence):
        return value
    text = without_fence(text.strip())
    if value.keys() != {"analysis", "rating"} or not isinstance(value["analysis"], str):
        return Absence(RATING_UNREADABLE, "the answer is not one JSON object with 'analysis' and 'rating'")
    rating = value["rating"]
    if isinstance(rating, bool) or rating not in RATINGS:
        return Absence(RATING_UNREADABLE, "the rating is not a whole number from 0 to 5")
    if text in reply:
        return Absence(RATING_UNREADABLE, "the answer is in the reply, word for word")
    return Reading(int(rating), value["analysis"].strip())


def answer_of(text: str) -> dict[str, Any] | Absence:
    """The one JSON object that an answer is, a Markdown fence around it or not; empty where it is anything else."""
    if len(text) > MAX_TEXT_CHARS:
        return Absence(RATING_UNREADABLE, f"the answer has {len(text)} characters")
    try:  # not strict: line breaks in the analysis
        value = json.loads(without_fence(text.strip()), strict=False, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_upstream_rating(text: str) -> Reading | Absence:
    """What the published script reads: the last ``Analysis: ...`` before a line ``I would rate ... as N``; N is not bounded."""
    found = list(_published_forms(text[:MAX_TEXT_CHARS]))
    if not found:
        return Absence(RATING_UNREADABLE, "the answer is not of the form that the published script reads")
    return found[-1]


def _published_forms(text: str) -> Iterator[Reading]:
    """Each analysis up to the next rating, as a pattern finds them that takes all white space first; without going back."""
    at = 0
    while (begin := _ANALYSIS.search(text, at)) is not None:
        words = begin.end()
        # Only where no rating follows does the last line break before the words belong to one.
        rated = _RATED.search(text, words) or _RATED.match(text, max(words - 1, begin.start() + len("Analysis:")))
        if rated is None:
            return
        yield Reading(int(rated[1]), text[words : rated.start()].strip())
        at = rated.end()


def without_fence(text: str) -> str:
    """The text without the Markdown fence around it, where there is one."""
    if text.startswith(_FENCE) and text.endswith(_FENCE):
        return text.removeprefix(_FENCE).removesuffix(_FENCE).removeprefix("json").strip()
    return text


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of these pairs; one that says the same key twice says nothing."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is there twice")
    return value
