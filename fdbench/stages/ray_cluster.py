"""A Ray cluster: how it is reached, and how many actors it has room for. ``import ray`` stands here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from fdbench.adapter.load import LIVE
from fdbench.errors import MissingExtraError, UsageError
from fdbench.stages.model import PartyModel
from fdbench.stages.plan import Plan


def room_in(ray: Any, plan: Plan) -> tuple[int, dict[str, int]]:
    """How many actors with the plan's model there is room for, and what each of them asks for."""
    resources = ray.cluster_resources()
    is_live = plan.collection.clock == LIVE
    has_gpus = resources.get("GPU", 0) >= 1 and not is_live and _wants_gpu(plan)
    n = max(1, int(resources.get("GPU" if has_gpus else "CPU", 1)))
    return n, {"num_cpus": 1, "num_gpus": 1 if has_gpus else 0}


def _wants_gpu(plan: Plan) -> bool:
    """Whether a model runs on a GPU where there is one: those that come with fdbench to be compared with do not."""
    supply = plan.supply
    if not isinstance(supply, PartyModel) or plan.collection.kind == "trivial":
        return False
    return str(supply.adapter.arguments.get("device", "")) != "cpu"


def free_in(ray: Any, options: Mapping[str, int]) -> str:
    """What is free in the cluster of what an actor takes, in words."""
    kind, name = ("GPU", "GPUs") if options["num_gpus"] else ("CPU", "CPUs")
    free, n = ray.available_resources().get(kind, 0), ray.cluster_resources().get(kind, 0)
    return f"each takes a {kind}, and {free:.0f} of the cluster's {n:.0f} {name} are free"


def connected(address: str) -> tuple[Any, bool]:
    """Ray, and whether it was connected here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise MissingExtraError("ray", "ray", "--on ray") from None
    if ray.is_initialized():
        return ray, False
    try:
        ray.init(address=address or None, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UsageError(
            f"--on ray:{address}: no cluster answers there ({why})", "start one (ray start --head), or leave the address out"
        ) from None
    return ray, True
