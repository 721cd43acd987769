"""A run's calls of both kinds, with one model: prompts are played, and dialogues are held by an examiner.

::

    takes   prompt  prompt  dialogue (slow)  prompt  dialogue (fast)
    made    prompt  prompt  prompt  |  dialogue (slow)  |  dialogue (fast)

The takes are grouped by whoever is on the user's side; each group is collected by calls of its own. They are asked for one by
one, as there is room for a call: who shares them with other processes lays hands on no more than it is at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fdbench.call.driver import Party
from fdbench.call.examiner.caller import Caller
from fdbench.call.examiner.llm_party import LlmExaminer
from fdbench.call.examiner.options import ExaminerOptions, voice_of
from fdbench.call.examiner.party import ScriptedExaminer
from fdbench.call.examiner.thinker import Thinker
from fdbench.call.probe import Probe
from fdbench.call.source import PromptCalls
from fdbench.core.conversation import FailedCall, Recording, Take

Outcome = tuple[Take, Recording | FailedCall]
Side = tuple[str, bool]
"""The pace of an examiner, and whether its lines ship; of prompts, an empty pace."""
PROMPTS: Side = ("", True)
PROBES: Side = ("", False)
"""A user who reacts is neither a player of prompts nor an examiner."""


@dataclass(slots=True)
class ExaminedCalls:
    """Calls of a run with one model.

    Args:
        model: The party under test.
        examiner: Who holds dialogues.
        calls_with: Makes the calls with who is on the user's side and speaks for so long at most; None = a player of prompts.
    """

    model: Party
    examiner: ExaminerOptions
    calls_with: Callable[[Party | None, float], PromptCalls]
    _made: list[PromptCalls] = field(default_factory=list)

    def collect(self, takes: Iterable[Take | None]) -> Generator[Outcome, None, None]:
        waiting, others = iter(takes), dict[Side, list[Take]]()
        while (first := next((take for take in waiting if take is not None), None)) is not None:
            others[self._side_of(first)] = [first]
            while others:
                side = next(iter(others))
                calls = self._calls(side)
                self._made.append(calls)
                yield from calls.collect(self._of_side(side, waiting, others))

    def _of_side(self, side: Side, waiting: Iterator[Take | None], others: dict[Side, list[Take]]) -> Iterator[Take | None]:
        """Those with this user's side; what comes in between is put aside, until there is nothing else to be made just now."""
        yield from others.pop(side)
        for take in waiting:
            if take is None and others:
                return
            if take is None or (found := self._side_of(take)) == side:
                yield take
            else:
                others.setdefault(found, []).append(take)

    def release(self) -> None:
        for calls in self._made[-1:]:  # they share the model
            calls.release()

    @property
    def uncollected(self) -> Iterable[Outcome]:
        return [outcome for calls in self._made for outcome in calls.uncollected]

    @property
    def interrupted(self) -> Iterable[tuple[Take, FailedCall]]:
        return [outcome for calls in self._made for outcome in calls.interrupted]

    @property
    def notes(self) -> Iterable[str]:
        return list(dict.fromkeys(note for calls in self._made for note in calls.notes))

    def examiner_cost(self, take: Take) -> float:
        return sum(calls.examiner_cost(take) for calls in self._made)

    def _side_of(self, take: Take) -> Side:
        dialogue = take.sample.dialogue
        if dialogue is None:
            return PROMPTS if take.sample.reaction is None else PROBES
        return self.examiner.pace_of(dialogue.pace), take.sample.task.startswith("mini/")

    def _calls(self, side: Side) -> PromptCalls:
        if side == PROMPTS:
            return self.calls_with(None, 0.0)
        if side == PROBES:
            return self.calls_with(Probe(self.model.hears, self.model.says, self.model.slots), 0.0)
        return self.calls_with(self._examiner(*side), self.examiner.duration_s)

    def _examiner(self, pace: str, ships: bool) -> Party:
        asked = self.examiner
        if asked.is_live:
            return Caller(asked.server(pace).open_live(self.model.slots), self.model.slots, asked.duration_s)
        options: dict[str, Any] = {
            "pace": pace,
            "duration_s": asked.duration_s,
            "gate_candidate": asked.gate_candidate,
            "voice": voice_of(ships=asked.ships_voice(task_ships=ships)),
        }
        ports = self.model.hears, self.model.says, self.model.slots
        if asked.is_scripted:
            return ScriptedExaminer(*ports, **options)
        return LlmExaminer(
            *ports,
            thinker=Thinker(asked.settings()),
            thinks_s=asked.llm_arguments().thinks_s or 0.0,
            waits=not inspect.iscoroutinefunction(self.model.open),
            **options,
        )
