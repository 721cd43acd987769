"""``fdbench.run``: the whole of `fdbench run`, for a model that need not be in any file."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from fdbench.adapter.base import Agent, AgentParty, VirtualParty
from fdbench.adapter.live import LiveParty
from fdbench.adapter.load import JSON_TYPES, LIVE, LOCKSTEP, Adapter
from fdbench.adapter.spec import ModelSpec
from fdbench.api.results import RunResults
from fdbench.core.metric import CORRECTED, PROTOCOLS
from fdbench.errors import UsageError, unknown_name
from fdbench.hear.engines import NONE, chosen_asr
from fdbench.hear.stage import Engines
from fdbench.io.files import sha256_of
from fdbench.stages.model import Model, PartyModel, find_model
from fdbench.stages.options import ScoringOptions
from fdbench.stages.plan import make_plan
from fdbench.stages.progress import ProgressBars
from fdbench.stages.request import SLOTS, RunRequest
from fdbench.stages.run import FinishedRun, run_plan
from fdbench.task.data import open_data

LIVE_PARTY: Final = ("hears", "says", "slots", "open")
PARTY: Final = (*LIVE_PARTY, "step", "close")


def run(
    model: str | type[Agent] | Agent | VirtualParty | LiveParty,
    tasks: str | Sequence[str] = "mini",
    *,
    out: str | Path = "results",
    name: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    asr: str = "auto",
    protocols: str | Sequence[str] | None = None,
    seed: int = 0,
    repeats: int = 1,
    slots: int = SLOTS,
    limit: int | None = None,
    workers: int = 1,
) -> RunResults:
    """Play tasks to a model, hear its replies, score them; goes on where an earlier start stopped.

    Args:
        model: A name as for ``--model``; an ``Agent`` class, made once per slot; or an object: an ``Agent``, which holds one
            conversation at a time, or a ``VirtualParty`` or ``LiveParty`` with slots of its own.
        tasks: As for ``--tasks``.
        out: Root of the results; the run is a folder in it.
        name: What the model is called in tables; by default as its class.
        arguments: Of the model, as ``--arg``; of a class, keyword arguments that JSON can hold.
        data: As for ``--data``.
        asr: As for ``--asr``, ``auto`` by default; ``none`` hears no words, which only ``protocols="fdbench"`` can do without.
        protocols: One or several names; by default all, with ``asr="none"`` the corrected one.
        workers: Processes for hearing. More than 1 needs a main module that can be imported, which a notebook's cannot.

    Returns:
        The run's numbers. A class is known by the source of its module (not by other modules, nor by globals that change), so
        the same class resumes its run. An object, or a class made by a function, cannot be looked into, so each call with one
        is a run of its own. Samples with errors are a warning, and in ``RunResults.notes``.

    Raises:
        FdbenchError: As `fdbench run`.

    Example:
        >>> import fdbench
        >>> fdbench.run("silence", "mini/turn_taking", limit=1, asr="none", out=".").metrics()[0]["value"]
        0.0
    """
    found, wanted_slots = _model_of(model, name, dict(arguments or {}), slots)
    request = RunRequest(
        model=name or str(model),
        tasks=tasks if isinstance(tasks, str) else ",".join(tasks),
        out=Path(out),
        data=open_data(str(data)) if data else None,
        seed=seed,
        repeats=repeats,
        slots=wanted_slots,
        limit=limit,
    )
    options = ScoringOptions(Engines(chosen_asr(str(asr))), _protocols_of(protocols, asr), workers=workers)
    with ProgressBars() as progress:
        plan = make_plan(request, found)
        finished = run_plan(plan, options, progress)
    messages = _messages_of(finished)
    if finished.n_errors:
        first = f"; first: {messages[0]}" if messages else ""
        warnings.warn(f"{finished.folder}: {finished.n_errors} samples have errors{first}", stacklevel=2)
    return RunResults(finished.folder, (*plan.notes, *finished.notes, *messages))


def _messages_of(finished: FinishedRun) -> list[str]:
    """What went wrong, a line per sample."""
    samples = (sample for scoring in finished.scorings for sample in scoring.samples)
    return list(dict.fromkeys(f"{sample.id.task} {sample.id.sample}: {text}" for sample in samples for text in sample.messages))


def _protocols_of(protocols: str | Sequence[str] | None, asr: str) -> tuple[str, ...]:
    if protocols is None:
        return CORRECTED if asr == NONE else PROTOCOLS
    names = (protocols,) if isinstance(protocols, str) else tuple(protocols)
    if not names:
        raise UsageError("protocols is empty, so there would be no number", f"known: {', '.join(PROTOCOLS)}")
    for each in names:
        if each not in PROTOCOLS:
            raise unknown_name("protocol", each, PROTOCOLS)
    return names


def _model_of(model: object, name: str | None, arguments: dict[str, Any], slots: int) -> tuple[Model, int]:
    """The model, and how many conversations it is to hold at once."""
    if isinstance(model, str):
        if name:
            raise UsageError(f"name='{name}': {model} has a name", "name= is for classes and objects")
        return find_model(model, {key: str(value) for key, value in arguments.items()}), slots
    if isinstance(model, type) and issubclass(model, Agent):
        unrecordable = [key for key, value in arguments.items() if not isinstance(value, JSON_TYPES)]
        if unrecordable:
            raise UsageError(
                f"arguments: no manifest can record {', '.join(unrecordable)}", "use text, numbers, booleans or None"
            )
        make = partial(_agents, model)
        return _party_model(name or model.__name__, f"{model.__qualname__}@{_source_hash(model)}", arguments, make), slots
    if arguments:
        raise UsageError("arguments: the model is made already", "give its class, or leave them out")
    identity = f"{type(model).__qualname__}@{uuid4().hex[:12]}"
    if isinstance(model, Agent):
        return _party_model(name or type(model).__name__, identity, {}, partial(_agents, lambda: model)), 1
    is_live = inspect.iscoroutinefunction(getattr(model, "open", None))
    missing = [each for each in (LIVE_PARTY if is_live else PARTY) if not hasattr(model, each)]
    if missing:
        raise UsageError(
            f"a {type(model).__name__} is no model: it lacks {', '.join(missing)}",
            "give a name, an Agent or its class, a VirtualParty (fdbench/adapter/base.py) or a LiveParty (live.py)",
        )
    own_slots: int = model.slots  # type: ignore[attr-defined]
    clock = LIVE if is_live else LOCKSTEP
    return _party_model(name or type(model).__name__, identity, {}, lambda slots: model, clock), own_slots


def _party_model(
    name: str, identity: str, arguments: Mapping[str, Any], make: Callable[..., Any], clock: str = LOCKSTEP
) -> PartyModel:
    return PartyModel(Adapter(ModelSpec(name, identity, "object", clock=clock), identity, arguments, make))


def _agents(make: Callable[..., Agent], slots: int, **arguments: Any) -> AgentParty:
    return AgentParty(make, slots, arguments)


def _source_hash(model: type[Agent]) -> str:
    """Of its module's file, else of the class as it was typed; where that does not tell it, a token that no other call has."""
    for written in (inspect.getmodule(model), model) if _is_named_by_its_module(model) else ():
        try:
            return sha256_of(inspect.getsource(written).encode())[:12]  # type: ignore[arg-type]
        except (OSError, TypeError):
            continue
    return uuid4().hex[:12]


def _is_named_by_its_module(model: type[Agent]) -> bool:
    """Whether the class is the one that its name finds; one that a function made depends on more than its source."""
    found: object = inspect.getmodule(model)
    for name in model.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is model
