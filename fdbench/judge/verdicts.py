"""Verdicts on disk: what was answered once is not paid for twice.

``ROOT/ab/abcd....json``, one file per verdict, written atomically as soon as the answer is there. The name is a hash of what
was asked, so another prompt, model, host, temperature or seed finds nothing. How the answer was asked for in the end (a server
may refuse a form of answer or a seed) is recorded, not part of the name: a resumed run cannot know it before asking.
A file that cannot be read, or that answers another question than its name says, counts as absent and is written anew.
Nothing here is secret: no header, no key, no URL.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from fdbench.core.annotation import (
    LABELS,
    BehaviourQuestion,
    DialogueEvent,
    DialogueQuestion,
    Question,
    RelevanceQuestion,
    Verdict,
)
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import DataError
from fdbench.io.files import digest_of, read_json, write_json_atomically
from fdbench.judge.prompt import JudgePrompt, Messages
from fdbench.judge.providers import Asked

SCHEMA: Final = 1
TRANSCRIPTS: Final = ("user", "model", "clean_user", "clean_model")
SIDES: Final = ("examiner", "model")


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """A verdict with everything worth keeping about how it came to be.

    Attributes:
        verdict: Rating, analysis, and the name of the model that answered.
        text: What the judge wrote, redacted.
        fingerprint: ``system_fingerprint`` of the answer; empty where the server gives none.
        tokens_in, tokens_out: None where the server does not say.
        sent: The parameters of the request that was answered, beside model and messages.
        notes: What was cut from the question.
    """

    verdict: Verdict
    text: str
    fingerprint: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    sent: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def key_of(asked: Asked, prompt: JudgePrompt, messages: Messages) -> str:
    """The hash of everything that an answer depends on."""
    return digest_of(
        {
            "messages": [messages.system, messages.user],
            **asdict(asked),
            "form": "free" if prompt.schema is None else "structured",
        }
    )


class VerdictCache:
    """The verdicts in one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path_of(self, key: str) -> Path:
        return self._root / key[:2] / f"{key}.json"

    def find(self, key: str) -> StoredVerdict | None:
        """The verdict for this key with the judge's text; None where there is none, or none that can be read."""
        try:
            facts = read_json(self.path_of(key))
            known = facts["schema"], facts["key"]
            rating, label = facts["rating"], facts.get("label", "")
            events = tuple(_event(each) for each in facts.get("events", ()))
            texts = (facts["analysis"], facts["answered"]["model"], facts["text"])
        except (DataError, KeyError, TypeError, ValueError):
            return None
        is_number = isinstance(rating, int | float) and not isinstance(rating, bool) and math.isfinite(rating)
        is_label = rating is None and label in LABELS
        is_of_dialogue = rating is None and not label and "events" in facts
        if (
            known != (SCHEMA, key)
            or not (is_number or is_label or is_of_dialogue)
            or not all(isinstance(text, str) for text in texts)
        ):
            return None
        analysis, judge, text = texts
        return StoredVerdict(Verdict(rating, analysis, judge, label if is_label else "", events), text)

    def store(self, key: str, asked: Asked, prompt: JudgePrompt, question: Question, stored: StoredVerdict) -> None:
        """Write one verdict.

        Raises:
            OSError: The folder cannot be written.
        """
        facts = {
            "schema": SCHEMA,
            "key": key,
            "question": question_as_json(question),
            "prompt": {"name": prompt.name, "sha256": prompt.sha256},
            "asked": asdict(asked),
            "sent": dict(stored.sent),
            "answered": {"model": encodable(stored.verdict.judge), "fingerprint": encodable(stored.fingerprint)},
            "rating": stored.verdict.rating,
            **({"label": stored.verdict.label} if stored.verdict.label else {}),
            **({"events": events_as_json(stored.verdict.events)} if isinstance(question, DialogueQuestion) else {}),
            "analysis": encodable(stored.verdict.analysis),
            "text": encodable(stored.text),
            "tokens": {"in": stored.tokens_in, "out": stored.tokens_out},
            "notes": list(stored.notes),
        }
        write_json_atomically(self.path_of(key), facts)


def question_as_json(question: Question) -> dict[str, Any]:
    """A question as it is stored."""

    def stored(value: Any) -> Any:
        if isinstance(value, str):
            return encodable(value)
        return [stored(each) for each in value] if isinstance(value, list | tuple) else value

    if isinstance(question, DialogueQuestion):
        sides = {name: [[word.text, word.start_s, word.end_s] for word in getattr(question, name)] for name in SIDES}
        facts = {"family": question.family, "goals": question.goals, **sides}
        return {name: stored(value) for name, value in facts.items()}
    if isinstance(question, RelevanceQuestion):
        return {each.name: stored(getattr(question, each.name)) for each in fields(question)}
    words = {name: [[word.text, word.start_s, word.end_s] for word in getattr(question, name)] for name in TRANSCRIPTS}
    span = [question.overlap.start_s, question.overlap.end_s]
    texts = {"context": question.context, "overlapping": question.overlapping}
    return {name: stored(value) for name, value in {**texts, "overlap": span, **words}.items()}


def question_of(facts: Mapping[str, Any]) -> Question:
    """The question that was stored. Raises KeyError, TypeError or ValueError where it is none."""
    if "goals" in facts:
        sides = {name: _words_of(facts[name]) for name in SIDES}
        return DialogueQuestion(str(facts["family"]), tuple(map(str, facts["goals"])), **sides)
    if "overlapping" not in facts:
        return RelevanceQuestion(**{name: str(facts[name]) for name in ("context", "interruption", "reply")})
    words = {name: _words_of(facts[name]) for name in TRANSCRIPTS}
    return BehaviourQuestion(str(facts["context"]), str(facts["overlapping"]), Span(*facts["overlap"]), **words)


def _words_of(stored: Iterable[Any]) -> tuple[Word, ...]:
    return tuple(Word(text, start_s, end_s) for text, start_s, end_s in stored)


def events_as_json(events: Iterable[DialogueEvent]) -> list[list[float | None]]:
    """The events of a dialogue as they are stored: start, end and both scores."""
    return [[each.start_s, each.end_s, each.turn_taking, each.instruction] for each in events]


def _event(stored: Any) -> DialogueEvent:
    """Raises TypeError or ValueError where it is none."""
    start_s, end_s, turn_taking, instruction = stored
    for number in (start_s, end_s, *(score for score in (turn_taking, instruction) if score is not None)):
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise ValueError(f"no number: {number!r}")
    return DialogueEvent(start_s, end_s, turn_taking, instruction)


def encodable(text: str) -> str:
    """Without lone surrogates, which no file can hold."""
    return text.encode("utf-8", "replace").decode()
