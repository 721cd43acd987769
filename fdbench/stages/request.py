"""What the user asked of `fdbench run`, checked as far as it can be without looking at anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fdbench.call.call import Ending
from fdbench.call.examiner.options import ExaminerOptions
from fdbench.call.timeouts import MOST_LATE_S
from fdbench.core.take_id import CLEAN
from fdbench.errors import UsageError
from fdbench.stages.share import Shard
from fdbench.store.leases import SILENCE_S

if TYPE_CHECKING:
    from fdbench.stages.engine import Ray
    from fdbench.store.mirror import Mirror
    from fdbench.task.data import Data


SLOTS: Final = 8
"""Conversations at once, where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the user asked for; one attribute per option of ``fdbench run``.

    Attributes:
        lead_in_s: None = the model's own default.
        limit: Only the first so many samples of each task, None = all.
        max_cost, max_minutes: What this start may spend on calls on the wall clock, None = what they take.
        most_late_s: A call on the wall clock in which a frame around an annotated event leaves later is made again.
        condition: Name of what stands between the user and the model.
        noise: Folder of the user's own noise, for conditions that are made of it.
        keep_going: Whether calls are made although one after the other fails alike.
        again: Whether calls that are there already are made anew.
        examiner: Who holds dialogues, and how.
        shard: Which share of the calls this process makes first, where several fill one run; None = it is alone.
        silence_s: After how much silence another process is taken for dead.
        name: What the run is to be called, beside its id; empty = as before.
        mirror: The object store to which ``out`` is copied; None = there is none.
        ray: The cluster whose machines make the calls; None = this process does.
    """

    model: str
    tasks: str = "mini"
    out: Path = Path("results")
    data: Data | None = None
    seed: int = 0
    repeats: int = 1
    slots: int = SLOTS
    lead_in_s: float | None = None
    ending: Ending = field(default_factory=Ending)
    limit: int | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    max_cost: float | None = None
    max_minutes: float | None = None
    most_late_s: float = MOST_LATE_S
    condition: str = CLEAN
    noise: str = ""
    keep_going: bool = False
    again: bool = False
    examiner: ExaminerOptions = field(default_factory=ExaminerOptions)
    shard: Shard | None = None
    silence_s: float = SILENCE_S
    name: str = ""
    ray: Ray | None = None
    mirror: Mirror | None = None

    @property
    def limits_live_calls(self) -> bool:
        """Whether it asks for what only live calls have: a budget, or its own bound on lateness."""
        return self.max_cost is not None or self.max_minutes is not None or self.most_late_s != MOST_LATE_S

    @property
    def limits_cost_alone(self) -> bool:
        """Whether the only such thing is what the calls may cost."""
        return self.max_cost is not None and self.max_minutes is None and self.most_late_s == MOST_LATE_S

    @property
    def shapes_calls(self) -> bool:
        """Whether it asks for other calls than usual: how many at once, when they end, what stands in between."""
        return (self.slots, self.ending, self.condition, self.examiner) != (SLOTS, Ending(), CLEAN, ExaminerOptions())

    def __post_init__(self) -> None:
        for name, value in (("repeats", self.repeats), ("slots", self.slots), ("limit", self.limit)):
            if value is not None and value < 1:
                raise UsageError(f"--{name} {value}: expected at least 1", "leave the option out for its default")
        for name, limit in (
            ("max-cost", self.max_cost), ("max-minutes", self.max_minutes), ("most-late", self.most_late_s * 1000),
        ):  # fmt: skip
            if limit is not None and not 0 < limit < math.inf:
                raise UsageError(f"--{name} {limit:g}: expected a positive number", "leave it out for its default")
        if self.shard is not None and self.again:
            raise UsageError(
                "--again with --shard: no process knows which calls another has made anew", "remove the run's folder"
            )
        if self.mirror is not None and self.shard is not None:
            raise UsageError(
                f"--shard with {self.mirror.url}: an object store cannot say who makes which call",
                "use a shared file system, or fill folders apart and unite them: fdbench merge",
            )
        if self.ray is not None and self.shard is not None:
            raise UsageError("--shard with --on ray: the cluster shares the calls out", "leave --shard out")
        if not 0 < self.silence_s < math.inf:
            raise UsageError(f"--silence {self.silence_s:g}: expected a positive number", "leave it out for 120 s")
        if self.lead_in_s is not None and not 0 <= self.lead_in_s < math.inf:
            raise UsageError(f"--lead-in {self.lead_in_s}: expected 0 or more seconds", "leave it out for the model's default")
        if not 0 < self.ending.silence_s <= self.ending.limit_s < math.inf:
            raise UsageError(
                f"--tail-silence {self.ending.silence_s}, --tail-limit {self.ending.limit_s}: expected 0 < silence <= limit",
                "leave them out for 2 and 10 s",
            )
