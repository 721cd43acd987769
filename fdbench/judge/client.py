"""A judge that is asked: questions in, verdicts out, whatever the network does.

Each question is looked up on disk first and asked once, however often it occurs. A fixed number of threads ask (``asking``). A
verdict is on disk before it is handed out, so a killed run pays for no answer twice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.pool import ThreadPool
from typing import Generic, TypeVar

from fdbench.core.absence import Absence
from fdbench.core.annotation import Question, RelevanceQuestion, Verdict
from fdbench.io.secret import Secret
from fdbench.judge.asking import Asker, Asking, AttemptLog, JudgeUsage
from fdbench.judge.prompt import JudgePrompt, Messages
from fdbench.judge.prompts import find_prompt
from fdbench.judge.providers import Asked, JudgeSettings, secret_of
from fdbench.judge.verdicts import StoredVerdict, VerdictCache, encodable, key_of

Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class _Case(Generic[Key]):
    """One distinct question, and everybody who wants to know."""

    id: str
    question: Question
    prompt: JudgePrompt
    messages: Messages
    askers: list[Key] = field(default_factory=list)


class Judge:
    """A model behind an OpenAI-compatible server.

    Args:
        settings: Which one, and how it is asked.
        cache: Verdicts on disk; None keeps nothing.
        on_attempt: Is called for every HTTP request, one at a time, with what became of it, without key and texts.
        secret: The key; from the environment unless given.
        sleep: How to wait; for tests.

    Attributes:
        prompt: The wording that is asked with about relevance.

    Raises:
        MissingExtraError: The ``openai`` package is not installed.
        UsageError: There is no key, or no data folder for upstream's wording.
        DataError: Upstream's wording is missing or another one.
    """

    def __init__(
        self,
        settings: JudgeSettings,
        cache: VerdictCache | None = None,
        *,
        on_attempt: AttemptLog | None = None,
        secret: Secret | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.settings, self._cache = settings, cache
        self.prompt = find_prompt(settings.prompts, settings.upstream_script)
        self._prompts: dict[type[Question], JudgePrompt] = {RelevanceQuestion: self.prompt}
        self._secret = secret_of(settings) if secret is None else secret
        self._asker = Asker(settings, self._secret, on_attempt, sleep)

    @property
    def usage(self) -> JudgeUsage:
        """What was asked so far, and what it took."""
        return self._asker.usage

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth telling, each once: another model answered, a text was cut, why nothing further was asked."""
        return self._asker.notes

    def close(self) -> None:
        """Ask nothing further, and let go of the connections."""
        self._asker.close()

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rate(self, questions: Mapping[Key, Question]) -> Iterator[tuple[Key, Verdict | Absence]]:
        """A verdict, or why there is none, for every key, in the order in which they come.

        Leaving the iteration early (or Ctrl-C) begins no further question and waits for nobody; what was answered is on disk.

        Raises:
            OSError: A verdict cannot be written.
        """
        cases: dict[str, _Case[Key]] = {}
        for key, question in questions.items():
            prompt = self.prompt_for(type(question))
            messages = prompt.messages(question)
            id_ = key_of(self._asked(prompt), prompt, messages)
            cases.setdefault(id_, _Case(id_, question, prompt, messages)).askers.append(key)
        with ThreadPool(self.settings.concurrency) as threads:  # daemons: a program ends whether a server answers or not
            for case, found in threads.imap_unordered(self._opinion, cases.values()):
                for key in case.askers:
                    yield key, found

    def signature_for(self, kind: type[Question]) -> str:
        """What an answer to a question of this kind depends on. Raises as the constructor."""
        prompt = self.prompt_for(kind)
        return self._asked(prompt).signature_with(f"{prompt.name}-{prompt.sha256[:8]}")

    def prompt_for(self, kind: type[Question]) -> JudgePrompt:
        """The wording for questions of this kind; read when it is first wanted. Raises as the constructor."""
        if kind not in self._prompts:
            self._prompts[kind] = find_prompt(self.settings.prompts, self.settings.upstream_script, kind)
        return self._prompts[kind]

    def _asked(self, prompt: JudgePrompt) -> Asked:
        asked = self.settings.asked
        return asked if prompt.temperature is None else replace(asked, temperature=prompt.temperature)

    def _opinion(self, case: _Case[Key]) -> tuple[_Case[Key], Verdict | Absence]:
        """What is on disk, else what the server says."""
        stored = self._cache.find(case.id) if self._cache else None
        if stored is None:
            return case, self._ask(case)
        with self._asker.lock:
            self.usage.cached += 1
        self._note(stored)
        return case, stored.verdict

    def _ask(self, case: _Case[Key]) -> Verdict | Absence:
        """Ask one question until there is a verdict, which is stored, or no hope of one."""
        prompt = case.prompt
        question = Asking(case.id, prompt.name, case.messages, prompt.schema, prompt.first_seed, prompt.temperature)
        found = self._asker.ask(question, lambda text: prompt.read(text, case.question))
        if isinstance(found, Absence):
            return found
        reading, answer = found.reading, found.answer
        analysis = encodable(self._secret.redacted(reading.analysis))  # now as it will be when it is found on disk
        rating = None if reading.rating is None else float(reading.rating)
        stored = StoredVerdict(
            Verdict(rating, analysis, answer.model or self.settings.model, reading.label, reading.events),
            self._secret.redacted(answer.text),
            answer.fingerprint,
            answer.tokens_in,
            answer.tokens_out,
            {name: value if name != "response_format" else value["type"] for name, value in found.parameters.items()},
            case.messages.notes,
        )
        if self._cache:
            self._cache.store(case.id, self._asked(prompt), prompt, case.question, stored)
        self._note(stored)
        return stored.verdict

    def _note(self, stored: StoredVerdict) -> None:
        asked, answered = self.settings.model, stored.verdict.judge
        notes = stored.notes if answered == asked else (f"asked for {asked}, {answered} answered", *stored.notes)
        self._asker.note(*notes)
