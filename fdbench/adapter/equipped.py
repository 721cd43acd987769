"""What an adapter may say of itself beside holding conversations, and what is so where it says nothing."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a model needs on this machine.

    Attributes:
        what: e.g. ``package moshi`` or ``weights kyutai/moshiko-pytorch-bf16``.
        is_met: Whether it is here.
        detail: What was found; where it is missing, the exact command that gets it.
    """

    what: str
    is_met: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a manifest records of a model in the place of this machine's paths.

    Attributes:
        arguments: Those of the class; a folder is recorded by its name alone.
        weights_revision: The commit of a repository, or a hash of the files' content.
    """

    arguments: Mapping[str, Any]
    weights_revision: str | None = None


class Equipped:
    """The base of all adapters: everything here may be overridden, and nothing has to be.

    The class methods are asked before anything is loaded, with every argument of ``__init__`` by name; they import nothing
    heavy. A class that does not inherit from this is given it where it is resolved, and loses nothing of its own.

    Attributes:
        always_sounds: Of a server: it sends audio all the time, so that nothing but digital silence is an error, and what has
            not arrived is no silence.
        open_s: Of a server: how long a caller may have to wait for a conversation, where that is longer than usual, in seconds.
        takes_frames_together: Of a server: ``send`` may be handed several overdue frames as one array, shape
            ``(k * hears.frame_samples,)``.
        ends_replies: Of a server: the end of every reply is told (``Done``), so that one without it has never ended. What
            ``Decided`` began has to end in any case.
    """

    __slots__ = ()

    always_sounds: bool = False
    open_s: float = 0.0
    takes_frames_together: bool = False
    ends_replies: bool = False

    @classmethod
    def needs(cls, *_: Any, **arguments: Any) -> tuple[Need, ...]:
        """What this machine must have; quick, offline, never raises for what is missing. By default nothing."""
        return ()

    @classmethod
    def provenance(cls, *_: Any, **arguments: Any) -> Provenance | None:
        """What determines the replies, for the run's id; None, the default, = the arguments as they are.

        Raises:
            AdapterError: The weights are not here and cannot be named.
        """
        return None

    @classmethod
    def price_of(cls, minutes: float, *_: Any, **arguments: Any) -> float | None:
        """What so many minutes of conversation may cost; None, the default, = nobody knows."""
        return None

    @classmethod
    def slots_of(cls, slots: int, *_: Any, **arguments: Any) -> int:
        """How many conversations are held at once where ``slots`` are wanted; by default as many."""
        return slots

    def describe(self) -> Mapping[str, str]:
        """Once loaded: versions, device, memory, for ``fdbench doctor``. By default nothing."""
        return {}

    def release(self) -> None:
        """Give all memory back; nothing is asked of the adapter afterwards. By default it just ends with the process."""


_PARTY: Final = ("hears", "says", "slots", "open", "step", "close")
_OF_INSTANCES: Final = ("always_sounds", "open_s", "takes_frames_together", "ends_replies", "describe", "release")


def equipped_class(make: Callable[..., Any]) -> Callable[..., Any]:
    """A class with ``Equipped`` behind what it has of its own; a function as it is, for only what it makes can be looked at."""
    if not isinstance(make, type) or issubclass(make, Equipped):
        return make
    names = {"__module__": make.__module__, "__qualname__": make.__qualname__, "__doc__": make.__doc__}
    return types.new_class(make.__name__, (make, Equipped), exec_body=lambda namespace: namespace.update(names))


def equipped_party(party: Any) -> Any:
    """The same for a party that is made already."""
    return party if isinstance(party, Equipped) else _Given(party)


class _Given(Equipped):
    """A party of a class that knows nothing of ``Equipped``, with all that it has."""

    def __init__(self, party: object) -> None:
        for name in (*_PARTY, *_OF_INSTANCES):
            if hasattr(party, name):
                setattr(self, name, getattr(party, name))
