"""A judge that is asked: questions in, verdicts out, whatever the network does.

Each question is looked up on disk first and asked once, however often it occurs. A fixed number of threads ask; each waits as
long as the server wants (``pacing``), drops what it refuses (``request``) and asks again a bounded number of times. A verdict
is on disk before it is handed out, so a killed run pays for no answer twice. When the server shuts us out (no access, no
quota), or nothing but failures come back, nothing further is asked.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from fdbench.core.absence import Absence
from fdbench.core.annotation import RelevanceQuestion, Verdict
from fdbench.io.secret import Secret
from fdbench.judge.pacing import CoolDown, backoff_s
from fdbench.judge.prompt import JudgePrompt, Messages
from fdbench.judge.prompts import find_prompt
from fdbench.judge.providers import JudgeSettings, secret_of
from fdbench.judge.rating_text import RATING_UNREADABLE, Reading
from fdbench.judge.relevance import ANSWER_SCHEMA
from fdbench.judge.request import Parameters, structured_parameters, without
from fdbench.judge.transport import Answer, RequestFailure, Transport
from fdbench.judge.usage import JudgeUsage
from fdbench.judge.verdicts import StoredVerdict, VerdictCache, encodable, key_of

JUDGE_FAILED: Final = "judge_failed"
MAX_FAILED_IN_A_ROW: Final = 5
"""So many questions in a row without any answer from the server: it is not there, and asking on would take hours."""

Key = TypeVar("Key", bound=Hashable)
AttemptLog = Callable[[Mapping[str, Any]], None]


@dataclass(slots=True)
class _Case(Generic[Key]):
    """One distinct question, everybody who wants to know, and what was done for it so far."""

    id: str
    question: RelevanceQuestion
    messages: Messages
    askers: list[Key] = field(default_factory=list)
    parameters: Parameters = field(default_factory=dict)
    n_attempts: int = 0
    n_failures: int = 0
    n_readings: int = 0


class Judge:
    """A model behind an OpenAI-compatible server.

    Args:
        settings: Which one, and how it is asked.
        cache: Verdicts on disk; None keeps nothing.
        on_attempt: Is called for every HTTP request, one at a time, with what became of it, without key and texts.
        secret: The key; from the environment unless given.
        sleep, clock: How to wait; for tests.

    Attributes:
        prompt: The wording that is asked with.
        usage: What was asked so far, and what it took.
        closed: Why nothing is asked any more; empty while it is.

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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._cache, self._on_attempt = settings, cache, on_attempt
        self.prompt = find_prompt(settings.prompts, settings.upstream_script)
        self._secret = secret_of(settings) if secret is None else secret
        self._transport = Transport(settings, self._secret)
        self._clock, self._cool_down = clock, CoolDown(clock, sleep)
        self._lock = threading.Lock()  # for all that follows
        self.usage = JudgeUsage(settings.price)
        self.closed = self._closing_message = ""
        self._notes: dict[str, None] = {}
        self._parameters: Parameters = {"seed": settings.seed}
        if self.prompt.is_structured:
            self._parameters = structured_parameters(ANSWER_SCHEMA, settings.sent_temperature, settings.seed)
        self._n_failed_in_a_row = 0
        self._has_verdict = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth telling although nothing went wrong, each once: another model answered, a text was cut."""
        return tuple(self._notes)

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rate(self, questions: Mapping[Key, RelevanceQuestion]) -> Iterator[tuple[Key, Verdict | Absence]]:
        """A verdict, or why there is none, for every key, in the order in which they come.

        Leaving the iteration early (or Ctrl-C) sends nothing further and waits for nobody; what was answered is on disk.

        Raises:
            OSError: A verdict cannot be written.
        """
        self.usage.questions += len(questions)
        for case, found in self._answered(_distinct(questions, self._settings, self.prompt)):
            for key in case.askers:
                yield key, found

    def _answered(self, cases: list[_Case[Key]]) -> Iterator[tuple[_Case[Key], Verdict | Absence]]:
        """What is on disk, then what the threads find out."""
        waiting: queue.SimpleQueue[_Case[Key]] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[_Case[Key], Verdict | Absence] | Exception] = queue.SimpleQueue()
        n_open = 0
        for case in cases:
            stored = self._cache.find(case.id) if self._cache else None
            if stored is None:
                waiting.put(case)
                n_open += 1
            else:
                self.usage.cached += 1
                self._accept(stored.verdict)
                yield case, stored.verdict
        is_over = threading.Event()
        if self.closed:
            is_over.set()
        for number in range(min(self._settings.concurrency, n_open)):
            # Daemons: an interrupted program does not wait for a server that does not answer.
            arguments = (waiting, done, is_over)
            threading.Thread(target=self._work, args=arguments, name=f"judge-{number}", daemon=True).start()
        try:
            for _ in range(n_open):
                found = done.get()
                if isinstance(found, Exception):
                    raise found
                yield found
        finally:
            is_over.set()

    def _work(
        self,
        waiting: queue.SimpleQueue[_Case[Key]],
        done: queue.SimpleQueue[tuple[_Case[Key], Verdict | Absence] | Exception],
        is_over: threading.Event,
    ) -> None:
        """Ask what is waiting; once the judge is closed, say of the rest that it is not asked."""
        while self.closed or not is_over.is_set():
            try:
                case = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((case, self._asked(case, is_over)))
            except Exception as error:  # noqa: BLE001 - raised where the questions came from
                done.put(error)

    def _asked(self, case: _Case[Key], is_over: threading.Event) -> Verdict | Absence:
        """Ask one question until there is a verdict or no hope of one."""
        case.parameters = self._parameters
        while True:
            self._cool_down.wait(is_over)
            if is_over.is_set():
                return self._unasked()
            case.n_attempts += 1
            with self._lock:
                self.usage.attempts += 1
                self.usage.asked += case.n_attempts == 1
                self.usage.retries += case.n_attempts > 1
            if "seed" in case.parameters and self.prompt.is_structured:
                # A server that keeps to its seed would repeat an unreadable answer, so each reading has the next one.
                case.parameters = {**case.parameters, "seed": self._settings.seed + case.n_readings}
            start_s = self._clock()
            outcome = self._transport.ask(case.messages, case.parameters)
            facts = {"question": case.id[:16], "attempt": case.n_attempts, "elapsed_s": round(self._clock() - start_s, 3)}
            if isinstance(outcome, Answer):
                found = self._after_answer(outcome, case, facts)
            else:
                found = self._after_failure(outcome, case, is_over, facts)
            if found is not None:
                return found

    def _after_answer(self, answer: Answer, case: _Case[Key], facts: Mapping[str, Any]) -> Verdict | Absence | None:
        """The verdict that an answer gives, or why it gives none; None = ask again."""
        with self._lock:
            self._parameters, self._n_failed_in_a_row = case.parameters, 0  # only what worked is remembered
            self.usage.add_tokens(answer.tokens_in, answer.tokens_out)
        if answer.problem:
            reading: Reading | Absence = Absence(RATING_UNREADABLE, answer.problem)
        else:
            reading = self.prompt.read(answer.text, case.question)
        outcome = "unreadable" if isinstance(reading, Absence) else "answered"
        tokens = {"tokens_in": answer.tokens_in, "tokens_out": answer.tokens_out}
        self._log({**facts, "outcome": outcome, "status": 200, "model": answer.model, **tokens})
        if isinstance(reading, Absence):
            case.n_readings += 1
            if case.n_readings < self._settings.max_readings:
                return None
            shown = "" if answer.problem else f": {self._secret.excerpt(answer.text)}"
            return Absence(reading.reason, f"{reading.message}{shown} (asked {case.n_attempts} times)")
        stored = self._stored(reading, answer, case)
        if self._cache:
            self._cache.store(case.id, self._settings.asked, self.prompt, case.question, stored)
        self._accept(stored.verdict, stored.notes)
        return stored.verdict

    def _stored(self, reading: Reading, answer: Answer, case: _Case[Key]) -> StoredVerdict:
        analysis = encodable(self._secret.redacted(reading.analysis))  # now as it will be when it is found on disk
        return StoredVerdict(
            Verdict(float(reading.rating), analysis, answer.model or self._settings.model),
            self._secret.redacted(answer.text),
            answer.fingerprint,
            answer.tokens_in,
            answer.tokens_out,
            {name: value if name != "response_format" else value["type"] for name, value in case.parameters.items()},
            case.messages.notes,
        )

    def _accept(self, verdict: Verdict, notes: tuple[str, ...] = ()) -> None:
        asked, answered = self._settings.model, verdict.judge
        with self._lock:
            self._has_verdict = True
            if answered != asked:
                notes = (f"asked for {asked}, {answered} answered", *notes)
            self._notes.update(dict.fromkeys(notes))

    def _after_failure(
        self, failure: RequestFailure, case: _Case[Key], is_over: threading.Event, facts: Mapping[str, Any]
    ) -> Absence | None:
        """Why there will be no verdict; None = ask again, all waiting of this thread alone done."""
        facts = {**facts, "outcome": failure.kind, "status": failure.status}
        if failure.meaning == "refused":
            case.parameters = without(case.parameters, failure.parameter)
            self._log({**facts, "parameter": failure.parameter})
            return None
        if failure.meaning == "later":
            case.n_failures += 1
            is_last = case.n_failures >= self._settings.max_attempts
            wait_s = backoff_s(case.n_failures) if failure.wait_s is None else failure.wait_s
            self._log({**facts, "wait_s": round(wait_s, 3)})
            if failure.kind == "rate_limit" or failure.wait_s is not None:
                self._cool_down.extend(wait_s)
            elif not is_last:
                self._cool_down.pause(wait_s, is_over)
            return self._given_up(failure, case, is_over) if is_last else None
        self._log(facts)
        if failure.meaning == "closed":
            self._shut(failure.message, is_over)
            return self._unasked()
        return self._given_up(failure, case, is_over)

    def _given_up(self, failure: RequestFailure, case: _Case[Key], is_over: threading.Event) -> Absence:
        with self._lock:
            # A judge that rates may still turn down a row of hostile replies: each is its own matter.
            self._n_failed_in_a_row += failure.meaning == "later" or not self._has_verdict
            is_hopeless = self._n_failed_in_a_row >= MAX_FAILED_IN_A_ROW
        if is_hopeless:
            self._shut(f"{MAX_FAILED_IN_A_ROW} questions in a row got no answer, the last one: {failure.message}", is_over)
        times = f" (asked {case.n_attempts} times)" if case.n_attempts > 1 else ""
        return Absence(JUDGE_FAILED, f"{failure.message}{times}")

    def _shut(self, why: str, is_over: threading.Event) -> None:
        with self._lock:
            if not self.closed:
                self.closed, self._closing_message = why, f"no further question was asked: {why}"
        is_over.set()  # wakes up those who wait

    def _unasked(self) -> Absence:
        """The first one says why; two hundred need not."""
        with self._lock:
            message, self._closing_message = self._closing_message, ""
        return Absence(JUDGE_FAILED, message)

    def _log(self, facts: Mapping[str, Any]) -> None:
        if self._on_attempt:
            with self._lock:
                self._on_attempt(facts)


def _distinct(questions: Mapping[Key, RelevanceQuestion], settings: JudgeSettings, prompt: JudgePrompt) -> list[_Case[Key]]:
    """Each question once, in the order given, with all who ask it."""
    cases: dict[str, _Case[Key]] = {}
    for key, question in questions.items():
        messages = prompt.messages(question)
        id_ = key_of(settings.asked, prompt, messages)
        cases.setdefault(id_, _Case(id_, question, messages)).askers.append(key)
    return list(cases.values())
