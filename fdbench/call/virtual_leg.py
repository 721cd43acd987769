"""A virtual party as one side of calls: it is handed frames, and what comes back is not believed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fdbench.adapter.base import Batch, Brief, Opening, Spoken, VirtualParty, check_ports, frame_fault
from fdbench.adapter.failure import FOREIGN, failure_of
from fdbench.call.call import Side
from fdbench.call.player import PromptPlayer
from fdbench.call.tape import KnownTape, SpokenTape
from fdbench.core.conversation import FailedCall
from fdbench.core.event import Event
from fdbench.errors import FdbenchError

SILENCE_DBFS = -50.0
"""A frame below this level counts as silence when deciding whether a call is over."""

_SILENCE_POWER = 10 ** (SILENCE_DBFS / 10)


class VirtualLeg:
    """One side of up to ``slots`` calls, played by a virtual party.

    Args:
        name: What errors call it.
        leads: Whether it speaks first: the user's side does.
        kind: Of the failure where its conversation cannot be opened for a reason that it names.

    Raises:
        AdapterError: The party's ports do not fit each other.
    """

    needs_wall = False

    def __init__(self, party: VirtualParty, name: str, *, leads: bool, kind: str) -> None:
        check_ports(name, party.hears, party.says)
        self.hears, self.says, self.slots = party.hears, party.says, party.slots
        self._party, self._leads, self._kind = party, leads, kind
        self.is_deaf = isinstance(party, PromptPlayer)

    def open(self, slot: int, brief: Brief, frame_ticks: int) -> Side | FailedCall:
        """Begin a conversation in a free slot."""
        try:
            opening: object = self._party.open(slot, brief)
        except FdbenchError as error:
            return FailedCall(self._kind, str(error.what))
        except FOREIGN as error:
            return replace(failure_of("open()", error), reason=self._kind)
        if not isinstance(opening, Opening):
            return FailedCall("contract", f"open() returned {type(opening).__name__}, expected Opening")
        # A deaf party is our own player, and its prompt was checked as it was read.
        fault = "" if self.is_deaf else _fault_of_opening(opening, leads=self._leads)
        if fault:
            return FailedCall("contract", f"open() returned an Opening whose {fault}")
        n = self.says.frame_samples
        tape = SpokenTape(n, 0 if self._leads else n) if opening.says is None else KnownTape(opening.says)
        side = Side(
            slot=slot,
            tape=tape,
            says_hz=self.says.sample_rate,
            frame_ticks=frame_ticks,
            until_s=opening.speaks_until_s if self._leads else None,
            is_deaf=opening.says is not None,
            n_heard=-1 if self._leads else 0,
        )
        side.ready = _asked(side, opening.ready)
        return side

    def close(self, side: Side) -> None:
        """End a slot's conversation. What goes wrong now concerns nobody: the next ``open`` is a new beginning."""
        try:
            self._party.close(side.slot)
        except FOREIGN:
            return

    def hear(self, sides: Sequence[Side], audio: npt.NDArray[np.float32], tick_rate: int) -> None:
        """Hand over the next frame that each side hears, and take what it says.

        Args:
            audio: float32, shape ``(len(sides), hears.frame_samples)``, handed over for good.
        """
        frame_s = self.hears.frame_samples / self.hears.sample_rate
        t_s = np.array([side.n_heard for side in sides], np.float64) * frame_s
        shape = (len(sides), self.says.frame_samples)
        try:
            spoken = self._party.step(Batch(tuple([side.slot for side in sides]), audio, t_s))
        except FOREIGN as error:
            return _fail(sides, failure_of("step()", error))
        fault = _fault_of(spoken, shape)
        if fault:
            return _fail(sides, FailedCall("contract", f"step() returned {fault}"))
        rows = np.array(spoken.audio, np.float32)  # the party may use its array again
        powers = np.einsum("ij,ij->i", rows, rows) / shape[1]
        if spoken.audio.dtype != np.float32 or not math.isfinite(powers.sum()):
            self._fault_rows(sides, spoken)
        for side, row in zip(sides, rows, strict=True):
            side.tape.append(row)  # type: ignore[attr-defined]
            side.n_heard += 1
        for index in (powers > _SILENCE_POWER).nonzero()[0]:
            sides[index].last_loud_s = sides[index].known_s(tick_rate)
        if spoken.events or spoken.failed or spoken.speaks_until_s:
            for side in sides:
                side.events += spoken.events.get(side.slot, ())
                side.fault = side.fault or spoken.failed.get(side.slot)
                if side.until_s is not None:
                    side.until_s = spoken.speaks_until_s.get(side.slot, side.until_s)
        return None

    def _fault_rows(self, sides: Sequence[Side], spoken: Spoken) -> None:
        for side, row in zip(sides, spoken.audio, strict=True):
            fault = frame_fault(row, self.says)
            if fault and side.slot not in spoken.failed:
                side.fault = FailedCall("contract", f"step() returned {fault}")


def _asked(side: Side, ready: Callable[[], bool]) -> Callable[[], bool]:
    """Whether a conversation has begun; one whose ``ready`` raises has, with a fault."""

    def is_ready() -> bool:
        try:
            return bool(ready())
        except FOREIGN as error:
            side.fault = failure_of("ready()", error)
            return True

    return is_ready


def _fail(sides: Sequence[Side], fault: FailedCall) -> None:
    for side in sides:
        side.fault = fault


def _fault_of(spoken: object, shape: tuple[int, int]) -> str:
    """What is wrong with an answer as a whole; empty when nothing is."""
    if not isinstance(spoken, Spoken):
        return f"{type(spoken).__name__}, expected Spoken"
    audio = spoken.audio
    if not isinstance(audio, np.ndarray) or audio.shape != shape or audio.dtype.kind != "f":
        found = f"{audio.dtype} {audio.shape}" if isinstance(audio, np.ndarray) else type(audio).__name__
        return f"{found}, expected float32 {shape}"
    if not all(isinstance(each, Mapping) for each in (spoken.failed, spoken.events, spoken.speaks_until_s)):
        return "events, failures or times that are no mapping by slot"
    if not all(isinstance(failure, FailedCall) for failure in spoken.failed.values()):
        return "a failed slot without a FailedCall"
    if not all(isinstance(events, Sequence) for events in spoken.events.values()):
        return "events of a slot that are no sequence"
    if not all(isinstance(event, Event) for events in spoken.events.values() for event in events):
        return "an event that is no Event"
    if not all(_is_time(until_s) for until_s in spoken.speaks_until_s.values()):
        return "a time until which it speaks that is no time"
    return ""


def _fault_of_opening(opening: Opening, *, leads: bool) -> str:
    """What is wrong with it; empty when nothing is."""
    says = opening.says
    if opening.speaks_until_s is not None and not _is_time(opening.speaks_until_s):
        return f"speaks_until_s is {opening.speaks_until_s!r}, expected seconds from 0 on, infinity or None"
    if says is None:
        return ""
    if not leads:
        return "says is given: only the user's side is not asked for frames"
    if not isinstance(says, np.ndarray) or says.ndim != 1 or says.dtype != np.float32 or not np.isfinite(says).all():
        return "says is no array of finite float32 samples of shape (n,)"
    if opening.speaks_until_s is None or math.isinf(opening.speaks_until_s):
        return "says is given without speaks_until_s, which then is known, too"
    return ""


def _is_time(value: object) -> bool:
    """Seconds from the call's beginning, or infinity."""
    return isinstance(value, (int, float, np.floating)) and not isinstance(value, bool) and bool(value >= 0)
