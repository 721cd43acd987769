"""One HTTP request through the ``openai`` SDK, and what came of it: an answer, or a failure with what it means.

===================================================  ==========================================================
the server                                           meaning
===================================================  ==========================================================
answers with a text and is done                      answered
answers without one: no choice, refusal, content     malformed: asked again, a bounded number of times
filter, cut at the length limit, tool calls, no JSON
refuses a parameter (400, 404, 415, 422, 500, 501)   refused: asked again without it
408, 409, 425, 429, 5xx, timeout, broken connection  later: failed on the way, asked again later
401, 402, 403, 404, 407, a bad key, no quota left    closed: nobody asks any further
any other status                                     rejected: this question gets no answer
===================================================  ==========================================================

The SDK's own retries are off. They would ask on where no quota is left, each thread would find out about a rate limit for
itself, and no request but the last would be counted and logged.
Everything that the server wrote is redacted before it goes anywhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from fdbench.errors import MissingExtraError, UsageError
from fdbench.io.http import LOCAL, NO_QUOTA_CODES, error_facts, meaning_of, retry_after
from fdbench.io.secret import Secret
from fdbench.judge.prompt import Messages
from fdbench.judge.providers import JudgeSettings
from fdbench.judge.request import Parameters, refused_parameter

if TYPE_CHECKING:
    import openai

UNUSED_KEY: Final = "unused"
"""The SDK wants some text; a server without keys ignores it."""

_OPENAI_HOST: Final = "api.openai.com"
_MAY_REFUSE: Final = frozenset({400, 404, 415, 422, 500, 501})
_DONE: Final = frozenset({"", "stop", "eos", "eos_token", "stop_sequence", "end_turn"})
_MAX_TOKENS: Final = 10**9
"""A server that counts more has miscounted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with status 2xx.

    Attributes:
        text: What the model wrote, as it wrote it.
        problem: Why the text is no answer; empty where it is.
        model: Who says to have answered; empty where nobody does. Redacted, like ``fingerprint``.
        tokens_in, tokens_out: None where the server does not say.
    """

    text: str
    problem: str = ""
    model: str = ""
    fingerprint: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None


@dataclass(frozen=True, slots=True)
class RequestFailure:
    """A request without an answer.

    Attributes:
        meaning: As in the table above.
        kind: In one word, for the log: ``rate_limit``, ``timeout``, ``connection``, ``server``, ...
        message: For a person; redacted and short.
        status: HTTP; None where there was no response.
        parameter: With ``refused``: which.
        wait_s: How long the server wants to be left alone, where it says so.
    """

    meaning: Literal["refused", "later", "closed", "rejected"]
    kind: str
    message: str
    status: int | None = None
    parameter: str = ""
    wait_s: float | None = None


class Transport:
    """The SDK's client for one server. Safe between threads.

    Raises:
        MissingExtraError: The SDK is not installed.
        UsageError: The URL, or a variable of the environment that the SDK obeys, is none that it can use.
    """

    def __init__(self, settings: JudgeSettings, secret: Secret) -> None:
        try:
            import openai
        except ImportError:
            raise MissingExtraError("openai", "judge", f"asking the judge {settings.provider}:{settings.model}") from None
        self._settings, self._secret = settings, secret
        self._sdk = openai
        is_plain_local = settings.host == LOCAL and urlsplit(settings.base_url).scheme == "http"
        try:
            self._client = openai.OpenAI(
                api_key=secret.reveal() or UNUSED_KEY,
                base_url=settings.base_url,
                timeout=settings.timeout_s,
                max_retries=0,
                # A redirect could carry the key and the texts elsewhere; what is local is not reached through a proxy.
                http_client=openai.DefaultHttpxClient(follow_redirects=False, trust_env=not is_plain_local),
            )
        except Exception as error:  # noqa: BLE001 - of the HTTP library below the SDK, whose text may repeat a proxy's password
            raise UsageError(
                f"no client can be made for the judge at {settings.host} ({type(error).__name__})",
                "look at --judge-url and, in the environment, at *_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
            ) from None
        if settings.host != _OPENAI_HOST:  # the SDK takes these from the environment for whatever server it talks to
            self._client.organization = self._client.project = None

    def ask(self, messages: Messages, parameters: Parameters) -> Answer | RequestFailure:
        """Send one request and say what came of it."""
        openai = self._sdk
        try:
            response = self._client.chat.completions.with_raw_response.create(
                model=self._settings.model,
                messages=[{"role": "system", "content": messages.system}, {"role": "user", "content": messages.user}],
                **parameters,
            )
        except openai.APITimeoutError:
            return RequestFailure("later", "timeout", f"no answer within {self._settings.timeout_s:g} s")
        except openai.APIStatusError as error:
            return self._of_status(error, messages, parameters)
        except openai.APIConnectionError as error:
            return RequestFailure("later", "connection", self._secret.excerpt(_cause(error)))
        except (openai.OpenAIError, ValueError) as error:  # e.g. OPENAI_ORG_ID holds what no header can
            return RequestFailure("rejected", "sdk", self._secret.excerpt(f"{type(error).__name__}: {error}"))
        return self._of_body(response.http_response.content)

    def close(self) -> None:
        self._client.close()

    def _of_body(self, body: bytes) -> Answer:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            shown = self._secret.excerpt(body[:2000].decode("utf-8", "replace"))
            return Answer("", f"the response is not a JSON object: {shown or 'empty'}")
        usage, choices = value.get("usage"), value.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(choice, dict) and isinstance(message, dict):
            text = _content(message.get("content"))
            problem = _problem_in(text, message.get("refusal"), choice.get("finish_reason"))
        else:
            complaint = error_facts(body).message if "error" in value else ""
            text, problem = "", f"the response holds no choice {complaint}"
        return Answer(
            text,
            self._secret.excerpt(problem),
            self._name(value.get("model")),
            self._name(value.get("system_fingerprint")),
            _count(usage, "prompt_tokens"),
            _count(usage, "completion_tokens"),
        )

    def _name(self, value: object) -> str:
        return self._secret.excerpt(value) if isinstance(value, str) else ""

    def _of_status(self, error: openai.APIStatusError, messages: Messages, parameters: Parameters) -> RequestFailure:
        status, host = error.status_code, self._settings.host
        facts = error_facts(error.response.content)
        shown = self._secret.excerpt(f"HTTP {status}: {facts.message}")
        # A server may repeat the question in its complaint; a question about temperature refuses no temperature.
        complaint = facts.message.replace(messages.user, "").replace(messages.system, "")[:500]
        if status in _MAY_REFUSE and (status != 500 or re.search(r"not (?:implemented|supported)|unsupported", complaint)):
            refused = refused_parameter(parameters, facts.parameter, complaint)
            if refused:
                return RequestFailure("refused", "refused", shown, status, refused)
        meaning = meaning_of(status)
        if meaning == "rate_limited" and facts.code in NO_QUOTA_CODES:
            return RequestFailure("closed", "no_quota", f"no quota is left at {host}: {shown}", status)
        if meaning == "closed" or (status == 400 and re.search(r"\bapi[ _-]?key\b", complaint, re.IGNORECASE)):
            return RequestFailure("closed", "refused_access", f"{host} does not let us ask: {shown}", status)
        if meaning == "rejected":
            return RequestFailure("rejected", "rejected", shown, status)
        kind = "rate_limit" if meaning == "rate_limited" else "server"
        return RequestFailure("later", kind, shown, status, wait_s=retry_after(error.response.headers))


def _cause(error: BaseException) -> str:
    """What broke a connection, from the bottom of the chain: the SDK says no more than "Connection error."."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _content(value: object) -> str:
    """The text of a message; some servers give it in parts."""
    if isinstance(value, list):
        return "".join(part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str))
    return value if isinstance(value, str) else ""


def _problem_in(text: str, refusal: object, finish: object) -> str:
    """Why a message is no answer; empty where it is one."""
    if refusal:
        return f"the judge refused: {refusal}"
    if str(finish or "").lower() not in _DONE:
        return f"the answer ended with '{finish}'"
    return "" if text.strip() else "the answer is empty"


def _count(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS else None
