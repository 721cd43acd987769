"""Calls in virtual time: two parties, frame by frame, as fast as they can think.

One slot's clock, with frames of 3 ticks for the user and 4 for the model::

    time    0     3  4     6     8  9          12
    user    |--u0--|--u1--|--u2--|--u3--|              frame u_j is said at j*3, having heard the model up to then
    model   |........|---m0---|---m1---|               frame m_k is said at (k+1)*4, having heard the user up to then

Neither side can hear what lies in its future, so whoever is due first can always step and unequal frames cannot
deadlock. The user's side leads by one frame: what it says first is heard at time 0. The model's reply to a frame is
placed where that frame ends, the earliest moment at which it could have been heard (causal placement).

Slots keep clocks of their own. A call that ends frees its slot for the next take, whose clock starts at its own zero,
so the model's batch stays full whatever the lengths of the calls.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fdbench.adapter.base import FOREIGN, Batch, Opening, Spoken, VirtualParty, check_ports, frame_fault, in_one_line
from fdbench.call.clock import ticks_of_frames
from fdbench.core.conversation import Brief, FailedCall, Recording, Take
from fdbench.core.event import Event
from fdbench.core.sound import Audio, Samples, Track
from fdbench.errors import AdapterError, FdbenchError

SILENCE_DBFS = -50.0
"""A frame of the model's below this level counts as silence when deciding whether a call is over."""

POLL_S = 0.002
"""How often conversations that are still being opened are asked whether they are ready, when nothing else can step."""

_SILENCE_POWER = 10 ** (SILENCE_DBFS / 10)


@dataclass(frozen=True, slots=True)
class Ending:
    """When a call is over once the user has nothing more to say.

    Attributes:
        silence_s: The model has been silent for this long since then.
        limit_s: This long has passed, whatever the model does.
    """

    silence_s: float = 2.0
    limit_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Invitation:
    """A take and each side's brief. Made when a slot is free, so only open calls hold audio."""

    take: Take
    user: Brief
    model: Brief


