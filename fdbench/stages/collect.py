"""Stage 1: make the calls that have not been made yet."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fdbench.call.budget import Budget
from fdbench.call.session_log import spent_by
from fdbench.call.source import Source
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.take_id import TakeId
from fdbench.io.secret import NO_SECRET
from fdbench.stages.engine import Engine
from fdbench.stages.plan import Plan
from fdbench.stages.progress import Progress
from fdbench.stages.share import AllCalls, SharedCalls
from fdbench.store.attempts import utc_now
from fdbench.store.leases import Leases
from fdbench.store.run import Run

MOST_ALIKE: Final = 8
"""After so many calls in a row that failed for one reason, the next would fail for it, too."""

_NOT_THE_MODELS: Final = ("data", "prompt", "recording", "recording_missing")
"""Failures of a sample's own files: each is that sample's, however alike they are."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did: calls made now, those already there, and those that failed.

    Attributes:
        left: Calls that the budget did not allow, or that were not begun because of ``in_vain``.
        minutes, cost: Spent on the wall clock, by this start and the earlier ones of the run.
        notes: What a user should know about how the calls were held.
        in_vain: The last of ``MOST_ALIKE`` failures in a row, which ended it.
    """

    made: int
    resumed: int
    failed: int
    left: int = 0
    minutes: float = 0.0
    cost: float = 0.0
    notes: tuple[str, ...] = ()
    in_vain: FailedCall | None = None


@dataclass(frozen=True, slots=True)
class CallsLeft:
    """The calls of a plan that have no recording yet, and who makes them.

    Attributes:
        source: None where nothing is left to be called.
        work: Which of them this process makes.
        already: How many there are already, and from when; empty where there are none.
    """

    takes: tuple[Take, ...]
    source: Source | None
    budget: Budget
    work: AllCalls | SharedCalls
    already: str = ""


def calls_left(
    plan: Plan, run: Run, engine: Engine, progress: Progress, leases: Leases | None = None, *, waits: bool = True
) -> CallsLeft:
    """Find the calls that are left, and load the model if there are any. Raises FdbenchError where it cannot be loaded.

    Args:
        leases: Of calls that several processes make between them.
        waits: Whether for calls that others are at.
    """
    done = () if plan.request.again else tuple(take.id for take in plan.takes if run.is_done(take.id))
    takes = tuple(take for take in plan.takes if take.id not in set(done))
    minutes, cost = run.attempts().spent()
    budget = Budget(
        max_cost=plan.request.max_cost,
        max_minutes=plan.request.max_minutes,
        price_of=plan.price_of,
        cost=cost,
        minutes=minutes,
        on_begin=run.note_begun_call,
    )

    def tell(what: str) -> None:
        progress("calls", len(done), len(plan.takes), 0, what)

    source = engine.open_source(plan, run, budget, tell) if takes else None
    work: AllCalls | SharedCalls = AllCalls(takes)
    if leases is not None and plan.request.shard is not None:
        work = SharedCalls(plan.request.shard.in_order(takes), run, leases, threading.Event().wait if waits else None)
    return CallsLeft(takes, source, budget, work, _already(run, done, len(plan.takes)))


def _already(run: Run, done: Sequence[TakeId], n: int) -> str:
    """How many calls there are already, and from when; empty where there are none."""
    if not done:
        return ""
    made = {str(each["take"]): str(each.get("at", "")) for each in run.attempts().takes}
    dates = sorted(made.get(str(id), "")[:10] or _written(run, id) for id in done)
    when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    return f"{len(done)} of {n} calls were there already ({when}); --again makes them anew"


def _written(run: Run, id: TakeId) -> str:
    """The day of a record, where no log says when the call was made."""
    file = run.record_file(id)
    return utc_now((file if file.is_file() else run.folder).stat().st_mtime)[:10]


def collect(plan: Plan, run: Run, calls: CallsLeft, engine: Engine, progress: Progress) -> Collected:
    """Make every call that is left; failed ones are tried again.

    Each call is stored as it ends. A sample whose data is broken is stored as a failure without a call. Where call after call
    fails for one reason, the others are left, unless the request says to keep going.
    """
    resumed, made, failed = len(plan.takes) - len(calls.takes), 0, len(plan.broken)
    for id, why in plan.broken.items():
        if not run.is_done(id):  # a recording made before the data broke is not thrown away
            run.write(Take(Sample(id.sample, id.task, {}), id.stimulus, id.repeat, id.condition), why)
    total = len(plan.takes) + len(plan.broken)
    progress("calls", resumed + failed, total, failed)
    already = (calls.already,) if calls.already else ()
    if calls.source is None:
        return Collected(made, resumed, failed, notes=already)
    started, source, work = time.monotonic(), calls.source, calls.work
    outcomes: Generator[tuple[Take, Recording | FailedCall], None, None] | None = None
    in_a_row = _InARow()
    in_vain: FailedCall | None = None
    left, spoken_s = len(calls.takes), 0.0

    def note(take: Take, outcome: Recording | FailedCall, length_s: float = 0.0) -> None:
        attempt = _attempt(take, outcome, time.monotonic() - started, source.examiner_cost(take), engine.place_of(take))
        run.note_attempt({**attempt, **({"length_s": round(length_s, 2)} if length_s else {})})

    def store(take: Take, outcome: Recording | FailedCall) -> None:
        nonlocal made, failed, left, spoken_s
        length_s = 0.0 if work.is_others(take) else engine.keep(run, take, outcome)
        if plan.request.mirror is not None:
            plan.request.mirror.send(run, take.id)
        work.end(take, outcome)
        note(take, outcome, length_s)
        left -= 1
        spoken_s += length_s
        if isinstance(outcome, FailedCall):
            failed += 1
        else:
            made += 1
        times = f"{spoken_s / max(time.monotonic() - started, 1e-3):.3g} x real time"
        beside = ", ".join(filter(None, (engine.crew, times)))
        progress("calls", resumed + made + failed + work.n_by_others, total, failed, beside)

    try:
        for takes in work.rounds():
            outcomes = source.collect(takes)
            for take, outcome in outcomes:
                store(take, outcome)
                in_a_row.add(take, outcome)
                if isinstance(outcome, FailedCall) and in_a_row.n >= MOST_ALIKE and left and not plan.request.keep_going:
                    in_vain = outcome
                    break
            if in_vain is not None or calls.budget.n_left:
                break
    finally:
        if outcomes is not None:
            outcomes.close()  # calls that are going on end now, not when somebody looks at the traceback
        for take, outcome in source.uncollected:
            store(take, outcome)
        for take, fault in source.interrupted:
            note(take, fault)
        source.release()  # those who hear the recordings want the memory
    budget, notes = calls.budget, (*already, *source.notes)
    left -= work.n_by_others
    n_left = left if in_vain else budget.n_left
    return Collected(made, resumed, failed, n_left, budget.minutes, budget.cost, notes, in_vain)


@dataclass(slots=True)
class _InARow:
    """How many calls in a row have failed alike: for one reason and in the same words, numbers and names apart."""

    n: int = 0
    words: str = ""

    def add(self, take: Take, outcome: Recording | FailedCall) -> None:
        if not isinstance(outcome, FailedCall) or outcome.reason in _NOT_THE_MODELS:
            self.n, self.words = 0, ""
            return
        words = f"{outcome.reason}: " + re.sub(r"\S*\d\S*", "#", outcome.message.replace(take.id.sample, "#"))
        self.n = self.n + 1 if words == self.words else 1
        self.words = words


def _attempt(
    take: Take, outcome: Recording | FailedCall, elapsed_s: float, examiner_cost: float, host: str
) -> dict[str, object]:
    facts: dict[str, object] = {
        "take": str(take.id),
        "status": _status(outcome),
        "at": utc_now(),
        "since_start_s": round(elapsed_s, 3),
        "host": host,
    }
    if isinstance(outcome, FailedCall):
        facts["failure"] = f"{outcome.reason}: {outcome.message}"
        if outcome.trace:
            facts["traceback"] = _without_folders(outcome.trace)
    spent = spent_by(outcome)
    if spent is not None or examiner_cost:
        call = spent.as_json() if spent else {}
        facts["call"] = {**call, "cost": call.get("cost", 0.0) + examiner_cost} if examiner_cost else call
    return facts


def _status(outcome: Recording | FailedCall) -> str:
    if isinstance(outcome, FailedCall):
        return "interrupted" if outcome.reason == "interrupted" else "failed"
    return "recorded"


def _without_folders(trace: str) -> str:
    """A traceback as others may read it: of each path its last two parts, and nothing that looks like a key."""
    trace = trace.replace(str(Path.home()), "~")
    trace = re.sub(r'File "([^"]+)"', lambda found: f'File "{"/".join(Path(found[1]).parts[-2:])}"', trace)
    return NO_SECRET.redacted(re.sub(r"(?<![\w./:])~?(?:/[^/\s\"':,;()]+)+(/[^/\s\"':,;()]+/[^/\s\"':,;()]+)", r"...\1", trace))
