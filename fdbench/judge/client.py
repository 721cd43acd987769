"""A judge that is asked: questions in, verdicts out, whatever the network does.

Each question is looked up on disk first and asked once, however often it occurs. A fixed number of threads ask; each waits as
long as the server wants or a backoff that doubles, drops what the server refuses, and asks again a bounded number of times. A
verdict is on disk before it is handed out, so a killed run pays for no answer twice. When the server shuts us out (no access,
no quota), or nothing but failures come back, nothing further is asked.

References: Brooker 2015, Exponential backoff and jitter.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from multiprocessing.pool import ThreadPool
from typing import Any, Final, Generic, TypeVar

from fdbench.core.absence import Absence
from fdbench.core.annotation import Question, RelevanceQuestion, Verdict
from fdbench.io.http import MAX_WAIT_S
from fdbench.io.secret import Secret
from fdbench.judge.prompt import JudgePrompt, Messages
from fdbench.judge.prompts import find_prompt
from fdbench.judge.providers import Asked, JudgeSettings, secret_of
from fdbench.judge.transport import ON_THE_WAY, Answer, Parameters, Transport, first_parameters, without
from fdbench.judge.verdicts import StoredVerdict, VerdictCache, encodable, key_of

JUDGE_FAILED: Final = "judge_failed"
MAX_FAILED_IN_A_ROW: Final = 5
"""So many questions in a row without any answer from the server: it is not there, and asking on would take hours."""

Key = TypeVar("Key", bound=Hashable)
AttemptLog = Callable[[Mapping[str, Any]], None]


@dataclass(slots=True)
class JudgeUsage:
    """What judging took, in running totals.

    Attributes:
        price: USD per million tokens (in, out); None = unknown.
        asked: Different questions that were sent to the server.
        cached: Different ones whose verdict lay on disk.
        attempts: HTTP requests.
        tokens_in, tokens_out: As the server counted them, unreadable answers included.
        unmetered: Answers for which the server counted no tokens.
    """

    price: tuple[float, float] | None = None
    asked: int = 0
    cached: int = 0
    attempts: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    unmetered: int = 0

    def cost_of(self, tokens_in: int, tokens_out: int) -> float | None:
        """USD; None where the price is not known."""
        return None if self.price is None else (tokens_in * self.price[0] + tokens_out * self.price[1]) / 1e6

    @property
    def cost_usd(self) -> float | None:
        """None where the price is not known, or not all answers were metered."""
        return None if self.unmetered else self.cost_of(self.tokens_in, self.tokens_out)

    def __str__(self) -> str:
        cost = "" if self.cost_usd is None else f", {self.cost_usd:.4f} USD"
        known = f"{self.asked} asked ({self.attempts} requests), {self.cached} known already"
        return f"{known}, {self.tokens_in} tokens in, {self.tokens_out} out{cost}"

    def as_json(self) -> dict[str, Any]:
        counts = asdict(self)
        del counts["price"]
        return {**counts, "cost_usd": self.cost_usd}


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
        usage: What was asked so far, and what it took.

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
        self.settings, self._cache, self._on_attempt = settings, cache, on_attempt
        self.prompt = find_prompt(settings.prompts, settings.upstream_script)
        self._prompts: dict[type[Question], JudgePrompt] = {RelevanceQuestion: self.prompt}
        self._secret = secret_of(settings) if secret is None else secret
        self._transport = Transport(settings, self._secret)
        self._is_over = threading.Event()
        self._sleep = sleep or self._is_over.wait
        self._lock = threading.Lock()  # for all that follows
        self.usage = JudgeUsage(settings.price)
        self._notes: dict[str, None] = {}
        self._parameters: dict[str, Parameters] = {}
        self._n_failed_in_a_row = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth telling, each once: another model answered, a text was cut, why nothing further was asked."""
        return tuple(self._notes)

    def close(self) -> None:
        """Ask nothing further, and let go of the connections."""
        self._is_over.set()
        self._transport.close()

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
        with self._lock:
            self.usage.cached += 1
        self._note(stored)
        return case, stored.verdict

    def _ask(self, case: _Case[Key]) -> Verdict | Absence:
        """Ask one question until there is a verdict or no hope of one."""
        first = first_parameters(self.settings, case.prompt.schema, case.prompt.name.partition("-")[0], case.prompt.temperature)
        parameters, n_failures, n_readings = self._parameters.get(case.prompt.name, first), 0, 0
        for attempt in itertools.count(1):
            if self._is_over.is_set():
                break
            if "seed" in parameters and (case.prompt.schema is not None or case.prompt.first_seed):
                # A server that keeps to its seed would repeat an unreadable answer, so each reading has the next one.
                parameters = {**parameters, "seed": self.settings.seed + case.prompt.first_seed + n_readings}
            with self._lock:
                self.usage.attempts += 1
                self.usage.asked += attempt == 1
            start_s = time.monotonic()
            outcome = self._transport.ask(case.messages, parameters)
            facts: dict[str, Any] = {
                "question": case.id[:16],
                "attempt": attempt,
                "elapsed_s": round(time.monotonic() - start_s, 3),
            }
            if isinstance(outcome, Answer):
                found = self._read(outcome, case, parameters, facts)
                n_readings += 1
                if isinstance(found, Verdict):
                    return found
                if n_readings == self.settings.max_readings:
                    return Absence(found.reason, f"{found.message} (asked {attempt} times)")
                continue
            facts |= {"outcome": outcome.kind, "status": outcome.status}
            if outcome.kind == "refused":
                self._log({**facts, "parameter": outcome.parameter})
                parameters = without(parameters, outcome.parameter)
            elif outcome.kind in ON_THE_WAY:
                n_failures += 1
                wait_s = backoff_s(n_failures) if outcome.wait_s is None else outcome.wait_s
                self._log({**facts, "wait_s": round(wait_s, 3)})
                if n_failures == self.settings.max_attempts:
                    self._count_failed(outcome.message)
                    return Absence(JUDGE_FAILED, f"{outcome.message} (asked {attempt} times)")
                self._sleep(wait_s)
            else:
                self._log(facts)
                if outcome.kind == "rejected":
                    return Absence(JUDGE_FAILED, outcome.message)
                self._shut(outcome.message)
        return Absence(JUDGE_FAILED)  # the notes say why

    def _read(self, answer: Answer, case: _Case[Key], parameters: Parameters, facts: Mapping[str, Any]) -> Verdict | Absence:
        """The verdict that an answer gives, stored, or why it gives none."""
        reading = case.prompt.read(answer.text, case.question)
        outcome = "unreadable" if isinstance(reading, Absence) else "answered"
        more: dict[str, Any] = {"tokens_in": answer.tokens_in, "tokens_out": answer.tokens_out}
        with self._lock:
            self._parameters[case.prompt.name], self._n_failed_in_a_row = parameters, 0  # only what worked is remembered
            if answer.tokens_in is None or answer.tokens_out is None:
                self.usage.unmetered += 1
            else:
                self.usage.tokens_in += answer.tokens_in
                self.usage.tokens_out += answer.tokens_out
                cost_usd = self.usage.cost_of(answer.tokens_in, answer.tokens_out)
                more |= {} if cost_usd is None else {"cost_usd": cost_usd}
        self._log({**facts, "outcome": outcome, "status": 200, "model": answer.model, **more})
        if isinstance(reading, Absence):
            return Absence(reading.reason, f"{reading.message}: {answer.excerpt}")
        analysis = encodable(self._secret.redacted(reading.analysis))  # now as it will be when it is found on disk
        stored = StoredVerdict(
            Verdict(
                None if reading.rating is None else float(reading.rating),
                analysis,
                answer.model or self.settings.model,
                reading.label,
                reading.events,
            ),
            self._secret.redacted(answer.text),
            answer.fingerprint,
            answer.tokens_in,
            answer.tokens_out,
            {name: value if name != "response_format" else value["type"] for name, value in parameters.items()},
            case.messages.notes,
        )
        if self._cache:
            self._cache.store(case.id, self._asked(case.prompt), case.prompt, case.question, stored)
        self._note(stored)
        return stored.verdict

    def _note(self, stored: StoredVerdict) -> None:
        asked, answered = self.settings.model, stored.verdict.judge
        notes = stored.notes if answered == asked else (f"asked for {asked}, {answered} answered", *stored.notes)
        with self._lock:
            self._notes.update(dict.fromkeys(notes))

    def _count_failed(self, message: str) -> None:
        with self._lock:
            self._n_failed_in_a_row += 1
            is_hopeless = self._n_failed_in_a_row == MAX_FAILED_IN_A_ROW
        if is_hopeless:
            self._shut(f"{MAX_FAILED_IN_A_ROW} questions in a row got no answer, the last one: {message}")

    def _shut(self, why: str) -> None:
        with self._lock:
            if not self._is_over.is_set():
                self._notes[f"the judge was asked nothing further: {why}"] = None
            self._is_over.set()  # wakes up those who wait

    def _log(self, facts: Mapping[str, Any]) -> None:
        if self._on_attempt:
            with self._lock:
                self._on_attempt(facts)


def backoff_s(n_failures: int) -> float:
    """1, 2, 4, ... s after the first, second, third failure, capped, times a random factor from 0.5 to 1."""
    return random.uniform(0.5, 1.0) * min(MAX_WAIT_S, 2.0 ** min(n_failures - 1, 30))
