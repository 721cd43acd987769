"""One driver for every call: two parties, the paths between them, and one clock.

::

    user's leg  --says-->  path to the model  --hears-->  model's leg
                <-hears--  path to the user   <--says---

Either side may be a virtual party or a live one. In virtual time (``virtual_time``) calls go as fast as both can think; where
a side lives on the wall clock, all of the call does (``wall_clock``), at the pace of speech. What a call gives is built here,
the same way for both, and again when it is replayed (``replay``).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from fdbench.adapter.base import VirtualParty
from fdbench.adapter.equipped import equipped_party
from fdbench.adapter.live import LiveParty
from fdbench.audio.effects.scene import NOWHERE, Scene
from fdbench.call.call import Call, Ending, Invitation, Leg, Side
from fdbench.call.clock import ticks_of_frames
from fdbench.call.live_leg import LiveLeg
from fdbench.call.live_side import LiveSide
from fdbench.call.path import Path, path_between
from fdbench.call.player import PromptPlayer
from fdbench.call.scene import scene_of
from fdbench.call.tape import as_kept
from fdbench.call.taped_leg import TapedLeg
from fdbench.call.timeouts import Timeouts
from fdbench.call.virtual_leg import VirtualLeg
from fdbench.core.condition import NOTHING_BETWEEN, Condition
from fdbench.core.conversation import FailedCall, Recording, Take
from fdbench.core.event import OWN_ECHO, Event
from fdbench.core.sound import Audio, Samples, Track
from fdbench.core.span import Span
from fdbench.core.take_id import MAIN
from fdbench.errors import AdapterError, FdbenchError

Party = VirtualParty | LiveParty | TapedLeg
Outcome = tuple[Take, Recording | FailedCall]
Role = Literal["user", "model"]

AHEAD_S: Final = 1.0
"""Of what a listener will hear, this much is made at once where it is known."""

LOCKSTEP, REALTIME = "lockstep", "realtime"
"""The names of the two clocks; latencies on different clocks are different quantities."""


class Driver:
    """Holds any number of calls between two parties.

    Args:
        model: The side under test.
        user: The other side; None = a player of prompts.
        ending: When a call is over.
        condition: What stands between the two.
        timeouts: How long is waited for a party on the wall clock.
        loop: That calls on the wall clock run on, with its time for a clock, and that is left open; None = a new one.
        slots: Calls at once, at most; None = as many as both hold.

    Raises:
        AdapterError: A party's ports do not fit each other.
        UsageError: The condition names an effect that there is not.
    """

    def __init__(
        self,
        model: Party,
        user: Party | None = None,
        ending: Ending | None = None,
        *,
        condition: Condition = NOTHING_BETWEEN,
        timeouts: Timeouts | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        user = PromptPlayer(hears=model.says, says=model.hears, slots=model.slots) if user is None else user
        self._parties = user, model = equipped_party(user), equipped_party(model)
        self.timeouts = timeouts or Timeouts()
        self.user = self._leg_of(user, "the user's side", leads=True, kind="prompt")
        self.model = self._leg_of(model, "the model", leads=False, kind="adapter")
        self.ending = ending or Ending()
        self.condition = condition
        self.loop = loop
        self.slots = min(user.slots, model.slots)
        if self.slots < 1:
            raise AdapterError(f"slots: expected at least 1 on both sides, found {user.slots} and {model.slots}")
        self.is_on_the_wall_clock = self.user.needs_wall or self.model.needs_wall
        self.notes: list[str] = []
        """What a user should know about how calls on the wall clock were held."""
        self.interrupted: list[tuple[Take, FailedCall]] = []
        """Calls on the wall clock that were given up, as nobody wanted any or none could succeed, with what they took."""
        self.uncollected: list[Outcome] = []
        """Calls on the wall clock that had ended when nobody asked for outcomes any more."""
        self.tick_rate, self._ticks = ticks_of_frames(self.user.hears, self.model.hears)
        # A condition that cannot be is refused before any call.
        scene = Scene(noise_folder=condition.noise_folder)
        path, _ = self._path_between("model", scene), self._path_between("user", scene)
        self.accounted_delay_at_s: Callable[[float], float] = lambda at_s: 0.0
        """By how much the model hears the user later at a time, where the condition takes that out of its latency."""
        if path is not None and condition.accounts_delay:
            self.accounted_delay_at_s = path.delay_at_s

    def run(
        self,
        invitations: Iterable[Invitation | None],
        ended: Callable[[Take, Recording | FailedCall], None] | None = None,
        may_try_again: Callable[[Take, float, float], bool] | None = None,
    ) -> Generator[Outcome, None, None]:
        """Hold all the calls; yield each as it ends, in no particular order.

        Args:
            invitations: Lazily consumed, one whenever a slot is free; on the wall clock in a thread of its own. None = there is
                none just now; only where no time passes.
            ended: Called with each call on the wall clock as it ends, or is given up, before another is begun in its place.
            may_try_again: Asked before a call on the wall clock is made again, with the minutes and the cost that it has taken.

        Raises:
            AdapterError: No call can succeed (a key that is not accepted); what was held before has been yielded.
        """
        if self.is_on_the_wall_clock:
            from fdbench.call.wall_clock import WallClock

            yield from WallClock(self, ended, may_try_again).run(invitations)
        else:
            from fdbench.call.virtual_time import hold_calls

            yield from hold_calls(self, invitations)

    def release(self) -> None:
        """Give the memory of both parties back, where they can; no call can be made afterwards."""
        for party in self._parties:
            party.release()

    def prepare(self, invitation: Invitation) -> None:
        """Do beforehand, in any thread, what would hold up the calls that are going on."""
        prepare = getattr(self._parties[0], "prepare", None)
        if prepare is not None:
            prepare(invitation.user)
        if not self.condition.is_clean:  # noise without the prompt's voice, a room: made once, and kept
            with suppress(FdbenchError):  # it is told when the call begins
                self._path_between("model", scene_of(invitation.take, invitation.user, self.condition))

    # One call

    def begin(self, invitation: Invitation, slot: int) -> Call | FailedCall:
        """Open both sides; they are to be asked whether they are ready."""
        sides: list[Any] = []
        for leg, brief, ticks in zip(self.legs, (invitation.user, invitation.model), self._ticks, strict=True):
            side = leg.open(slot, brief, ticks)
            if isinstance(side, FailedCall):
                for opened, begun in zip(self.legs, sides, strict=False):
                    opened.close(begun)
                return side
            sides.append(side)
        user, model = sides
        stimulus = invitation.user.stimulus
        try:
            scene = NOWHERE if self.condition.is_clean else scene_of(invitation.take, invitation.user, self.condition)
            model.path = self._path_between("model", scene)
            user.path = None if user.is_deaf else self._path_between("user", scene)
        except FdbenchError as error:
            for opened, side in zip(self.legs, sides, strict=True):
                opened.close(side)
            return FailedCall("prompt", error.what)
        for side in sides:
            side.heard = [] if side.path is not None else None
            if isinstance(side, LiveSide):
                side.log.prompt_s = stimulus.duration_s if stimulus else 0.0
        return Call(invitation, user, model, self.tick_rate, self.ending)

    def close(self, call: Call) -> None:
        for leg, side in zip(self.legs, (call.user, call.model), strict=True):
            leg.close(side)

    @property
    def legs(self) -> tuple[Leg, Leg]:
        return self.user, self.model

    def leg(self, role: Role) -> Leg:
        return self.user if role == "user" else self.model

    def hear(self, role: Role, calls: Sequence[Call]) -> None:
        """Let one side of some calls hear its next frame, of which all is known, and speak its own."""
        self.hand_over(role, calls, self.frames(role, calls))

    def frames(self, role: Role, calls: Sequence[Call]) -> npt.NDArray[np.float32]:
        """The next frame that one side of each call hears, float32, shape ``(len(calls), hears.frame_samples)``."""
        n = self.leg(role).hears.frame_samples
        pairs = [(call.user, call.model) if role == "user" else (call.model, call.user) for call in calls]
        rows = [
            other.tape.read(side.n_heard * n, n) if side.path is None else self._through(side, other, n)
            for side, other in pairs
        ]
        audio: npt.NDArray[np.float32] = np.concatenate(rows).reshape(len(rows), n)
        return audio

    def hand_over(self, role: Role, calls: Sequence[Call], frames: npt.NDArray[np.float32]) -> None:
        """Hand one side of some calls its next frames; what it says is taken."""
        sides: list[Any] = [call.user if role == "user" else call.model for call in calls]
        self.leg(role).hear(sides, frames, self.tick_rate)

    def _through(self, side: Side, other: Side, n: int) -> Samples:
        if side.n_heard < 0:
            return np.zeros(n, np.float32)  # before the call began nobody was speaking
        assert side.path is not None and side.heard is not None
        begin = side.n_heard * side.frame_ticks
        if not side.ahead:
            # Where nothing depends on the listener, much of what it will hear is made at once: the bytes are the same.
            known = other.is_deaf and not side.path.hears_back and not self.is_on_the_wall_clock
            n_frames = max(1, round(AHEAD_S * self.tick_rate / side.frame_ticks)) if known else 1
            end = begin + n_frames * side.frame_ticks
            back = self._silence(side, begin, end) if known else self._said(side, begin, end)
            made = side.path.step(self._said(other, begin, end), back, n_frames * n)
            side.ahead = [made[k * n : (k + 1) * n] for k in reversed(range(n_frames))]
        frame = side.ahead.pop()
        side.heard.append(frame)
        return frame

    def _silence(self, side: Side, begin: int, end: int) -> Samples:
        first, last = (-(-tick * side.says_hz // self.tick_rate) for tick in (begin, end))
        return np.zeros(last - first, np.float32)

    def _said(self, side: Side, begin: int, end: int) -> Samples:
        """What a side says between two ticks, as its recording holds it: what the other hears follows from that."""
        first, last = (-(-tick * side.says_hz // self.tick_rate) for tick in (begin, end))
        return as_kept(side.tape.read(first, last - first))

    def recording(self, call: Call) -> Recording:
        """What a call gave that is over."""
        end_s, brief = call.end_s, call.invitation.user
        lead_in_s = round(brief.lead_in_s * call.user.says_hz) / call.user.says_hz
        prompt_s = brief.stimulus.duration_s if brief.stimulus else max(0.0, min(call.user.until_s or 0.0, end_s) - lead_in_s)
        log = call.model.stored_log()
        events = _shifted(call.model.told(), -lead_in_s)
        if call.model.path is not None and call.model.path.echo_s is not None:
            events = (*events, Event(OWN_ECHO, Span(0.0, call.model.path.echo_s)))
        user_events = self._user_events(call, lead_in_s)  # which finds out whether there is something to caution about
        return Recording(
            user=_track(call.user.tape.read(0, round(end_s * call.user.says_hz)), call.user.says_hz, lead_in_s),
            model=_track(call.model.tape.read(0, round(end_s * call.model.says_hz)), call.model.says_hz, lead_in_s),
            clock=REALTIME if self.is_on_the_wall_clock or log is not None else LOCKSTEP,
            prompt_s=prompt_s,
            right_censored=call.model.quiet_s(call.now_s) < self.ending.silence_s,
            events=events,
            log=log,
            user_log=call.user.stored_log(),
            model_heard=_heard(call.model, self.model.hears.sample_rate, lead_in_s),
            user_heard=_heard(call.user, self.user.hears.sample_rate, lead_in_s),
            user_events=user_events,
            notes=(*call.user.cautions(), *call.model.cautions()),
            on_the_way=self._on_the_way(call),
        )

    def _user_events(self, call: Call, lead_in_s: float) -> tuple[Event, ...] | None:
        """What happened on the user's side, where that is not what the data says: its own events, or a late sending.

        A user who reacts says what it did, if only that it did nothing; one that plays a prompt does what the data says.
        """
        take = call.invitation.take
        annotated = take.sample.events if take.stimulus == MAIN else ()
        events = tuple(annotated) if call.user.is_deaf else _shifted(call.user.told(), -lead_in_s)
        moved = tuple(call.model.as_sent(event, lead_in_s) for event in events)
        return None if call.user.is_deaf and moved == events else moved

    def _on_the_way(self, call: Call) -> dict[str, float]:
        """What a condition made of this call, as its record tells it."""
        path = call.model.path
        if path is None:
            return {}
        delay_s = path.delay_at_s(call.user.until_s or 0.0)  # it changes where clocks drift
        n_heard = call.model.heard_samples or call.model.n_heard * self.model.hears.frame_samples
        return {**({"delay_s": delay_s} if self.condition.accounts_delay else {}), **path.realised(n_heard)}

    def _path_between(self, listener: Role, scene: Scene) -> Path | None:
        to, speaker = (self.model, self.user) if listener == "model" else (self.user, self.model)
        effects = self.condition.to_model if listener == "model" else self.condition.to_user
        return path_between(effects, speaker.says.sample_rate, to.hears.sample_rate, to.says.sample_rate, scene)

    def _leg_of(self, party: Any, name: str, *, leads: bool, kind: str) -> Leg:
        if isinstance(party, TapedLeg):
            return party
        if inspect.iscoroutinefunction(party.open):
            return LiveLeg(party, self.timeouts)
        return VirtualLeg(party, name, leads=leads, kind=kind)


def _track(samples: Samples, rate: int, lead_in_s: float) -> Track:
    return Track(Audio(samples, rate), -lead_in_s)


def _heard(side: Side, rate: int, lead_in_s: float) -> Track | None:
    return _track(np.concatenate(side.heard), rate, lead_in_s) if side.heard else None


def _shifted(events: Iterable[Event], by_s: float) -> tuple[Event, ...]:
    return tuple(Event(event.kind, event.span.shifted(by_s), event.text) for event in events)
