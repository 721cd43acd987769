"""Our own prompt for relevance, and how the three texts travel in it.

The three texts travel as a record of evidence (``record``).

The wording lives in ``prompts/relevance.N.md``, a new N for each change; ratings under different N are not comparable.
"""

from __future__ import annotations

from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Question, RelevanceQuestion
from fdbench.judge.own_wording import OwnWording, read_wording
from fdbench.judge.prompt import Messages
from fdbench.judge.rating_text import Reading, read_rating

VERSION: Final = 1

ANSWER_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "analysis": {
            "type": "string",
            "description": "one or two sentences: how far the reply takes up the interruption",
        },
        "rating": {"type": "integer", "description": "0 to 5"},
    },
    "required": ["analysis", "rating"],
    "additionalProperties": False,
}
"""The reason comes before the number. No ``enum`` and no bounds: not every server takes them on integers; reading checks."""


class OwnPrompt(OwnWording):
    """Our wording of the question."""

    __slots__ = ()

    def messages(self, question: Question) -> Messages:
        assert isinstance(question, RelevanceQuestion)
        return self.with_record({name: getattr(question, name) for name in ("context", "interruption", "reply")})

    def read(self, text: str, question: Question) -> Reading | Absence:
        assert isinstance(question, RelevanceQuestion)
        return read_rating(text, question.reply)


def own_prompt(version: int = VERSION) -> OwnPrompt:
    """Our prompt of one version.

    Raises:
        DataError: The package lacks its file.
    """
    return read_wording(OwnPrompt, "relevance", version, ANSWER_SCHEMA)
