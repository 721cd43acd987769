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
TEXT: Final = "text"
"""A piece of the text that a model writes while it speaks (its inner monologue), where the audio of that moment lies."""
DECIDED: Final = "decided"
YIELDED: Final = "yielded"
ARRIVED: Final = "arrived"
PLAYED: Final = "played"
"""On the wall clock, of each reply (named by the event's text): when a server decided to speak and to give way, when the reply
arrived, and when it was played. A listener hears what is played."""


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
