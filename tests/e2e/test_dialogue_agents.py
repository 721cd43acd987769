"""Conversations that are known by hand, held, heard with tiny.en and scored: goals from words, timing from the timeline."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest

from fdbench.adapter.base import AgentParty
from fdbench.call.call import Ending
from fdbench.call.examiner.party import ScriptedExaminer
from fdbench.call.source import PromptCalls
from fdbench.core.behaviour import DIALOGUE
from fdbench.core.conversation import Recording, Sample, Take
from fdbench.hear.stage import Engines
from fdbench.human.reference import shipped_reference
from fdbench.stages.cases import Case, RecordedTake, TaskFacts
from fdbench.stages.judging import Nobody
from fdbench.stages.score import hear_cases, score_heard
from fdbench.task.dialogues import shipped_dialogues
from tests.e2e.dialogues_by_hand import BOUNDS, EXACT

TASK = "mini/dialogue"
DIALOGUES = {dialogue.id: dialogue for dialogue in shipped_dialogues()}


@dataclass(frozen=True)
class Held:
    """A call's audio as whoever hears it takes it."""

    recording: Recording
    behaviour: str = DIALOGUE
    stimulus: str = "main"
    folder = None

    def digest(self, channel):
        return f"{id(self.recording)}-{channel}"

    def load(self, channel):
        return self.recording.user if channel == "user" else self.recording.model


def held(agent, name):
    model = AgentParty(agent, 1)
    user = ScriptedExaminer(model.hears, model.says, model.slots, duration_s=60.0)
    calls = PromptCalls(model, 7, 0.0, Ending(), user=user)
    sample = Sample(name, TASK, {}, instructions=DIALOGUES[name].instructions, dialogue=DIALOGUES[name])
    ((_, recording),) = calls.collect([Take(sample)])
    calls.release()
    assert isinstance(recording, Recording), recording
    return Sample(name, TASK, {}, recording.user_events, dialogue=DIALOGUES[name]), recording


@pytest.fixture(scope="module")
def scores():
    known = {}

    def of(agent, name):
        if (agent, name) not in known:
            sample, recording = held(agent, name)
            take = RecordedTake(Held(recording), recording.prompt_s, recording.model.span.end_s)
            quietly, engines = lambda *counts: None, Engines("faster-whisper:tiny.en")
            engines.prepare()
            heard = hear_cases([Case(sample, DIALOGUE, {"main": take})], ("fdbench",), engines, None, 1, quietly, asks=False)
            facts = {TASK: TaskFacts("mini", DIALOGUE, 1, {})}
            (scoring,) = score_heard(
                heard, facts, ("fdbench",), engines.signature_facts(), Nobody(), shipped_reference(), quietly
            )
            (scored,) = scoring.samples
            known[agent, name] = {score.metric: score for score in scored.scores}
        return known[agent, name]

    return of


@pytest.mark.parametrize(("agent", "name"), EXACT)
def test_goals_are_met_as_the_table_by_hand_says(scores, agent, name):
    found = scores(agent, name)
    said = {metric: found[metric].value for metric in EXACT[agent, name]}
    assert said == {metric: float(Fraction(share)) for metric, share in EXACT[agent, name].items()}
    for metric, share in EXACT[agent, name].items():
        if "/" in share:
            assert found[metric].components["denominator"] == int(share.split("/")[1])


@pytest.mark.parametrize(("agent", "name"), BOUNDS)
def test_timing_is_as_the_table_by_hand_says(scores, agent, name):
    found = scores(agent, name)
    for metric, (least, most) in BOUNDS[agent, name].items():
        value = found[metric].value
        assert value is not None and least <= value <= most, (metric, found[metric])
