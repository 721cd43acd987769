"""Verdicts on disk: what was answered once is not paid for twice.

``ROOT/ab/abcd....json``, one file per verdict, written atomically as soon as the answer is there. The name is a hash of what
was asked, so another prompt, model, host, temperature or seed finds nothing. How the answer was asked for in the end (a server
may refuse a form of answer or a seed) is recorded, not part of the name: a resumed run cannot know it before asking.
A file that cannot be read, or that answers another question than its name says, counts as absent and is written anew.
Nothing here is secret: no header, no key, no URL.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from fdbench.core.annotation import RelevanceQuestion, Verdict
from fdbench.errors import DataError
from fdbench.io.files import digest_of, read_json, write_json_atomically
from fdbench.judge.prompt import JudgePrompt, Messages
from fdbench.judge.providers import Asked

SCHEMA: Final = 1


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
            "form": "structured" if prompt.is_structured else "free",
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
            rating, texts = facts["rating"], (facts["analysis"], facts["answered"]["model"], facts["text"])
        except (DataError, KeyError, TypeError):
            return None
        is_number = isinstance(rating, int | float) and not isinstance(rating, bool) and math.isfinite(rating)
        if known != (SCHEMA, key) or not is_number or not all(isinstance(text, str) for text in texts):
            return None
        analysis, judge, text = texts
        return StoredVerdict(Verdict(rating, analysis, judge), text)

    def store(self, key: str, asked: Asked, prompt: JudgePrompt, question: RelevanceQuestion, stored: StoredVerdict) -> None:
        """Write one verdict.

        Raises:
            OSError: The folder cannot be written.
        """
        facts = {
            "schema": SCHEMA,
            "key": key,
            "question": {name: encodable(getattr(question, name)) for name in ("context", "interruption", "reply")},
            "prompt": {"name": prompt.name, "sha256": prompt.sha256},
            "asked": asdict(asked),
            "sent": dict(stored.sent),
            "answered": {"model": encodable(stored.verdict.judge), "fingerprint": encodable(stored.fingerprint)},
            "rating": stored.verdict.rating,
            "analysis": encodable(stored.verdict.analysis),
            "text": encodable(stored.text),
            "tokens": {"in": stored.tokens_in, "out": stored.tokens_out},
            "notes": list(stored.notes),
        }
        write_json_atomically(self.path_of(key), facts)


def encodable(text: str) -> str:
    """Without lone surrogates, which no file can hold."""
    return text.encode("utf-8", "replace").decode()
