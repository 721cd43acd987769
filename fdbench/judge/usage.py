"""What judging took: questions, requests, tokens, money."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Final

from fdbench.judge.transport import Answer

TOKENS_PER_PRICE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals of one client.

    Attributes:
        questions: Put by the caller.
        asked: Different ones that were sent to the server.
        cached: Different ones whose verdict lay on disk.
        attempts: HTTP requests.
        retries: Of those, how many repeated a question.
        tokens_in, tokens_out: As the server counted them, unreadable answers included.
        unmetered: Answers for which the server counted no tokens.
        cost_usd: None where the price is not known, or not all answers were metered.
    """

    questions: int = 0
    asked: int = 0
    cached: int = 0
    attempts: int = 0
    retries: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    unmetered: int = 0
    cost_usd: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def cost_usd(price: tuple[float, float], tokens_in: int, tokens_out: int) -> float:
    """What tokens cost at ``price`` USD per million in and out."""
    return (tokens_in * price[0] + tokens_out * price[1]) / TOKENS_PER_PRICE


class Meter:
    """Counts; safe between threads."""

    def __init__(self, price: tuple[float, float] | None) -> None:
        self._price = price
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(
            ("questions", "asked", "cached", "attempts", "retries", "tokens_in", "tokens_out", "unmetered"), 0
        )

    def add(self, **counts: int) -> None:
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count

    def add_answer(self, answer: Answer) -> None:
        if answer.tokens_in is None or answer.tokens_out is None:
            self.add(unmetered=1)
        else:
            self.add(tokens_in=answer.tokens_in, tokens_out=answer.tokens_out)

    @property
    def usage(self) -> Usage:
        with self._lock:
            counts = dict(self._counts)
        cost = None
        if self._price is not None and not counts["unmetered"]:
            cost = cost_usd(self._price, counts["tokens_in"], counts["tokens_out"])
        return Usage(**counts, cost_usd=cost)
