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

    def __post_init__(self) -> None:
        if not self.model.isprintable() or set(self.model) & set(" |") or not 0 < len(self.model) <= MAX_MODEL_CHARS:
            shown = self.model[:MAX_MODEL_CHARS]
            raise UsageError(f"--judge: '{shown}' is no model's name", "give PROVIDER:MODEL without spaces or '|'")
        check_url(self.base_url, "--judge-url", "give it like https://HOST[:PORT]/v1")
        if self.prompts not in PROMPT_KINDS:
            raise unknown_name("kind of judge prompts", self.prompts, PROMPT_KINDS)
        _check_number("concurrency", self.concurrency, 1)
        _check_number("timeout in seconds", self.timeout_s, 1e-3)
        for price in self.price or ():
            _check_number("price", price, 0.0)

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


def settings_of(text: str, *, url: str | None = None, **options: Any) -> JudgeSettings:
    """The settings behind ``--judge PROVIDER:MODEL`` and its neighbours.

    Args:
        url: Instead of the provider's own endpoint.
        options: Further fields of ``JudgeSettings``.

    Raises:
        UsageError: Not of that form, no such provider, or a URL that may not be written down; names the option.
    """
    provider, _, model = text.partition(":")
    if looks_like_a_key(text):
        raise UsageError("--judge holds what looks like a key", f"give PROVIDER:MODEL, and the key in ${KEY_OF_ALL}")
    if not provider or not model:
        raise UsageError(f"--judge {text}: expected PROVIDER:MODEL", "for example openai:gpt-4o-2024-08-06, or none, or given")
    if provider not in PROVIDERS:
        raise unknown_name("judge provider", provider, PROVIDERS)
    return JudgeSettings(provider, model, PROVIDERS[provider].base_url if url is None else url, **options)


def secret_of(settings: JudgeSettings, environment: Mapping[str, str] | None = None) -> Secret:
    """The key for these settings, from the environment (that of the process unless given).

    Raises:
        UsageError: There is none and the server is not a local one, or it would travel in the clear.
    """
    own = PROVIDERS[settings.provider].key_variable
    variables = (KEY_OF_ALL, own) if own else (KEY_OF_ALL,)
    secret = read_secret(os.environ if environment is None else environment, variables)
    is_remote = settings.host != LOCAL
    if secret is None and is_remote:
        what = f"the judge {settings.provider}:{settings.model} at {settings.host} needs a key: {variables[-1]} is not set"
        raise UsageError(what, f"export {variables[-1]}=...")
    if secret and is_remote and urlsplit(settings.base_url).scheme != "https":
        raise UsageError(f"--judge-url: over http the key would travel to {settings.host} readable by anybody", "use https")
    return secret or NO_SECRET


def _check_number(what: str, value: float, least: float) -> None:
    if not math.isfinite(value) or value < least:
        raise UsageError(f"the judge's {what}: {value}", f"give at least {least:g}")
