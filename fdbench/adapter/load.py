"""From ``--model NAME`` to a party: models.yaml, installed entry points, or ``path/to/file.py:Class``."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

from fdbench.adapter.base import Agent, AgentParty, EquippedParty, Port, check_ports
from fdbench.adapter.content import digests_of, lies_elsewhere, path_of
from fdbench.adapter.equipped import Equipped, Need, Provenance, equipped_class, equipped_party
from fdbench.adapter.failure import FOREIGN, with_place
from fdbench.adapter.live import LiveParty
from fdbench.adapter.neighbours import load_file
from fdbench.adapter.spec import ModelSpec, parse_models
from fdbench.errors import AdapterError, FdbenchError, UsageError, unknown_name

ENTRY_POINTS = "fdbench.adapters"
JSON_TYPES = (str, int, float, bool, type(None))


def model_specs() -> dict[str, ModelSpec]:
    """Every model that can be named, by name.

    Raises:
        AdapterError: A name is defined twice; names both places.
    """
    text = (resources.files("fdbench.adapters") / "models.yaml").read_text(encoding="utf-8")
    specs = dict(parse_models(text, "adapters/models.yaml"))
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        if point.name in specs:
            raise AdapterError(
                f"model '{point.name}' is defined twice: {specs[point.name].adapter} and {point.value}",
                "uninstall one of the two packages or rename its entry point",
            )
        release = f"{point.dist.name}-{point.dist.version}" if point.dist else None
        specs[point.name] = ModelSpec(point.name, point.value, "entry point", weights_revision=release)
    return specs


def find_model(name: str) -> ModelSpec:
    """The model that ``--model NAME`` means; a name with ``.py:`` is a class in a file.

    Raises:
        UsageError: Nothing has that name.
    """
    path, separator, attribute = name.rpartition(":")
    if separator and path.endswith(".py"):
        if not Path(path).is_file():
            raise UsageError(f"--model {name}: no file {path}", "give the path to a Python file and the class in it")
        return ModelSpec(name=f"{Path(path).stem}-{attribute}", adapter=name, origin="file")
    if name.endswith(".py"):
        raise UsageError(f"--model {name}: which class in that file?", f"write {name}:CLASS")
    specs = model_specs()
    if name not in specs:
        raise unknown_name("model", name, specs)
    return specs[name]


LOCKSTEP: Final = "lockstep"
LIVE: Final = "realtime"
"""The clock of models that are servers or APIs."""


def missing_of(spec: ModelSpec) -> list[str]:
    """What this machine lacks to run a model that comes with fdbench; others are not imported just to be asked."""
    if spec.origin != "models.yaml":
        return []
    return [need.what for need in resolve(spec, {}).needs() if not need.is_met]


def is_agent(make: Callable[..., Any]) -> bool:
    return isinstance(make, type) and issubclass(make, Agent)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A model with its arguments resolved: enough to name a run, not yet loaded.

    Attributes:
        identity: The class, and for a class in a file the hash of that file and of the neighbours that it imports; part of
            the run id.
        arguments: Every argument of the class with the value it will have.
        make: The class, which is ``Equipped``, or a function that makes a party.
    """

    spec: ModelSpec
    identity: str
    arguments: Mapping[str, Any]
    make: Callable[..., Any]

    @property
    def equipment(self) -> type[Equipped]:
        """What the class says of itself; a function says nothing."""
        return self.make if isinstance(self.make, type) else Equipped

    def needs(self) -> tuple[Need, ...]:
        """What this machine must have before the model can be loaded."""
        return self.equipment.needs(**self.arguments)

    def provenance(self) -> Provenance:
        """What a manifest records. Raises AdapterError where the weights are not here and cannot be named."""
        told = self.equipment.provenance(**self.arguments)
        return told or Provenance(self.arguments, self.spec.weights_revision)

    def files(self) -> dict[str, str]:
        """By argument, a hash of what lies behind it, where the manifest has that argument as it was given."""
        recorded = self.provenance().arguments
        given = {name: value for name, value in self.arguments.items() if recorded.get(name) == value}
        return digests_of(given)

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each argument that names a place of which the class does not say what is there."""
        if self.equipment.provenance(**self.arguments) is not None:
            return ()
        places = [(name, value) for name, value in self.arguments.items() if lies_elsewhere(value)]
        return tuple(
            f"{name}={value}: {self.spec.name} has no provenance() that says what it loads from there; the run's id has "
            + ("a hash of what lies there now" if path_of(value) else "the place alone, whatever lies there")
            for name, value in places
        )

    def price_of(self, minutes: float) -> float | None:
        """What so many minutes of conversation may cost; None where nobody knows."""
        return self.equipment.price_of(minutes, **self.arguments)

    def slots_of(self, slots: int) -> int:
        """How many conversations are held at once where so many are wanted."""
        return self.equipment.slots_of(slots, **self.arguments)

    @property
    def is_live(self) -> bool:
        """Whether the model lives on the wall clock: it is opened by ``open_live``."""
        return self.spec.clock == LIVE

    def open_party(self, slots: int) -> EquippedParty:
        """Load the model.

        Raises:
            AdapterError: The class is neither an agent nor a party, or its constructor failed.
        """
        party: EquippedParty = self._made(slots, ("open", "step", "close"), "see fdbench/adapter/base.py for the contract")
        check_ports(self.identity, party.hears, party.says)
        return party

    def open_live(self, slots: int) -> LiveParty:
        """Make the client of a server or API; nothing is connected yet.

        Raises:
            AdapterError: The class is no live party, or its constructor failed.
        """
        party: LiveParty = self._made(slots, ("open",), "see fdbench/adapter/live.py for the contract")
        return party

    def _made(self, slots: int, methods: Sequence[str], contract: str) -> Any:
        try:
            if is_agent(self.make):
                party: Any = AgentParty(self.make, slots, self.arguments)
            else:
                party = self.make(**self.arguments, slots=slots)
        except FdbenchError:
            raise
        except FOREIGN as error:
            raise AdapterError(f"{self.identity}: cannot be made: {with_place(error)}", contract) from error
        missing = [name for name in ("hears", "says", "slots", *methods) if not hasattr(party, name)]
        if missing:
            raise AdapterError(f"{self.identity} lacks {', '.join(missing)}", contract)
        if not (isinstance(party.hears, Port) and isinstance(party.says, Port) and party.slots >= 1):
            raise AdapterError(f"{self.identity}: hears and says must be Ports and slots at least 1", contract)
        return equipped_party(party)


def resolve(spec: ModelSpec, given: Mapping[str, str]) -> Adapter:
    """Import the adapter class and settle its arguments.

    Args:
        spec: From ``find_model``.
        given: ``--arg name=value`` as typed; converted to the type of the class's annotation.

    Raises:
        UsageError: No such argument, or the text is not of its type.
        AdapterError: The module or class cannot be imported, or it is not the kind of party that its entry says.
    """
    make, identity = _import(spec)
    clock = _clock_of(make, identity)
    if spec.origin == "models.yaml" and clock != spec.clock:
        raise AdapterError(
            f"adapters/models.yaml: {spec.name} has the clock {spec.clock}, but {spec.adapter} is made for {clock}",
            "servers and APIs, whose open() is `async def`, have `clock: realtime`; other models have no clock",
        )
    arguments = settle_arguments(make, spec.name, identity, given, spec.arguments)
    return Adapter(replace(spec, clock=clock), identity, arguments, make)


def _clock_of(make: Callable[..., Any], identity: str) -> str:
    """A class is a live party where its ``open`` is an async function. A function makes virtual parties."""
    if not isinstance(make, type) or is_agent(make) or not hasattr(make, "open"):
        return LOCKSTEP
    if inspect.iscoroutinefunction(make.open):
        return LIVE
    if not hasattr(make, "step"):
        raise AdapterError(
            f"{identity} has neither step() nor an open() that is an async function",
            "the client of a server begins with `async def open(self, brief)`; a model in process needs step() and close()",
        )
    return LOCKSTEP


def settle_arguments(
    make: Callable[..., Any], name: str, identity: str, given: Mapping[str, str], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Every argument of ``make`` with the value it will have: as given, else of ``defaults``, else its own default.

    Args:
        name: What the user calls it.
        identity: What errors about its code call it.
        given: Texts, converted to the types of its annotations.

    Raises:
        UsageError: No such argument, the text is not of its type, or one without a default is not given.
        AdapterError: A default is of a type that no manifest can record.
    """
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = {key: each for key, each in _signature(make).parameters.items() if each.kind not in variadic}
    if not is_agent(make):
        parameters.pop("slots", None)
    for key in given:
        if key not in parameters:
            error = unknown_name(f"argument of {name}", key, parameters)
            raise UsageError(f"--arg {key}={given[key]}: {error.what}", error.remedy)
    arguments: dict[str, Any] = {}
    for key, parameter in parameters.items():
        if key in given:
            arguments[key] = _converted(f"--arg {key}={given[key]}", given[key], _type_of(parameter))
        elif key in defaults:
            arguments[key] = defaults[key]
        elif parameter.default is not inspect.Parameter.empty:
            arguments[key] = parameter.default
        else:
            raise UsageError(f"{name} needs the argument '{key}'", f"add --arg {key}=VALUE")
        if isinstance(arguments[key], Path):
            arguments[key] = str(arguments[key])
        if not isinstance(arguments[key], JSON_TYPES):
            raise AdapterError(
                f"{identity}: the default of '{key}' is a {type(arguments[key]).__name__}, which no manifest can record",
                "use text, a number, true, false or None",
            )
    return arguments


