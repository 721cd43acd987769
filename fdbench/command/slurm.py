"""``--on slurm``: the same command as an array of jobs, each of which is a shard, submitted through submitit."""

from __future__ import annotations

import argparse
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.command.base import EXIT_MISUSE, EXIT_OK, EXIT_WITH_ERRORS, show, tell
from fdbench.errors import FdbenchError, MissingExtraError, UsageError

LOCAL: Final = "slurm:local"
"""Jobs that are processes of this machine: to try it out."""
_POLL_S: Final = 5.0
_MOST_TIMEOUTS: Final = 100
"""A job that is pre-empted or out of time goes to the end of the queue, and goes on from where it was, so often."""


@dataclass(slots=True)
class ShardJob:
    """One job of the array: a shard of the run. Where Slurm stops it, it is queued again.

    Attributes:
        arguments: Of ``fdbench run``.
        working_folder: In which the command was typed.
    """

    arguments: dict[str, Any]
    working_folder: str

    def __call__(self) -> int:
        from submitit import JobEnvironment

        os.chdir(self.working_folder)
        signum = signal.Signals[f"SIG{JobEnvironment.USR_SIG}"]
        queue_again: Any = signal.getsignal(signum)
        # submitit ends the process by an exit that a call would take for its model's own; an interrupt ends it as Ctrl-C does.
        signal.signal(signum, signal.default_int_handler)
        try:
            status: int = self.arguments["handler"](argparse.Namespace(**self.arguments))
            return status
        except FdbenchError as error:
            tell(error.what)
            raise
        except KeyboardInterrupt:
            queue_again(signum, None)
            raise

    def checkpoint(self) -> Any:
        """What is queued where the job is pre-empted: the same again, for what has been made is there."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def submit(arguments: argparse.Namespace, folder: Path) -> int:
    """Submit the command as jobs that fill one run.

    Args:
        arguments: Of ``fdbench run``, checked.
        folder: In which the run will lie.

    Raises:
        FdbenchError: submitit is not installed, or Slurm does not answer.
    """
    try:
        import submitit
    except ImportError:
        raise MissingExtraError("submitit", "slurm", "--on slurm") from None
    n_jobs = arguments.nodes * max(1, arguments.gpus_per_node)
    logs = folder.parent / ".slurm" / folder.name
    try:
        cluster = "local" if arguments.on == LOCAL else "slurm"
        executor = submitit.AutoExecutor(folder=logs, cluster=cluster, slurm_max_num_timeout=_MOST_TIMEOUTS)
        executor.update_parameters(**_parameters(arguments, n_jobs))
        with executor.batch():
            jobs = [executor.submit(_shard(arguments, number, n_jobs)) for number in range(1, n_jobs + 1)]
    except (RuntimeError, OSError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UsageError(f"--on {arguments.on}: {why}", "run it where `sbatch` works, on a login node") from None
    name = ", ".join(job.job_id for job in jobs) if cluster == "local" else jobs[0].job_id.partition("_")[0]
    tell(f"{n_jobs} jobs: {name}; their output: {logs}; how far they are: fdbench status {folder}")
    if not arguments.wait:
        show(name)
        return EXIT_OK
    return _wait(jobs, folder)


def _shard(arguments: argparse.Namespace, number: int, of: int) -> ShardJob:
    job = {**vars(arguments), "on": None, "wait": False, "nodes": 1, "gpus_per_node": 0, "partition": None, "time": None}
    return ShardJob({**job, "shard": f"{number}/{of}"}, str(Path.cwd()))


def _parameters(arguments: argparse.Namespace, n_jobs: int) -> dict[str, Any]:
    """A job for each GPU, or for each node where none is asked for."""
    parameters: dict[str, Any] = {
        "name": "fdbench",
        "nodes": 1,
        "gpus_per_node": min(1, arguments.gpus_per_node),
        "timeout_min": _minutes_of(arguments.time or "24:00:00"),
        "slurm_array_parallelism": n_jobs,
    }
    if arguments.partition:
        parameters["slurm_partition"] = arguments.partition
    return parameters


def _minutes_of(text: str) -> int:
    """Minutes of Slurm's MINUTES, HH:MM:SS, MM:SS, D-HH or D-HH:MM[:SS]. Raises UsageError."""
    days, dash, rest = text.rpartition("-")
    try:
        parts = [int(each) for each in rest.split(":")]
        n_days = int(days) if dash else 0
    except ValueError:
        parts, n_days = [], 0
    if not 1 <= len(parts) <= 3 or min(parts, default=-1) < 0 or n_days < 0:
        raise UsageError(f"--time {text}: expected MINUTES, HH:MM:SS or D-HH:MM", "for example --time 12:00:00")
    if dash:
        hours, minutes = (*parts, 0)[:2]
    elif len(parts) == 3:
        hours, minutes = parts[:2]
    else:
        hours, minutes = 0, parts[0]
    return max(1, (n_days * 24 + hours) * 60 + minutes)


def _wait(jobs: list[Any], folder: Path) -> int:
    """Wait for all jobs; 0 where the run is whole."""
    from fdbench.report.run_status import status_of
    from fdbench.store.run import Run

    while not all(job.done() for job in jobs):
        time.sleep(_POLL_S)
    for job in jobs:
        error = job.exception()
        if error is not None:
            tell(f"job {job.job_id}: {str(error).strip().splitlines()[-1]}")
    if not Run(folder).is_run:
        return EXIT_MISUSE
    found = status_of(folder)
    show(*found.lines(time.time()), str(folder))
    return EXIT_WITH_ERRORS if found.n_left or found.n_failed or not found.n_scorings else EXIT_OK
