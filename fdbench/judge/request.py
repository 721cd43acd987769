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
from collections.abc import Mapping
from typing import Any, Final

MAX_ANSWER_TOKENS: Final = 4096
"""Room for a model that thinks before it answers; ends one that would write for ever."""

Parameters = Mapping[str, Any]
"""Keyword arguments of a chat completion."""

_NAMES_IN_COMPLAINTS: Final = {
    "response_format": r"response_format|json_schema|json_object|json mode|structured output|guided",
    "max_completion_tokens": r"\bmax_completion_tokens\b",
    "max_tokens": r"\bmax_tokens\b",
    "seed": r"\bseed\b",
    "temperature": r"\btemperature\b",
}


def structured_parameters(schema: Mapping[str, Any], temperature: float | None, seed: int) -> Parameters:
    """What is asked for first under our own prompt: an answer of this schema."""
    response_format = {"type": "json_schema", "json_schema": {"name": "rating", "strict": True, "schema": schema}}
    sampling = {"seed": seed} if temperature is None else {"temperature": temperature, "seed": seed}
    return {"response_format": response_format, **sampling, "max_completion_tokens": MAX_ANSWER_TOKENS}


def without(parameters: Parameters, refused: str) -> Parameters:
    """What to try next where the server refuses one of these parameters."""
    out: dict[str, Any] = {}
    for name, value in parameters.items():
        if name != refused:
            out[name] = value
        elif name == "response_format" and value["type"] == "json_schema":
            out[name] = {"type": "json_object"}
        elif name == "max_completion_tokens":
            out["max_tokens"] = value
    return out


def refused_parameter(parameters: Parameters, named: str, complaint: str) -> str:
    """Which of the parameters sent an error speaks of; empty for none.

    Args:
        named: What the server names as the culprit, if it does.
        complaint: Its message, without the question's own texts.
    """
    for text in (named, complaint):
        for name, pattern in _NAMES_IN_COMPLAINTS.items():
            if name in parameters and re.search(pattern, text, re.IGNORECASE):
                return name
    return ""
