"""Our own prompt for a dialogue with an examiner, and how both sides travel in it.

Each side is one text, ``(start-end) words (start-end) words ...`` in seconds on one clock, so that a judge sees who spoke while
the other did; a new pair of times after each gap, and after ``PHRASE_WORDS`` words. The record is that of ``record``. The
wording lives in ``prompts/dialogue.N.md``, a new N for each change; scores under different N are not comparable.

Answers are read in our form (``dialogue_text``), and where one is none of it, in the published form, if the answer is nothing
but one object: in prose there may be a quotation, and the model under test wrote what is quoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import DialogueQuestion, Question
from fdbench.core.dialogue import DAILY
from fdbench.core.speech import Word
from fdbench.judge.behaviour import written
from fdbench.judge.dialogue_text import read_our_form, read_published_form
from fdbench.judge.own_wording import OwnWording, read_wording
from fdbench.judge.prompt import Messages
from fdbench.judge.rating_text import RATING_UNREADABLE, Reading, without_fence

VERSION: Final = 1
PHRASE_WORDS: Final = 8
PHRASE_GAP_S: Final = 0.3
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "start": {"type": "number", "description": "of the turn, in seconds"},
        "end": {"type": "number", "description": "of the turn, in seconds"},
        "turn_taking": {"type": "integer", "description": "1 to 5"},
        "instruction": {"type": "integer", "description": "1 to 5"},
    },
    "required": ["start", "end", "turn_taking", "instruction"],
    "additionalProperties": False,
}
ANSWER_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "analysis": {
            "type": "string",
            "description": "two or three sentences: what was wanted, and what the assistant did",
        },
        "events": {"type": "array", "items": _EVENT},
        "task_score": {"type": ["integer", "null"], "description": "1 to 5; null in the family daily"},
    },
    "required": ["analysis", "events", "task_score"],
    "additionalProperties": False,
}
"""The reason comes before the numbers. No bounds: not every server takes them; reading checks."""


class OwnDialoguePrompt(OwnWording):
    """Our wording of the question."""

    __slots__ = ()

    def messages(self, question: Question) -> Messages:
        assert isinstance(question, DialogueQuestion)
        return self.with_record(
            {
                "family": question.family,
                "goals": "; ".join(question.goals),
                "examiner": phrases(question.examiner),
                "assistant": phrases(question.model),
            }
        )

    def read(self, text: str, question: Question) -> Reading | Absence:
        """Scores of each turn, and a task score where the family has one."""
        assert isinstance(question, DialogueQuestion)
        found = read_our_form(text)
        plain = without_fence(text.strip())
        if isinstance(found, Absence) and plain.startswith("{") and plain.endswith("}"):
            other = read_published_form(plain)
            found = other if isinstance(other, Reading) else found
        if isinstance(found, Absence):
            return found
        if plain in " ".join(word.text for word in question.model):
            return Absence(RATING_UNREADABLE, "the answer is in the assistant's words")
        return of_family(found, question.family)


def phrases(words: Sequence[Word]) -> str:
    """A transcript with its times, a phrase at a time; a word without times is a phrase of its own."""
    found: list[list[Word]] = []
    for word in words:
        before = found[-1][-1] if found else None
        if before is None or len(found[-1]) == PHRASE_WORDS or not _follows(before, word):
            found.append([])
        found[-1].append(word)
    joined = (Word(" ".join(word.text for word in each), each[0].start_s, each[-1].end_s) for each in found)
    return written(tuple(joined))


def _follows(before: Word, word: Word) -> bool:
    if before.start_s is None or before.end_s is None or word.start_s is None or word.end_s is None:
        return False
    return before.start_s <= word.start_s <= before.end_s + PHRASE_GAP_S


def of_family(found: Reading, family: str) -> Reading | Absence:
    """The reading with a task score where the family has one, and only there."""
    if family == DAILY:
        return Reading(None, found.analysis, events=found.events)
    return Absence(RATING_UNREADABLE, f"there is no task score, and {family} has one") if found.rating is None else found


def own_dialogue_prompt(version: int = VERSION) -> OwnDialoguePrompt:
    """Our prompt of one version. Raises DataError where the package lacks its file."""
    return read_wording(OwnDialoguePrompt, "dialogue", version, ANSWER_SCHEMA, (PHRASE_WORDS, PHRASE_GAP_S))
