"""What judging took: questions, requests, tokens, money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

TOKENS_PER_PRICE: Final = 1_000_000


@dataclass(slots=True)
class JudgeUsage:
    """Running totals of one client.

    Attributes:
        price: USD per million tokens (in, out); None = unknown.
        questions: Put by the caller.
        asked: Different ones that were sent to the server.
        cached: Different ones whose verdict lay on disk.
        attempts: HTTP requests.
        retries: Of those, how many repeated a question.
        tokens_in, tokens_out: As the server counted them, unreadable answers included.
        unmetered: Answers for which the server counted no tokens.
    """

    price: tuple[float, float] | None = None
    questions: int = 0
    asked: int = 0
    cached: int = 0
    attempts: int = 0
    retries: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    unmetered: int = 0

    def add_tokens(self, tokens_in: int | None, tokens_out: int | None) -> None:
        """Count an answer; None = the server does not say."""
        if tokens_in is None or tokens_out is None:
            self.unmetered += 1
        else:
            self.tokens_in += tokens_in
            self.tokens_out += tokens_out

    @property
    def cost_usd(self) -> float | None:
        """None where the price is not known, or not all answers were metered."""
        return None if self.price is None or self.unmetered else cost_usd(self.price, self.tokens_in, self.tokens_out)

    def as_json(self) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "price"}
        return {**counts, "cost_usd": self.cost_usd}


def cost_usd(price: tuple[float, float], tokens_in: int, tokens_out: int) -> float:
    """What tokens cost at ``price`` USD per million in and out."""
    return (tokens_in * price[0] + tokens_out * price[1]) / TOKENS_PER_PRICE
