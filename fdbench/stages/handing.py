"""How calls are handed out to several workers that each hold some at once.

::

    waiting   c1 c2 c3 c4 c5 c6 ...        in the order in which they are to be begun (``order``)
    worker 1  holds as many as it has slots: one that it cannot begin yet would be begun sooner by another
    worker 2  the same
    where there are fewer than slots, each gets its share

A worker that is lost leaves its calls to the others. A call that was held by several workers as they were lost is given up:
it may be what kills them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Iterable
from typing import Final

from fdbench.core.conversation import Take
from fdbench.core.take_id import TakeId

MOST_LOSSES: Final = 3
"""After so many workers were lost with a call, it is given up."""


class HandOut:
    """Who holds which call, and which wait.

    Args:
        takes: In the order in which they are to be begun.
        slots: Calls that a worker holds at once.
    """

    def __init__(self, takes: Iterable[Take], slots: int) -> None:
        self.waiting = deque(takes)
        self._slots = slots
        self._held: dict[Hashable, dict[TakeId, Take]] = {}
        self._n_losses: dict[TakeId, int] = {}

    @property
    def n_held(self) -> int:
        return sum(map(len, self._held.values()))

    @property
    def is_over(self) -> bool:
        return not self.waiting and not self.n_held

    def held_by(self, worker: Hashable) -> tuple[Take, ...]:
        return tuple(self._held.get(worker, {}).values())

    def room(self, worker: Hashable, n_workers: int) -> int:
        """How many more calls a worker may be handed, where there are so many."""
        share = math.ceil((len(self.waiting) + self.n_held) / max(1, n_workers))
        most = min(self._slots, share)
        return max(0, min(most - len(self._held.get(worker, {})), len(self.waiting)))

    def give(self, worker: Hashable) -> Take:
        """Hand the next call to a worker."""
        take = self.waiting.popleft()
        self._held.setdefault(worker, {})[take.id] = take
        return take

    def end(self, worker: Hashable, id: TakeId) -> Take | None:
        """A call has ended; None where the worker does not hold it any more."""
        return self._held.get(worker, {}).pop(id, None)

    def lose(self, worker: Hashable) -> tuple[list[Take], list[Take]]:
        """A worker is lost: what it held, to be made by others (which wait again already) or given up."""
        again: list[Take] = []
        given_up: list[Take] = []
        for id, take in self._held.pop(worker, {}).items():
            self._n_losses[id] = self._n_losses.get(id, 0) + 1
            (given_up if self._n_losses[id] >= MOST_LOSSES else again).append(take)
        self.waiting.extendleft(reversed(again))
        return again, given_up
