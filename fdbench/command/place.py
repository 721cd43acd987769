"""Where `fdbench run` makes its calls: here, on a Ray cluster, or as jobs of Slurm."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from fdbench.errors import UsageError

if TYPE_CHECKING:
    from fdbench.stages.engine import Ray

PLACES = "ray[:ADDRESS]"


def add_place_options(run: argparse.ArgumentParser) -> None:
    run.add_argument("--on", metavar=PLACES, help="where calls are made (default: in this process)")
    run.add_argument("--actors", type=int, metavar="N", help="with --on ray: how many hold the model (default: one per GPU)")
    run.add_argument(
        "--store",
        choices=("auto", "driver"),
        default="auto",
        help="with --on ray: who writes recordings: whoever sees the folder (default), or this process",
    )


def ray_of(arguments: argparse.Namespace) -> Ray | None:
    """The cluster that ``--on ray`` names."""
    from fdbench.stages.engine import Ray

    where, _, address = (arguments.on or "").partition(":")
    if where not in ("", "ray"):
        raise UsageError(f"--on {arguments.on}: expected {PLACES}", "leave it out to make the calls in this process")
    if where == "ray":
        return Ray(address, arguments.actors, arguments.store)
    if arguments.actors is not None or arguments.store != "auto":
        raise UsageError("--actors and --store are for --on ray", "leave them out")
    return None
