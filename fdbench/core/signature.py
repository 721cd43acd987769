"""The signature printed and stored with each number (after sacrebleu): two values compare only where theirs agree."""

from __future__ import annotations

from collections.abc import Mapping


def signature(metric: str, facts: Mapping[str, object]) -> str:
    """``metric|key:value|...`` in the order given; None values are left out.

    Raises:
        ValueError: A value holds the separator, which would make the signature ambiguous.
    """
    parts = [metric]
    for key, value in facts.items():
        if value is None:
            continue
        text = str(value)
        if "|" in text:
            raise ValueError(f"'|' in signature value {key}:{text}")
        parts.append(f"{key}:{text}")
    return "|".join(parts)


def parse_signature(text: str) -> dict[str, str]:
    """The facts of a signature by key; the metric under ``metric``."""
    metric, *facts = text.split("|")
    return {"metric": metric, **dict(fact.split(":", 1) for fact in facts)}
