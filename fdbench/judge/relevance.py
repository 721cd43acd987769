"""Our own prompt for relevance, and how the three texts travel in it.

The three texts travel as a record of evidence (``record``).

The wording lives in ``prompts/relevance.N.md``, a new N for each change; ratings under different N are not comparable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Question, RelevanceQuestion
from fdbench.io.files import digest_of
from fdbench.judge.prompt import Messages, wording_of
from fdbench.judge.rating_text import Reading, read_rating
from fdbench.judge.record import MAX_TEXT_CHARS, fenced

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


@dataclass(frozen=True, slots=True)
class OwnPrompt:
    """One version of our wording.

    Attributes:
        system: The whole task; the same for every question.
        user: With ``{token}`` and ``{record}``.
    """

    name: str
    sha256: str
    system: str
    user: str
    schema: Mapping[str, Any] | None = field(default_factory=lambda: ANSWER_SCHEMA)
    first_seed: int = 0
    temperature: None = None

    def messages(self, question: Question) -> Messages:
        assert isinstance(question, RelevanceQuestion)
        user, notes = fenced(self.user, {name: getattr(question, name) for name in ("context", "interruption", "reply")})
        return Messages(self.system, user, notes)

    def read(self, text: str, question: Question) -> Reading | Absence:
        assert isinstance(question, RelevanceQuestion)
        return read_rating(text, question.reply)


def own_prompt(version: int = VERSION) -> OwnPrompt:
    """Our prompt of one version.

    Raises:
        DataError: The package lacks its file.
    """
    text, system, user = wording_of(f"relevance.{version}.md")
    sha256 = digest_of([text, ANSWER_SCHEMA, MAX_TEXT_CHARS])
    return OwnPrompt(f"relevance-{version}", sha256, system, user)
