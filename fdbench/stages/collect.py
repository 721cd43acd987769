"""Stage 1: make the calls that have not been made yet."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass

from fdbench.call.session_log import spent_in
from fdbench.call.source import Limits
from fdbench.core.conversation import Failure, Recording, Sample, Take
from fdbench.stages.entries import origin_of
from fdbench.stages.plan import Plan
from fdbench.stages.progress import Progress
from fdbench.store.run import RunDir


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did: calls made now, those already there, and those that failed.

    Attributes:
        left: Calls that the budget did not allow.
        minutes, cost: Spent on the wall clock.
    """

    made: int
    resumed: int
    failed: int
    left: int = 0
    minutes: float = 0.0
    cost: float = 0.0


def collect(plan: Plan, run: RunDir, progress: Progress) -> Collected:
    """Make every call of the plan that has no record yet; failed ones are tried again.

    Each call is stored as it ends. A sample whose data is broken is stored as a failure without a call.

    Raises:
        FdbenchError: The model cannot be loaded, or the folder holds what it would not give.
    """
    plan.supply.check(run)
    takes = plan.takes
    pending = [take for take in takes if not run.is_done(take.name)]
    limits = Limits(plan.request.max_cost, plan.request.max_minutes, plan.request.most_late_s, plan.supply.price_of)
    source = plan.supply.open_source(plan.collection, limits) if pending else None
    run.manifest(plan.collection).with_tasks(plan.collected, run.is_recorded).write(run.folder)
    run.note_start("run", origin_of(plan.request.data))
    resumed, made, failed = len(takes) - len(pending), 0, 0
    broken = [
        (Take(Sample(each.id, task.spec.name, {}), repeat=repeat), Failure("data", each.message))
        for task in plan.tasks
        for each in task.broken
        for repeat in range(plan.request.repeats)
    ]
    for take, failure in broken:
        if not run.is_done(take.name):  # a recording made before the data broke is not thrown away
            run.write_take(take, failure)
        failed += 1
    total = len(takes) + len(broken)
    progress("calls", resumed + failed, total, failed)
    if source is None:
        return Collected(made, resumed, failed)
    started = time.monotonic()
    outcomes = source.collect(pending)
    try:
        for take, outcome in outcomes:
            run.write_take(take, outcome)
            now = time.monotonic()
            run.note_attempt(_attempt(take, outcome, now - started))
            if isinstance(outcome, Failure):
                failed += 1
            else:
                made += 1
            progress("calls", resumed + made + failed, total, failed)
    finally:
        close = getattr(outcomes, "close", None)
        if close is not None:  # calls that are going on end now, not when somebody looks at the traceback
            close()
        source.release()  # those who hear the recordings want the memory
    return Collected(made, resumed, failed, limits.n_left, limits.minutes, limits.cost)


def _attempt(take: Take, outcome: Recording | Failure, elapsed_s: float) -> dict[str, object]:
    facts: dict[str, object] = {
        "take": take.name,
        "status": "failed" if isinstance(outcome, Failure) else "recorded",
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "since_start_s": round(elapsed_s, 3),
        "host": platform.node(),
    }
    if isinstance(outcome, Failure):
        facts["failure"] = f"{outcome.kind}: {outcome.message}"
    if outcome.log is not None:
        facts["call"] = spent_in(outcome.log).as_json()
    return facts
