"""``--on slurm``: the same command as an array of jobs, each of which is a shard, submitted through submitit."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.command.base import EXIT_OK, pairs_of, show, tell
from fdbench.command.slurm_queue import wait_for
from fdbench.errors import FdbenchError, MissingExtraError, UsageError

LOCAL: Final = "slurm:local"
"""Jobs that are processes of this machine: to try it out."""
_MOST_TIMEOUTS: Final = 100
"""A job that is pre-empted or out of time goes to the end of the queue, and goes on from where it was, so often."""
_WARNED_S: Final = 90
"""So long before its time is over a job is warned; a short one later, for else it would be warned before it has begun."""
_SET_HERE: Final = frozenset(
    ("array", "error", "nodes", "ntasks", "ntasks_per_node", "open_mode", "output", "partition", "signal", "time", "wrap")
)
"""Options of sbatch that a job's work depends on, or that have an option of their own here."""


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
        self.arguments["workers"] = min(self.arguments["workers"], _n_cpus())
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


def logs_of(folder: Path) -> Path:
    """Where the output of jobs lies that fill the run in a folder."""
    return folder.parent / ".slurm" / folder.name


def settle(arguments: argparse.Namespace, models: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Add to ``--arg`` what the machines of the jobs would settle each for itself, where it is the same for all models.

    Args:
        given: The model's arguments, of a sweep those of its first run.

    Returns:
        What was added.
    """
    from fdbench.stages.elsewhere import settled_arguments

    found = [settled_arguments(model, given, has_gpus=arguments.gpus_per_node > 0) for model in models]
    same = {name: value for name, value in found[0].items() if all(each.get(name) == value for each in found)}
    added = {name: value for name, value in same.items() if name not in given}
    arguments.arg = [*arguments.arg, *(f"{name}={value}" for name, value in added.items())]
    return added


def submit(arguments: argparse.Namespace, folders: Sequence[Path]) -> int:
    """Submit the command as jobs that fill its runs.

    Args:
        arguments: Of ``fdbench run`` or ``fdbench sweep``, checked.
        folders: In which the runs will lie.

    Raises:
        FdbenchError: submitit is not installed, or Slurm does not answer, or does not take the jobs.
    """
    try:
        import submitit
    except ImportError:
        raise MissingExtraError("submitit", "slurm", "--on slurm") from None
    n_jobs = arguments.nodes * max(1, arguments.gpus_per_node)
    parameters = _parameters(arguments, n_jobs)
    logs = logs_of(folders[0])
    cluster = "local" if arguments.on == LOCAL else "slurm"
    try:
        with (
            _outside_of_a_job(arguments),
            contextlib.redirect_stderr(io.StringIO()),
        ):  # what sbatch says is in the exception, too
            executor = submitit.AutoExecutor(folder=logs, cluster=cluster, slurm_max_num_timeout=_MOST_TIMEOUTS)
            executor.update_parameters(**parameters)
            with executor.batch():
                jobs = [executor.submit(_shard(arguments, number, n_jobs)) for number in range(1, n_jobs + 1)]
    except submitit.core.utils.FailedJobError as error:
        why = "; ".join(line.removeprefix("sbatch: ").removeprefix("error: ") for line in str(error).strip().splitlines())
        remedy = "`sinfo` shows what there is; --slurm NAME=VALUE hands over any option of sbatch, for example account"
        raise UsageError(f"--on {arguments.on}: sbatch: {why or 'refuses'}", remedy) from None
    except (RuntimeError, OSError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UsageError(f"--on {arguments.on}: {why}", "run it where `sbatch` works, on a login node") from None
    name = ", ".join(job.job_id for job in jobs) if cluster == "local" else jobs[0].job_id.partition("_")[0]
    count = f"{n_jobs} job" if n_jobs == 1 else f"{n_jobs} jobs"
    tell(f"{count}: {name}; their output: {logs}; how far they are: fdbench status {' '.join(map(str, folders))}")
    if not arguments.wait:
        show(name)
        return EXIT_OK
    return wait_for(jobs, folders, "" if cluster == "local" else f"scancel {name}")


@contextlib.contextmanager
def _outside_of_a_job(arguments: argparse.Namespace) -> Iterator[None]:
    """Without what Slurm says of a job in which the command is typed, which new ones would take for theirs.

    Nor with what sbatch would prefer to options that were typed (https://slurm.schedmd.com/sbatch.html, input variables).
    """
    typed = {"SBATCH_PARTITION": arguments.partition, "SBATCH_TIMELIMIT": arguments.time}
    of_job = [name for name in os.environ if (name.startswith("SLURM_") and name != "SLURM_CONF") or typed.get(name)]
    kept = {name: os.environ.pop(name) for name in of_job}
    try:
        yield
    finally:
        os.environ.update(kept)


def _shard(arguments: argparse.Namespace, number: int, of: int) -> ShardJob:
    here: dict[str, Any] = {
        "on": None,
        "wait": False,
        "nodes": 1,
        "gpus_per_node": 0,
        "partition": None,
        "time": None,
        "slurm": [],
    }
    return ShardJob({**vars(arguments), **here, "shard": f"{number}/{of}"}, str(Path.cwd()))


def _parameters(arguments: argparse.Namespace, n_jobs: int) -> dict[str, Any]:
    """A job for each GPU, or for each node where none is asked for."""
    minutes = _minutes_of(arguments.time or "24:00:00")
    options, setup = _options_of(arguments.slurm)
    parameters: dict[str, Any] = {
        "name": "fdbench",
        "nodes": 1,
        "gpus_per_node": 1 if arguments.gpus_per_node else None,
        "timeout_min": minutes,
        "slurm_array_parallelism": n_jobs,
        "slurm_signal_delay_s": min(_WARNED_S, 15 * minutes),
        "slurm_setup": setup or None,
        # Where jobs begin with an environment of their own (--export=NONE), that is still handed on to what they start.
        "slurm_srun_args": ["--export=ALL"],
        # Where a site has JobRequeue=0, a job that does not ask for it is not queued again.
        "slurm_additional_parameters": {"requeue": True, **options},
    }
    if arguments.partition:
        parameters["slurm_partition"] = arguments.partition
    if "cpus_per_task" in options:  # srun does not take it from sbatch since Slurm 22.05
        parameters["slurm_srun_args"].append(f"--cpus-per-task={options['cpus_per_task']}")
    return parameters


def _options_of(texts: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """What ``--slurm`` hands to sbatch, by name, and lines of the shell that are run before. Raises UsageError."""
    setup = [text.partition("=")[2] for text in texts if text.startswith("setup=")]
    flags = [text for text in texts if text and "=" not in text]
    pairs = pairs_of([text for text in texts if text not in flags and not text.startswith("setup=")], "--slurm")
    options = {name.lstrip("-").replace("-", "_"): value for name, value in {**dict.fromkeys(flags, True), **pairs}.items()}
    for name in sorted(_SET_HERE.intersection(options)):
        what = f"--slurm {name.replace('_', '-')}: is set by fdbench"
        raise UsageError(what, "leave it out; --nodes, --gpus-per-node, --partition and --time are options of their own")
    return options, setup


def _n_cpus() -> int:
    """CPUs that this job was given, of which its machine may have many more."""
    return int(os.environ.get("SLURM_CPUS_ON_NODE", "0")) or os.cpu_count() or 1


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
