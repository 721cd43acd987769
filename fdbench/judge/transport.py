"""One HTTP request through the ``openai`` SDK, and what came of it.

===================================================  ===========================================================
the server                                           what came of it
===================================================  ===========================================================
answers with status 2xx                              an answer, even one without a text that could be read
refuses a parameter (400, 404, 415, 422, 500, 501)   ``refused``: asked again without it
408, 409, 425, 429, 5xx, timeout, broken connection  ``server``, ``rate_limit``, ``timeout``, ``connection``: asked again
401, 402, 403, 404, 407, a bad key, no quota left    ``refused_access``, ``no_quota``: nobody asks any further
any other status                                     ``rejected``: this question gets no answer
===================================================  ===========================================================

The SDK's own retries are off: they would ask on where no quota is left, and no request but the last would be counted and
logged. Everything that the server wrote is redacted before it goes anywhere.

=====================  =============================================  ============================
parameter              first                                          when refused
=====================  =============================================  ============================
response_format        ``json_schema`` (strict)                       ``json_object``, then none
seed                   the settings' seed, one more for each reading  none
temperature            the settings'                                  none
max_completion_tokens  ``MAX_ANSWER_TOKENS``                          none
=====================  =============================================  ============================

With upstream's prompts only the seed is sent, as the published scripts do: that of relevance the same for each reading, that of
behaviour one more for each. That of dialogues has its temperature beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from fdbench.errors import MissingExtraError, UsageError
from fdbench.io.http import LOCAL, NO_QUOTA_CODES, error_facts, meaning_of, retry_after
from fdbench.io.secret import Secret
from fdbench.judge.prompt import Messages
from fdbench.judge.providers import JudgeSettings

MAX_ANSWER_TOKENS: Final = 4096
"""Room for a model that thinks before it answers; ends one that would write for ever."""
UNUSED_KEY: Final = "unused"
"""The SDK wants some text; a server without keys ignores it."""
ON_THE_WAY: Final = frozenset({"server", "rate_limit", "timeout", "connection"})
"""Failures after which the same request may succeed later."""

_OPENAI_HOST: Final = "api.openai.com"
_MAY_REFUSE: Final = frozenset({400, 404, 415, 422, 500, 501})
_COMPLAINTS: Final = {"response_format": r"response_format|json_schema|json_object|json mode|structured output|guided"}
"""What a server calls a parameter that it refuses, where that is not only its name."""

Parameters = Mapping[str, Any]
"""Keyword arguments of a chat completion."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with status 2xx.

    Attributes:
        text: What the model wrote, as it wrote it; empty where there is no text.
        excerpt: Of the text, or of the response where there is none, for a message. Redacted, like the next two.
        model: Who says to have answered; empty where nobody does.
        tokens_in, tokens_out: None where the server does not say.
    """

    text: str
    excerpt: str
    model: str
    fingerprint: str
    tokens_in: int | None
    tokens_out: int | None


@dataclass(frozen=True, slots=True)
class RequestFailure:
    """A request without an answer.

    Attributes:
        kind: As in the table above.
        message: For a person; redacted and short.
        status: HTTP; None where there was no response.
        parameter: With ``refused``: which.
        wait_s: How long the server wants to be left alone, where it says so.
    """

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
            raise MissingExtraError(
                "openai", "judge", f"asking the {settings.asked_as.who} {settings.provider}:{settings.model}"
            ) from None
        self._settings, self._secret, self._sdk = settings, secret, openai
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
                f"no client can be made for the {settings.asked_as.who} at {settings.host} ({type(error).__name__})",
                f"look at {settings.asked_as.url_option} and, in the environment, at *_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
            ) from None
        if settings.host != _OPENAI_HOST:  # the SDK takes these from the environment for whatever server it talks to
            self._client.organization = self._client.project = None

    def ask(self, messages: Messages, parameters: Parameters) -> Answer | RequestFailure:
        """Send one request and say what came of it."""
        try:
            response = self._client.chat.completions.with_raw_response.create(
                model=self._settings.model,
                messages=[{"role": "system", "content": messages.system}, {"role": "user", "content": messages.user}],
                **parameters,
            )
        except self._sdk.APITimeoutError:
            return RequestFailure("timeout", f"no answer within {self._settings.timeout_s:g} s")
        except self._sdk.APIStatusError as error:
            return self._of_status(error.status_code, error.response, messages, parameters)
        except self._sdk.APIConnectionError as error:
            return RequestFailure("connection", self._secret.excerpt(_cause(error)))
        except ValueError as error:  # what no address or header can hold, e.g. of OPENAI_ORG_ID
            return RequestFailure("rejected", self._secret.excerpt(_cause(error)))
        return self._of_body(response.http_response.content)

    def close(self) -> None:
        self._client.close()

    def _of_body(self, body: bytes) -> Answer:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        value = found if isinstance(found, dict) else {}
        usage = value["usage"] if isinstance(value.get("usage"), dict) else {}
        text = _text_in(value)
        tokens = [usage[name] if isinstance(usage.get(name), int) else None for name in ("prompt_tokens", "completion_tokens")]
        shown, model, fingerprint = (
            self._secret.excerpt(each if isinstance(each, str) else "")
            for each in (text or body[:2000].decode("utf-8", "replace"), value.get("model"), value.get("system_fingerprint"))
        )
        return Answer(text, shown, model, fingerprint, *tokens)

    def _of_status(self, status: int, response: Any, messages: Messages, parameters: Parameters) -> RequestFailure:
        host, facts, meaning = self._settings.host, error_facts(response.content), meaning_of(status)
        shown = self._secret.excerpt(f"HTTP {status}: {facts.message}")
        # A server may repeat the question in its complaint; a question about temperature refuses no temperature.
        complaint = facts.message.replace(messages.user, "").replace(messages.system, "")[:500]
        if status in _MAY_REFUSE and (refused := _refused(parameters, facts.parameter) or _refused(parameters, complaint)):
            return RequestFailure("refused", shown, status, refused)
        if facts.code in NO_QUOTA_CODES:
            return RequestFailure("no_quota", f"no quota is left at {host}: {shown}", status)
        if meaning == "closed" or (status == 400 and re.search(r"\bapi[ _-]?key\b", complaint, re.IGNORECASE)):
            return RequestFailure("refused_access", f"{host} does not let us ask: {shown}", status)
        if meaning == "rejected":
            return RequestFailure("rejected", shown, status)
        kind = "rate_limit" if meaning == "rate_limited" else "server"
        return RequestFailure(kind, shown, status, wait_s=retry_after(response.headers))


def first_parameters(
    settings: JudgeSettings, schema: Mapping[str, Any] | None, name: str = "rating", temperature: float | None = None
) -> Parameters:
    """What is asked for first: under our own prompt an answer of our schema; ``temperature`` is that of a published prompt."""
    if schema is None:
        return {"seed": settings.seed} if temperature is None else {"seed": settings.seed, "temperature": temperature}
    json_schema = {"name": name, "strict": True, "schema": schema}
    return {
        "response_format": {"type": "json_schema", "json_schema": json_schema},
        "temperature": settings.temperature,
        "seed": settings.seed,
        "max_completion_tokens": MAX_ANSWER_TOKENS,
    }


def without(parameters: Parameters, refused: str) -> Parameters:
    """What to try next where the server refuses one of these parameters."""
    if refused == "response_format" and parameters[refused]["type"] == "json_schema":
        return {**parameters, refused: {"type": "json_object"}}
    return {name: value for name, value in parameters.items() if name != refused}


def _refused(parameters: Parameters, complaint: str) -> str:
    """Which of the parameters sent a complaint speaks of; empty for none."""
    names = (name for name in parameters if re.search(_COMPLAINTS.get(name, rf"\b{name}\b"), complaint, re.IGNORECASE))
    return next(names, "")


def _cause(error: BaseException) -> str:
    """What broke a connection, from the bottom of the chain: the SDK says no more than "Connection error."."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}"


def _text_in(response: Mapping[str, Any]) -> str:
    """The model's text, which some servers give in parts; empty where there is none."""
    try:
        content = response["choices"][0]["message"]["content"]
        return content if isinstance(content, str) else "".join(part["text"] for part in content if "text" in part)
    except (LookupError, TypeError):
        return ""
