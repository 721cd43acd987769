"""Where Moshi runs: torch, the device, the type of its numbers, the threads, and a GPU that is too small."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from fdbench.adapter.base import Need
from fdbench.errors import AdapterError, MissingExtraError, UsageError

DTYPES: Final = ("bfloat16", "float16", "float32")
PACKAGES: Final = ("moshi", "torch")


def import_torch() -> Any:
    for name in reversed(PACKAGES):
        if not need_package(name).is_met:
            raise MissingExtraError(name, "moshi", "Moshi in process")
    import torch

    return torch


def need_package(name: str) -> Need:
    try:
        return Need(f"package {name}", True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Need(f"package {name}", False, "pip install 'fdbench[moshi]'")


def device_of(given: str, *, is_here: bool = True) -> str:
    """What ``--arg device`` means on this machine.

    Args:
        is_here: Whether it has to be there; else a run on other machines, which have GPUs, is only given its name.
    """
    torch = import_torch()
    if given == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if given == "cuda" and not is_here:
        return given
    try:
        kind = torch.device(given).type
    except RuntimeError:
        kind = ""
    if kind not in ("cuda", "cpu") or (kind == "cuda" and not torch.cuda.is_available()):
        found = f"{torch.cuda.device_count()} CUDA devices" if torch.cuda.is_available() else "no CUDA device"
        raise UsageError(f"--arg device={given}: expected auto, cpu, cuda or cuda:N; this machine has {found}", "leave it out")
    return given


def dtype_of(given: str, device: str) -> Any:
    """What ``--arg dtype`` means on a device."""
    torch = import_torch()
    if given == "auto":
        return torch.float32 if device == "cpu" else torch.bfloat16
    if given not in DTYPES:
        raise UsageError(f"--arg dtype={given}: expected auto, {', '.join(DTYPES)}", "leave it out")
    return getattr(torch, given)


def threads_of(given: int | None) -> int:
    """What ``--arg threads`` means on this machine."""
    if given is None:
        return int(import_torch().get_num_threads())
    if given < 1:
        raise UsageError(f"--arg threads={given}: expected at least 1", "leave it out for as many as torch finds fit")
    return given


@contextmanager
def memory_told(torch: Any, slots: int) -> Iterator[None]:
    """A GPU that is too small for so many conversations, told in two lines."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        needed = str(error).splitlines()[0]
        raise AdapterError(
            f"{slots} conversations do not fit into the GPU: {needed}",
            "give fewer --slots, or --arg longest_call_s=S so that less is kept of each",
        ) from None
