"""What a request asks for beside model and messages, and what is left out for a server that refuses it.

=====================  ============================================  ============================
parameter              first                                         when refused
=====================  ============================================  ============================
response_format        ``json_schema`` (strict)                      ``json_object``, then none
seed                   the settings' seed, one more for each reading  none
temperature            the settings'                                 none
max_completion_tokens  ``MAX_ANSWER_TOKENS``                         ``max_tokens``, then none
=====================  ============================================  ============================

With upstream's prompt only the seed is sent, the same for each reading, as the published script does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

MAX_ANSWER_TOKENS: Final = 4096
"""Room for a model that thinks before it answers; ends one that would write for ever."""

Format = Literal["json_schema", "json_object", "none"]
_MEANS_FORMAT: Final = r"response_format|json_schema|json_object|json mode|structured output|guided"


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is asked for: what this server is known to take."""

    response_format: Format = "json_schema"
    has_seed: bool = True
    has_temperature: bool = True
    token_limit: Literal["max_completion_tokens", "max_tokens", ""] = "max_completion_tokens"

    def parameters(self, schema: dict[str, Any], temperature: float | None, seed: int) -> dict[str, Any]:
        """Keyword arguments of the chat completion."""
        out: dict[str, Any] = {}
        if self.response_format == "json_schema":
            out["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "rating", "strict": True, "schema": schema},
            }
        elif self.response_format == "json_object":
            out["response_format"] = {"type": "json_object"}
        if self.has_temperature and temperature is not None:
            out["temperature"] = temperature
        if self.has_seed:
            out["seed"] = seed
        if self.token_limit:
            out[self.token_limit] = MAX_ANSWER_TOKENS
        return out

    def without(self, parameter: str) -> Form:
        """The next form to try where the server refuses this parameter."""
        if parameter == "response_format":
            return replace(self, response_format="json_object" if self.response_format == "json_schema" else "none")
        if parameter == "seed":
            return replace(self, has_seed=False)
        if parameter == "temperature":
            return replace(self, has_temperature=False)
        return replace(self, token_limit="max_tokens" if self.token_limit == "max_completion_tokens" else "")

    def refused(self, parameter: str, message: str) -> str:
        """Which parameter of this form an error speaks of; empty for none.

        Args:
            parameter: What the server names as the culprit, if it does.
            message: Its message, without the question's own texts.
        """
        sent = {
            "response_format": _MEANS_FORMAT if self.response_format != "none" else "",
            self.token_limit: rf"\b{self.token_limit}\b" if self.token_limit else "",
            "seed": r"\bseed\b" if self.has_seed else "",
            "temperature": r"\btemperature\b" if self.has_temperature else "",
        }
        for text in (parameter, message):
            for name, pattern in sent.items():
                if pattern and re.search(pattern, text, re.IGNORECASE):
                    return name
        return ""


OWN_FORM: Final = Form()
UPSTREAM_FORM: Final = Form(response_format="none", has_temperature=False, token_limit="")
