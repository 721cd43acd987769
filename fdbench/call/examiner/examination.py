"""One dialogue being held: who listens to whom, when a turn is over, and what is said into silence.

::

    examiner  |opening line T1|.................|line T2|...............|again T2|.............|line T3| ...
    model     ....###.............######..####.................#####..................#####
              residue: no answer  |<- a turn ->| patience      |turn| goal not met: again
                                                 words heard, goal met: next stage

A turn of the model counts by its words; sounds without any are silence. What it says under the examiner's own line, and has
ended when the line has, is what is left of the turn before. Who keeps silent is nudged twice, and then whoever decides goes on;
who does not stop within 20 s is talked over. When the time is up the examiner says nothing more.

What is said to a turn is decided by rules (``scripted``) or by a language model (``llm``); all else is alike for both.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fdbench.call.examiner.ears import Ears
from fdbench.call.examiner.pace import (
    FIRST_BACKCHANNEL_S,
    FRAME_S,
    LISTENS_AHEAD_S,
    LONGEST_TURN_S,
    MOST_NUDGES,
    NEXT_BACKCHANNEL_S,
    NUDGE_AFTER_S,
    RESIDUE_S,
    ExaminerPace,
)
from fdbench.call.examiner.phrases import BACKCHANNELS, NUDGES
from fdbench.core.dialogue import Dialogue, DialogueStage
from fdbench.core.event import (
    CLOSING,
    EXAMINER_BACKCHANNEL,
    HEARD_TURN,
    NUDGE,
    STAGE_ENTERED,
    STAGE_LEFT,
    TALKED_OVER,
    TIME_UP,
    Event,
)
from fdbench.core.span import Span

Say = Callable[[str, float], float]
"""Begin to say a text at a time, when nothing else is being said; returns when it will have been said."""


@dataclass(slots=True)
class Examination(ABC):
    """One call's dialogue. Times are seconds on the call's clock.

    Args:
        say: The mouth.
        begins_s: When the first word is said.
        duration_s: The time is up so long after that.

    Attributes:
        events: What happened since they were last taken.
        until_s: When the examiner has nothing more to say; infinity = it is not known yet.
    """

    dialogue: Dialogue
    ears: Ears
    say: Say
    pace: ExaminerPace
    random: np.random.Generator
    begins_s: float
    duration_s: float
    events: list[Event] = field(default_factory=list)
    until_s: float = math.inf
    _index: int = -1
    _line_end_s: float = 0.0
    _speech_end_s: float = 0.0
    _listens_from_s: float = 0.0
    _interrupts_after_s: float = math.inf
    _n_nudges: int = 0
    _backchannel_s: float = math.inf
    _heard_from_s: float | None = None

    @property
    def is_over(self) -> bool:
        return not math.isinf(self.until_s)

    def go_on(self, now_s: float) -> None:
        """Decide what to do at a time up to which all is heard."""
        if self.is_over or now_s + FRAME_S <= self.begins_s:
            return
        if self._index < 0 and not self._thinks:
            self._open(max(now_s, self.begins_s))
        elif now_s - self.begins_s >= self.duration_s:
            self._end(now_s)
        elif now_s >= self._speech_end_s and not self._thinks:
            self._listen(now_s)

    def settle(self, now_s: float) -> None:
        """Do what was being thought about, where the time for it has come. Rules never think."""
        return

    # What is decided by whoever holds the dialogue

    @property
    def _thinks(self) -> bool:
        """Whether nothing is decided yet of what was asked last."""
        return False

    @abstractmethod
    def _open(self, now_s: float) -> None:
        """Say the first thing of all."""

    @abstractmethod
    def _reply(self, turn: Span, now_s: float) -> None:
        """Say something to a turn whose words have been heard."""

    @abstractmethod
    def _interrupt(self, turn: Span, now_s: float) -> bool:
        """Say something into a turn, now that the time for it has come; False = not to this one."""

    @abstractmethod
    def _go_on_without_answer(self, now_s: float) -> None:
        """The model has been nudged in vain."""

    @abstractmethod
    def _why_unfinished(self) -> str:
        """Why the stage is left as it is when the time is up."""

    # The stages

    @property
    def _stage(self) -> DialogueStage:
        return self.dialogue.stages[self._index]

    def _enter_stage(self, index: int, now_s: float) -> None:
        self._index = index
        self.events.append(Event(STAGE_ENTERED, Span(now_s, now_s), self._stage.name))

    def _leave_stage(self, state: str, why: str, now_s: float) -> None:
        self.events.append(Event(STAGE_LEFT, Span(now_s, now_s), f"{self._stage.name} {state}: {why}"))

    def _close(self, text: str, now_s: float) -> None:
        """Say the last thing of all."""
        self._speak(CLOSING, text, now_s)
        self.until_s = self._speech_end_s

    def _draw_interruption(self, is_possible: bool) -> None:
        """Whether the next turn is spoken into, and when: the same number of draws wherever it is."""
        draws = self.random.random(2)
        first_s, last_s = self.pace.interrupts_after_s
        may_interrupt = bool(draws[0] < self.pace.interrupts and is_possible)
        self._interrupts_after_s = first_s + float(draws[1]) * (last_s - first_s) if may_interrupt else math.inf

    def _end(self, now_s: float) -> None:
        """Say nothing more than what is being said, the time being up; what the model has said so far is heard."""
        turn = self._turn()
        if turn is not None:
            self._hear(turn)
        self.events.append(Event(TIME_UP, Span(now_s, now_s)))
        if self._index >= 0:
            self._leave_stage(TIME_UP, self._why_unfinished(), now_s)
        self.until_s = max(now_s, self._speech_end_s)

    # Speaking

    def _speak(self, kind: str, text: str, now_s: float) -> float:
        self._speech_end_s = self.say(text, now_s)
        self.events.append(Event(kind, Span(now_s, self._speech_end_s), text))
        return self._speech_end_s

    def _ask(self, kind: str, text: str, now_s: float) -> None:
        """Say something that wants an answer."""
        self._line_end_s = self._speak(kind, text, now_s)
        self._listens_from_s, self._heard_from_s = now_s, None
        self.ears.forget_before(now_s)

    # Listening

    def _listen(self, now_s: float) -> None:
        turn = self._turn()
        if turn is None:
            if now_s - self._line_end_s >= NUDGE_AFTER_S:
                self._nudge(now_s)
            return
        if self._heard_from_s is None:
            self._heard_from_s = turn.start_s
            self._backchannel_s = turn.start_s + self._within(FIRST_BACKCHANNEL_S)
        began_s = max(turn.start_s, self._line_end_s)
        if now_s - turn.end_s >= self.pace.patience_s and not self.ears.is_speaking:
            self._answer(turn, now_s)
        elif now_s - began_s >= LONGEST_TURN_S:
            self._answer(turn, now_s, kind=TALKED_OVER)
        elif not self.ears.is_speaking and now_s - turn.end_s >= LISTENS_AHEAD_S:
            self.ears.listen_ahead(turn)
        elif self.ears.is_speaking:
            self._react(turn, now_s, now_s - began_s)

    def _turn(self) -> Span | None:
        """What the model has said since the examiner's line, from its first speech to its last; None = nothing."""
        spans = [span for span in self.ears.spans if span.end_s > max(self._line_end_s + RESIDUE_S, self._listens_from_s)]
        return Span(max(spans[0].start_s, self._listens_from_s), spans[-1].end_s) if spans else None

    def _answer(self, turn: Span, now_s: float, kind: str = "") -> None:
        """Hear the words of a turn, and say something to it."""
        words = self._hear(turn)
        if not words:  # a sound and no turn: whoever makes it has said nothing yet
            self._listens_from_s, self._heard_from_s = turn.end_s, None
            if now_s - self._line_end_s >= NUDGE_AFTER_S:
                self._nudge(now_s)
            return
        if kind:
            self.events.append(Event(kind, Span(now_s, now_s), self._stage.name))
        self._reply(turn, now_s)

    def _hear(self, turn: Span) -> str:
        words = self.ears.words_in(turn)
        if words:
            self.events.append(Event(HEARD_TURN, turn, words))
        return words

    def _react(self, turn: Span, now_s: float, spoken_s: float) -> None:
        """Say something into a turn, where its time has come."""
        if spoken_s >= self._interrupts_after_s and self._interrupt(turn, now_s):
            return
        if now_s >= self._backchannel_s:
            text = BACKCHANNELS[int(self.random.integers(len(BACKCHANNELS)))]
            self._speak(EXAMINER_BACKCHANNEL, text, now_s)
            self._backchannel_s = now_s + self._within(NEXT_BACKCHANNEL_S)

    def _nudge(self, now_s: float) -> None:
        if self._n_nudges == MOST_NUDGES:
            self._go_on_without_answer(now_s)
            return
        self._ask(NUDGE, NUDGES[self._n_nudges], now_s)
        self._n_nudges += 1

    def _within(self, limits_s: tuple[float, float]) -> float:
        return float(self.random.uniform(*limits_s))
