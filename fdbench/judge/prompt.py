"""What a prompt is: from a question to the messages that are sent, and from the answer to a rating."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fdbench.core.annotation import RelevanceQuestion
from fdbench.errors import UsageError
from fdbench.judge.rating_text import Reading

if TYPE_CHECKING:
    from fdbench.judge.providers import JudgeSettings, PromptKind


@dataclass(frozen=True, slots=True)
class Messages:
    """The texts of one question as they go to the server.

    Attributes:
        notes: What was done to the texts on the way, e.g. that one was cut; for the record of the verdict.
    """

    system: str
    user: str
    notes: tuple[str, ...] = ()


class Prompt(Protocol):
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

    def read(self, text: str, question: RelevanceQuestion) -> Reading: ...


def prompt_identity(kind: PromptKind) -> str:
    """Name and hash as in signatures, e.g. ``relevance-1-0a1b2c3d``; reads nothing of the user's."""
    from fdbench.judge.relevance import own_prompt
    from fdbench.judge.upstream_prompt import UPSTREAM_NAME, UPSTREAM_SHA256

    if kind == "upstream":
        return f"{UPSTREAM_NAME}-{UPSTREAM_SHA256[:8]}"
    prompt = own_prompt()
    return f"{prompt.name}-{prompt.sha256[:8]}"


def prompt_of(settings: JudgeSettings) -> Prompt:
    """The prompt that these settings ask with.

    Raises:
        UsageError: Upstream's wording is wanted and nothing says where it is.
        DataError: The user's copy of it is missing or another one.
    """
    from fdbench.judge.relevance import own_prompt
    from fdbench.judge.upstream_prompt import REMEDY, read_upstream_prompt

    if settings.prompts == "own":
        return own_prompt()
    if settings.upstream_script is None:
        raise UsageError("--judge-prompts upstream reads the published script, and there is no --data to find it in", REMEDY)
    return read_upstream_prompt(settings.upstream_script)
