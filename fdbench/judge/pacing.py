"""When to ask again: what the server says about it, or a backoff that doubles; one cooling down for all who ask.

A server that answers 429 does not mean one question: it means this client. So the first 429 stops everybody until the time
it names (``Retry-After``, ``retry-after-ms``, ``x-ratelimit-reset-*``), instead of letting each find out for itself.

References: RFC 9110 section 10.2.3; OpenAI's rate-limit headers; Brooker 2015, Exponential backoff and jitter.
"""

from __future__ import annotations

import math
import random
import re
import threading
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

MAX_WAIT_S: Final = 60.0
FIRST_BACKOFF_S: Final = 1.0
MAX_SPREAD_S: Final = 0.25
"""Those who waited for the same moment do not start in the same instant."""

_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Pace:
    """Shared by all workers of one client; safe between threads.

    Args:
        sleep: Waits for so many seconds; may return early (then the remaining time is waited for again).
        clock: Seconds on a clock that never goes back.
        random_source: For the jitter.
    """

    def __init__(self, sleep: Callable[[float], object], clock: Callable[[], float], random_source: random.Random) -> None:
        self._sleep, self._clock, self._random = sleep, clock, random_source
        self._lock = threading.Lock()
        self._not_before_s = -math.inf

    def cool_down(self, wait_s: float) -> None:
        """Nobody asks for so long."""
        with self._lock:
            self._not_before_s = max(self._not_before_s, self._clock() + wait_s)

    def wait(self, is_over: Callable[[], bool]) -> None:
        """Until asking is allowed, or ``is_over`` says that there is nothing to wait for any more."""
        while not is_over():
            with self._lock:
                remaining_s = self._not_before_s - self._clock()
                spread_s = self._random.random() * MAX_SPREAD_S
            if remaining_s <= 0:
                return
            self._sleep(remaining_s + spread_s)

    def pause(self, wait_s: float) -> None:
        """This worker alone waits."""
        if wait_s > 0:
            self._sleep(wait_s)

    def backoff_s(self, n_failures: int) -> float:
        """1, 2, 4, ... s after the first, second, third failure, capped, times a random factor from 0.5 to 1."""
        with self._lock:
            factor = 0.5 + 0.5 * self._random.random()
        return factor * min(MAX_WAIT_S, FIRST_BACKOFF_S * 2.0 ** min(n_failures - 1, 30))


def wait_named_by(headers: Mapping[str, str]) -> float | None:
    """How long the server wants to be left alone, in seconds, capped at ``MAX_WAIT_S``; None where it does not say.

    ``retry-after-ms`` and ``Retry-After`` (seconds or a date) come first. Else the ``x-ratelimit-reset-*`` of the limits that
    are used up; of all limits where none is said to be.
    """
    told = {name.lower(): value.strip() for name, value in headers.items()}
    wait_s = _number(told.get("retry-after-ms", ""), 0.001)
    if wait_s is None and "retry-after" in told:
        wait_s = _number(told["retry-after"], 1.0)
        wait_s = _until(told["retry-after"], told.get("date", "")) if wait_s is None else wait_s
    if wait_s is None:
        resets = {limit: seconds_of(told.get(f"x-ratelimit-reset-{limit}", "")) for limit in ("requests", "tokens")}
        named = {limit: reset_s for limit, reset_s in resets.items() if reset_s is not None}
        used_up = [reset_s for limit, reset_s in named.items() if told.get(f"x-ratelimit-remaining-{limit}") == "0"]
        wait_s = max(used_up or named.values(), default=None)
    return None if wait_s is None else min(max(wait_s, 0.0), MAX_WAIT_S)


def seconds_of(text: str) -> float | None:
    """A duration like ``1s``, ``6m0s``, ``120ms``, ``1h2m3.5s``, or plain seconds; None where it is none."""
    parts = _DURATION.findall(text)
    if parts and "".join(f"{number}{unit}" for number, unit in parts) == text:
        return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    return _number(text, 1.0)


def _number(text: str, unit_s: float) -> float | None:
    try:
        value = float(text) * unit_s
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _until(date: str, now: str) -> float | None:
    """From the server's own ``Date`` to the date that it names: no clock of ours is involved."""
    try:
        return (parsedate_to_datetime(date) - parsedate_to_datetime(now)).total_seconds()
    except (ValueError, TypeError, OverflowError):  # the last for an offset of a thousand years
        return None
