"""A language model that decides what an examiner says: asked within bounds, and never twice for the same.

Answers are kept in the user's cache, by a hash of all that they depend on, as what the voice said is: a call that was broken
off and is made again goes the way that it went, and costs nothing up to where it broke. They are no part of a run's folder, for
what was said stands there already, as events: nobody has to ask again, or look here, to score or replay a call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from fdbench.call.examiner.moves import WORDING, Move, Situation, messages_of, read_move, schema_of
from fdbench.core.absence import Absence
from fdbench.core.dialogue import Dialogue
from fdbench.errors import AdapterError, DataError
from fdbench.io.files import digest_of, read_json, user_cache, write_json_atomically
from fdbench.io.secret import Secret
from fdbench.judge.asking import Asker, Asking
from fdbench.judge.providers import AskedAs, JudgeSettings, secret_of
from fdbench.judge.verdicts import encodable

EXAMINER: Final = AskedAs(
    "examiner", "--examiner llm:", "--examiner-arg url", "FDBENCH_EXAMINER_API_KEY", "llm:openai:gpt-4.1-2025-04-14"
)
SCHEMA: Final = 1
_SEEDS: Final = 2**31
"""Servers take no greater ones."""


class Thinker:
    """Decides, in any thread.

    Args:
        settings: Which model, and how patiently it is asked.
        cache: Folder of answers; None = in the user's cache.
        secret: The key; from the environment unless given.
        sleep: How to wait; for tests.

    Raises:
        MissingExtraError: The ``openai`` package is not installed.
        UsageError: There is no key.
    """

    def __init__(
        self,
        settings: JudgeSettings,
        cache: Path | None = None,
        *,
        secret: Secret | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._settings, self._cache = settings, cache or user_cache() / "examiner-answers"
        self._secret = secret_of(settings) if secret is None else secret
        self._asker = Asker(settings, self._secret, sleep=sleep)

    @property
    def notes(self) -> tuple[str, ...]:
        return self._asker.notes

    def move(self, dialogue: Dialogue, situation: Situation, seed: int, spent: Callable[[float], None]) -> Move:
        """What to say.

        Args:
            spent: Is called with what each answer cost, in USD, also of those that cannot be read; known ones cost nothing.

        Raises:
            AdapterError: There is no answer, or none that can be read; says why.
        """
        messages, schema = messages_of(dialogue, situation), schema_of(situation)
        key = digest_of([SCHEMA, messages.system, messages.user, schema, asdict(self._settings.asked), seed])
        known = self._known(key, situation)
        if known is not None:
            return known
        usage = self._asker.usage
        question = Asking(key, WORDING, messages, schema, seed % _SEEDS)
        found = self._asker.ask(
            question,
            lambda text: read_move(text, situation),
            lambda answer: spent(usage.cost_of(answer.tokens_in or 0, answer.tokens_out or 0) or 0.0),
        )
        if isinstance(found, Absence):
            raise AdapterError(f"the language model gave no answer: {found.message or '; '.join(self._asker.notes)}")
        answer = found.answer
        if answer.model and answer.model != self._settings.model:
            self._asker.note(f"asked for {self._settings.model}, {answer.model} answered")
        text = encodable(self._secret.redacted(answer.text))
        write_json_atomically(self._file(key), {"schema": SCHEMA, "key": key, "model": answer.model, "text": text})
        return found.reading

    def close(self) -> None:
        """Ask nothing further."""
        self._asker.close()

    def _known(self, key: str, situation: Situation) -> Move | None:
        """What was answered before; None where nothing was, or it cannot be read and is asked anew."""
        try:
            facts = read_json(self._file(key))
            text = facts["text"] if facts["key"] == key else None
        except (DataError, KeyError, TypeError):
            return None
        found = read_move(text, situation) if isinstance(text, str) else None
        return found if isinstance(found, Move) else None

    def _file(self, key: str) -> Path:
        return self._cache / key[:2] / f"{key[:40]}.json"