class _Reel:
    """What one side has said so far: frames of one size after a leading silence. Frames are kept, not copied."""

    def __init__(self, frame_samples: int, leading_silence: int) -> None:
        self._frame = frame_samples
        self._lead = leading_silence
        self._frames: list[Samples] = []

    @property
    def length(self) -> int:
        return self._lead + len(self._frames) * self._frame

    def append(self, frame: Samples) -> None:
        self._frames.append(frame)

    def copy_into(self, row: Samples, start: int) -> None:
        """Copy ``[start, start + len(row))`` over a row of zeros; before the first frame nobody was speaking."""
        at, frame = start - self._lead, self._frame
        index, offset = divmod(at, frame)
        if offset == 0 and len(row) == frame:
            if index >= 0:
                row[:] = self._frames[index]
            return
        for touched in range(max(0, index), -(-(at + len(row)) // frame)):
            first = touched * frame - at
            piece = self._frames[touched][max(0, -first) : len(row) - first]
            row[max(0, first) : max(0, first) + len(piece)] = piece

    def first(self, n: int) -> Samples:
        """The first ``n`` samples."""
        return np.concatenate([np.zeros(self._lead, np.float32), *self._frames])[:n]


@dataclass(slots=True)
class _Call:
    """A call going on; ``user_due`` and ``model_due`` are when, in ticks, each side takes its next step."""

    invitation: Invitation
    slot: int
    user: _Reel
    model: _Reel
    openings: tuple[Opening, Opening]
    user_due: int
    model_due: int
    user_steps: int = 0
    model_steps: int = 0
    last_loud_s: float = 0.0
    events: list[Event] = field(default_factory=list)
    was_ready: bool = False
    fault: FailedCall | None = None

    def is_ready(self) -> bool:
        """Whether both sides have opened; a side that fails at it has, with a fault."""
        try:
            self.was_ready = all(opening.ready() for opening in self.openings)
        except FOREIGN as error:
            self.was_ready, self.fault = True, FailedCall("adapter", f"ready() raised {in_one_line(error)}")
        return self.was_ready


class Lockstep:
    """Drives two virtual parties through any number of calls.

    Args:
        user: The side that leads (a prompt player, a probe, an examiner).
        model: The side under test.
        ending: When a call is over.

    Raises:
        AdapterError: The parties' ports do not fit each other.
    """

    clock = "lockstep"

    def __init__(self, user: VirtualParty, model: VirtualParty, ending: Ending | None = None) -> None:
        check_ports("the user's side", user.hears, user.says)
        check_ports("the model", model.hears, model.says)
        for speaker, listener, who in ((user, model, "the model"), (model, user, "the user's side")):
            if speaker.says.sample_rate != listener.hears.sample_rate:
                raise AdapterError(
                    f"{who} hears {listener.hears.sample_rate} Hz but is spoken to at {speaker.says.sample_rate} Hz",
                    "make the two sides of a call agree on the rate of each channel; a prompt player takes any",
                )
        self._user, self._model = user, model
        self._ending = ending or Ending()
        self._slots = min(user.slots, model.slots)
        self._tick_rate, (self._user_ticks, self._model_ticks) = ticks_of_frames(user.says, model.says)

    def run(self, invitations: Iterable[Invitation]) -> Iterator[tuple[Take, Recording | FailedCall]]:
        """Hold all the calls; yield each as it ends, in no particular order.

        Args:
            invitations: Lazily consumed, one whenever a slot is free.
        """
        queue = iter(invitations)
        free = list(range(self._slots))[::-1]
        calls: dict[int, _Call] = {}
        exhausted = False
        while True:
            while free and not exhausted:
                invitation = next(queue, None)
                if invitation is None:
                    exhausted = True
                    break
                opened = self._open(invitation, free[-1])
                if isinstance(opened, _Call):
                    calls[free.pop()] = opened
                else:
                    yield opened
            if not calls:
                return
            ready = [call for call in calls.values() if call.was_ready or call.is_ready()]
            if not ready:
                time.sleep(POLL_S)
            broken = [call for call in ready if call.fault]
            ended = self._advance([call for call in ready if not call.fault] if broken else ready)
            for call, failure in [*((call, call.fault) for call in broken), *ended]:
                outcome = failure or self._recording(call)
                self._close(call.slot)
                del calls[call.slot]
                free.append(call.slot)
                yield call.invitation.take, outcome

    def _open(self, invitation: Invitation, slot: int) -> _Call | tuple[Take, FailedCall]:
        openings: list[Opening] = []
        for party, brief, kind in ((self._user, invitation.user, "prompt"), (self._model, invitation.model, "adapter")):
            try:
                opening: object = party.open(slot, brief)
            except FdbenchError as error:
                failure = FailedCall(kind, str(error.what))
            except FOREIGN as error:
                failure = FailedCall(kind, f"open() raised {in_one_line(error)}")
            else:
                if isinstance(opening, Opening):
                    openings.append(opening)
                    continue
                failure = FailedCall("contract", f"open() returned {type(opening).__name__}, expected Opening")
            self._close(slot)
            return invitation.take, failure
        return _Call(
            invitation=invitation,
            slot=slot,
            user=_Reel(self._user.says.frame_samples, 0),
            model=_Reel(self._model.says.frame_samples, self._model.says.frame_samples),
            openings=(openings[0], openings[1]),
            user_due=0,
            model_due=self._model_ticks,
        )

    def _close(self, slot: int) -> None:
        for party in (self._user, self._model):
            # The call is over: what goes wrong now concerns nobody, and the next open() is a new beginning.
            with suppress(*FOREIGN):
                party.close(slot)

    def _advance(self, calls: list[_Call]) -> list[tuple[_Call, FailedCall | None]]:
        """Let the user's side catch up wherever it is due, then step the model in every slot; return calls that ended."""
        ended: list[tuple[_Call, FailedCall | None]] = []
        while due := [call for call in calls if call.user_due < call.model_due]:
            frames = [call.user_steps - 1 for call in due]
            spoken = self._step(self._user, due, [call.model for call in due], frames)
            for call, row in zip(due, spoken.rows, strict=True):
                call.user.append(row)
                call.user_steps += 1
                call.user_due += self._user_ticks
            if spoken.failures:
                ended += spoken.failures
                calls = _without(calls, spoken.failures)
        if not calls:
            return ended
        spoken = self._step(self._model, calls, [call.user for call in calls], [call.model_steps for call in calls])
        for call, row, power in zip(calls, spoken.rows, spoken.powers, strict=True):
            call.model.append(row)
            call.model_steps += 1
            call.model_due += self._model_ticks
            if power > _SILENCE_POWER:
                call.last_loud_s = self._now_s(call)
            if call.slot in spoken.events:
                call.events += spoken.events[call.slot]
        ended += spoken.failures
        return ended + [(call, None) for call in _without(calls, spoken.failures) if self._is_over(call)]

    def _step(self, party: VirtualParty, calls: list[_Call], heard: list[_Reel], frames: list[int]) -> _Checked:
        """Hand each call's party frame number ``frames[i]`` of what it hears; check what comes back."""
        n = party.hears.frame_samples
        audio = np.zeros((len(calls), n), np.float32)
        for row, reel, frame in zip(audio, heard, frames, strict=True):
            reel.copy_into(row, frame * n)
        t_s = np.array(frames, np.float64) * (n / party.hears.sample_rate)
        shape = (len(calls), party.says.frame_samples)
        try:
            spoken = party.step(Batch(tuple([call.slot for call in calls]), audio, t_s))
        except FOREIGN as error:
            return _Checked.nothing(calls, shape, FailedCall("adapter", f"step() raised {in_one_line(error)}"))
        fault = _fault_of(spoken, shape)
        if fault:
            return _Checked.nothing(calls, shape, FailedCall("contract", f"step() returned {fault}"))
        # The model is foreign code and may use its array again; the user's side is ours and hands over a new one each time.
        rows = np.array(spoken.audio, np.float32, copy=True if party is self._model else None)
        powers = (np.einsum("ij,ij->i", rows, rows) / shape[1]).tolist()
        failures = dict(spoken.failed)
        if spoken.audio.dtype != np.float32 or not math.isfinite(sum(powers)):
            for call, row in zip(calls, spoken.audio, strict=True):
                fault = frame_fault(row, party.says)
                if fault and call.slot not in failures:
                    failures[call.slot] = FailedCall("contract", f"step() returned {fault}")
        return _Checked(rows, powers, [(call, failures[call.slot]) for call in calls if call.slot in failures], spoken.events)

    def _now_s(self, call: _Call) -> float:
        """Up to when the model's side of the call is known."""
        return call.model_due / self._tick_rate

    def _is_over(self, call: _Call) -> bool:
        now_s, user_until_s = self._now_s(call), call.openings[0].speaks_until_s
        if now_s < user_until_s:
            return False
        if now_s - user_until_s >= self._ending.limit_s:
            return True
        return now_s - max(user_until_s, call.last_loud_s) >= self._ending.silence_s

    def _recording(self, call: _Call) -> Recording:
        rate_user, rate_model = self._user.says.sample_rate, self._model.says.sample_rate
        end_s = min(call.user.length / rate_user, call.model.length / rate_model)
        stimulus = call.invitation.user.stimulus
        lead_in_s = round(call.invitation.user.lead_in_s * rate_user) / rate_user
        events = tuple(Event(event.kind, event.span.shifted(-lead_in_s), event.text) for event in call.events)
        return Recording(
            user=Track(Audio(call.user.first(round(end_s * rate_user)), rate_user), -lead_in_s),
            model=Track(Audio(call.model.first(round(end_s * rate_model)), rate_model), -lead_in_s),
            clock=self.clock,
            prompt_s=stimulus.duration_s if stimulus else call.openings[0].speaks_until_s - lead_in_s,
            right_censored=self._now_s(call) - call.last_loud_s < self._ending.silence_s,
            events=events,
        )


def _fault_of(spoken: object, shape: tuple[int, int]) -> str:
    """What is wrong with an answer as a whole; empty when nothing is."""
    if not isinstance(spoken, Spoken):
        return f"{type(spoken).__name__}, expected Spoken"
    audio = spoken.audio
    if not isinstance(audio, np.ndarray) or audio.shape != shape or audio.dtype.kind != "f":
        found = f"{audio.dtype} {audio.shape}" if isinstance(audio, np.ndarray) else type(audio).__name__
        return f"{found}, expected float32 {shape}"
    if not all(isinstance(failure, FailedCall) for failure in spoken.failed.values()):
        return "a failed slot without a FailedCall"
    if not all(isinstance(event, Event) for events in spoken.events.values() for event in events):
        return "an event that is no Event"
    return ""


@dataclass(frozen=True, slots=True)
class _Checked:
    """What a step gave, row for row, with each row's mean power, and the calls that it ended."""

    rows: npt.NDArray[np.float32]
    powers: list[float]
    failures: list[tuple[_Call, FailedCall | None]]
    events: Mapping[int, Sequence[Event]]

    @classmethod
    def nothing(cls, calls: list[_Call], shape: tuple[int, int], failure: FailedCall) -> _Checked:
        return cls(np.zeros(shape, np.float32), [0.0] * len(calls), [(call, failure) for call in calls], {})


def _without(calls: list[_Call], failures: list[tuple[_Call, FailedCall | None]]) -> list[_Call]:
    if not failures:
        return calls
    gone = {call.slot for call, _ in failures}
    return [call for call in calls if call.slot not in gone]
