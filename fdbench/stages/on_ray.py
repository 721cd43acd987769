"""``--on ray``: actors of a Ray cluster make the calls (``ray_calls``), and tasks hear them meanwhile (``ray_ears``)."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from typing import Any

from fdbench.call.budget import Budget
from fdbench.call.source import Source
from fdbench.core.conversation import Recording, Take
from fdbench.stages.engine import Outcome, Ray, length_of
from fdbench.stages.options import ScoringOptions
from fdbench.stages.plan import Plan
from fdbench.stages.progress import Progress
from fdbench.stages.ray_calls import RayCalls
from fdbench.stages.ray_cluster import connected, disconnect
from fdbench.stages.ray_ears import RayEars
from fdbench.store.run import Run


class OnRay:
    """An ``Engine``. It connects to the cluster when there is something to be done there.

    Args:
        where: The cluster.
        options: How the recordings will be heard.
    """

    def __init__(self, where: Ray, options: ScoringOptions) -> None:
        self._where, self._options = where, options
        self._calls: RayCalls | None = None
        self._ears: RayEars | None = None

    def open_source(self, plan: Plan, run: Run, budget: Budget, tell: Callable[[str], None]) -> Source:
        self._calls = RayCalls(self._connected(), self._where, plan, run, budget, tell)
        return self._calls

    def keep(self, run: Run, take: Take, outcome: Outcome) -> float:
        assert self._calls is not None
        if str(take.id) not in self._calls.kept:
            run.write(take, outcome)
        if isinstance(outcome, Recording):
            self._listening(run).add(take)
        return self._calls.lengths_s.get(str(take.id), length_of(outcome))

    def place_of(self, take: Take) -> str:
        return (self._calls.hosts.get(str(take.id)) if self._calls else None) or platform.node()

    @property
    def crew(self) -> str:
        heard = f", {self._ears.n_heard} heard" if self._ears and self._ears.n_heard else ""
        return f"{self._calls.crew}{heard}" if self._calls else ""

    def hear(self, plan: Plan, run: Run, progress: Progress) -> Sequence[str]:
        ears = self._listening(run)
        ears.finish(plan.takes, progress)
        return ears.notes

    def close(self) -> None:
        if self._ears is not None:
            self._ears.cancel()
        disconnect()

    def _connected(self) -> Any:
        return connected(self._where.address)

    def _listening(self, run: Run) -> RayEars:
        if self._ears is None:
            self._ears = RayEars(self._connected, run, self._options, sends=self._where.store == "driver")
        return self._ears