def _import(spec: ModelSpec) -> tuple[Callable[..., Any], str]:
    module_name, _, attribute = spec.adapter.rpartition(":")
    identity = spec.adapter
    try:
        if spec.origin == "file":
            module, digest = load_file(Path(module_name))
            identity = f"{Path(module_name).name}:{attribute}@{digest[:12]}"
        else:
            module = importlib.import_module(f"fdbench.adapters.{module_name}" if spec.origin == "models.yaml" else module_name)
    except FdbenchError:
        raise
    except FOREIGN as error:
        raise AdapterError(
            f"{spec.adapter}: cannot be imported: {with_place(error)}", "install what it needs, or mend it"
        ) from error
    make = getattr(module, attribute, None)
    if not callable(make):
        classes = [name for name, value in vars(module).items() if isinstance(value, type) and issubclass(value, Agent)]
        missing = unknown_name(f"class in {module_name}", attribute, classes)
        raise AdapterError(missing.what, missing.remedy)
    return equipped_class(make), identity


def _signature(make: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(make, eval_str=True)
    except (NameError, TypeError):  # annotations that only a type checker can resolve
        return inspect.signature(make)


def _type_of(parameter: inspect.Parameter) -> Any:
    """Its annotation; where there is none that can be used, the type of its default."""
    if parameter.annotation is not parameter.empty and not isinstance(parameter.annotation, str):
        return parameter.annotation
    return str if parameter.default in (None, parameter.empty) else type(parameter.default)


def _converted(where: str, text: str, wanted: Any) -> Any:
    options = typing.get_args(wanted) if typing.get_origin(wanted) in (typing.Union, types.UnionType) else (wanted,)
    if type(None) in options and text.lower() == "none":
        return None
    for option in options:
        if option is bool and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if option in (int, float):
            try:
                number = option(text)
            except ValueError:
                continue
            if math.isfinite(number):
                return number
        if option in (str, Any, Path):
            return text
    names = " or ".join("none" if option is type(None) else getattr(option, "__name__", str(option)) for option in options)
    raise UsageError(f"{where}: expected {names}", "give a value of that type")
