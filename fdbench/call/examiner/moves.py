"""What a language model is asked when it holds a dialogue, and how its answer is read.

The wording lives in ``prompts/llm.N.md`` and ``prompts/part.N.md``, a new N for each change. What was said travels as evidence
between fences (``fdbench.judge.record``), the part as an instruction. The schema allows the stages that may be entered now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from fdbench.call.examiner.part import PACKAGE, part_of
from fdbench.call.examiner.part import VERSION as PART_VERSION
from fdbench.core.absence import Absence
from fdbench.core.dialogue import Dialogue
from fdbench.core.event import HEARD_TURN, Event
from fdbench.io.files import digest_of
from fdbench.judge.prompt import Messages, wording_of
from fdbench.judge.rating_text import answer_of
from fdbench.judge.record import MAX_TEXT_CHARS, fenced

VERSION: Final = 1
WORDING: Final = f"llm-{VERSION}"
UNREADABLE: Final = "examiner"
"""Reason of an answer that cannot be read, and of the call that fails by it."""
MOST_SAID_CHARS: Final = 400
"""Of what is said at once; a speaker who says more gives the other no chance."""

Happened = Literal["BEGIN", "TURN", "SPEAKING", "SILENCE"]


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a call has come to.

    Attributes:
        stage: That the dialogue is in; empty before the first.
        stages: Names of those that it may be in next, this one first.
        talk: What was said by either, as events, in order.
        left_s: How long the examiner may still speak.
    """

    happened: Happened
    stage: str
    stages: tuple[str, ...]
    talk: tuple[Event, ...]
    now_s: float
    left_s: float

    @property
    def must_speak(self) -> bool:
        return self.happened in ("BEGIN", "SILENCE")


@dataclass(frozen=True, slots=True)
class Move:
    """What a language model decided.

    Attributes:
        say: Empty = nothing now.
        stage: That what it says belongs to.
        goal_met: Whether the stage that the dialogue was in got what it wants.
        is_done: Whether the call is over with it.
    """

    say: str
    stage: str
    goal_met: bool
    is_done: bool


def schema_of(situation: Situation) -> dict[str, Any]:
    """Of the answer. What it holds is judged before what is said."""
    properties = {
        "goal_met": {"type": "boolean"},
        "stage": {"type": "string", "enum": list(situation.stages)},
        "done": {"type": "boolean"},
        "say": {"type": "string"},
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def messages_of(dialogue: Dialogue, situation: Situation) -> Messages:
    """The question as it goes to the server."""
    _, system, user = wording_of(f"llm.{VERSION}.md", PACKAGE)
    record = {
        "call": _written(situation.talk),
        "now_s": f"{situation.now_s:.1f}",
        "left_s": f"{situation.left_s:.1f}",
        "happened": situation.happened,
        "stage": situation.stage or "none yet",
        "stages": ", ".join(situation.stages),
    }
    text, notes = fenced(user, record)
    return Messages(system.replace("{part}", "\n\n".join(part_of(dialogue))), text, notes)


def _written(talk: Sequence[Event]) -> str:
    """Who said what when; of a long call the latest part."""
    who = {HEARD_TURN: "ASSISTANT"}
    lines = [
        f"({event.span.start_s:.1f}-{event.span.end_s:.1f}) {who.get(event.kind, 'CALLER')}: {event.text}" for event in talk
    ]
    while sum(len(line) + 1 for line in lines) > MAX_TEXT_CHARS:
        del lines[0]
    return "\n".join(lines)


def read_move(text: str, situation: Situation) -> Move | Absence:
    """One JSON object of the schema, and nothing beside it but a Markdown fence."""
    value = answer_of(text)
    if isinstance(value, Absence):
        return Absence(UNREADABLE, value.message)
    if value.keys() != {"goal_met", "stage", "done", "say"}:
        return Absence(UNREADABLE, "the answer is not one JSON object with 'goal_met', 'stage', 'done' and 'say'")
    goal_met, stage, is_done, said = (value[name] for name in ("goal_met", "stage", "done", "say"))
    if not isinstance(goal_met, bool) or not isinstance(is_done, bool) or not isinstance(said, str):
        return Absence(UNREADABLE, "'goal_met' and 'done' are to be true or false, and 'say' a text")
    if stage not in situation.stages:
        return Absence(UNREADABLE, f"the stage is none of {', '.join(situation.stages)}")
    said = " ".join("".join(char if char.isprintable() else " " for char in said).split())
    if len(said) > MOST_SAID_CHARS:
        return Absence(UNREADABLE, f"what is to be said has {len(said)} characters, {MOST_SAID_CHARS} are the most")
    if said and not any(char.isalnum() for char in said):
        return Absence(UNREADABLE, "what is to be said has no word in it")
    if is_done and not situation.stage:
        return Absence(UNREADABLE, "the call is to be over before it has begun")
    if not said and situation.must_speak and not is_done:
        return Absence(UNREADABLE, f"nothing is to be said at {situation.happened}")
    return Move(said, stage, goal_met, is_done)


def wording_signature() -> str:
    """Name and hash of all that is fixed in a question, as signatures have it: ``llm-1-0a1b2c3d``."""
    texts = [wording_of(f"{name}.md", PACKAGE)[0] for name in (f"llm.{VERSION}", f"part.{PART_VERSION}")]
    form = schema_of(Situation("BEGIN", "", (), (), 0.0, 0.0))
    return f"{WORDING}-{digest_of([*texts, form, MAX_TEXT_CHARS, MOST_SAID_CHARS])[:8]}"
