"""How long is waited for a party on the wall clock, and how late may be what it is sent."""

from __future__ import annotations

from dataclasses import dataclass

MOST_LATE_S = 0.1


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long is waited, in seconds, and how often is tried again.

    Attributes:
        open_s: For a conversation to begin (a server may be busy with another).
        send_s: For a frame to be taken.
        most_late_s: A call in which a frame around an annotated event leaves later than this is made again.
        close_s: For a conversation to end.
        tries: Of a call that broke in a way that may not happen again.
        pause_s: Before the second try; doubled before each further one.
        most_queued_s: More audio than this waiting to be played is no reply.
        ping_s: Between two measurements of the network's round trip.
        stream_s: A server that sends audio all the time and has sent none for this long has died.
    """

    open_s: float = 30.0
    send_s: float = 5.0
    most_late_s: float = MOST_LATE_S
    close_s: float = 3.0
    tries: int = 3
    pause_s: float = 1.0
    most_queued_s: float = 600.0
    ping_s: float = 5.0
    stream_s: float = 3.0
