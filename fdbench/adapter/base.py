"""The contracts: what takes part in a call.

A *virtual party* lives in virtual time: it is handed a frame of what the other side said, and answers with a frame
that can first be heard when the frame it was handed is over. Prompt players, trivial agents, in-process models and
examiners are all virtual parties. Most of them handle one conversation at a time and are easiest written as an
``Agent``; those that batch many conversations (a model on a GPU) implement ``VirtualParty`` itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fdbench.adapter.equipped import Equipped, Need, Provenance
from fdbench.adapter.failure import FOREIGN, failure_of, in_one_line
from fdbench.core.conversation import Brief, FailedCall
from fdbench.core.event import TEXT, Event
from fdbench.core.sound import Samples
from fdbench.errors import AdapterError

__all__ = [
    "FOREIGN", "TEXT", "Agent", "AgentParty", "Batch", "Brief", "Equipped", "EquippedParty", "Need", "Opening", "Port",
    "Provenance", "Spoken", "VirtualParty", "check_ports", "failure_of", "frame_fault", "in_one_line",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Port:
    """The form in which a party takes or gives audio: mono float32 frames of a fixed size."""

    sample_rate: int
    frame_samples: int

    @property
    def frame_s(self) -> Fraction:
        """Exact length of a frame in seconds."""
        return Fraction(self.frame_samples, self.sample_rate)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One frame for each of the slots that step now.

    Attributes:
        slots: Which conversations these are.
        audio: What the other side said, float32, shape ``(len(slots), hears.frame_samples)``.
        t_s: When the frames begin on each call's own clock (0 = the call's beginning), shape ``(len(slots),)``.
    """

    slots: tuple[int, ...]
    audio: npt.NDArray[np.float32]
    t_s: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """The answers to a batch, row for row.

    Attributes:
        audio: float32, shape ``(len(slots), says.frame_samples)``; rows of failed slots are ignored.
        events: What a party tells about itself, by slot, with times on the call's clock.
        failed: Slots whose conversation cannot go on, and why; the others are not affected.
        speaks_until_s: Of the user's side, by slot: what ``Opening.speaks_until_s`` said is now known to be this.
    """

    audio: npt.NDArray[np.float32]
    events: Mapping[int, Sequence[Event]] = field(default_factory=dict)
    failed: Mapping[int, FailedCall] = field(default_factory=dict)
    speaks_until_s: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opening:
    """A conversation being opened.

    Attributes:
        ready: Polled between steps; a slow prefill holds up no other slot.
        speaks_until_s: For the user's side: when, on the call's clock, it has nothing more to say; infinity = it will tell
            (``Spoken.speaks_until_s``), None = it never tells, and is listened to.
        says: All that the party is going to say from the call's beginning on, at its rate, shape ``(n,)``, where that is known
            now; it is then neither handed what the other side says nor asked for frames.
    """

    ready: Callable[[], bool] = field(default=lambda: True)
    speaks_until_s: float | None = None
    says: Samples | None = None


class VirtualParty(Protocol):
    """One side of up to ``slots`` conversations in virtual time.

    A reply may depend only on the slot's own brief and what the slot has heard: not on its neighbours, the order of
    calls, or anything that happened in the slot before ``open``.
    """

    hears: Port
    says: Port
    slots: int

    def open(self, slot: int, brief: Brief) -> Opening:
        """Begin a conversation in a free slot."""

    def step(self, heard: Batch) -> Spoken:
        """Hear one frame in each of some slots and answer with one frame each."""

    def close(self, slot: int) -> None:
        """End the slot's conversation, finished or not."""


class EquippedParty(VirtualParty, Protocol):
    """A virtual party as it is loaded: of a class that is ``Equipped``."""

    def describe(self) -> Mapping[str, str]:
        """Versions, device, memory."""

    def release(self) -> None:
        """Give all memory back; nothing is asked of the party afterwards."""


