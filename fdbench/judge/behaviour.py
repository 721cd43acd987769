"""Our own prompt for what a model did when somebody spoke over it, and how the four transcripts travel in it.

Each transcript is one text, ``(start-end) word (start-end) word ...`` in seconds; the record is that of ``record``. The wording
lives in ``prompts/behaviour.N.md``, a new N for each change; labels under different N are not comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import LABELS, BehaviourQuestion, Question
from fdbench.core.speech import Word
from fdbench.judge.own_wording import OwnWording, read_wording
from fdbench.judge.prompt import Messages
from fdbench.judge.rating_text import RATING_UNREADABLE, Reading, answer_of, without_fence

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


class OwnBehaviourPrompt(OwnWording):
    """Our wording of the question."""

    __slots__ = ()

    def messages(self, question: Question) -> Messages:
        assert isinstance(question, BehaviourQuestion)
        return self.with_record(
            {
                "before": question.context,
                "said_over_the_assistant": question.overlapping,
                "from_to_s": f"{question.overlap.start_s:.2f}-{question.overlap.end_s:.2f}",
                "heard_by_the_assistant": written(question.user),
                "assistant": written(question.model),
                "heard_in_the_clean_call": written(question.clean_user),
                "assistant_in_the_clean_call": written(question.clean_model),
            }
        )

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
    return read_wording(OwnBehaviourPrompt, "behaviour", version, ANSWER_SCHEMA)


def written(words: Sequence[Word]) -> str:
    """A transcript with its times."""
    return " ".join(f"({_time(word.start_s)}-{_time(word.end_s)}) {word.text}" for word in words)


def _time(time_s: float | None) -> str:
    return "?" if time_s is None else f"{time_s:.2f}"
