"""How quickly an examiner takes its turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ExaminerPace:
    """One way of taking turns.

    Attributes:
        patience_s: After so much silence the model's turn is over. 2.0 s cuts no turn of an agent that pauses for up to 1.5 s
            inside it, 1.0 s half of them.
        interrupts: Share of the stages in which it says its line again, in other words, into the model's turn.
        interrupts_after_s: How long after the model began, from and to.
    """

    name: str
    patience_s: float
    interrupts: float = 0.0
    interrupts_after_s: tuple[float, float] = (1.0, 2.5)


SLOW: Final = ExaminerPace("slow", 2.0)
FAST: Final = ExaminerPace("fast", 1.0, interrupts=0.5)
PACES: Final = {pace.name: pace for pace in (SLOW, FAST)}

FRAME_S: Final = 0.02
"""How often the examiner decides."""
LISTENS_AHEAD_S: Final = 0.5
"""After so much silence the words of what may be a turn are looked for, in the background; it decides nothing."""
NUDGE_AFTER_S: Final = 6.0
"""Of silence."""
MOST_NUDGES: Final = 2
"""In a stage; then the dialogue goes on without an answer."""
LONGEST_TURN_S: Final = 20.0
"""A model that speaks for longer is talked over: it may never stop."""
RESIDUE_S: Final = 0.2
"""Speech that began under the examiner's line and ended by so much after it is no answer to it."""
FIRST_BACKCHANNEL_S: Final = (4.0, 7.0)
"""Into a turn of the model, from and to."""
NEXT_BACKCHANNEL_S: Final = (6.0, 10.0)
BREATH_S: Final = 0.25
"""Between an opening and the line after it."""
