"""Where `fdbench run` makes its calls: here, on a Ray cluster, or as jobs of Slurm."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fdbench.command.base import run_folder as folder_here
from fdbench.errors import UsageError

if TYPE_CHECKING:
    from fdbench.stages.engine import Ray
    from fdbench.store.mirror import Mirror

PLACES = "ray[:ADDRESS]|slurm"


def add_place_options(run: argparse.ArgumentParser) -> None:
    run.add_argument("--on", metavar=PLACES, help="where calls are made (default: in this process)")
    run.add_argument("--actors", type=int, metavar="N", help="with --on ray: how many hold the model (default: one per GPU)")
    run.add_argument(
        "--store",
        choices=("auto", "driver"),
        default="auto",
        help="with --on ray: who writes recordings: whoever sees the folder (default), or this process",
    )

    run.add_argument("--nodes", type=int, default=1, metavar="N", help="with --on slurm: machines (1)")
    run.add_argument("--gpus-per-node", type=int, default=0, metavar="N", help="with --on slurm: a job for each of them (0)")
    run.add_argument("--partition", metavar="NAME", help="with --on slurm")
    run.add_argument("--time", metavar="HH:MM:SS", help="with --on slurm: after so long a job is queued again (24:00:00)")
    run.add_argument(
        "--slurm",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="with --on slurm: any option of sbatch, as account=lab, cpus-per-task=8 or mem=32G; setup='module load cuda'",
    )
    run.add_argument("--wait", action="store_true", help="with --on slurm: until all jobs have ended")


def root_of(text: str) -> tuple[Path, Mirror | None]:
    """The folder that ``--out`` means; of an object store the one here that is copied there."""
    from fdbench.store.mirror import Mirror, is_remote

    if not is_remote(text):
        return Path(text), None
    mirror = Mirror(text)
    return mirror.local, mirror


def run_folder(text: str, *, light: bool = False) -> tuple[Path, Mirror | None]:
    """The run that an argument names, as anywhere else; one in an object store is fetched first.

    Args:
        light: Only what says how far it is.
    """
    from fdbench.store.mirror import Mirror, is_remote

    if not is_remote(text):
        return folder_here(text), None
    root, _, name = text.rstrip("/").rpartition("/")
    mirror = Mirror(root)
    return mirror.fetch(name, light=light), mirror


def is_on_slurm(arguments: argparse.Namespace) -> bool:
    """Whether the calls are to be made by jobs of Slurm. Raises UsageError where options for it make no sense."""
    is_so = arguments.on in ("slurm", "slurm:local")
    asked = (arguments.nodes, arguments.gpus_per_node, arguments.partition, arguments.time, arguments.wait, arguments.slurm)
    if not is_so and asked != (1, 0, None, None, False, []):
        what = "--nodes, --gpus-per-node, --partition, --time, --slurm and --wait are for --on slurm"
        raise UsageError(what, "add --on slurm, or leave them out")
    if is_so and "://" in arguments.out:
        raise UsageError(f"--on slurm --out {arguments.out}: its jobs share a folder", "name one on a shared file system")
    if is_so and (arguments.shard is not None or arguments.again):
        raise UsageError("--shard and --again with --on slurm: its jobs are shards of one run", "leave them out")
    if arguments.nodes < 1 or arguments.gpus_per_node < 0:
        raise UsageError(f"--nodes {arguments.nodes} --gpus-per-node {arguments.gpus_per_node}: expected at least 1 and 0")
    return is_so


def ray_of(arguments: argparse.Namespace) -> Ray | None:
    """The cluster that ``--on ray`` names."""
    from fdbench.stages.engine import Ray

    if is_on_slurm(arguments):
        return None
    where, _, address = (arguments.on or "").partition(":")
    if where not in ("", "ray"):
        raise UsageError(f"--on {arguments.on}: expected {PLACES}", "leave it out to make the calls in this process")
    if where == "ray":
        return Ray(address, arguments.actors, arguments.store)
    if arguments.actors is not None or arguments.store != "auto":
        raise UsageError("--actors and --store are for --on ray", "leave them out")
    return None
