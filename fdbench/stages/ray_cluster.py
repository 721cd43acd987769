"""A Ray cluster: how it is reached, and how many actors it has room for. ``import ray`` stands here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from fdbench.adapter.load import LIVE
from fdbench.errors import MissingExtraError, UsageError
from fdbench.stages.model import PartyModel, Supply
from fdbench.store.manifest import Collection


def room_in(ray: Any, supply: Supply, collection: Collection) -> tuple[int, dict[str, int]]:
    """How many actors with a model there is room for, and what each of them asks for."""
    resources = ray.cluster_resources()
    is_live = collection.clock == LIVE
    takes_gpu = has_gpus(ray) and not is_live and _wants_gpu(supply, collection)
    n = max(1, int(resources.get("GPU" if takes_gpu else "CPU", 1)))
    return n, {"num_cpus": 1, "num_gpus": 1 if takes_gpu else 0}


def _wants_gpu(supply: Supply, collection: Collection) -> bool:
    """Whether a model runs on a GPU where there is one: those that come with fdbench to be compared with do not."""
    if not isinstance(supply, PartyModel) or collection.kind == "trivial":
        return False
    return str(supply.adapter.arguments.get("device", "")) != "cpu"


def has_room_for(ray: Any, wanted: Mapping[str, float]) -> bool:
    """Whether any machine of the cluster could ever do a task that wants so much."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return any(all(machine.get(kind, 0) >= amount for kind, amount in wanted.items()) for machine in machines)


def free_in(ray: Any, options: Mapping[str, int]) -> str:
    """What is free in the cluster of what an actor takes, in words."""
    kind, name = ("GPU", "GPUs") if options["num_gpus"] else ("CPU", "CPUs")
    free, n = ray.available_resources().get(kind, 0), ray.cluster_resources().get(kind, 0)
    return f"each takes a {kind}, and {free:.0f} of the cluster's {n:.0f} {name} are free"


def has_gpus(ray: Any) -> bool:
    return bool(ray.cluster_resources().get("GPU", 0) >= 1)


_is_ours = False
"""Whether this process was connected here: there is one connection for all of it."""


def connected(address: str) -> Any:
    """Ray, connected; ``disconnect`` undoes it. Raises FdbenchError where Ray is not installed, or no cluster answers."""
    global _is_ours
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise MissingExtraError("ray", "ray", "--on ray") from None
    if ray.is_initialized():
        return ray
    try:
        ray.init(address=address or None, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UsageError(
            f"--on ray:{address}: no cluster answers there ({why})", "start one (ray start --head), or leave the address out"
        ) from None
    _is_ours = True
    return ray


def disconnect() -> None:
    """End the connection that was made here; one of whoever called stays."""
    global _is_ours
    if _is_ours:
        import ray

        ray.shutdown()
        _is_ours = False
