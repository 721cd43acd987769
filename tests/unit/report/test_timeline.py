"""A conversation as a picture and as lines."""

from __future__ import annotations

from fdbench.core.event import Event
from fdbench.core.span import Span
from fdbench.report.timeline import MAX_COLUMNS, timeline

CALL = [
    Event("opening", Span(0.0, 1.0), "Hello."),
    Event("stage_entered", Span(1.5, 1.5), "T1"),
    Event("line", Span(1.5, 4.0), "A table for four, please."),
    Event("heard_turn", Span(5.0, 9.0), "Sure. A table."),
    Event("backchannel", Span(7.0, 7.5), "Yeah."),
    Event("stage_left", Span(11.0, 11.0), "T1 not_met: not said: four"),
    Event("closing", Span(11.0, 12.0), "Good\nbye."),
]


def test_who_speaks_when_is_drawn_to_scale_and_told_with_the_floor_transfer_offset():
    picture, lines = timeline(CALL, 80.0)[:4], timeline(CALL, 80.0)[5:]
    assert picture[0] == "stage  |T1"
    assert picture[1] == "user  " + "####...+...#" + "." * 68
    assert picture[2] == "model " + ".....####" + "." * 71
    assert lines == [
        "  0.00 -   1.00  user            Hello.",
        "  1.50 -   4.00  user            A table for four, please.",
        "  5.00 -   9.00  model  +1.00 s  Sure. A table.",
        "  7.00 -   7.50  user            (backchannel) Yeah.",
        " 11.00             T1 not_met: not said: four",
        " 11.00 -  12.00  user            Good\\nbye.",
    ]


def test_however_long_or_short_a_call_is_its_picture_fits_a_terminal():
    for end_s in (0.05, 3.0, 81.0, 1200.0):
        assert all(len(line) <= 6 + MAX_COLUMNS for line in timeline(CALL, end_s)[1:3])
    assert len(timeline((), 1.0)) == 5
