"""What an examiner says beside the lines of its dialogue, and everything that it may say in one."""

from __future__ import annotations

from typing import Final

from fdbench.core.dialogue import Dialogue

NUDGES: Final = ("Hello? Are you still there?", "I can not hear you. Are you there?")
"""Said into silence, one after the other."""
BACKCHANNELS: Final = ("Right.", "Okay.", "I see.", "Yeah.")
"""Said while the model speaks; recognisers hear these, and not "uh-huh"."""


def texts_of(dialogue: Dialogue) -> tuple[str, ...]:
    """Everything that may be said in a dialogue, each text once."""
    lines = [text for stage in dialogue.stages for text in (stage.line, stage.again)]
    return tuple(dict.fromkeys(text for text in (dialogue.opening, *lines, dialogue.closing, *NUDGES, *BACKCHANNELS) if text))
