"""A server that is asked until it gives an answer that can be read, or there is no hope of one: bounded, counted, logged.

Each question waits as long as the server wants or a backoff that doubles, drops what the server refuses, and is asked again a
bounded number of times. When the server shuts us out (no access, no quota), or nothing but failures come back, nothing further
is asked by anybody.

References: Brooker 2015, Exponential backoff and jitter.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Generic, TypeVar

from fdbench.core.absence import Absence
from fdbench.io.http import MAX_WAIT_S
from fdbench.io.secret import Secret
from fdbench.judge.prompt import Messages
from fdbench.judge.providers import JudgeSettings
from fdbench.judge.transport import ON_THE_WAY, Answer, Parameters, Transport, first_parameters, without

ASKING_FAILED: Final = "judge_failed"
MAX_FAILED_IN_A_ROW: Final = 5
"""So many questions in a row without any answer from the server: it is not there, and asking on would take hours."""

T = TypeVar("T")
AttemptLog = Callable[[Mapping[str, Any]], None]


@dataclass(slots=True)
class JudgeUsage:
    """What asking took, in running totals.

    Attributes:
        price: USD per million tokens (in, out); None = unknown.
        asked: Different questions that were sent to the server.
        cached: Different ones whose answer lay on disk.
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


@dataclass(frozen=True, slots=True)
class Asking:
    """One question on its way.

    Attributes:
        id: A hash of it.
        wording: Name of the prompt, e.g. ``relevance-1``.
        schema: Of the JSON that answers are asked for in; None = any form.
        first_seed: Is added to the seed of the settings.
        temperature: Of a published prompt, which goes before that of the settings.
    """

    id: str
    wording: str
    messages: Messages
    schema: Mapping[str, Any] | None
    first_seed: int = 0
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class ReadAnswer(Generic[T]):
    """An answer that could be read, and the parameters of the request that was answered."""

    reading: T
    answer: Answer
    parameters: Parameters


class Asker:
    """Asks one server. Safe between threads.

    Args:
        settings: Which server and model, and how patiently they are asked.
        secret: The key.
        on_attempt: Is called for every HTTP request, one at a time, with what became of it, without key and texts.
        sleep: How to wait; for tests.

    Attributes:
        usage: What was asked so far, and what it took.
        lock: For all that is counted and noted.

    Raises:
        MissingExtraError: The ``openai`` package is not installed.
        UsageError: No client can be made for the server.
    """

    def __init__(
        self,
        settings: JudgeSettings,
        secret: Secret,
        on_attempt: AttemptLog | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.settings, self.usage, self.lock = settings, JudgeUsage(settings.price), threading.Lock()
        self._on_attempt = on_attempt
        self._transport = Transport(settings, secret)
        self._is_over = threading.Event()
        self._sleep = sleep or self._is_over.wait
        self._notes: dict[str, None] = {}
        self._parameters: dict[str, Parameters] = {}
        self._n_failed_in_a_row = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth telling, each once."""
        return tuple(self._notes)

    def note(self, *notes: str) -> None:
        with self.lock:
            self._notes.update(dict.fromkeys(notes))

    def close(self) -> None:
        """Ask nothing further, and let go of the connections."""
        self._is_over.set()
        self._transport.close()

    def ask(
        self, question: Asking, read: Callable[[str], T | Absence], came: Callable[[Answer], None] = lambda answer: None
    ) -> ReadAnswer[T] | Absence:
        """Ask one question until there is an answer that can be read, or no hope of one.

        Args:
            came: Is called with every answer, whether it can be read or not.
        """
        first = first_parameters(self.settings, question.schema, question.wording.partition("-")[0], question.temperature)
        parameters, n_failures, n_readings = self._parameters.get(question.wording, first), 0, 0
        if "response_format" in parameters and parameters["response_format"]["type"] == "json_schema":
            parameters = {**parameters, "response_format": first["response_format"]}  # a schema may be the question's own
        for attempt in itertools.count(1):
            if self._is_over.is_set():
                break
            if "seed" in parameters and (question.schema is not None or question.first_seed):
                # A server that keeps to its seed would repeat an unreadable answer, so each reading has the next one.
                parameters = {**parameters, "seed": self.settings.seed + question.first_seed + n_readings}
            with self.lock:
                self.usage.attempts += 1
                self.usage.asked += attempt == 1
            start_s = time.monotonic()
            outcome = self._transport.ask(question.messages, parameters)
            facts: dict[str, Any] = {
                "question": question.id[:16],
                "attempt": attempt,
                "elapsed_s": round(time.monotonic() - start_s, 3),
            }
            if isinstance(outcome, Answer):
                came(outcome)
                reading = read(outcome.text)
                self._count(outcome, question.wording, parameters, facts, is_read=not isinstance(reading, Absence))
                n_readings += 1
                if not isinstance(reading, Absence):
                    return ReadAnswer(reading, outcome, parameters)
                if n_readings == self.settings.max_readings:
                    return Absence(reading.reason, f"{reading.message}: {outcome.excerpt} (asked {attempt} times)")
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
                    return Absence(ASKING_FAILED, f"{outcome.message} (asked {attempt} times)")
                self._sleep(wait_s)
            else:
                self._log(facts)
                if outcome.kind == "rejected":
                    return Absence(ASKING_FAILED, outcome.message)
                self._shut(outcome.message)
        return Absence(ASKING_FAILED)  # the notes say why

    def _count(self, answer: Answer, wording: str, parameters: Parameters, facts: Mapping[str, Any], *, is_read: bool) -> None:
        """An answer came, which costs what it costs whether it can be read or not."""
        more: dict[str, Any] = {"tokens_in": answer.tokens_in, "tokens_out": answer.tokens_out}
        with self.lock:
            self._parameters[wording], self._n_failed_in_a_row = parameters, 0  # only what worked is remembered
            if answer.tokens_in is None or answer.tokens_out is None:
                self.usage.unmetered += 1
            else:
                self.usage.tokens_in += answer.tokens_in
                self.usage.tokens_out += answer.tokens_out
                cost_usd = self.usage.cost_of(answer.tokens_in, answer.tokens_out)
                more |= {} if cost_usd is None else {"cost_usd": cost_usd}
        outcome = "answered" if is_read else "unreadable"
        self._log({**facts, "outcome": outcome, "status": 200, "model": answer.model, **more})

    def _count_failed(self, message: str) -> None:
        with self.lock:
            self._n_failed_in_a_row += 1
            is_hopeless = self._n_failed_in_a_row == MAX_FAILED_IN_A_ROW
        if is_hopeless:
            self._shut(f"{MAX_FAILED_IN_A_ROW} questions in a row got no answer, the last one: {message}")

    def _shut(self, why: str) -> None:
        with self.lock:
            if not self._is_over.is_set():
                self._notes[f"the {self.settings.asked_as.who} was asked nothing further: {why}"] = None
            self._is_over.set()  # wakes up those who wait

    def _log(self, facts: Mapping[str, Any]) -> None:
        if self._on_attempt:
            with self.lock:
                self._on_attempt(facts)


def backoff_s(n_failures: int) -> float:
    """1, 2, 4, ... s after the first, second, third failure, capped, times a random factor from 0.5 to 1."""
    return random.uniform(0.5, 1.0) * min(MAX_WAIT_S, 2.0 ** min(n_failures - 1, 30))
