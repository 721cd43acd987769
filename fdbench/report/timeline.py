"""One conversation with an examiner, as a picture of who speaks when and as lines with times, words and goals; plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fdbench.core.event import (
    EXAMINER_BACKCHANNEL,
    EXAMINER_SPEECH,
    HEARD_TURN,
    STAGE_ENTERED,
    STAGE_LEFT,
    TALKED_OVER,
    TIME_UP,
    Event,
)
from fdbench.io.visible import visible

MAX_COLUMNS: Final = 80
_MARKS: Final = {TALKED_OVER: "(speaks into a turn that does not end)", TIME_UP: "(the time is up)"}


def timeline(events: Iterable[Event], end_s: float) -> list[str]:
    """The lines of one call.

    Args:
        events: Of the user's side: what the examiner said, heard and made of it; seconds on the call's timeline.
        end_s: When the call ended.
    """
    known = sorted(events, key=lambda event: (event.span.start_s, event.kind != STAGE_LEFT, event.span.end_s))
    said = [event for event in known if event.kind in EXAMINER_SPEECH]
    heard = [event for event in known if event.kind == HEARD_TURN]
    entered = [event for event in known if event.kind == STAGE_ENTERED]
    column_s = max(0.1, end_s / MAX_COLUMNS)
    picture = [
        f"{'stage':6}{_names(entered, column_s)}",
        f"{'user':6}{_bar(said, end_s, column_s)}",
        f"{'model':6}{_bar(heard, end_s, column_s)}",
        f"{'':6}0 s{f'{end_s:.0f} s':>{max(1, round(end_s / column_s) - 3)}}",
    ]
    return [*picture, "", *(line for event in known if (line := _line(event, said)))]


def _bar(events: Sequence[Event], end_s: float, column_s: float) -> str:
    """A mark for each column in which somebody speaks: ``#``, or ``+`` where it is a backchannel alone."""
    columns = ["."] * max(1, round(end_s / column_s))
    for event in sorted(events, key=lambda each: each.kind != EXAMINER_BACKCHANNEL):
        last = min(len(columns), max(int(event.span.start_s / column_s) + 1, round(event.span.end_s / column_s)))
        for column in range(int(event.span.start_s / column_s), last):
            columns[column] = "+" if event.kind == EXAMINER_BACKCHANNEL else "#"
    return "".join(columns)


def _names(entered: Sequence[Event], column_s: float) -> str:
    row = ""
    for event in entered:
        row = row.ljust(int(event.span.start_s / column_s)) + f"|{visible(event.text)}"
    return row


def _line(event: Event, said: Sequence[Event]) -> str:
    """One event; empty for what the picture shows."""
    times = f"{event.span.start_s:6.2f} - {event.span.end_s:6.2f}"
    if event.kind == HEARD_TURN:
        ends_s = [each.span.end_s for each in said if each.span.start_s < event.span.start_s]
        offset = f"{event.span.start_s - ends_s[-1]:+.2f} s" if ends_s else ""
        return f"{times}  {'model':6}{offset:>8}  {visible(event.text)}"
    if event.kind in EXAMINER_SPEECH:
        kind = "" if event.kind in ("opening", "line", "closing") else f"({event.kind}) "
        return f"{times}  {'user':16}{kind}{visible(event.text)}"
    if event.kind == STAGE_LEFT:
        return f"{times[:6]}{'':13}{visible(event.text)}"
    return f"{times[:6]}{'':13}{_MARKS[event.kind]}" if event.kind in _MARKS else ""
