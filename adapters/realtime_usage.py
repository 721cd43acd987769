"""What a reply used up, in tokens, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fdbench.errors import UsageError

MAX_COUNT: Final = 10**9
"""A server that counts more tokens has miscounted."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens of audio.

    Text is counted as if it were audio, which is dearer, and what the server has heard before at the full price unless that
    of cached tokens is given: a cost is never more than this.
    """

    tokens_in: float
    tokens_out: float
    cached_in: float | None = None

    @classmethod
    def parsed(cls, text: str | None) -> Price | None:
        """From ``IN,OUT`` or ``IN,OUT,CACHED_IN``.

        Raises:
            UsageError: Not of that form.
        """
        if not text:
            return None
        try:
            prices = [float(each) for each in text.split(",")]
        except ValueError:
            prices = []
        if len(prices) not in (2, 3) or not all(0 <= price < 1e6 for price in prices):
            raise UsageError(f"--arg price={text}: expected IN,OUT or IN,OUT,CACHED_IN", "USD per million tokens, like 32,64")
        return cls(*prices)

    def of(self, counts: Mapping[str, int]) -> float:
        cached = counts.get("input_cached_tokens", 0) if self.cached_in is not None else 0
        fresh = max(0, counts.get("input_tokens", 0) - cached)
        out = counts.get("output_tokens", 0)
        return (fresh * self.tokens_in + cached * (self.cached_in or 0.0) + out * self.tokens_out) / 1e6


def counts_of(usage: Mapping[str, Any]) -> dict[str, int]:
    """Tokens by kind: ``input_tokens``, ``input_audio_tokens``, ``input_cached_tokens``, ``output_tokens``, and so on."""
    counts: dict[str, int] = {}

    def add(name: str, value: Any) -> None:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
            counts[name] = value

    for name, value in usage.items():
        if name in ("input_tokens", "output_tokens", "total_tokens"):
            add(name, value)
    for side in ("input", "output"):
        details = usage.get(f"{side}_token_details") or usage.get(f"{side}_tokens_details")
        for name, value in details.items() if isinstance(details, dict) else ():
            if isinstance(value, dict):  # cached_tokens_details
                for inner, count in value.items():
                    add(f"{side}_cached_{str(inner)[:40]}", count)
            else:
                add(f"{side}_{str(name)[:40]}", value)
    return counts
