"""From ``--judge PROVIDER:MODEL`` to settings. Light: no client, no key, no network.

There is no option for a key, so none can end in a shell's history or a manifest.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fdbench.errors import UsageError, unknown_name
from fdbench.io.http import LOCAL, check_url, published_name
from fdbench.io.secret import NO_SECRET, Secret, is_local, looks_like_a_key, read_secret
from fdbench.judge.prompt import PROMPT_KINDS, PromptKind
from fdbench.judge.prompts import prompt_identity

KEY_OF_ALL: Final = "FDBENCH_JUDGE_API_KEY"
"""Goes before a provider's own variable."""
MAX_MODEL_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class AskedAs:
    """What a model is asked for, as errors call it and its options.

    Attributes:
        key_variable: Goes before a provider's own variable.
        example: Of its option.
    """

    who: str
    option: str
    url_option: str
    key_variable: str
    example: str


JUDGE: Final = AskedAs("judge", "--judge", "--judge-url", KEY_OF_ALL, "openai:gpt-4o-2024-08-06, or none, or given")


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a kind of server listens and where its key is found.

    Attributes:
        key_variable: Environment variable; empty where it needs none.
    """

    base_url: str
    key_variable: str = ""


PROVIDERS: Final[Mapping[str, Provider]] = {
    "openai": Provider("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "gemini": Provider("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "vllm": Provider("http://localhost:8000/v1", "VLLM_API_KEY"),
    "ollama": Provider("http://localhost:11434/v1"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked and how: with the messages, all that an answer depends on.

    Attributes:
        server: As it may be published; see ``JudgeSettings.server``.
        temperature: None = left to the server.
    """

    model: str
    server: str
    temperature: float | None
    seed: int

    def signature_with(self, prompt: str) -> str:
        """``MODEL@SERVER/PROMPT-HASH/tTEMPERATURE/sSEED``, the prompt by its name and hash: ``relevance-1-8f2c01de``."""
        temperature = "default" if self.temperature is None else f"{self.temperature:g}"
        return f"{self.model}@{self.server}/{prompt}/t{temperature}/s{self.seed}"


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """Which model is asked, how, and how patiently. Holds no key.

    Attributes:
        provider: A name of ``PROVIDERS``.
        model: As the server knows it.
        base_url: Without credentials, query or fragment.
        temperature: Not sent with upstream's prompt, which does not set one.
        seed: Sent with every question.
        prompts: ``own``, or ``upstream`` = the published script's wording, read from the user's copy of it.
        upstream_script: That copy; needed with ``upstream`` only, when a question is asked.
        concurrency: How many questions are under way at once.
        timeout_s: The longest silence of the server during one HTTP request.
        max_attempts: Requests for one question that may fail on the way (429, 5xx, timeouts, cut connections).
        max_readings: Answers to one question that may be unreadable.
        price: USD per million tokens (in, out); None = unknown.
        asked_as: Judges are not the only models that are asked.
    """

    provider: str
    model: str
    base_url: str
    temperature: float = 0.0
    seed: int = 0
    prompts: PromptKind = "own"
    upstream_script: Path | None = field(default=None, compare=False)
    concurrency: int = 4
    timeout_s: float = 60.0
    max_attempts: int = 6
    max_readings: int = 3
    price: tuple[float, float] | None = None
    asked_as: AskedAs = field(default=JUDGE, compare=False)

    def __post_init__(self) -> None:
        if not self.model.isprintable() or set(self.model) & set(" |") or not 0 < len(self.model) <= MAX_MODEL_CHARS:
            shown = self.model[:MAX_MODEL_CHARS]
            raise UsageError(
                f"{self.asked_as.option}: '{shown}' is no model's name", "give PROVIDER:MODEL without spaces or '|'"
            )
        check_url(self.base_url, self.asked_as.url_option, "give it like https://HOST[:PORT]/v1")
        if self.prompts not in PROMPT_KINDS:
            raise unknown_name("kind of judge prompts", self.prompts, PROMPT_KINDS)
        who = self.asked_as.who
        _check_number(f"{who}'s concurrency", self.concurrency, 1)
        _check_number(f"{who}'s timeout in seconds", self.timeout_s, 1e-3)
        for price in self.price or ():
            _check_number(f"{who}'s price", price, 0.0)

    @property
    def host(self) -> str:
        """Where it is asked, as it may be published: ``local`` for this machine and private networks."""
        host = urlsplit(self.base_url).hostname or ""
        return LOCAL if is_local(host) else host

    @property
    def sent_temperature(self) -> float | None:
        """None = left to the server."""
        return None if self.prompts == "upstream" else self.temperature

    @property
    def server(self) -> str:
        """Which server, as it may be published: one on this machine by its kind, a path of a gateway by its hash."""
        usual_paths = (urlsplit(PROVIDERS[self.provider].base_url).path, "/v1")
        return published_name(self.base_url, usual_paths=usual_paths, local=f"{LOCAL}-{self.provider}")

    @property
    def asked(self) -> Asked:
        return Asked(self.model, self.server, self.sent_temperature, self.seed)

    @property
    def signature(self) -> str:
        """What an answer depends on, and nothing else."""
        return self.asked.signature_with(prompt_identity(self.prompts))


