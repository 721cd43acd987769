"""What machines settle each for itself, said beforehand, where calls are made on others than the one the command is typed on.

A login node has no GPU and any number of cores: what a model finds fit there is not what it finds fit where its calls are made,
and both are in the name of a run. So it is settled once, and every machine is given the same arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fdbench.stages.model import PartyModel, find_model

DEVICE: Final = "device"
_OF_THE_MACHINE: Final = (DEVICE, "dtype", "threads")
"""Arguments, as adapters call them, that a machine settles where they are left out."""
_LEFT_OUT: Final = (None, "auto")


def settled_arguments(model: str, given: Mapping[str, str], *, has_gpus: bool) -> dict[str, str]:
    """The arguments of a model, with what machines would settle.

    Args:
        given: As typed.
        has_gpus: Whether the calls are made where there are GPUs; else what this machine finds fit is what all are given.

    Raises:
        FdbenchError: As ``find_model``.
    """
    found = find_model(model, given)
    if not isinstance(found, PartyModel) or found.adapter.spec.kind == "trivial":
        return dict(given)
    arguments = found.adapter.arguments
    left_out = [name for name in _OF_THE_MACHINE if name in arguments and arguments[name] in _LEFT_OUT]
    if has_gpus and DEVICE in left_out:
        return {**given, DEVICE: "cuda"}
    if not left_out:
        return dict(given)
    settled = found.adapter.provenance().arguments
    return {**given, **{name: str(settled[name]) for name in left_out if settled.get(name) not in _LEFT_OUT}}
