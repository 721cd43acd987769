"""Several processes fill one run: each makes its own share of the calls first, then whatever others leave undone.

::

    fdbench run --shard 1/4 ...     fdbench run --shard 2/4 ...     anywhere, on one file system
    its own quarter                 its own quarter                 by ``TakeId.shard``
    then the others' that nobody is at, or whose maker has long been silent
    each hears its own quarter
    the last one to be done scores, and hears what others should have

What a take gives depends on its ``TakeId`` and the run's settings, not on who makes it, so the run is the same as if one
process had made all of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fdbench.core.conversation import FailedCall, Recording, Take
from fdbench.core.take_id import TakeId
from fdbench.errors import UsageError
from fdbench.store.leases import Leases
from fdbench.store.run import Run

POLL_S: Final = 2.0
"""How often a process with nothing to do looks whether another has fallen silent."""
_FORM: Final = re.compile(r"(?P<number>[1-9][0-9]{0,6})/(?P<of>[1-9][0-9]{0,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several shares of a run's calls, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that ``3/16`` names. Raises UsageError where a text names none."""
        found = _FORM.fullmatch(text.strip())
        if found is None or int(found["number"]) > int(found["of"]):
            raise UsageError(
                f"--shard {text}: expected NUMBER/OF, from 1/OF to OF/OF", "of 16 processes the third: --shard 3/16"
            )
        return cls(int(found["number"]), int(found["of"]))

    @property
    def name(self) -> str:
        return f"{self.number}-of-{self.of}"

    def has(self, id: TakeId) -> bool:
        return id.shard(self.of) == self.number - 1

    def in_order(self, takes: Sequence[Take]) -> list[Take]:
        """All takes: its own first, then the next shard's, and so on around, so that helpers spread."""
        shares: list[list[Take]] = [[] for _ in range(self.of)]
        for take in takes:
            shares[take.id.shard(self.of)].append(take)
        return [take for step in range(self.of) for take in shares[(self.number - 1 + step) % self.of]]


class AllCalls:
    """Every call is this process's."""

    def __init__(self, takes: Sequence[Take]) -> None:
        self._takes = takes

    def rounds(self) -> Iterator[Iterator[Take]]:
        yield iter(self._takes)

    def is_others(self, take: Take) -> bool:
        return False

    def end(self, take: Take, outcome: Recording | FailedCall) -> None:
        """A call has ended."""

    @property
    def n_by_others(self) -> int:
        """How many of the calls others have made meanwhile."""
        return 0


class SharedCalls:
    """Calls that several processes make between them.

    Args:
        takes: Those that were not there when this process began, its own share first.
        wait: Lets so many seconds pass; returns at once in tests. None = others are not waited for.
    """

    def __init__(self, takes: Sequence[Take], run: Run, leases: Leases, wait: Callable[[float], object] | None) -> None:
        self._takes, self._run, self._leases, self._wait = takes, run, leases, wait
        self._ended: set[str] = set()
        self._n_own = 0

    def rounds(self) -> Iterator[Iterator[Take]]:
        """Offers of what is free, until every call has ended; between two this process waits for others."""
        while True:
            yield self._free()
            if len(self._ended) == len(self._takes) or self._wait is None:
                return
            self._wait(POLL_S)

    def is_others(self, take: Take) -> bool:
        """Whether another process has taken a call over, and made it."""
        return not self._leases.holds(take.id) and self._run.is_done(take.id)

    def end(self, take: Take, outcome: Recording | FailedCall) -> None:
        self._leases.finish(take.id, "failed" if isinstance(outcome, FailedCall) else "recorded")
        self._ended.add(str(take.id))
        self._n_own += 1

    @property
    def n_by_others(self) -> int:
        return len(self._ended) - self._n_own

    def _free(self) -> Iterator[Take]:
        for take in self._takes:
            if str(take.id) in self._ended:
                continue
            if self._leases.state(take.id) in ("recorded", "failed") or self._run.is_done(take.id):
                self._ended.add(str(take.id))
            elif self._leases.take(take.id):
                if self._run.is_done(take.id):  # it was recorded between the two looks
                    self._leases.finish(take.id, "recorded")
                    self._ended.add(str(take.id))
                else:
                    yield take
