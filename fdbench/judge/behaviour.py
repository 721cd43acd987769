"""Our own prompt for what a model did when somebody spoke over it, and how the four transcripts travel in it.

Each transcript is one text, ``(start-end) word (start-end) word ...`` in seconds; the record is that of ``record``. The wording
lives in ``prompts/behaviour.N.md``, a new N for each change; labels under different N are not comparable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import LABELS, BehaviourQuestion, Question
from fdbench.core.speech import Word
from fdbench.io.files import digest_of
from fdbench.judge.prompt import Messages, wording_of
from fdbench.judge.rating_text import RATING_UNREADABLE, Reading, answer_of, without_fence
from fdbench.judge.record import MAX_TEXT_CHARS, fenced

VERSION: Final = 1
ANSWER_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "analysis": {
            "type": "string",
            "description": "one or two sentences: which stretch of speech is the first new one, and what it does",
        },
        "label": {"type": "string", "enum": list(LABELS)},
    },
    "required": ["analysis", "label"],
    "additionalProperties": False,
}
"""The reason comes before the label."""


@dataclass(frozen=True, slots=True)
class OwnBehaviourPrompt:
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
        assert isinstance(question, BehaviourQuestion)
        user, notes = fenced(
            self.user,
            {
                "before": question.context,
                "said_over_the_assistant": question.overlapping,
                "from_to_s": f"{question.overlap.start_s:.2f}-{question.overlap.end_s:.2f}",
                "heard_by_the_assistant": written(question.user),
                "assistant": written(question.model),
                "heard_in_the_clean_call": written(question.clean_user),
                "assistant_in_the_clean_call": written(question.clean_model),
            },
        )
        return Messages(self.system, user, notes)

    def read(self, text: str, question: Question) -> Reading | Absence:
        """One JSON object with an analysis and one of the labels, and nothing beside it but a Markdown fence."""
        value = answer_of(text)
        if isinstance(value, Absence):
            return value
        if value.keys() != {"analysis", "label"} or not isinstance(value["analysis"], str):
            return Absence(RATING_UNREADABLE, "the answer is not one JSON object with 'analysis' and 'label'")
        if value["label"] not in LABELS:
            return Absence(RATING_UNREADABLE, f"the label is none of {', '.join(LABELS)}")
        assert isinstance(question, BehaviourQuestion)
        if without_fence(text.strip()) in " ".join(word.text for word in question.model):
            return Absence(RATING_UNREADABLE, "the answer is in the assistant's words")
        return Reading(None, value["analysis"].strip(), value["label"])


def own_behaviour_prompt(version: int = VERSION) -> OwnBehaviourPrompt:
    """Our prompt of one version. Raises DataError where the package lacks its file."""
    text, system, user = wording_of(f"behaviour.{version}.md")
    sha256 = digest_of([text, ANSWER_SCHEMA, MAX_TEXT_CHARS])
    return OwnBehaviourPrompt(f"behaviour-{version}", sha256, system, user)


def written(words: Sequence[Word]) -> str:
    """A transcript with its times."""
    return " ".join(f"({_time(word.start_s)}-{_time(word.end_s)}) {word.text}" for word in words)


def _time(time_s: float | None) -> str:
    return "?" if time_s is None else f"{time_s:.2f}"
