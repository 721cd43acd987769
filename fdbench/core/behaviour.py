"""What is examined in a conversation: the behaviours, and all that has to be known about one. Loads nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fdbench.core.event import INTERRUPTION, PAUSE, TURN_END
from fdbench.core.take_id import MAIN


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Something that a model may do well or badly in a conversation.

    Attributes:
        name: As in the names of tasks.
        title: As in headings.
        takeover_is_wanted: Whether the model is right to take the turn.
        needed_events: Kinds of events that a sample must have for anything to be measured.
        stimuli: With which stimuli of each sample a call is made.
    """

    name: str
    title: str
    takeover_is_wanted: bool
    needed_events: tuple[str, ...] = ()
    stimuli: tuple[str, ...] = (MAIN,)


PAUSE_HANDLING: Final = "pause_handling"
TURN_TAKING: Final = "turn_taking"
USER_INTERRUPTION: Final = "user_interruption"
BACKCHANNEL: Final = "backchannel"

BEHAVIOURS: Final[Mapping[str, Behaviour]] = {
    each.name: each
    for each in (
        Behaviour(PAUSE_HANDLING, "Pause handling", takeover_is_wanted=False, needed_events=(PAUSE,)),
        Behaviour(TURN_TAKING, "Smooth turn-taking", takeover_is_wanted=True, needed_events=(TURN_END,)),
        Behaviour(USER_INTERRUPTION, "User interruption", takeover_is_wanted=True, needed_events=(INTERRUPTION,)),
        Behaviour(BACKCHANNEL, "Backchannel", takeover_is_wanted=False),
    )
}
"""By name, in the order of tables."""
