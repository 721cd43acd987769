"""What happens in a call, and when: kinds of events by name. Loads nothing heavy, so that lists of names cost nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fdbench.core.span import Span

PAUSE: Final = "pause"
TURN_END: Final = "turn_end"
CONTEXT: Final = "context"
INTERRUPTION: Final = "interruption"
OVERLAP: Final = "overlap"
EVENT_KINDS: Final = (PAUSE, TURN_END, CONTEXT, INTERRUPTION, OVERLAP)
"""Those of a prompt."""
HEARD_ONSET: Final = "heard_onset"
"""Of a user who reacts: when it heard the model begin to speak. What it says into that is an event of its stage's kind."""
NOTHING: Final = "nothing"
"""Of a user who reacts, in a clean twin: where something would have been said."""
TEXT: Final = "text"
"""A piece of the text that a model writes while it speaks (its inner monologue), where the audio of that moment lies."""
OPENING, LINE, REPEAT, CORRECTION = "opening", "line", "repeat", "correction"
NUDGE, CLOSING, EXAMINER_BACKCHANNEL = "nudge", "closing", "backchannel"
EXAMINER_SPEECH: Final = (OPENING, LINE, REPEAT, CORRECTION, NUDGE, CLOSING, EXAMINER_BACKCHANNEL, INTERRUPTION)
"""Of an examiner, who says nothing that is no event with its words for a text: what it says first; a stage's line, or its line
again because the goal was not met; a line that takes an earlier one back; a call into silence; what it says last and while it
listens; its line again, said into the model's turn (``interruption``)."""
STAGE_ENTERED, STAGE_LEFT = "stage_entered", "stage_left"
"""Of an examiner: when it began to say a stage's line, and when it went on; the text is the stage's name, then ``met``,
``not_met`` or ``time_up``, and why."""
HEARD_TURN: Final = "heard_turn"
"""Of an examiner: a turn of the model, from its first speech on, with the words that the examiner heard."""
TALKED_OVER, TIME_UP = "talked_over", "time_up"
"""Of an examiner: when it spoke into a turn that did not end, and when it fell silent because the time was up."""
DECIDED: Final = "decided"
YIELDED: Final = "yielded"
ARRIVED: Final = "arrived"
PLAYED: Final = "played"
"""On the wall clock, of each reply (named by the event's text): when a server decided to speak and to give way, when the reply
arrived, and when it was played. A listener hears what is played."""

OWN_ECHO: Final = "own_echo"
"""Of a call in which the model could hear itself: from 0 to how late its echo was. Nobody tells it; the driver knows."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens at a known time.

    In a prompt: ``pause`` (a silence inside the user's turn), ``turn_end`` (starts where the user's turn ends),
    ``context`` (the turn before an interruption or an overlap), ``interruption`` (the user's barge-in), ``overlap`` (somebody
    speaks while the model answers: the user to the model or not, or somebody else). In a recording: whatever the model tells
    about itself, such as a piece of its own text.
    """

    kind: str
    span: Span
    text: str = ""


def as_scored(events: Iterable[Event]) -> tuple[Event, ...]:
    """What a model said about itself, as scorers see it; no pieces of text where nothing is to be seen in any."""
    kept = tuple(events)
    writes = any(event.kind == TEXT and event.text.strip() for event in kept)
    return kept if writes else tuple(event for event in kept if event.kind != TEXT)


def own_text(events: Iterable[Event]) -> tuple[Event, ...]:
    """The pieces of the text that a model wrote while it spoke; none where nothing is to be seen in any."""
    return tuple(event for event in as_scored(events) if event.kind == TEXT)
