"""A staged dialogue: what an examiner says to a model, in stages, and what it wants to hear in each."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final

from fdbench.core.goal import Goal

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
    """

    id: str
    family: str
    opening: str
    stages: tuple[DialogueStage, ...]
    closing: str
    instructions: str = ""
    pace: str = ""

    @property
    def digest(self) -> str:
        """A hash of all that determines a call with it, and its goals."""
        facts = {**asdict(self), "goals": [type(stage.goal).__name__ for stage in self.stages]}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
