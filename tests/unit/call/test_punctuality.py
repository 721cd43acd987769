"""A busy machine: what leaves late leaves together, what is asked about is judged and moved, and fewer calls are held at once.

The machine is busy when this loop's time passes without anything being done; it is virtual, and nothing waits.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from fdbench.adapter.base import Brief
from fdbench.adapter.live import CallError, Caution, Decided, Delta, Done
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.session_log import LATE_S, from_stored, spent_in
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.event import TURN_END, Event
from fdbench.core.span import Span
from tests.unit.call.test_realtime import PORT, PROMPT, TIMEOUTS, TONE, Server
from tests.virtual_time import virtual_time

STRICT = replace(TIMEOUTS, most_late_s=0.1, tries=3)
TURN_ENDS = (Event(TURN_END, Span(0.2, 0.2)),)


@pytest.fixture(autouse=True)
def time_is_virtual():
    with virtual_time():
        yield


def held(server, n=1, events=TURN_ENDS, timeouts=STRICT, prompt=PROMPT, ending=None):
    driver = Driver(server, None, ending or Ending(0.1, 0.4), timeouts=timeouts, loop=asyncio.get_event_loop())
    invitations = (Invitation(Take(Sample(str(k), "t", {}, events)), Brief(stimulus=prompt), Brief(seed=k)) for k in range(n))
    return driver, {take.sample.id: outcome for take, outcome in driver.run(invitations)}


class Busy(Server):
    """The machine does nothing for ``busy_s`` at ``busy_at_s`` of the first ``n_busy`` calls that begin."""

    takes_frames_together = True

    def __init__(self, busy_at_s, busy_s, n_busy=1, **more):
        super().__init__(**more)
        self.busy, self.left = (busy_at_s, busy_s), n_busy
        self.most_at_once = self.now = 0

    async def open(self, brief):
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        if self.left > 0:
            self.left -= 1
            at_s, busy_s = self.busy
            loop = asyncio.get_running_loop()
            loop.call_later(at_s, loop.pass_time, busy_s)
        conversation = await super().open(brief)
        conversation_close = conversation.close

        async def close():
            self.now -= 1
            await conversation_close()

        conversation.close = close
        return conversation


def test_overdue_frames_leave_together_and_those_behind_them_on_time():
    server = Busy(0.055, 0.06)
    _, (outcome,) = (each if isinstance(each, Driver) else each.values() for each in held(server, events=(), timeouts=TIMEOUTS))
    assert isinstance(outcome, Recording)
    sizes = [len(frame) // PORT.frame_samples for frame in server.heard[0]]
    assert sizes.count(1) == len(sizes) - 1 and 5 <= max(sizes) <= 7, "one append of all that was overdue"
    sent = np.concatenate(server.heard[0])
    np.testing.assert_array_equal(sent[:2000], PROMPT.samples, "nothing is lost and nothing is sent twice")
    late = np.array(from_stored(outcome.log).late_s)
    assert np.count_nonzero(late > LATE_S) == max(sizes) - 1 and late[12:].max() < LATE_S


def test_frames_are_handed_over_one_by_one_where_an_adapter_takes_no_more():
    server = Busy(0.055, 0.06)
    server.takes_frames_together = False
    held(server, events=(), timeouts=TIMEOUTS)
    assert {len(frame) for frame in server.heard[0]} == {PORT.frame_samples}
    np.testing.assert_array_equal(np.concatenate(server.heard[0])[:2000], PROMPT.samples)


def test_an_event_that_was_sent_late_is_scored_where_it_was_sent():
    """The turn ends at 0.2 s; its frame was due at 0.21 s and left some 40 ms later."""
    _, outcomes = held(Busy(0.17, 0.08))
    recording = outcomes["0"]
    (moved,) = recording.user_events
    late = from_stored(recording.log).late_s[20]
    assert 0.02 < late < 0.06
    assert moved.kind == TURN_END and moved.span.start_s == pytest.approx(0.2 + late)
    assert recording.notes == ("annotated events were sent late, and are scored where they were sent",)
    assert len(recording.user.audio.samples) == len(recording.model.audio.samples), "the audio stays where it is"


def test_an_event_on_time_is_left_alone_however_late_other_frames_were():
    """Half a second late, half a second before anything is asked about."""
    prompt = replace(PROMPT, samples=np.tile(PROMPT.samples, 8))
    server = Busy(0.2, 0.5)
    _, outcomes = held(server, events=(Event(TURN_END, Span(1.9, 1.9)),), prompt=prompt)
    assert isinstance(outcomes["0"], Recording) and outcomes["0"].user_events is None and outcomes["0"].notes == ()
    assert server.n_open == 1, "what is paid for is not thrown away"


@pytest.mark.parametrize("busy_at_s", [0.15, 0.5])
def test_a_call_is_made_again_when_frames_at_or_after_an_event_leave_too_late(busy_at_s):
    server = Busy(busy_at_s, 0.3)
    driver, outcomes = held(server, ending=Ending(0.5, 1.0))
    assert isinstance(outcomes["0"], Recording) and server.n_open == 2
    (why,) = spent_in(outcomes["0"].log).broken
    assert why.startswith("clock: a frame around an annotated event left")
    assert len(driver.notes) == 1 and "too busy" in driver.notes[0]


def test_a_busy_machine_holds_fewer_calls_at_once_and_says_so():
    """All of eight calls at once are late the first time; then four are held, and all come through."""
    server = Busy(0.15, 0.3, n_busy=8, slots=8)
    driver, outcomes = held(server, n=16)
    assert len(outcomes) == 16 and all(isinstance(each, Recording) for each in outcomes.values()), outcomes
    assert server.n_open < 16 + 16, "no call is made again more than once"
    (note,) = driver.notes
    assert "too busy for 8 conversations at once" in note and "as few as 4" in note


class HoldsFour(Server):
    """A machine that is late for whoever is there when more than four are."""

    takes_frames_together = True
    now = 0

    async def open(self, brief):
        self.now += 1
        loop = asyncio.get_running_loop()
        for at_s in (0.15, 0.16, 0.17):
            loop.call_later(at_s, lambda: loop.pass_time(0.3 / self.now) if self.now > 4 else None)
        conversation = await super().open(brief)
        close = conversation.close

        async def closing():
            self.now -= 1
            await close()

        conversation.close = closing
        return conversation


@pytest.mark.parametrize("slots", [8, pytest.param(64, marks=pytest.mark.slow)])
def test_a_machine_that_holds_four_makes_every_call_however_many_were_asked_for(slots):
    driver, outcomes = held(HoldsFour(slots=slots), n=70)
    assert len(outcomes) == 70 and all(isinstance(each, Recording) for each in outcomes.values())
    assert "too busy" in driver.notes[0]


def test_a_machine_that_never_gets_better_gives_each_call_up_after_a_bounded_number_of_tries():
    server = Busy(0.15, 0.3, n_busy=10**6, slots=2)
    driver, outcomes = held(server, n=3)
    assert {outcome.reason for outcome in outcomes.values()} == {"clock"}
    assert server.n_open == 3 * STRICT.tries + 2, "the first two were late before fewer were held, which is no try of theirs"
    assert "as few as 1" in driver.notes[0]


SPEAKS = Decided("speak", "r")
UNWHOLE = {
    "begun and never heard": ({5: [SPEAKS]}, "unfinished"),
    "dead in mid-reply": ({5: [SPEAKS, Delta("r", TONE)]}, "unfinished"),
    "zeros for a reply": ({5: [SPEAKS, Delta("r", np.zeros(800, np.float32)), Done("r")]}, "silent"),
    "given up": ({5: [SPEAKS, Delta("r", TONE), CallError("incomplete", "max_output_tokens")]}, "incomplete"),
}


@pytest.mark.parametrize("case", UNWHOLE)
def test_a_reply_that_is_none_is_a_named_failure(case):
    script, kind = UNWHOLE[case]
    _, outcomes = held(Server(script))
    assert isinstance(outcomes["0"], FailedCall) and outcomes["0"].reason == kind, outcomes


def test_a_reply_that_is_still_going_on_at_the_limit_is_censored_and_no_failure():
    script = {n: [Delta("r", TONE)] for n in range(2, 200)}
    _, outcomes = held(Server({**script, 1: [SPEAKS, Delta("r", TONE)]}))
    assert outcomes["0"].right_censored


@pytest.mark.parametrize(("dies_at", "kind"), [(20, "stalled"), (10**6, None)])
def test_a_server_that_always_sounds_and_falls_silent_has_died(dies_at, kind):
    script = {n: [Delta("r", TONE[:80] if n < 10 else TONE[:80] * 0.0)] for n in range(1, min(dies_at, 600))}
    _, outcomes = held(Server(script, always_sounds=True), timeouts=replace(STRICT, stream_s=0.3), ending=Ending(0.1, 1.0))
    assert (outcomes["0"].reason if isinstance(outcomes["0"], FailedCall) else None) == kind


def test_what_a_reader_has_to_know_is_on_record():
    script = {1: [Caution("the server took voice 'alloy' for 'marin'")], 30: [Delta("r", TONE), Done("r")]}
    _, outcomes = held(Server(script))
    assert outcomes["0"].notes == ("the server took voice 'alloy' for 'marin'",)


def test_what_an_interrupted_call_took_is_known():
    server = Server(slots=2)
    driver = Driver(server, None, Ending(0.1, 0.4), timeouts=TIMEOUTS, loop=asyncio.get_event_loop())
    invitations = (Invitation(Take(Sample(str(k), "t", {})), Brief(stimulus=PROMPT), Brief(seed=k)) for k in range(50))
    calls = driver.run(invitations)
    next(calls)
    calls.close()
    assert driver.interrupted and all(fault.reason == "interrupted" for _, fault in driver.interrupted)
    assert sum(spent_in(fault.log).minutes for _, fault in driver.interrupted if fault.log) > 0


def test_what_broken_tries_took_is_known_of_a_call_that_is_interrupted_before_its_next():
    class Breaks(Server):
        async def open(self, brief):
            self.script = {5: [CallError("dropped", "gone", may_retry=True)]} if brief.seed == 1 else {}
            return await super().open(brief)

    def interrupted():
        driver = Driver(
            Breaks(slots=2),
            None,
            Ending(0.1, 0.4),
            timeouts=replace(TIMEOUTS, pause_s=50.0),
            loop=asyncio.get_event_loop(),
        )
        invitations = (Invitation(Take(Sample(str(k), "t", {})), Brief(stimulus=PROMPT), Brief(seed=k)) for k in range(2))
        calls = driver.run(invitations)
        assert next(calls)[0].sample.id == "0"
        calls.close()
        return driver.interrupted

    # On a busy machine 50 s of virtual time, and the next try, may pass before the end of the first call is known here.
    found = next(filter(None, (interrupted() for _ in range(50))))
    ((take, fault),) = found
    spent = spent_in(fault.log)
    assert take.sample.id == "1" and len(spent.broken) == 1 and 0 < spent.minutes < 0.01
