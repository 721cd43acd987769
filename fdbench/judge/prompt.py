"""What a prompt is: from a question to the messages that are sent, and from the answer to what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, Literal, Protocol

from fdbench.core.absence import Absence
from fdbench.core.annotation import Question
from fdbench.errors import DataError
from fdbench.judge.rating_text import Reading

PromptKind = Literal["own", "upstream"]
PROMPT_KINDS: Final[tuple[PromptKind, ...]] = ("own", "upstream")
_SYSTEM, _USER = "<!-- system -->\n", "<!-- user -->\n"


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
    """One wording of one kind of question, with its way of reading answers."""

    @property
    def name(self) -> str:
        """``relevance-1``, ``dialogue-1``, ``upstream``, ..."""

    @property
    def sha256(self) -> str:
        """Of everything fixed in it."""

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """Of the JSON that answers are asked for in; None = any form."""

    @property
    def first_seed(self) -> int:
        """Is added to the seed of the settings."""

    @property
    def temperature(self) -> float | None:
        """The published one of this prompt, which goes before that of the settings; None = those decide."""

    def messages(self, question: Question) -> Messages: ...

    def read(self, text: str, question: Question) -> Reading | Absence: ...


def wording_of(file: str, package: str = "fdbench.judge") -> tuple[str, str, str]:
    """A file of a package's ``prompts/``: the whole text, and its two messages.

    Raises:
        DataError: The package lacks it.
    """
    path = resources.files(package) / "prompts" / file
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})", "install fdbench again") from None
    _, _, both = text.partition(_SYSTEM)
    system, _, user = both.partition(_USER)
    return text, system.strip(), user.strip()
