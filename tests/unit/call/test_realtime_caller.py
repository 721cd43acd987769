"""A server of the Realtime protocol as the caller, on loopback and in virtual time, with a model in process or a server."""

from __future__ import annotations

import numpy as np
import pytest

from fdbench.adapter.base import Agent, AgentParty, Brief, Port
from fdbench.adapter.load import find_model, resolve
from fdbench.call.budget import Budget
from fdbench.call.call import Ending
from fdbench.call.examiner.caller import Caller
from fdbench.call.examiner.options import ExaminerOptions
from fdbench.call.examiner.part import caller_instructions
from fdbench.call.replay import Examined, replay_call
from fdbench.call.session_log import from_stored, spent_by
from fdbench.call.source import PromptCalls
from fdbench.call.taped_leg import RecordedTape
from fdbench.call.timeouts import Timeouts
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.dialogue import Dialogue, DialogueStage
from fdbench.core.goal import Answered
from fdbench.errors import UsageError
from fdbench.stages.model import PartyModel
from fdbench.stages.plan import make_plan
from fdbench.stages.request import RunRequest
from tests.realtime_server import RealtimeServer
from tests.virtual_time import virtual_time

ORDER = Dialogue("order", "daily", "", (DialogueStage("T1", "a coffee please", "", Answered()),), "bye")
RATE = 24000


@pytest.fixture
def loop():
    with virtual_time() as loop:
        yield loop


@pytest.fixture
def server(loop):
    with RealtimeServer() as server:
        yield server


class Answers(Agent):
    """Says something for 0.6 s, 0.4 s after what it hears has stopped."""

    hears = says = Port(RATE, 480)

    def reset(self, brief: Brief) -> None:
        self._n_quiet, self._has_heard, self._n_left = 0, False, 0

    def step(self, heard):
        is_loud = np.abs(heard).max() > 0.02
        self._has_heard |= is_loud
        self._n_quiet = 0 if is_loud else self._n_quiet + 1
        if self._has_heard and self._n_quiet == 20:
            self._has_heard, self._n_left = False, 30
        self._n_left -= self._n_left > 0
        return (0.3 * np.sin(np.arange(480) / 7) * (self._n_left > 0)).astype(np.float32)


def asked(server, name, *, kind="realtime:gpt-realtime", duration_s=6.0, pace="", **arguments):
    given = {"base_url": server.base_url, "query": f"behave={name}", **arguments}
    return ExaminerOptions(kind, pace, duration_s, arguments=given)


def held(loop, model, options, budget=None, pace="slow", lead_in_s=0.0):
    """What came of one call, and of what it was made."""
    caller = Caller(options.server(pace).open_live(1), 1, options.duration_s)
    calls = PromptCalls(
        model, 7, lead_in_s, Ending(1.0, 3.0), budget=budget, user=caller, longest_s=6.0, timeouts=Timeouts(tries=1)
    )
    calls.driver.loop = loop
    ((_, outcome),) = calls.collect([Take(Sample("order", "t", {}, dialogue=ORDER))])
    return outcome


def loud_s(track):
    """Where it is loud, in seconds."""
    at = np.flatnonzero(np.abs(track.audio.samples) > 0.05)
    cuts = np.flatnonzero(np.diff(at) > 0.2 * track.audio.sample_rate)
    starts, ends = [at[0], *at[cuts + 1]], [*at[cuts], at[-1]]
    return [(s / track.audio.sample_rate, e / track.audio.sample_rate) for s, e in zip(starts, ends, strict=True)]


def test_a_model_in_process_talks_with_a_server_that_calls_until_the_time_is_up(loop, server):
    recording = held(loop, AgentParty(Answers, 1), asked(server, "normal", price="32,64"))
    assert isinstance(recording, Recording), recording
    said, answered = loud_s(recording.user), loud_s(recording.model)
    assert said[0][0] < 0.2 and len(said) >= 3, "it speaks first, and goes on"
    for (_, end_s), (start_s, _) in zip(said, answered, strict=False):
        assert start_s - end_s == pytest.approx(0.4, abs=0.1)
    assert said[-1][1] <= 6.05 and recording.prompt_s == pytest.approx(6.0)
    assert recording.clock == "realtime" and recording.log is None and recording.user_log is not None
    assert {event.kind for event in recording.user_events} == {"decided", "arrived", "played", "text"}
    (facts,) = server.facts("normal")
    assert facts["session"]["instructions"] == caller_instructions(ORDER)
    assert facts["samples"] <= 6.1 * RATE, "when its time is up it hears nothing more"
    spent = spent_by(recording)
    assert spent.minutes == pytest.approx(recording.user.span.end_s / 60, abs=0.01) and spent.cost > 0


def test_in_a_lead_in_it_neither_speaks_nor_listens(loop, server):
    recording = held(loop, AgentParty(Answers, 1), asked(server, "normal", duration_s=3.0), lead_in_s=2.0)
    assert isinstance(recording, Recording), recording
    assert recording.user.start_s == -2.0 and recording.prompt_s == pytest.approx(3.0)
    said = loud_s(recording.user)
    assert 2.0 <= said[0][0] < 2.2 and said[-1][1] <= 5.05
    assert server.facts("normal")[-1]["samples"] <= 3.1 * RATE


