"""When to ask again: when the server says so, or after a backoff that doubles.

A server that answers 429 does not mean one question, it means this client: so the first 429 stops everybody for the time that
it names, instead of letting each find out for itself.

References: RFC 9110 section 10.2.3; Brooker 2015, Exponential backoff and jitter.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable
from typing import Final

from fdbench.io.http import MAX_WAIT_S

FIRST_BACKOFF_S: Final = 1.0


class CoolDown:
    """The moment before which nobody asks; shared by all threads of one client.

    Args:
        clock: Seconds on a clock that never goes back.
        sleep: Waits for so many seconds; by default until the round of questions is over, at the latest.
    """

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], object] | None = None) -> None:
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._until_s = -math.inf

    def extend(self, wait_s: float) -> None:
        """Nobody asks for so long."""
        with self._lock:
            self._until_s = max(self._until_s, self._clock() + wait_s)

    def wait(self, is_over: threading.Event) -> None:
        """Return when asking is allowed, or when there is nothing to wait for any more."""
        while not is_over.is_set() and (remaining_s := self._until_s - self._clock()) > 0:
            self.pause(remaining_s, is_over)

    def pause(self, seconds: float, is_over: threading.Event) -> None:
        """Hold up the calling thread alone."""
        (self._sleep or is_over.wait)(seconds)


def backoff_s(n_failures: int) -> float:
    """1, 2, 4, ... s after the first, second, third failure, capped, times a random factor from 0.5 to 1."""
    return random.uniform(0.5, 1.0) * min(MAX_WAIT_S, FIRST_BACKOFF_S * 2.0 ** min(n_failures - 1, 30))
