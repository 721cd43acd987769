"""One side of a call that lives on the wall clock, without its connection: what it was sent, what came, what is heard of it.

::

    due        f    2f    3f    4f               frame k is spoken in [k f, (k + 1) f) and leaves when it is over
    sent       |u0  |u1         |u2 u3           overdue frames leave together
    arrives         e  d d d                     stamped as it comes; the playout says when it would be heard

All of this follows from the log, so a log that was kept gives the same side again (``replay``). Whether the side may be
scored is decided here, too: a reply that never ended, a stream that died and frames that left late are no good calls.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from fdbench.adapter.live import CallError, Caution, Closed, Decided, Delta, Done
from fdbench.audio.playout import Playout
from fdbench.call.call import Side
from fdbench.call.session_log import LATE_S, Arrival, SessionLog, as_stored, events_of, feed
from fdbench.call.tape import PlayedTape
from fdbench.call.timeouts import Timeouts
from fdbench.core.conversation import CallLog
from fdbench.core.event import Event
from fdbench.core.span import Span

AROUND_S = 1.0
"""A frame that leaves late within this time after an annotated event moves the reply to it."""

_CERTAIN_S = 0.5
"""A reply of which nothing has come for this long is not just between two pieces."""

MOVED = "annotated events were sent late, and are scored where they were sent"


@dataclass(slots=True)
class LiveSide(Side):
    """See ``Side``.

    Attributes:
        frame, frame_s: Length of what it is sent, in seconds.
        always_sounds: It sends audio all the time, so that what has not come is not its silence.
        ends_replies: The end of every reply is told, so that one without it has never ended.
        has_moved: An event of what it was sent was sent late.
    """

    log: SessionLog = field(kw_only=True)
    playout: Playout = field(kw_only=True)
    frame: Fraction = field(kw_only=True)
    frame_s: float = field(kw_only=True)
    timeouts: Timeouts = field(kw_only=True)
    always_sounds: bool = field(default=False, kw_only=True)
    ends_replies: bool = field(default=False, kw_only=True)
    is_closed: bool = False
    has_moved: bool = False
    _open_items: dict[str, float] = field(default_factory=dict)
    _ended_items: set[str] = field(default_factory=set)
    _last_arrival_s: float = 0.0

    @staticmethod
    def parts(
        slot: int, log: SessionLog, frame: Fraction, frame_ticks: int, timeouts: Timeouts, *, always_sounds: bool
    ) -> dict[str, Any]:
        """What such a side is made of, when its call begins."""
        playout = Playout(log.rate_model)
        return {
            "slot": slot,
            "tape": PlayedTape(playout, log.rate_model),
            "says_hz": log.rate_model,
            "frame_ticks": frame_ticks,
            "log": log,
            "playout": playout,
            "frame": frame,
            "frame_s": float(frame),
            "timeouts": timeouts,
            "always_sounds": always_sounds,
        }

    def finish(self) -> None:
        """The call is over: what was sent says how long it was."""
        self.log.end_s = float(len(self.log.sent_s) * self.frame)

    def known_s(self, tick_rate: int) -> float:
        return self.n_heard * self.frame_ticks / tick_rate

    def arrive(self, arrival: Arrival) -> list[tuple[str, float]]:
        """Something came from the server.

        Returns:
            The replies that it cut off, with how many seconds of each were heard.

        Raises:
            CallError: More is waiting to be played than any reply has.
        """
        event = arrival.event
        self.log.arrivals.append(arrival)
        cut = feed(self.playout, arrival)
        self.log.truncations += [[item, upto_s] for item, upto_s in cut]
        if isinstance(event, Decided) and event.what == "speak":
            self._open_items[event.item] = arrival.at_s
        elif isinstance(event, Done):
            ended = {event.item} if event.item else set(self._open_items)
            self._ended_items |= ended
            for item in ended:
                self._open_items.pop(item, None)
        elif isinstance(event, Closed):
            self.is_closed = True
        elif isinstance(event, Delta):
            self._last_arrival_s = arrival.at_s
            if self.ends_replies and event.item not in self._ended_items:
                self._open_items.setdefault(event.item, arrival.at_s)
            if self.playout.end_s - arrival.at_s > self.timeouts.most_queued_s:
                most_s = self.timeouts.most_queued_s
                raise CallError("protocol", f"more than {most_s:g} s of audio are waiting to be played")
        return cut

    def silent_s(self, now_s: float, since_s: float) -> float:
        if self.always_sounds:
            now_s = max(0.0, min(now_s, self.playout.end_s))  # what has not come is not the model's silence
        if (self._open_items and not self.is_closed) or self.playout.is_loud_after(now_s):
            return 0.0
        return now_s - max(since_s, self.playout.last_loud_s(now_s))

    def quiet_s(self, now_s: float) -> float:
        end_s = self.log.end_s or now_s
        return end_s - self.playout.last_loud_s(end_s)

    def told(self) -> list[Event]:
        return [*events_of(self.log, self.playout)]

    def cautions(self) -> tuple[str, ...]:
        said = dict.fromkeys(caution.message for _, caution in self.log.of(Caution))
        return (*said, *([MOVED] if self.has_moved else []))

    def as_sent(self, event: Event, lead_in_s: float) -> Event:
        """An event of what it was sent, where the server could hear it: later by what its frame left late."""
        start_s, end_s = (self._late_s(at_s + lead_in_s) for at_s in (event.span.start_s, event.span.end_s))
        if not (start_s or end_s):
            return event
        self.has_moved = True
        start_s += event.span.start_s
        return Event(event.kind, Span(start_s, max(start_s, event.span.end_s + end_s)), event.text)

    def _late_s(self, at_s: float) -> float:
        """By how much the frame that holds a moment of the call left late; 0 where nobody would call it late."""
        index = math.floor(at_s / self.frame_s)
        late_s = self.log.late_s[index] if 0 <= index < len(self.log.late_s) else 0.0
        return late_s if late_s > LATE_S else 0.0

    def stored_log(self) -> CallLog:
        return as_stored(self.log)

    def check(self, events: Iterable[Span], silence_s: float) -> None:
        """Make sure that the call, which is over, may be scored.

        Args:
            events: Where, on the call's clock, something happened on the other side that is asked about.

        Raises:
            CallError: It may not; says why.
        """
        self._check_that_it_sounded()
        self._check_that_it_finished(silence_s)
        self._check_punctuality(events)

    def _check_that_it_sounded(self) -> None:
        pieces = [delta.audio for _, delta in self.log.of(Delta) if len(delta.audio)]
        if (pieces or self.always_sounds) and not any(piece.any() for piece in pieces):
            raise CallError("silent", "every sample that came was zero: the connection or its codec is broken, not the model")

    def _check_that_it_finished(self, silence_s: float) -> None:
        end_s = self.log.end_s
        if self.always_sounds and not self.is_closed and end_s - self.playout.end_s > self.timeouts.stream_s:
            raise CallError(
                "stalled",
                f"no audio came after {self.playout.end_s:.1f} s of a call of {end_s:.1f} s, from a server that always "
                "sends some",
                may_retry=True,
            )
        if self._open_items:
            quiet_s = end_s - max(self._last_arrival_s, self.playout.last_loud_s(end_s), *self._open_items.values())
            if quiet_s >= max(silence_s, _CERTAIN_S) or self.is_closed:
                raise CallError(
                    "unfinished",
                    f"a reply was begun at {min(self._open_items.values()):.1f} s and never ended: nothing came in the last "
                    f"{quiet_s:.1f} s of the call",
                    may_retry=True,
                )

    def _check_punctuality(self, events: Iterable[Span]) -> None:
        late_s = max((late_s for event in events for late_s in self._late_around(event)), default=0.0)
        if late_s > self.timeouts.most_late_s:
            raise CallError(
                "clock",
                f"a frame around an annotated event left {late_s * 1000:.0f} ms late: this machine is too busy for so many "
                "conversations",
                may_retry=True,
            )

    def _late_around(self, event: Span) -> Iterator[float]:
        first = max(0, math.floor(event.start_s / self.frame_s))
        yield from self.log.late_s[first : math.ceil((event.end_s + AROUND_S) / self.frame_s)]