@pytest.mark.parametrize(
    ("pace", "expected"),
    [
        ("slow", {"threshold": 0.5, "silence_duration_ms": 500, "prefix_padding_ms": 300, "interrupt_response": True}),
        ("fast", {"threshold": 0.6, "silence_duration_ms": 600, "prefix_padding_ms": 1200, "interrupt_response": False}),
    ],
)
def test_a_pace_is_a_setting_of_the_servers_detector(loop, server, pace, expected):
    held(loop, AgentParty(Answers, 1), asked(server, "normal", duration_s=0.5), pace=pace)
    detection = server.facts("normal")[-1]["session"]["audio"]["input"]["turn_detection"]
    assert detection == {"type": "server_vad", "create_response": True, **expected}


def test_its_call_is_made_again_from_its_log(loop, server):
    take = Take(Sample("order", "t", {}, dialogue=ORDER))
    made = held(loop, AgentParty(Answers, 1), asked(server, "normal"))
    tape = RecordedTape(made.model.audio, RATE, len(made.user.audio.samples), made.events, made.right_censored)
    silence = type(made.user.audio)(np.zeros_like(made.user.audio.samples), RATE)  # so that all comes from the log
    examined = Examined(silence, made.prompt_s, made.user_events, made.user_heard, from_stored(made.user_log))
    again = replay_call(take, examined, 0.0, tape, Ending(1.0, 3.0))
    assert isinstance(again, Recording), again
    np.testing.assert_allclose(again.user.audio.samples, made.user.audio.samples, atol=1 / 30000)
    assert np.array_equal(again.model.audio.samples, made.model.audio.samples)
    assert (again.clock, again.prompt_s, again.user_events) == ("realtime", made.prompt_s, made.user_events)
    assert again.user_log.lines == made.user_log.lines


def test_two_servers_talk_and_both_cost(loop, server):
    model = resolve(
        find_model("gpt-realtime"), {"base_url": server.base_url, "query": "behave=normal&answer_ms=400", "price": "32,64"}
    )
    budget = Budget()
    recording = held(loop, model.open_live(1), asked(server, "normal", price="32,64"), budget)
    assert isinstance(recording, Recording), recording
    assert recording.log is not None and recording.user_log is not None
    logs = recording.log, recording.user_log
    alone = [spent_by(Recording(recording.user, recording.model, "realtime", 0.0, False, log=log)) for log in logs]
    assert budget.cost == pytest.approx(sum(each.cost for each in alone)) and all(each.cost for each in alone)
    assert budget.minutes == pytest.approx(max(each.minutes for each in alone))
    assert len(loud_s(recording.user)) >= 2 and len(loud_s(recording.model)) >= 2


@pytest.mark.parametrize(("behave", "reason"), [("quota", "refused"), ("silent_open", "timeout")])
def test_a_caller_that_cannot_be_reached_has_a_name(loop, server, behave, reason):
    try:
        outcome = held(loop, AgentParty(Answers, 1), asked(server, behave))
    except Exception as error:  # noqa: BLE001 - a door that is closed for all ends the run
        assert behave == "quota" and "no money left" in str(error)
    else:
        assert isinstance(outcome, FailedCall) and outcome.reason == reason


def test_a_run_with_it_is_one_on_the_wall_clock_and_named_by_it():
    def of(**given):
        request = RunRequest("vad-endpointer", "mini/dialogue", **given)
        return PartyModel(resolve(find_model(request.model), {})).collection(request)

    plain, live = of(), of(examiner=ExaminerOptions("realtime:gpt-realtime"))
    assert (plain.clock, live.clock, plain.examiner) == ("lockstep", "realtime", {})
    assert '"speaks_first": true' in live.examiner["arguments"] and "key" not in live.examiner["arguments"]
    dear = ExaminerOptions("realtime:gpt-realtime", arguments={"price": "32,64"})
    assert of(examiner=dear, max_cost=1.0).run_id == live.run_id
    with pytest.raises(UsageError, match="what the examiner realtime:gpt-realtime costs is not known"):
        of(examiner=ExaminerOptions("realtime:gpt-realtime"), max_cost=1.0)
    with pytest.raises(UsageError, match="are for calls on the wall clock"):
        of(max_minutes=1.0)
    with pytest.raises(UsageError, match="holds dialogues on the wall clock, and mini/"):
        make_plan(RunRequest("vad-endpointer", "mini", examiner=dear))


def test_models_that_answer_have_the_name_that_they_had():
    assert "speaks_first" not in resolve(find_model("gpt-realtime"), {}).provenance().arguments


@pytest.mark.parametrize("behave", ["close_1011", "ends_well"])
def test_a_caller_that_hangs_up_ends_the_call_by_name(loop, server, behave):
    outcome = held(loop, AgentParty(Answers, 1), asked(server, behave))
    assert isinstance(outcome, FailedCall) and outcome.reason == "dropped", outcome
    assert outcome.log is not None and outcome.user_log is None, "the only one that there is"
