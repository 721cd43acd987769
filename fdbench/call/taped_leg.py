"""A leg in the place of a model that is not there: what it said, and when, is on tape.

Of a call on the wall clock every arrival is on record, so what the listener's client played is worked out anew; of one in
virtual time, what the model said is taken as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from fdbench.adapter.base import Brief, Port
from fdbench.adapter.equipped import Equipped
from fdbench.call.call import Side
from fdbench.call.live_side import LiveSide
from fdbench.call.session_log import Arrival, SessionLog
from fdbench.call.tape import KnownTape
from fdbench.call.timeouts import Timeouts
from fdbench.core.event import Event
from fdbench.core.sound import Audio


@dataclass(frozen=True, slots=True, eq=False)
class RecordedTape:
    """What a call in virtual time left behind of its model.

    Attributes:
        said: From the beginning of the call on.
        heard_hz, heard_samples: Rate and length of what the model was played.
        events: What it told, on the prompt's timeline.
        right_censored: It was still speaking when the call ended.
    """

    said: Audio
    heard_hz: int
    heard_samples: int
    events: tuple[Event, ...]
    right_censored: bool


class TapedLeg(Equipped):
    """See above. It hangs up where the tape ends."""

    needs_wall, is_deaf, slots = False, False, 1

    def __init__(self, tape: SessionLog | RecordedTape) -> None:
        self._tape = tape
        if isinstance(tape, SessionLog):
            n_frames = max(1, len(tape.sent_s))
            frame_s = tape.end_s / n_frames
            self.hears = Port(tape.rate_user, round(frame_s * tape.rate_user))
            self.says = Port(tape.rate_model, round(frame_s * tape.rate_model))
        else:  # all of it is one frame: what is heard does not depend on how it is cut
            # It may have begun no frame more in what was said last: all that was said is heard, and cut again (``replay``).
            exact = Fraction(len(tape.said.samples) * tape.heard_hz, tape.said.sample_rate)
            self.hears = Port(tape.heard_hz, int(exact) if exact.denominator == 1 else tape.heard_samples)
            self.says = Port(tape.said.sample_rate, len(tape.said.samples))

    def open(self, slot: int, brief: Brief, frame_ticks: int) -> Side:
        tape = self._tape
        if isinstance(tape, SessionLog):
            log = replace(tape, arrivals=[], truncations=[])
            timeouts = Timeouts(most_queued_s=float("inf"))
            parts = LiveSide.parts(slot, log, self.hears.frame_s, frame_ticks, timeouts, always_sounds=False)
            return LiveSide(**parts, hangs_up_after=len(tape.sent_s))
        said = KnownTape(tape.said.samples)
        return Side(slot, said, tape.said.sample_rate, frame_ticks, hangs_up_after=1, heard_samples=tape.heard_samples)

    def hear(self, sides: Sequence[Any], audio: npt.NDArray[np.float32], tick_rate: int) -> None:
        """Let what came until the end of this frame come again."""
        for side in sides:
            side.n_heard += 1
            if isinstance(side, LiveSide) and isinstance(self._tape, SessionLog):
                is_last = side.n_heard == side.hangs_up_after
                for arrival in self._tape.arrivals[len(side.log.arrivals) :]:
                    if not is_last and arrival.at_s > side.n_heard * side.frame_s:
                        break
                    side.arrive(Arrival(arrival.at_s, arrival.event))

    def close(self, side: Side) -> None:
        """Nothing is held."""
