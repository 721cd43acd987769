"""One HTTP request through the ``openai`` SDK, and what came of it: an answer, or a failure with what it means.

===================================================  ==========================================================
the server                                           meaning
===================================================  ==========================================================
answers with a text and is done                      answered
answers without one: no choice, refusal, content     malformed: asked again, a bounded number of times
filter, cut at the length limit, tool calls, no JSON
refuses a parameter (400, 404, 415, 422, 500, 501)   refused: asked again without it
408, 409, 425, 429, 5xx, timeout, broken connection  failed on the way: asked again later
401, 402, 403, 404, a bad key, no quota left         closed: nobody asks any further
any other status                                     rejected: this question gets no answer
===================================================  ==========================================================

The SDK's own retries are off: one 429 must slow down everybody, and each request is counted and logged.
Everything that the server wrote is redacted before it goes anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from fdbench.errors import MissingExtraError, UsageError
from fdbench.io.http import LOCAL
from fdbench.io.secret import Secret
from fdbench.judge.pacing import wait_named_by
from fdbench.judge.prompt import Messages
from fdbench.judge.providers import JudgeSettings
from fdbench.judge.request import Form

if TYPE_CHECKING:
    import openai

Meaning = Literal["refused", "retry", "closed", "rejected"]
UNUSED_KEY: Final = "unused"
"""The SDK wants some text; a server without keys ignores it."""

_OPENAI_HOST: Final = "api.openai.com"
_RETRIED: Final = frozenset({408, 409, 425, 429})
_CLOSED: Final = frozenset({401, 402, 403, 404, 407})
_MAY_REFUSE: Final = frozenset({400, 404, 415, 422, 500, 501})
_NO_QUOTA: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
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
class Failure:
    """A request without an answer.

    Attributes:
        kind: In one word, for the log: ``rate_limit``, ``timeout``, ``connection``, ``server``, ...
        message: For a person; redacted and short.
        status: HTTP; None where there was no response.
        parameter: With ``refused``: which.
        wait_s: How long the server wants to be left alone, where it says so.
    """

    meaning: Meaning
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

            from fdbench.judge.patience import InvalidURLError, PatientClient
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
                http_client=PatientClient(settings.timeout_s, follow_redirects=False, trust_env=not is_plain_local),
            )
        except (ValueError, ImportError, OSError, InvalidURLError) as error:
            # Its text may repeat a proxy's password.
            raise UsageError(
                f"no client can be made for the judge at {settings.host} ({type(error).__name__})",
                "look at --judge-url and, in the environment, at *_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
            ) from None
        if settings.host != _OPENAI_HOST:  # the SDK takes these from the environment for whatever server it talks to
            self._client.organization = self._client.project = None

    def ask(self, messages: Messages, form: Form, parameters: Mapping[str, Any]) -> Answer | Failure:
        """Send one request and say what came of it."""
        openai = self._sdk
        try:
            response = self._client.chat.completions.with_raw_response.create(
                model=self._settings.model,
                messages=[{"role": "system", "content": messages.system}, {"role": "user", "content": messages.user}],
                **parameters,
            )
        except openai.APITimeoutError:
            return Failure("retry", "timeout", f"no answer within {self._settings.timeout_s:g} s")
        except openai.APIStatusError as error:
            return self._of_status(error, messages, form)
        except openai.APIConnectionError as error:
            return Failure("retry", "connection", self._secret.excerpt(_cause(error)))
        except OSError as error:
            return Failure("retry", "connection", self._secret.excerpt(_cause(error)))
        except (openai.OpenAIError, ValueError) as error:  # e.g. OPENAI_ORG_ID holds what no header can
            return Failure("rejected", "sdk", self._secret.excerpt(f"{type(error).__name__}: {error}"))
        return self._of_body(response.http_response.content)

    def close(self) -> None:
        self._client.close()

    def _of_body(self, body: bytes) -> Answer:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            shown = self._secret.excerpt(body[:2000].decode("utf-8", "replace"))
            return Answer("", f"the response is not JSON: {shown or 'empty'}")
        if not isinstance(value, dict):
            return Answer("", "the response is not a JSON object")
        usage = value.get("usage")
        facts: dict[str, Any] = {
            "model": self._name(value.get("model")),
            "fingerprint": self._name(value.get("system_fingerprint")),
            "tokens_in": _count(usage, "prompt_tokens"),
            "tokens_out": _count(usage, "completion_tokens"),
        }
        choices = value.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(message, dict):
            told = _error_facts(value)[0] if "error" in value else ""
            return Answer("", self._secret.excerpt(f"the response holds no choice {told}"), **facts)
        text = _content(message.get("content"))
        finish = str(choice.get("finish_reason") or "").lower()
        if message.get("refusal"):
            return Answer(text, self._secret.excerpt(f"the judge refused: {message['refusal']}"), **facts)
        if message.get("tool_calls") or message.get("function_call"):
            return Answer(text, "the judge called a tool", **facts)
        if finish not in _DONE:
            return Answer(text, self._secret.excerpt(f"the answer ended with '{finish}'"), **facts)
        if not text.strip():
            return Answer("", "the answer is empty", **facts)
        return Answer(text, **facts)

    def _name(self, value: object) -> str:
        return self._secret.excerpt(value) if isinstance(value, str) else ""

    def _of_status(self, error: openai.APIStatusError, messages: Messages, form: Form) -> Failure:
        status = error.status_code
        message, code, parameter = _error_facts(_json_or_text(error.response.content))
        shown = self._secret.excerpt(f"HTTP {status}: {message}")
        # A server may repeat the question in its complaint; a question about temperature refuses no temperature.
        complaint = message.replace(messages.user, "").replace(messages.system, "")[:500]
        if status in _MAY_REFUSE and (status != 500 or re.search(r"not (?:implemented|supported)|unsupported", complaint)):
            refused = form.refused(parameter, complaint)
            if refused:
                return Failure("refused", "refused", shown, status, refused)
        if status == 429 and code in _NO_QUOTA:
            return Failure("closed", "no_quota", f"no quota is left at {self._settings.host}: {shown}", status)
        if status in _CLOSED or (status == 400 and re.search(r"\bapi[ _-]?key\b", complaint, re.IGNORECASE)):
            return Failure("closed", "refused_access", f"{self._settings.host} does not let us ask: {shown}", status)
        if status in _RETRIED or status >= 500:
            kind = "rate_limit" if status == 429 else "server"
            return Failure("retry", kind, shown, status, wait_s=wait_named_by(error.response.headers))
        return Failure("rejected", "rejected", shown, status)


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


def _count(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS else None


def _json_or_text(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return re.sub(r"<[^>]{0,500}>", " ", body[:4000].decode("utf-8", "replace"))


def _error_facts(value: object) -> tuple[str, str, str]:
    """Message, code and parameter of an error, in any of the shapes that servers give it."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        inner = next((value[name] for name in ("error", "detail", "message") if value.get(name)), "")
        if isinstance(inner, dict):
            code = inner.get("code") if isinstance(inner.get("code"), str) else inner.get("type")
            return str(inner.get("message") or inner), str(code or ""), str(inner.get("param") or "")
        return str(inner or value), str(value.get("code") or value.get("type") or ""), str(value.get("param") or "")
    return str(value), "", ""
