"""Where PersonaPlex' workers go: as many on each GPU as its free memory holds, or on the CPU."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from fdbench.errors import UsageError

_GIB: Final = 1 << 30
_BESIDE_THE_WEIGHTS: Final = 4 * _GIB
"""A worker's keys and values, graphs, codec and CUDA context."""


def places_for(device: str, weights: Path, slots: int, workers: int | None) -> list[tuple[str, dict[str, str]]]:
    """For each worker, the device it is told and the environment variables that choose it."""
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (index and not (kind == "cuda" and index.isdecimal())):
        raise UsageError(f"--arg device={device}: expected auto, cpu, cuda or cuda:N", "leave it out to use what there is")
    gpus = visible_gpus() if kind != "cpu" else []
    if kind == "cuda":
        if gpus and int(index or 0) >= len(gpus):
            raise UsageError(f"--arg device={device}: this machine has {len(gpus)} GPU(s)", "count from 0")
        gpus = [gpus[int(index or 0)]] if gpus else [(index or "0", 0)]
    each = weights.stat().st_size + weights.stat().st_size // 10
    if not gpus:
        room = _free_bytes() // (each + _GIB)
        return [("cpu", {})] * min(slots, workers or max(1, min(room, os.cpu_count() or 1)))
    rooms = [free // (each + _BESIDE_THE_WEIGHTS) for _, free in gpus]
    if not any(rooms):  # too little everywhere, or nobody can say: one worker will show
        rooms = [1] + [0] * (len(gpus) - 1)
    # Round the GPUs, so that two workers share one only when every one has its own.
    order = [gpu for turn in range(max(rooms)) for gpu, room in zip(gpus, rooms, strict=True) if turn < room]
    count = min(slots, workers or len(order))
    return [("cuda", {"CUDA_VISIBLE_DEVICES": order[turn % len(order)][0]}) for turn in range(count)]


def _free_bytes() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if "SC_AVPHYS_PAGES" in os.sysconf_names else 0


def visible_gpus() -> list[tuple[str, int]]:
    """What programs may see: the name and the free bytes of each GPU, found without loading anything that knows of GPUs."""
    program = shutil.which("nvidia-smi")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if program is None or visible == "":
        return []
    query = [program, "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    named: dict[str, tuple[str, int]] = {}
    for line in said.strip().splitlines():
        index, uuid, free = (part.strip() for part in line.split(","))
        named[index] = named[uuid] = (uuid, int(free) << 20 if free.isdecimal() else 0)
    if visible is None:
        return list(dict.fromkeys(named.values()))
    names: list[tuple[str, int]] = []
    for name in (name.strip() for name in visible.split(",") if name.strip()):
        if name.startswith("-"):  # CUDA sees none from here on
            break
        whole = next((each for key, each in named.items() if key.startswith(name) and not name.isdecimal()), (name, 0))
        names.append(named.get(name, whole))  # a part of a GPU is not in the list, and gets one worker
    return names
