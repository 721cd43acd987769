"""What a language model says in a dialogue: it is asked at every turn's end, and now and then before.

::

    model      ......########........                      ....####......
    asked            ^ SPEAKING (fast)  ^ TURN: its patience is over
    virtual    the clock stands still  |line|     or  |...thinks_s...|line|
    wall clock                                        |...as long as it takes...|line|

When it may be asked is the pace's to say, so one that has something to say at every chance still lets the other speak. It is
asked a bounded number of times in a call, and one that keeps silent is not: its line goes into the same silence as nudges.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from fdbench.call.examiner.examination import Examination
from fdbench.call.examiner.moves import Happened, Move, Situation
from fdbench.core.event import CORRECTION, EXAMINER_SPEECH, HEARD_TURN, INTERRUPTION, LINE, REPEAT, Event
from fdbench.core.span import Span
from fdbench.errors import AdapterError

Think = Callable[[Situation], "Future[Move]"]
MOST_ASKED_PER_S: Final = 1.0
"""Of the time that the examiner may speak for: more is asked of nobody, whatever a model does."""


@dataclass(slots=True, kw_only=True)
class LlmExamination(Examination):
    """See above.

    Args:
        think: Begins to decide.
        thinks_s: How long that takes, on the call's clock, at least.
        waits: Whether the call's clock stands still until it is decided; on the wall clock it does not.
    """

    think: Think
    thinks_s: float = 0.0
    waits: bool = True
    _talk: list[Event] = field(default_factory=list)
    _thought: Future[Move] | None = None
    _situation: Situation | None = None
    _decides_s: float = 0.0
    _n_asked: int = 0
    _has_said_its_line: bool = False

    @property
    def _thinks(self) -> bool:
        return self._thought is not None

    def _open(self, now_s: float) -> None:
        self._consider("BEGIN", now_s)

    def _reply(self, turn: Span, now_s: float) -> None:
        self._listens_from_s = turn.end_s
        self._consider("SPEAKING" if self.ears.is_speaking else "TURN", now_s)

    def _interrupt(self, turn: Span, now_s: float) -> bool:
        self._interrupts_after_s = math.inf
        if self._hear(turn):
            self._listens_from_s = turn.end_s
            self._consider("SPEAKING", now_s)
        return self._thinks

    def _go_on_without_answer(self, now_s: float) -> None:
        self._n_nudges = 0
        self._consider("SILENCE", now_s)

    def _why_unfinished(self) -> str:
        return "the language model was asked, and had not answered" if self._thinks else "the language model had not gone on"

    def _end(self, now_s: float) -> None:
        if self._index < 0:
            raise AdapterError(f"the language model had said nothing when the {self.duration_s:g} s of the call were over")
        Examination._end(self, now_s)

    # Thinking

    def _consider(self, happened: Happened, now_s: float) -> None:
        self._n_asked += 1
        if self._n_asked > 2 + self.duration_s * MOST_ASKED_PER_S:
            raise AdapterError(f"the language model was asked {self._n_asked - 1} times in a call of {self.duration_s:g} s")
        names = [stage.name for stage in self.dialogue.stages]
        first = max(0, self._index)
        left_s = max(0.0, self.begins_s + self.duration_s - now_s)
        stage = self._stage.name if self._index >= 0 else ""
        self._take_down()
        self._situation = Situation(happened, stage, tuple(names[first:]), tuple(self._talk), now_s, left_s)
        self._thought, self._decides_s = self.think(self._situation), now_s + self.thinks_s

    def settle(self, now_s: float) -> None:
        self._take_down()
        if self._thought is None or self.is_over or now_s < self._decides_s or not (self.waits or self._thought.done()):
            return
        move, self._thought = self._thought.result(), None
        assert self._situation is not None
        self._make(move, self._situation, now_s)
        self._take_down()

    def _take_down(self) -> None:
        """Remember what was said by either, of the events that nobody has taken yet."""
        new = [event for event in self.events if event.kind in (HEARD_TURN, *EXAMINER_SPEECH)]
        self._talk += [event for event in new if event not in self._talk]

    def _make(self, move: Move, situation: Situation, now_s: float) -> None:
        """Do what was decided."""
        goes_on = situation.stage not in ("", move.stage)
        if not move.say and not move.is_done:
            if situation.happened == "TURN":
                self._line_end_s, self._heard_from_s = now_s, None
            return
        if situation.stage and (move.is_done or goes_on):
            self._leave_stage("met" if move.goal_met else "not_met", "as the language model judged", now_s)
        if move.is_done:
            self._say_goodbye(move.say, now_s)
            return
        if goes_on or not situation.stage:
            self._enter_stage([stage.name for stage in self.dialogue.stages].index(move.stage), now_s)
            self._has_said_its_line = False
        self._draw_interruption(is_possible=True)
        self._n_nudges = 0
        kind = CORRECTION if self._stage.corrects else LINE
        if self._has_said_its_line:
            kind = REPEAT
        if self.ears.is_speaking:
            kind = INTERRUPTION
        self._has_said_its_line = True
        self._ask(kind, move.say, now_s)

    def _say_goodbye(self, text: str, now_s: float) -> None:
        if text:
            self._close(text, now_s)
        else:
            self.until_s = max(now_s, self._speech_end_s)
