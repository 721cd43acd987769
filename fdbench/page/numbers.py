"""The scores of one call in words: what a number is the sum of, and why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from fdbench.core.absence import REASONS

Scores: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Of one sample, as ``samples.jsonl`` has them."""
LATENCY: Final = "response_latency_s"


def reason_of(scores: Scores) -> str:
    """Why the first metric without a value has none; empty where every one has a value."""
    for metric, score in scores.items():
        if score.get("value") is None and score.get("reason") in REASONS:
            return f"{words_of(metric)}: {REASONS[score['reason']].sentence}"
    return ""


def cost_of(scores: Scores) -> str:
    """What the user lost by the call, and what that is the sum of; empty where nobody knows."""
    score = scores.get("lost_per_turn_s", {})
    value, parts = score.get("value"), score.get("components") or {}
    if value is None or not {"wait_s", "talked_over_s", "breaks", "denominator"} <= parts.keys():
        return ""
    n_turns = parts["denominator"]
    sum_of = f"{parts['wait_s']:.2f} s waiting + {parts['talked_over_s']:.2f} s talked over + {parts['breaks']:g} s for breaks"
    return f"Lost per turn {value:.2f} s = " + (sum_of if n_turns == 1 else f"({sum_of}) / {n_turns:g} turns")


def words_of(metric: str) -> str:
    """``response_latency_s`` in words."""
    name = metric
    for suffix in ("_s", "_hz", "_rate", "_db"):
        name = name.removesuffix(suffix)
    return name.replace("_", " ")


def value_rows(protocol: str, scores: Scores) -> list[list[Any]]:
    """The numbers of one call under one protocol: what each is, or why there is none, and what it was made from."""
    return [
        [
            protocol,
            name,
            score.get("value"),
            score.get("reason") or "",
            ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in (score.get("components") or {}).items()),
        ]
        for name, score in scores.items()
    ]
