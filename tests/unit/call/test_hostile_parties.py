"""Parties that keep to nothing: every take comes back once, nobody waits for ever, and no wrong number is made of nonsense.

Those on the wall clock live on virtual time, but for the two that wait for a budget, which other threads share.
"""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from fdbench.adapter.base import AgentParty, Brief, Opening, Port, Spoken
from fdbench.adapter.live import CallError, Closed, Decided, Delta, Done, Flush, Note, Text, Usage
from fdbench.call.budget import Budget
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.session_log import spent_in
from fdbench.call.source import PromptCalls
from fdbench.core.conversation import FailedCall, Recording, Sample, Stage, Take
from fdbench.core.sound import Audio
from fdbench.errors import AdapterError
from tests.unit.call.test_lockstep import Wav
from tests.unit.call.test_pairs import BARGE_IN, Speaker, probe_for
from tests.unit.call.test_pairs import Server as SpeakingServer
from tests.unit.call.test_realtime import PORT, PROMPT, TIMEOUTS, TONE, Conversation, Server
from tests.virtual_time import virtual_time

FRAME = 320


@pytest.fixture(autouse=True)
def time_is_virtual():
    with virtual_time():
        yield


def driver_of(model, user=None, timeouts=TIMEOUTS, ending=None):
    return Driver(model, user, ending or Ending(0.1, 0.4), timeouts=timeouts, loop=asyncio.get_event_loop())


def invited(n, stimulus=PROMPT, **brief):
    return (Invitation(Take(Sample(str(k), "t", {})), Brief(stimulus=stimulus, **brief), Brief(seed=k)) for k in range(n))


def outcomes(driver, n=1, **brief):
    return {take.sample.id: outcome for take, outcome in driver.run(invited(n, **brief))}


class Party:
    """A virtual party that opens and answers as it is told."""

    hears = says = Port(16000, FRAME)

    def __init__(self, opening=Opening, answer=None, slots=2):
        self.opening, self.answer, self.slots = opening, answer, slots

    def open(self, slot, brief):
        return self.opening()

    def step(self, heard):
        said = np.zeros((len(heard.slots), FRAME), np.float32)
        return self.answer(said) if self.answer else Spoken(said)

    def close(self, slot):
        pass


ANSWERS = {
    "failures that are no mapping": lambda said: Spoken(said, failed=None),
    "events that are no mapping": lambda said: Spoken(said, events=[]),
    "events of a slot that are none": lambda said: Spoken(said, events={0: None, 1: None}),
    "a time that is none": lambda said: Spoken(said, speaks_until_s={0: float("nan"), 1: float("nan")}),
    "a time in words": lambda said: Spoken(said, speaks_until_s={0: "soon", 1: "soon"}),
}
OPENINGS = {
    "a time that is none": lambda: Opening(speaks_until_s=float("nan")),
    "a time before the beginning": lambda: Opening(speaks_until_s=-1.0),
    "a time in words": lambda: Opening(speaks_until_s="soon"),
    "two channels": lambda: Opening(speaks_until_s=1.0, says=np.zeros((2, 100), np.float32)),
    "doubles": lambda: Opening(speaks_until_s=1.0, says=np.zeros(100)),
    "NaN": lambda: Opening(speaks_until_s=1.0, says=np.full(100, np.nan, np.float32)),
    "a speech of unknown length": lambda: Opening(says=np.zeros(100, np.float32)),
}


@pytest.mark.parametrize("case", ANSWERS)
@pytest.mark.parametrize("other", ["virtual", "live"])
def test_an_answer_that_is_none_is_a_breach_of_the_contract_on_either_clock(case, other):
    user = None if other == "virtual" else SpeakingServer(slots=2)
    made = outcomes(driver_of(Party(answer=ANSWERS[case]), user), 3)
    assert {outcome.reason for outcome in made.values()} == {"contract"} and len(made) == 3, made


@pytest.mark.parametrize("case", OPENINGS)
def test_an_opening_that_makes_no_sense_is_a_breach_of_the_contract(case):
    made = outcomes(driver_of(AgentParty(Speaker, 2), Party(OPENINGS[case])), 3)
    assert {outcome.reason for outcome in made.values()} == {"contract"} and len(made) == 3, made


def test_a_model_whose_speech_is_known_beforehand_is_no_model():
    party = Party(lambda: Opening(speaks_until_s=1.0, says=np.zeros(100, np.float32)))
    (outcome,) = outcomes(driver_of(party)).values()
    assert outcome.reason == "contract" and "only the user's side" in outcome.message


