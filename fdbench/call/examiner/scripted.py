"""What the scripted examiner says: its dialogue's lines, by rules alone.

The same sound heard gives the same dialogue: all chance is drawn from the seed, a fixed number of times for each stage.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fdbench.call.examiner.examination import Examination
from fdbench.call.examiner.pace import BREATH_S
from fdbench.core.event import CORRECTION, INTERRUPTION, LINE, OPENING, REPEAT
from fdbench.core.goal import GoalOutcome, goal_met
from fdbench.core.span import Span


@dataclass(slots=True)
class ScriptedExamination(Examination):
    """Says each stage's line, once more in other words where its goal is not met, and goes on."""

    _answers: list[str] = field(default_factory=list)
    _was_repeated: bool = False

    def _open(self, now_s: float) -> None:
        if self.dialogue.opening:
            now_s = self._speak(OPENING, self.dialogue.opening, now_s) + BREATH_S
        self._enter(now_s)

    def _enter(self, now_s: float) -> None:
        """Begin the next stage, or close the dialogue after the last one."""
        if self._index + 1 == len(self.dialogue.stages):
            self._close(self.dialogue.closing, now_s)
            return
        self._enter_stage(self._index + 1, now_s)
        self._draw_interruption(is_possible=bool(self._stage.again))
        self._answers, self._n_nudges, self._was_repeated = [], 0, False
        self._ask(CORRECTION if self._stage.corrects else LINE, self._stage.line, now_s)

    def _leave(self, now_s: float, outcome: GoalOutcome) -> None:
        self._leave_stage(outcome.state, outcome.why, now_s)
        self._enter(now_s)

    def _reply(self, turn: Span, now_s: float) -> None:
        """Go on, or say the line again."""
        outcome = goal_met(self._stage.goal, self._answers)
        if outcome.is_met or self._was_repeated or not self._stage.again:
            self._leave(now_s, outcome)
        else:
            self._was_repeated = True
            self._ask(REPEAT, self._stage.again, now_s)

    def _hear(self, turn: Span) -> str:
        words = Examination._hear(self, turn)
        if words:
            self._answers.append(words)
        return words

    def _interrupt(self, turn: Span, now_s: float) -> bool:
        if self._was_repeated:
            return False
        self._hear(turn)
        self._was_repeated = True
        self._ask(INTERRUPTION, self._stage.again, now_s)
        return True

    def _go_on_without_answer(self, now_s: float) -> None:
        self._leave(now_s, goal_met(self._stage.goal, self._answers))

    def _why_unfinished(self) -> str:
        return goal_met(self._stage.goal, self._answers).why
