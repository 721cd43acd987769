"""Waiting for the jobs that ``--on slurm`` submitted, until each has left its result or has ended without one.

submitit asks ``sacct`` for that, and where a cluster keeps no accounts it waits for ever for a job that was cancelled.
``squeue`` is everywhere (https://slurm.schedmd.com/squeue.html).
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from fdbench.command.base import EXIT_INTERRUPTED, EXIT_MISUSE, EXIT_OK, EXIT_WITH_ERRORS, show, tell

_POLL_S: Final = 5.0
_ASK_S: Final = 30.0
"""Slurm is asked no more often: its controller answers for all users."""
_ANSWER_S: Final = 60.0
_ENDED: Final = frozenset(
    ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT")
)
"""States of a job that will not run again: one that is to be queued again is pending at once."""
_FORGOTTEN: Final = "no longer known to Slurm"


def wait_for(jobs: list[Any], folder: Path, ends_with: str) -> int:
    """Wait for all jobs; 0 where the run is whole.

    Args:
        jobs: Of submitit.
        folder: Of the run.
        ends_with: What ends the jobs; empty where they end with this process.
    """
    try:
        without_result = _wait_here(jobs) if not ends_with else _wait_in_queue(jobs)
    except KeyboardInterrupt:
        if not ends_with:
            raise
        tell(f"no longer waiting; the jobs go on without it. What ends them: {ends_with}")
        return EXIT_INTERRUPTED
    for job in jobs:
        if job.job_id in without_result:
            tell(f"job {job.job_id}: {without_result[job.job_id]}, without a result; its output: {job.paths.stderr}")
            continue
        error = job.exception()
        if error is not None:
            tell(f"job {job.job_id}: {_message_of(error)}")
    return _conclude(folder)


def _wait_here(jobs: list[Any]) -> dict[str, str]:
    while not all(job.done() for job in jobs):
        time.sleep(_POLL_S)
    return {}


def _wait_in_queue(jobs: list[Any]) -> dict[str, str]:
    """Wait; of each job that ended without a result, its state.

    A result may show late on a network file system, so a job has ended without one where Slurm says twice that it has ended.
    """
    said, asked_s, over = "", 0.0, dict[str, str]()
    while left := [job.job_id for job in jobs if not job.paths.result_pickle.exists()]:
        if not asked_s or time.monotonic() - asked_s >= _ASK_S:
            asked_s = time.monotonic()
            states = _states()
            if states is None:
                saying = "squeue does not answer; waiting on"
            else:
                of_left = {name: states.get(name, _FORGOTTEN) for name in left}
                ended = {name: state for name, state in of_left.items() if state in (*_ENDED, _FORGOTTEN)}
                if ended.keys() >= set(left) and over.keys() >= set(left):
                    return ended
                over = ended
                counted = Counter(state for name, state in of_left.items() if name not in ended)
                saying = ", ".join(f"{n} {state}" for state, n in sorted(counted.items()))
            if saying and saying != said:
                tell(f"jobs: {saying}")
                said = saying
        time.sleep(_POLL_S)
    return {}


def _states() -> dict[str, str] | None:
    """The state of each job of this user, with why it waits; None where Slurm does not answer."""
    command = ["squeue", "--me", "--noheader", "--array", "--states=all", "--format=%i|%T|%r"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    rows = [line.strip().split("|", 2) for line in asked.stdout.splitlines()]
    return {row[0]: f"{row[1]} ({row[2]})" if row[1] == "PENDING" else row[1] for row in rows if len(row) == 3}


def _message_of(error: Exception) -> str:
    """What was raised in a job, without the trace, which is in its output, and submitit's lines about where that lies."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    rules = [index for index, line in enumerate(lines) if not line.strip("-")]
    raised = lines[: rules[-1]] if len(rules) > 1 else lines
    return next((line for line in reversed(raised) if not line.startswith(" ")), type(error).__name__)


def _conclude(folder: Path) -> int:
    from fdbench.report.run_status import status_of
    from fdbench.store.run import Run

    if not Run(folder).is_run:
        return EXIT_MISUSE
    found = status_of(folder)
    show(*found.lines(time.time()), str(folder))
    return EXIT_WITH_ERRORS if found.n_left or found.n_failed or not found.n_scorings else EXIT_OK