class Agent(ABC, Equipped):
    """One conversation at a time: the short way to write an adapter.

    Set the two ports, keep your state in ``self``, and write ``reset`` and ``step``; arguments of ``__init__`` become
    ``--arg name=value``. One instance is made per slot; what all of them use, such as a model's weights, is loaded once::

        class Parrot(Agent):
            @classmethod
            def load(cls, checkpoint: str):  # once, with the arguments of __init__
                return torch.load(checkpoint)

            def __init__(self, checkpoint: str) -> None:
                self.memory = self.shared.new_memory()  # what load() returned

    Attributes:
        shared: What ``load`` returned, in every agent, ``__init__`` included; dropped when the party is released.
    """

    hears: Port
    says: Port
    shared: Any = None

    @classmethod
    def load(cls, *_: Any, **arguments: Any) -> Any:
        """Load what all agents of a party share; by default there is nothing."""
        return None

    @abstractmethod
    def reset(self, brief: Brief) -> None:
        """Forget everything and begin a new conversation."""

    @abstractmethod
    def step(self, heard: Samples) -> Samples:
        """Hear a frame of shape ``(hears.frame_samples,)``, return one of shape ``(says.frame_samples,)``."""


class AgentParty(Equipped):
    """Makes a virtual party of agents, one per slot; one agent's exception is that slot's failure and nobody else's.

    Args:
        make: The agents' class, or a function that makes one; only a class can load what they share.
        slots: How many.
        arguments: Of the class.
    """

    def __init__(self, make: Callable[..., Agent], slots: int, arguments: Mapping[str, Any] | None = None) -> None:
        given = dict(arguments or {})
        kind = make if isinstance(make, type) and issubclass(make, Agent) else None
        self._shared = kind.load(**given) if kind else None
        self._agents = [_sharing(kind, self._shared, given) if kind else make(**given) for _ in range(slots)]
        self.hears = self._agents[0].hears
        self.says = self._agents[0].says
        self.slots = slots
        self._silence = np.zeros(self.says.frame_samples, np.float32)

    def open(self, slot: int, brief: Brief) -> Opening:
        self._agents[slot].reset(brief)
        return Opening()

    def step(self, heard: Batch) -> Spoken:
        rows: list[Samples] = []
        failed: dict[int, FailedCall] = {}
        for slot, frame in zip(heard.slots, heard.audio, strict=True):
            try:
                said = self._agents[slot].step(frame)
            except FOREIGN as error:
                failed[slot] = failure_of("step()", error)
                said = self._silence
            else:
                fault = frame_fault(said, self.says)
                if fault:
                    failed[slot] = FailedCall("contract", f"step() returned {fault}")
                    said = self._silence
            rows.append(said)
        return Spoken(np.stack(rows), failed=failed)

    def close(self, slot: int) -> None:
        """Nothing is held between conversations."""

    def describe(self) -> Mapping[str, str]:
        return self._agents[0].describe()

    def release(self) -> None:
        """Let every agent give back what it has, then what they share."""
        shared, self._shared = self._shared, None
        for agent in self._agents:
            agent.release()
            if agent.shared is shared:
                agent.shared = None


def _sharing(make: type[Agent], shared: Any, arguments: Mapping[str, Any]) -> Agent:
    """An agent that has what it shares before ``__init__``: ports and states may follow from it."""
    agent = make.__new__(make, **arguments)
    agent.shared = shared
    agent.__init__(**arguments)  # type: ignore[misc]
    return agent


def frame_fault(said: object, port: Port) -> str:
    """What is wrong with a frame that a party returned; empty when nothing is."""
    if not isinstance(said, np.ndarray):
        return f"{type(said).__name__}, expected a float32 array of shape ({port.frame_samples},)"
    if said.shape != (port.frame_samples,) or said.dtype != np.float32:
        return f"{said.dtype} {said.shape}, expected float32 ({port.frame_samples},)"
    if not np.isfinite(said).all():
        return f"{int((~np.isfinite(said)).sum())} samples that are not finite"
    return ""


def check_ports(name: str, hears: Port, says: Port) -> None:
    """A party steps once per frame, so what it hears and what it says must take equally long.

    Raises:
        AdapterError: They do not, or a frame is empty.
    """
    if min(hears.frame_samples, says.frame_samples, hears.sample_rate, says.sample_rate) <= 0:
        raise AdapterError(f"{name}: a port needs a positive rate and frame size, found {hears} and {says}")
    if hears.frame_s != says.frame_s:
        raise AdapterError(
            f"{name}: hears frames of {float(hears.frame_s):g} s but says frames of {float(says.frame_s):g} s",
            "one step hears one frame and says one: make both equally long",
        )