def test_slots_that_are_none_are_refused():
    with pytest.raises(AdapterError, match="slots"):
        driver_of(Server(slots=0))


def test_a_party_that_is_never_ready_does_not_keep_a_server_waiting_for_ever():
    party = Party(lambda: Opening(ready=lambda: False))
    made = outcomes(driver_of(party, SpeakingServer(slots=2)), 2)
    assert {outcome.reason for outcome in made.values()} == {"timeout"}


def test_a_virtual_party_on_the_wall_clock_is_asked_for_one_thing_at_a_time():
    class OneAtATime(AgentParty):
        lock = threading.Lock()

        def alone(self, act, *arguments):
            assert self.lock.acquire(blocking=False), "asked for two things at once"
            try:
                time.sleep(0.002)
                return act(*arguments)
            finally:
                self.lock.release()

        def open(self, slot, brief):
            return self.alone(super().open, slot, brief)

        def step(self, heard):
            return self.alone(super().step, heard)

        def close(self, slot):
            return self.alone(super().close, slot)

    made = outcomes(driver_of(OneAtATime(Speaker, 4), SpeakingServer(slots=4), ending=Ending(0.3, 0.6)), 9)
    assert len(made) == 9 and all(isinstance(outcome, Recording) for outcome in made.values()), made


# --- servers


def conversation_with(**methods):
    """A server whose conversations have these methods."""
    kind = type("Odd", (Conversation,), methods)

    class Odd(Server):
        async def open(self, brief):
            self.n_open += 1
            self.heard.append([])
            return kind(self, self.heard[-1])

    return Odd


async def cancels(self, *_):
    raise asyncio.CancelledError


async def never(self, *_):
    await asyncio.sleep(10_000)


async def cancelled_events(self):
    yield Note("hello")
    raise asyncio.CancelledError


REPLY = {3: [Decided("speak", "r"), Delta("r", np.tile(TONE, 5)), Done("r")], 8: [Flush("r")]}


@pytest.mark.parametrize(
    ("methods", "kind"),
    [
        ({"events": cancelled_events}, "adapter"),
        ({"send": cancels}, "adapter"),
        ({"played": cancels}, "adapter"),
        ({"round_trip_s": cancels}, "adapter"),
        ({"played": never}, "stalled"),
    ],
)
def test_a_server_whose_own_tasks_are_cancelled_or_hang_is_a_named_failure(methods, kind):
    made = outcomes(driver_of(conversation_with(**methods)(REPLY, slots=2), ending=Ending(0.6, 1.0)), 4)
    assert len(made) == 4 and {getattr(outcome, "reason", outcome) for outcome in made.values()} == {kind}, made


def test_a_ping_that_never_comes_back_hides_no_server_that_takes_no_audio():
    server = conversation_with(round_trip_s=never)(never_takes=3)
    (outcome,) = outcomes(driver_of(server)).values()
    assert outcome.reason == "stalled"


class CancelsOpening(Server):
    async def open(self, brief):
        raise asyncio.CancelledError


def test_an_opening_that_is_cancelled_by_itself_loses_no_call():
    made = outcomes(driver_of(CancelsOpening(slots=2)), 6)
    assert len(made) == 6 and {outcome.reason for outcome in made.values()} == {"adapter"}


def test_an_open_of_another_form_is_that_calls_failure():
    class Formless(Server):
        async def open(self):
            return None

    made = outcomes(driver_of(Formless(slots=2)), 3)
    assert len(made) == 3 and {outcome.reason for outcome in made.values()} == {"adapter"}


class MyDone(Done):
    pass


@pytest.mark.parametrize(
    "event",
    ["a text", None, MyDone("r"), Usage({"t": None}), Usage({"t": "3"}), Usage({"t": 1.5}), Usage({"t": -1}), Usage({}, -0.5),
     Usage({}, "much"), Text(None), Usage(None)],
    ids=str,
)  # fmt: skip
def test_an_event_that_is_none_is_that_calls_failure_and_no_other_ones(event):
    made = outcomes(driver_of(Server({5: [event]} if event is not None else {5: [object()]})), 1)
    assert made["0"].reason == "contract", made


def test_counts_of_any_whole_kind_are_added_up():
    script = {5: [Usage({"t": np.int64(3)}, np.float32(0.5)), Usage({"t": True})]}
    (outcome,) = outcomes(driver_of(Server(script))).values()
    spent = spent_in(outcome.log)
    assert (dict(spent.counts), spent.cost is None or spent.cost) == ({"t": 4}, True)


