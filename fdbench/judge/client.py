"""A judge that is asked: questions in, opinions out, whatever the network does.

Each question is looked up on disk first and asked once, however often it occurs. A fixed number of threads ask; each
waits out what the server wants (``pacing``), drops what it refuses (``request``) and asks again a bounded number of times. A
verdict is on disk before anybody hears of it, so a killed run pays for no answer twice. When the server closes the door (no
access, no quota) or nothing but failures come back, nobody knocks any further.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar

from fdbench.core.absence import Absence
from fdbench.core.annotation import RelevanceQuestion, Verdict
from fdbench.errors import FdbenchError
from fdbench.io.secret import Secret
from fdbench.judge.opinion import Opinion
from fdbench.judge.pacing import Pace
from fdbench.judge.prompt import JudgePrompt, Messages
from fdbench.judge.prompts import find_prompt
from fdbench.judge.providers import JudgeSettings, secret_of
from fdbench.judge.rating_text import RATING_UNREADABLE
from fdbench.judge.relevance import ANSWER_SCHEMA
from fdbench.judge.request import OWN_FORM, UPSTREAM_FORM, Form
from fdbench.judge.transport import Answer, Failure, Transport
from fdbench.judge.usage import Meter, Usage
from fdbench.judge.verdicts import StoredVerdict, VerdictCache, encodable, key_of

JUDGE_FAILED: Final = "judge_failed"
MAX_FAILED_IN_A_ROW: Final = 5
"""So many questions in a row without any answer from the server: it is not there, and asking on would take hours."""
MAX_REFUSALS: Final = 8
"""More than there are parameters to give up."""
POLL_S: Final = 0.5

Key = TypeVar("Key", bound=Hashable)
AttemptLog = Callable[[Mapping[str, Any]], None]
ProgressCallback = Callable[[int, int], None]


@dataclass(slots=True)
class _Case(Generic[Key]):
    """One distinct question and everybody who wants to know."""

    id: str
    question: RelevanceQuestion
    messages: Messages
    askers: list[Key] = field(default_factory=list)


@dataclass(slots=True)
class _Tries:
    """What was done for one question so far."""

    form: Form
    n_attempts: int = 0
    n_failures: int = 0
    n_readings: int = 0
    n_refusals: int = 0


class _Round(Generic[Key]):
    """One call of ``rate``: what is still to be asked, and what came back."""

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[_Case[Key]] = queue.SimpleQueue()
        self.done: queue.SimpleQueue[tuple[_Case[Key], Opinion] | FdbenchError | OSError | None] = queue.SimpleQueue()
        self.is_over = threading.Event()


class Judge:
    """A model behind an OpenAI-compatible server.

    Args:
        settings: Which one, and how it is asked.
        cache: Verdicts on disk; None keeps nothing.
        on_attempt: Told of every HTTP request, one at a time: what became of it, without key and texts.
        secret: The key; from the environment unless given.
        sleep, clock, random_source: How to wait; for tests.

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
        random_source: random.Random | None = None,
    ) -> None:
        self._settings, self._cache, self._on_attempt = settings, cache, on_attempt
        self._prompt: JudgePrompt = find_prompt(settings.prompts, settings.upstream_script)
        self._secret = secret_of(settings) if secret is None else secret
        self._transport = Transport(settings, self._secret)
        self._form = OWN_FORM if self._prompt.is_structured else UPSTREAM_FORM
        self._over = threading.Event()  # replaced by each round's own
        self._pace = Pace(sleep or self._wait, clock, random_source or random.Random())
        self._clock = clock
        self._meter = Meter(settings.price)
        self._lock = threading.Lock()
        self._closed: str | None = None
        self._closed_is_told = False
        self._n_failed_in_a_row = 0
        self._has_verdict = False
        self._other_models: set[str] = set()

    @property
    def signature(self) -> str:
        return self._settings.signature

    @property
    def prompt(self) -> JudgePrompt:
        return self._prompt

    @property
    def usage(self) -> Usage:
        return self._meter.usage

    @property
    def closed(self) -> str:
        """Why nothing is asked any more; empty while it is."""
        return self._closed or ""

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rate(
        self, questions: Mapping[Key, RelevanceQuestion], progress: ProgressCallback | None = None
    ) -> Iterator[tuple[Key, Opinion]]:
        """Opinions in the order in which they come, one for every key.

        Leaving the iteration early (or Ctrl-C) sends nothing further and waits for nobody; what was answered is on disk.

        Args:
            questions: By any key.
            progress: Told how many of how many have an opinion.

        Raises:
            OSError: A verdict cannot be written.
        """
        n_done = 0
        self._meter.add(questions=len(questions))
        for case, opinion in self._answered(_distinct(questions, self._settings, self._prompt)):
            for key in case.askers:
                n_done += 1
                yield key, opinion if key is case.askers[0] else replace(opinion, notes=())  # told once
            if progress:
                progress(n_done, len(questions))

    def _answered(self, cases: list[_Case[Key]]) -> Iterator[tuple[_Case[Key], Opinion]]:
        this: _Round[Key] = _Round()
        n_open = 0
        for case in cases:
            stored = self._cache.find(case.id) if self._cache else None
            if stored is None:
                this.waiting.put(case)
                n_open += 1
            else:
                self._meter.add(cached=1)
                self._has_verdict = True
                yield case, Opinion(stored.verdict, notes=self._notes_on(stored.verdict.judge))
        if n_open:
            yield from self._asked(this, n_open)

    def _asked(self, this: _Round[Key], n_open: int) -> Iterator[tuple[_Case[Key], Opinion]]:
        self._over = this.is_over
        n_workers = min(self._settings.concurrency, n_open)
        for number in range(n_workers):
            # Daemons: an interrupted program does not wait for a server that does not answer.
            threading.Thread(target=self._work, args=(this,), name=f"judge-{number}", daemon=True).start()
        try:
            while n_open and n_workers:
                try:
                    found = this.done.get(timeout=POLL_S)  # wakes up for Ctrl-C where waiting cannot be interrupted
                except queue.Empty:
                    continue
                if found is None:
                    n_workers -= 1
                elif isinstance(found, Exception):
                    raise found
                else:
                    n_open -= 1
                    yield found
            if n_open:
                raise FdbenchError(f"{n_open} questions were not asked: every thread that asks the judge has crashed")
        finally:
            this.is_over.set()

    def _work(self, this: _Round[Key]) -> None:
        try:
            while self._closed is not None or not this.is_over.is_set():
                case = this.waiting.get_nowait()
                opinion = self._opinion(case, this)
                if opinion is None:  # nobody waits for it any more
                    return
                this.done.put((case, opinion))
        except queue.Empty:
            pass
        except (FdbenchError, OSError) as error:
            this.done.put(error)
        finally:
            this.done.put(None)

    def _opinion(self, case: _Case[Key], this: _Round[Key]) -> Opinion | None:
        """Ask one question until there is a verdict or no hope of one; None where the round was left."""
        tries = _Tries(self._form)
        while True:
            self._pace.wait(this.is_over.is_set)
            if self._closed is not None:
                return self._closed_opinion()
            if this.is_over.is_set():
                return None
            tries.n_attempts += 1
            self._meter.add(attempts=1, **({"asked": 1} if tries.n_attempts == 1 else {"retries": 1}))
            parameters = self._parameters(tries)
            start_s = self._clock()
            outcome = self._transport.ask(case.messages, tries.form, parameters)
            facts = {"question": case.id[:16], "attempt": tries.n_attempts, "elapsed_s": round(self._clock() - start_s, 3)}
            if isinstance(outcome, Answer):
                opinion = self._after_answer(outcome, case, tries, parameters, facts)
            else:
                opinion = self._after_failure(outcome, tries, this, facts)
            if opinion is not None:
                return opinion

    def _after_answer(
        self, answer: Answer, case: _Case[Key], tries: _Tries, parameters: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> Opinion | None:
        """The opinion that an answer gives; None = ask again."""
        with self._lock:
            self._form, self._n_failed_in_a_row = tries.form, 0  # only what worked is remembered
        self._meter.add_answer(answer)
        stored, problem = self._read(answer, case, parameters)
        self._log({**facts, **_answer_facts(answer, is_readable=stored is not None)})
        if stored is not None:
            self._has_verdict = True
            if self._cache:
                self._cache.store(case.id, self._settings.asked, self._prompt, case.question, stored)
            return Opinion(stored.verdict, notes=(*self._notes_on(stored.verdict.judge), *stored.notes))
        tries.n_readings += 1
        if tries.n_readings < self._settings.max_readings:
            return None
        return Opinion(None, RATING_UNREADABLE, f"{problem} (asked {tries.n_attempts} times)")

    def _after_failure(self, failure: Failure, tries: _Tries, this: _Round[Key], facts: Mapping[str, Any]) -> Opinion | None:
        """The opinion that is left after a failure; None = ask again, all waiting done."""
        if failure.meaning == "retry":
            tries.n_failures += 1
            is_last = tries.n_failures >= self._settings.max_attempts
            wait_s = self._pace.backoff_s(tries.n_failures) if failure.wait_s is None else failure.wait_s
            self._log({**facts, **_failure_facts(failure), "wait_s": round(wait_s, 3)})
            if failure.kind == "rate_limit" or failure.wait_s is not None:
                self._pace.cool_down(wait_s)
            elif not is_last:
                self._pace.pause(wait_s)
            return self._given_up(failure, tries, this) if is_last else None
        self._log({**facts, **_failure_facts(failure)})
        if failure.meaning == "closed":
            self._shut(failure.message, this)
            return self._closed_opinion()
        if failure.meaning == "refused" and tries.n_refusals < MAX_REFUSALS:
            tries.n_refusals += 1
            tries.form = tries.form.without(failure.parameter)
            return None
        return self._given_up(failure, tries, this)

    def _given_up(self, failure: Failure, tries: _Tries, this: _Round[Key]) -> Opinion:
        with self._lock:
            # A judge that rates may still turn down a row of hostile replies: each is its own matter.
            self._n_failed_in_a_row += failure.meaning == "retry" or not self._has_verdict
            is_hopeless = self._n_failed_in_a_row >= MAX_FAILED_IN_A_ROW
        if is_hopeless:
            self._shut(f"{MAX_FAILED_IN_A_ROW} questions in a row got no answer, the last one: {failure.message}", this)
        times = f" (asked {tries.n_attempts} times)" if tries.n_attempts > 1 else ""
        return Opinion(None, JUDGE_FAILED, f"{failure.message}{times}")

    def _parameters(self, tries: _Tries) -> dict[str, Any]:
        """A server that keeps to its seed would repeat an unreadable answer, so each reading has the next one."""
        seed = self._settings.seed + (tries.n_readings if self._prompt.is_structured else 0)
        return tries.form.parameters(ANSWER_SCHEMA, self._settings.sent_temperature, seed)

    def _read(self, answer: Answer, case: _Case[Key], parameters: Mapping[str, Any]) -> tuple[StoredVerdict | None, str]:
        """The verdict in an answer, or why there is none."""
        if answer.problem:
            return None, answer.problem
        reading = self._prompt.read(answer.text, case.question)
        if isinstance(reading, Absence):
            return None, f"{reading.message}: {self._secret.excerpt(answer.text)}"
        analysis = encodable(self._secret.redacted(reading.analysis))  # now as it will be when it is found on disk
        verdict = Verdict(float(reading.rating), analysis, answer.model or self._settings.model)
        sent = {name: value if name != "response_format" else value["type"] for name, value in parameters.items()}
        return (
            StoredVerdict(
                verdict,
                self._secret.redacted(answer.text),
                answer.fingerprint,
                answer.tokens_in,
                answer.tokens_out,
                sent,
                case.messages.notes,
            ),
            "",
        )

    def _notes_on(self, answered: str) -> tuple[str, ...]:
        """Once for each other name: who answered instead of the model that was asked."""
        with self._lock:
            if answered == self._settings.model or answered in self._other_models:
                return ()
            self._other_models.add(answered)
        return (f"asked for {self._settings.model}, {answered} answered",)

    def _shut(self, message: str, this: _Round[Key]) -> None:
        with self._lock:
            self._closed = self._closed or message
        this.is_over.set()  # wakes up those who wait

    def _closed_opinion(self) -> Opinion:
        """The first one says why; two hundred need not."""
        with self._lock:
            message = "" if self._closed_is_told else f"no further question was asked: {self._closed}"
            self._closed_is_told = True
        return Opinion(None, JUDGE_FAILED, message)

    def _log(self, facts: Mapping[str, Any]) -> None:
        if self._on_attempt:
            with self._lock:
                self._on_attempt(facts)

    def _wait(self, seconds: float) -> object:
        return self._over.wait(seconds)


def _distinct(questions: Mapping[Key, RelevanceQuestion], settings: JudgeSettings, prompt: JudgePrompt) -> list[_Case[Key]]:
    """Each question once, in the order given, with all who ask it."""
    cases: dict[str, _Case[Key]] = {}
    for key, question in questions.items():
        messages = prompt.messages(question)
        id_ = key_of(settings.asked, prompt, messages)
        cases.setdefault(id_, _Case(id_, question, messages)).askers.append(key)
    return list(cases.values())


def _answer_facts(answer: Answer, *, is_readable: bool) -> dict[str, Any]:
    return {
        "outcome": "answered" if is_readable else "unreadable",
        "status": 200,
        "model": answer.model,
        "tokens_in": answer.tokens_in,
        "tokens_out": answer.tokens_out,
    }


def _failure_facts(failure: Failure) -> dict[str, Any]:
    facts: dict[str, Any] = {"outcome": failure.kind, "status": failure.status}
    return {**facts, "parameter": failure.parameter} if failure.parameter else facts
