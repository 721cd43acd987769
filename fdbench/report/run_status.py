"""How far a run is, from its files alone: on any machine that sees them, while others are at work on it.

::

    vad-endpointer-56a0e20885   1,204 of 2,181 calls recorded, 3 failed, 16 going on
    1-of-4    301 made, 4 going on, last 12 s ago
    2-of-4    300 made, 4 going on, last 3 s ago
    lately 41 calls a minute, 13.2 x real time; about 24 minutes left
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fdbench.errors import DataError
from fdbench.io.files import read_json
from fdbench.io.text_table import text_table
from fdbench.io.visible import visible
from fdbench.store.leases import files_below, leases_in
from fdbench.store.manifest import MANIFEST
from fdbench.store.run import Run

WINDOW_S: Final = 600.0
_ALONE: Final = "this run"


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that works on a run.

    Attributes:
        last_s: When it last noted anything, in seconds since the epoch by its own clock; None where it has not yet.
    """

    name: str
    n_made: int
    n_going_on: int
    last_s: float | None


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How far a run is.

    Attributes:
        n_takes: Calls that were asked for.
        per_minute: Calls that ended in the last ten minutes of work, a minute; None where none did.
        times_real_time: Conversation in them for each second of that time; None where no log says how long calls were.
    """

    run_id: str
    folder: str
    n_takes: int
    n_recorded: int
    n_failed: int
    n_scorings: int
    workers: tuple[Worker, ...]
    per_minute: float | None
    times_real_time: float | None

    @property
    def n_going_on(self) -> int:
        return sum(worker.n_going_on for worker in self.workers)

    @property
    def n_left(self) -> int:
        return max(0, self.n_takes - self.n_recorded - self.n_failed)

    def lines(self, now_s: float) -> list[str]:
        counts = [f"{self.n_recorded:,} of {self.n_takes:,} calls recorded", f"{self.n_failed:,} failed"]
        lines = [f"{self.run_id}  {', '.join([*counts, f'{self.n_going_on:,} going on'])}"]
        table = [
            (worker.name, f"{worker.n_made:,} made", f"{worker.n_going_on:,} going on", _ago(worker.last_s, now_s))
            for worker in self.workers
        ]
        lines += text_table(table)
        if self.n_left and self.per_minute:
            minutes = self.n_left / self.per_minute
            left = f"about {minutes:.0f} minutes left" if minutes < 120 else f"about {minutes / 60:.1f} hours left"
            speed = f", {self.times_real_time:.3g} x real time" if self.times_real_time else ""
            lines.append(f"lately {self.per_minute:.3g} calls a minute{speed}; {left}")
        if not self.n_left:
            lines.append("scored" if self.n_scorings else f"all calls are made; not scored yet: fdbench score {self.folder}")
        return [visible(line) for line in lines]


def status_of(folder: Path) -> RunStatus:
    """How far the run in a folder is; reads names, the manifest and the logs, and no record of a call.

    Raises:
        UsageError: It is no run.
        DataError: The manifest is damaged.
    """
    run = Run.existing(folder)
    manifest = read_json(run.folder / MANIFEST)
    try:
        tasks = manifest["tasks"].values()
        n_takes = sum(
            len(task.get("stimuli", ("main",))) * each["repeats"] for task in tasks for each in task["samples"].values()
        )
        run_id = str(manifest["run_id"])
    except (KeyError, TypeError, AttributeError):
        raise DataError(f"{run.folder / MANIFEST}: is no manifest of a run", "see `fdbench verify`") from None
    ended = {path.stem: _ended(path) for path in sorted(run.folder.glob("attempts*.jsonl"))}
    last_of_take: dict[str, _Ended] = {}
    for log in ended.values():
        for call in log.calls:
            if call.take not in last_of_take or last_of_take[call.take].when_s <= call.when_s:
                last_of_take[call.take] = call
    n_failed = sum(not call.is_recorded for call in last_of_take.values())
    n_records = sum(file.endswith(".json") for file in files_below(run.folder / "takes"))
    going_on = leases_in(run.folder, last_of_take)
    workers = [
        Worker(name, n, going_on.pop(name, 0), log.last_s)
        for stem, log in ended.items()
        for name, n in _made_by(_name(stem), log).items()
    ]
    workers += [Worker(name, 0, n, None) for name, n in sorted(going_on.items())]
    last_s = max((call.when_s for call in last_of_take.values()), default=0.0)
    recent = [call for call in last_of_take.values() if call.when_s >= last_s - WINDOW_S]
    span_s = last_s - min((call.when_s for call in recent), default=last_s)
    return RunStatus(
        run_id=run_id,
        folder=str(run.folder),
        n_takes=n_takes,
        n_recorded=max(0, n_records - n_failed),
        n_failed=n_failed,
        n_scorings=len(run.scorings()),
        workers=tuple(workers),
        per_minute=60 * (len(recent) - 1) / span_s if span_s > 0 else None,
        times_real_time=sum(call.length_s for call in recent) / span_s or None if span_s > 0 else None,
    )


@dataclass(frozen=True, slots=True)
class _Ended:
    take: str
    when_s: float
    is_recorded: bool
    host: str
    length_s: float


@dataclass(frozen=True, slots=True)
class _Log:
    calls: tuple[_Ended, ...]
    last_s: float | None


def _made_by(name: str, log: _Log) -> dict[str, int]:
    """How many calls a log says were made: by a shard, wherever it has been, or by each machine of a cluster."""
    hosts = Counter(call.host for call in log.calls if call.is_recorded)
    is_of_cluster = name == _ALONE and len(hosts) > 1
    return {f"{name}, {host}": n for host, n in sorted(hosts.items())} if is_of_cluster else {name: hosts.total()}


def _ended(path: Path) -> _Log:
    """Of each call that a log says has ended: which, when and how."""
    calls = []
    last_s = None
    for line in path.read_bytes().splitlines():
        try:
            event: Mapping[str, Any] = json.loads(line)
            when_s = _seconds(event.get("at"))
        except (ValueError, AttributeError):
            continue
        last_s = when_s if when_s is not None else last_s
        if isinstance(event.get("take"), str) and when_s is not None:
            is_recorded, length_s = event.get("status") == "recorded", event.get("length_s")
            length_s = float(length_s) if isinstance(length_s, int | float) else 0.0
            calls.append(_Ended(event["take"], when_s, is_recorded, str(event.get("host")), length_s))
    return _Log(tuple(calls), last_s)


def _seconds(text: object) -> float | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if isinstance(text, str) else None


def _name(stem: str) -> str:
    return stem.removeprefix("attempts").strip(".") or _ALONE


def _ago(then_s: float | None, now_s: float) -> str:
    if then_s is None:
        return "nothing noted yet"
    seconds = max(0.0, now_s - then_s)
    return f"last {seconds:.0f} s ago" if seconds < 600 else f"last {time.strftime('%Y-%m-%d %H:%M', time.gmtime(then_s))} UTC"