def test_a_greeting_that_comes_before_the_call_begins_is_heard_whole():
    class Greets(Server):
        async def open(self, brief):
            conversation = await super().open(brief)
            for event in (Delta("r", TONE), Done("r")):
                conversation.came.put_nowait(event)
            return conversation

    (outcome,) = outcomes(driver_of(Greets())).values()
    assert np.count_nonzero(outcome.model.audio.samples) == len(TONE)


def test_of_two_servers_one_that_refuses_leaves_no_conversation_open():
    model = Server(refusal=CallError("refused", "no"))
    user = Server()
    user.hears = user.says = PORT
    (outcome,) = outcomes(driver_of(model, user)).values()
    assert outcome.reason == "refused" and user.n_open == user.n_closed == 1


def test_a_server_that_hangs_up_in_the_middle_of_a_reply_has_not_finished_it():
    script = {30: [Decided("speak", "r"), Delta("r", TONE)], 33: [Closed("bye")]}
    (outcome,) = outcomes(driver_of(Server(script))).values()
    assert outcome.reason == "unfinished"


def test_what_had_ended_when_nobody_asked_any_more_is_kept():
    driver = driver_of(Server(slots=4))
    calls = driver.run(invited(40))
    first, _ = next(calls)
    time.sleep(0.2)  # time is virtual: many have ended meanwhile
    calls.close()
    kept = [take.sample.id for take, _ in driver.uncollected]
    given_up = [take.sample.id for take, _ in driver.interrupted]
    assert kept and len({first.sample.id, *kept, *given_up}) == 1 + len(kept) + len(given_up), "each once"
    assert all(isinstance(outcome, Recording) for _, outcome in driver.uncollected)


# --- what is set aside


def takes(n):
    return [Take(Sample(f"s{k}", "t", {"main": Wav(PROMPT.samples, 8000)})) for k in range(n)]


def collected(server, budget, n, timeouts=TIMEOUTS):
    calls = PromptCalls(server, 0, 0.0, Ending(0.1, 0.4), budget=budget, timeouts=timeouts)
    calls.driver.loop = asyncio.get_event_loop()
    return calls, {take.sample.id: outcome for take, outcome in calls.collect(takes(n))}


def test_a_refused_key_reaches_the_user_although_others_wait_for_the_budget():
    server = Server(refusal=CallError("refused", "bad key", is_fatal=True), slots=4)
    with pytest.raises(AdapterError, match="bad key"):
        collected(server, Budget(max_minutes=0.02), 9)


def test_calls_that_were_given_up_hold_nothing_of_a_budget():
    budget = Budget()
    server = Server(refusal=CallError("refused", "bad key", is_fatal=True), slots=4)
    with pytest.raises(AdapterError):
        collected(server, budget, 9)
    assert not budget._held and budget.minutes == 0


def test_a_budget_is_asked_before_a_call_is_made_again():
    """A try takes 0.05 s to break and may take 0.65 s: with 0.68 s there is no second one."""
    server = Server({5: [CallError("dropped", "gone", may_retry=True)]})
    _, made = collected(server, Budget(max_minutes=0.68 / 60), 1)
    assert server.n_open == 1 and "the budget allows no other try" in made["s0"].message
    assert spent_in(made["s0"].log).minutes > 0


def test_what_a_server_took_is_counted_where_the_other_side_broke():
    class Breaks(Speaker):
        def step(self, heard):
            if self._at > 1600:
                raise RuntimeError("no voice")
            return super().step(heard)

    model = SpeakingServer()
    (outcome,) = outcomes(driver_of(model, AgentParty(Breaks, 1), ending=Ending(1.0, 4.0))).values()
    assert isinstance(outcome, FailedCall) and "no voice" in outcome.message
    assert spent_in(outcome.log).minutes > 0


# --- users that react


def test_a_probe_that_did_nothing_says_so_and_nothing_of_the_data_stands_in_for_it():
    model = AgentParty(lambda: Speaker(()), 1)
    driver = driver_of(model, probe_for(model, patience_s=0.5))
    (outcome,) = outcomes(driver, stimulus=Audio(np.zeros(800, np.float32), 16000), stages=BARGE_IN).values()
    assert outcome.user_events == ()


def test_a_stage_before_the_onset_is_done_at_once_and_harms_nobody():
    model = AgentParty(lambda: Speaker(((0.3, 2.0),)), 2)
    stages = (Stage("interruption", Audio(np.full(1600, 0.3, np.float32), 16000), -5.0),)
    made = outcomes(driver_of(model, probe_for(model)), 2, stages=stages)
    assert all(isinstance(outcome, Recording) and len(outcome.user_events) == 2 for outcome in made.values()), made