def settings_of(text: str, *, url: str | None = None, asked_as: AskedAs = JUDGE, **options: Any) -> JudgeSettings:
    """The settings behind ``--judge PROVIDER:MODEL`` and its neighbours, or those of another model that is asked.

    Args:
        url: Instead of the provider's own endpoint.
        options: Further fields of ``JudgeSettings``.

    Raises:
        UsageError: Not of that form, no such provider, or a URL that may not be written down; names the option.
    """
    provider, _, model = text.partition(":")
    if looks_like_a_key(text):
        raise UsageError(
            f"{asked_as.option} holds what looks like a key", f"give PROVIDER:MODEL, and the key in ${asked_as.key_variable}"
        )
    if not provider or not model:
        raise UsageError(f"{asked_as.option} {text}: expected PROVIDER:MODEL", f"for example {asked_as.example}")
    if provider not in PROVIDERS:
        raise unknown_name(f"{asked_as.who} provider", provider, PROVIDERS)
    base_url = PROVIDERS[provider].base_url if url is None else url
    return JudgeSettings(provider, model, base_url, asked_as=asked_as, **options)


def price_of(text: str | None, option: str) -> tuple[float, float] | None:
    """What ``IN,OUT`` means, in USD per million tokens; None where nobody said it.

    Args:
        option: As it was typed, up to the value.

    Raises:
        UsageError: Not of that form.
    """
    if text is None:
        return None
    try:
        price_in, price_out = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"{option}{text}: expected IN,OUT", "USD per million tokens, like 2.50,10") from None
    return price_in, price_out


def secret_of(settings: JudgeSettings, environment: Mapping[str, str] | None = None) -> Secret:
    """The key for these settings, from the environment (that of the process unless given).

    Raises:
        UsageError: There is none and the server is not a local one, or it would travel in the clear.
    """
    own, asked_as = PROVIDERS[settings.provider].key_variable, settings.asked_as
    variables = (asked_as.key_variable, own) if own else (asked_as.key_variable,)
    secret = read_secret(os.environ if environment is None else environment, variables)
    is_remote = settings.host != LOCAL
    if secret is None and is_remote:
        who = f"the {asked_as.who} {settings.provider}:{settings.model} at {settings.host}"
        raise UsageError(f"{who} needs a key: {variables[-1]} is not set", f"export {variables[-1]}=...")
    if secret and is_remote and urlsplit(settings.base_url).scheme != "https":
        what = f"{asked_as.url_option}: over http the key would travel to {settings.host} readable by anybody"
        raise UsageError(what, "use https")
    return secret or NO_SECRET


def _check_number(what: str, value: float, least: float) -> None:
    if not math.isfinite(value) or value < least:
        raise UsageError(f"the {what}: {value}", f"give at least {least:g}")
