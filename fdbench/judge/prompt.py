"""What a prompt is: from a question to the messages that are sent, and from the answer to a rating."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from fdbench.core.absence import Absence
from fdbench.core.annotation import RelevanceQuestion
from fdbench.judge.rating_text import Reading

PromptKind = Literal["own", "upstream"]
PROMPT_KINDS: Final[tuple[PromptKind, ...]] = ("own", "upstream")


@dataclass(frozen=True, slots=True)
class Messages:
    """The texts of one question as they go to the server.

    Attributes:
        notes: What was done to the texts on the way, e.g. that one was cut; for the record of the verdict.
    """

    system: str
    user: str
    notes: tuple[str, ...] = ()


class JudgePrompt(Protocol):
    """One wording of the question, with its way of reading answers."""

    @property
    def name(self) -> str:
        """``relevance-1`` or ``upstream``."""

    @property
    def sha256(self) -> str:
        """Of everything fixed in it."""

    @property
    def is_structured(self) -> bool:
        """Answers are asked for as JSON of our schema."""

    def messages(self, question: RelevanceQuestion) -> Messages: ...

    def read(self, text: str, question: RelevanceQuestion) -> Reading | Absence: ...
