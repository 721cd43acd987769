"""A staged dialogue: what an examiner says to a model, in stages, and what it wants to hear in each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

from fdbench.core.event import HEARD_TURN, STAGE_ENTERED, STAGE_LEFT, Event
from fdbench.core.goal import Goal
from fdbench.core.span import Span

DAILY, CORRECTION_FAMILY, ENTITY_TRACKING, SAFETY = "daily", "correction", "entity_tracking", "safety"
FAMILIES: Final = (DAILY, CORRECTION_FAMILY, ENTITY_TRACKING, SAFETY)


@dataclass(frozen=True, slots=True)
class DialogueStage:
    """One step of a dialogue.

    Attributes:
        name: e.g. ``T1``.
        line: What the examiner says.
        again: The same in other words, said once where the goal is not met, or into the model's turn; empty = never.
        goal: What the model is to say.
        corrects: Name of the stage whose words this one takes back; empty = it takes nothing back.
    """

    name: str
    line: str
    again: str
    goal: Goal
    corrects: str = ""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A whole one.

    Attributes:
        family: One of ``FAMILIES``.
        opening: What the examiner says first, before the first stage's line and in one breath with it; may be empty.
        closing: What it says when the last stage is over.
        instructions: What a model that takes a text prompt is told.
        pace: How quickly the examiner takes its turns, where the task says so; empty = as is asked for.
        examiner_system, examiner_task: What an examiner that understands prose is told of its part, where the data says it.
    """

    id: str
    family: str
    opening: str
    stages: tuple[DialogueStage, ...]
    closing: str
    instructions: str = ""
    pace: str = ""
    examiner_system: str = ""
    examiner_task: str = ""

    @property
    def digest(self) -> str:
        """A hash of all that determines a call with it, and its goals."""
        facts = {**asdict(self), "goals": [type(stage.goal).__name__ for stage in self.stages]}
        for name in ("examiner_system", "examiner_task"):  # those without them have the digest that they had
            if not facts[name]:
                del facts[name]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class HeldStage:
    """A stage as it went in a call.

    Attributes:
        span: From the beginning of its line to where the examiner went on, or the call ended.
        left: ``met``, ``not_met`` or ``time_up``, as the examiner heard it; empty = the call ended before.
        turns: What the examiner heard of the model in it, each with its place and words.
    """

    name: str
    span: Span
    left: str
    turns: tuple[Event, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The words of the turns, as ``goal_met`` takes them."""
        return tuple(turn.text for turn in self.turns)


def held_stages(events: Iterable[Event], end_s: float) -> tuple[HeldStage, ...]:
    """The stages that were reached in a call, in order.

    Args:
        events: Of the user's side, in any order.
        end_s: When the call ended.
    """
    known = tuple(events)
    entered = sorted((event.span.start_s, event.text) for event in known if event.kind == STAGE_ENTERED)
    ends = {event.text.split()[0]: event for event in known if event.kind == STAGE_LEFT}
    stages = []
    for start_s, name in entered:
        end = ends.get(name)
        span = Span(start_s, max(start_s, end.span.start_s if end else end_s))
        turns = (event for event in known if event.kind == HEARD_TURN and span.contains(event.span.start_s))
        left = end.text.split(":")[0].split()[1] if end else ""
        stages.append(HeldStage(name, span, left, tuple(sorted(turns, key=lambda turn: turn.span))))
    return tuple(stages)
