"""The driver of calls on the wall clock: what a server is sent, what becomes of what it sends, and what ends a call.

Time is virtual: nothing waits, and how busy this machine is changes nothing. How punctual the driver is on a real clock is what
``benchmarks/`` are for.
"""

from __future__ import annotations

import asyncio
import json
import threading

import numpy as np
import pytest

from fdbench.adapter.base import Brief, Port
from fdbench.adapter.live import CallError, Closed, Decided, Delta, Done, Flush, Note, Speech, Text, Usage
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.replay import replay_call
from fdbench.call.session_log import from_stored, spent_in
from fdbench.call.timeouts import Timeouts
from fdbench.core.conversation import CallLog, FailedCall, Recording, Sample, Take
from fdbench.core.sound import Audio
from fdbench.errors import AdapterError
from tests.virtual_time import virtual_time

PORT = Port(8000, 80)  # 10 ms
PROMPT = Audio(np.linspace(-0.5, 0.5, 2000, dtype=np.float32), 8000)  # a quarter of a second, every sample another
TIMEOUTS = Timeouts(open_s=1.0, send_s=0.5, close_s=0.5, tries=2, pause_s=0.01, most_late_s=5.0)
TONE = np.full(800, 0.25, np.float32)  # a tenth of a second


@pytest.fixture(autouse=True)
def time_is_virtual():
    with virtual_time():
        yield


def loop():
    """The one with virtual time."""
    return asyncio.get_event_loop()


class Server:
    """Holds conversations by a script: what to send at which frame of the user's."""

    hears = says = PORT

    def __init__(self, script=None, slots=1, **manners):
        self.script, self.slots, self.manners = script or {}, slots, manners
        self.heard: list[list[np.ndarray]] = []
        self.n_open = self.n_closed = 0
        self.told: list[tuple[str, float]] = []
        self.always_sounds = manners.get("always_sounds", False)

    async def open(self, brief):
        self.n_open += 1
        refusal = self.manners.get("refusal")
        if refusal is not None:
            raise refusal
        if self.manners.get("never_opens"):
            await asyncio.sleep(100)
        self.heard.append([])
        return Conversation(self, self.heard[-1])


class Conversation:
    def __init__(self, server, heard):
        self.server, self.heard, self.came = server, heard, asyncio.Queue()

    async def send(self, frame):
        self.heard.append(frame.copy())
        if self.server.manners.get("never_takes") == len(self.heard):
            await asyncio.sleep(100)
        for event in self.server.script.get(len(self.heard), ()):
            self.came.put_nowait(event)

    async def events(self):
        while True:
            event = await self.came.get()
            if isinstance(event, BaseException):
                raise event
            if event is None:
                return
            yield event

    async def played(self, item, upto_s):
        self.server.told.append((item, upto_s))

    async def round_trip_s(self):
        return 0.002

    async def close(self):
        self.server.n_closed += 1
        if self.server.manners.get("never_closes"):
            await asyncio.sleep(100)


def calls(server, n=1, lead_in_s=0.0, ending=None, timeouts=TIMEOUTS):
    invitations = (
        Invitation(Take(Sample(str(i), "t", {})), Brief(stimulus=PROMPT, lead_in_s=lead_in_s), Brief(seed=i)) for i in range(n)
    )
    return {
        take.sample.id: outcome
        for take, outcome in Driver(server, None, ending or Ending(0.1, 0.4), timeouts=timeouts, loop=loop()).run(invitations)
    }


def one(server, **more):
    (outcome,) = calls(server, **more).values()
    return outcome


def test_the_server_is_sent_the_whole_prompt_behind_its_lead_in_and_then_silence():
    server = Server()
    recording = one(server, lead_in_s=0.1)
    assert isinstance(recording, Recording) and recording.clock == "realtime"
    sent = np.concatenate(server.heard[0])
    assert not sent[:800].any() and not sent[2800:].any()
    np.testing.assert_allclose(sent[800:2800], PROMPT.samples, atol=1e-6)
    assert len(sent) >= 2800 + 800, "silence until the reply would have begun"
    np.testing.assert_array_equal(recording.user.audio.samples, sent)
    assert (recording.user.start_s, recording.model.start_s, recording.prompt_s) == (-0.1, -0.1, 0.25)


def test_a_call_goes_on_until_what_is_queued_has_been_played():
    script = {26: [Decided("speak", "r"), Delta("r", TONE), Delta("r", TONE), Done("r")]}
    recording = one(Server(script), ending=Ending(0.1, 2.0))
    assert np.count_nonzero(recording.model.audio.samples) == 1600
    assert not recording.right_censored
    kinds = [event.kind for event in recording.events]
    assert kinds == ["decided", "arrived", "played"]
    played = recording.events[-1].span
    assert played.duration_s == pytest.approx(0.2) and recording.model.audio.duration_s >= played.end_s + 0.1


def test_a_reply_that_never_ends_is_ended_by_the_limit_and_censored():
    script = {n: [Delta("r", TONE)] for n in range(1, 200)}
    recording = one(Server({**script, 1: [Decided("speak", "r"), Delta("r", TONE)]}), ending=Ending(0.1, 0.3))
    assert recording.right_censored
    assert recording.model.audio.duration_s == pytest.approx(0.55, abs=0.02)


def test_a_reply_that_was_begun_is_waited_for():
    script = {26: [Decided("speak", "r")], 60: [Delta("r", TONE), Done("r")]}
    recording = one(Server(script), ending=Ending(0.1, 3.0))
    assert np.count_nonzero(recording.model.audio.samples) == 800


def test_a_flush_is_heard_and_the_server_is_told_how_much_was():
    script = {5: [Delta("r", np.tile(TONE, 30))], 15: [Decided("yield", "r"), Flush()]}
    server = Server(script)
    recording = one(server)
    n_heard = np.count_nonzero(recording.model.audio.samples)
    assert 0 < n_heard < 4000
    assert server.told == [("r", pytest.approx(n_heard / 8000))]


BROKEN = {
    "refused": (Server(refusal=CallError("refused", "no")), "refused", 1),
    "refused for now": (Server(refusal=CallError("rate_limited", "later", may_retry=True)), "rate_limited", 2),
    "an exception in open": (Server(refusal=RuntimeError("bug")), "adapter", 1),
    "never opens": (Server(never_opens=True), "timeout", 2),
    "never takes a frame": (Server(never_takes=3), "stalled", 2),
    "ends early": (Server({5: [None]}), "dropped", 2),
    "closes early": (Server({5: [Closed("bye")]}), "dropped", 2),
    "breaks for good": (Server({5: [CallError("protocol", "nonsense")]}), "protocol", 1),
    "breaks once more": (Server({5: [CallError("dropped", "gone", may_retry=True)]}), "dropped", 2),
    "an exception in events": (Server({5: [KeyError("type")]}), "adapter", 1),
    "too much audio": (Server({5: [Delta("r", np.zeros(8000 * 700, np.float32))]}), "protocol", 1),
    "zeros where sound must be": (Server({5: [Delta("r", np.zeros(80, np.float32))]}, always_sounds=True), "silent", 1),
    "nothing where sound must be": (Server(always_sounds=True), "silent", 1),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_goes_wrong_is_a_named_status_after_a_bounded_number_of_tries(case):
    server, kind, n_tries = BROKEN[case]
    outcome = one(server)
    assert isinstance(outcome, FailedCall), outcome
    assert (outcome.reason, server.n_open) == (kind, n_tries)
    assert ("(2 tries)" in outcome.message) == (n_tries == 2)


def test_one_call_that_breaks_costs_no_other():
    class Odd(Server):
        async def open(self, brief):
            if brief.seed == 1:
                raise CallError("refused", "not you")
            return await super().open(brief)

    outcomes = calls(Odd(slots=3), n=6)
    assert [name for name, outcome in outcomes.items() if isinstance(outcome, FailedCall)] == ["1"]
    assert len(outcomes) == 6


def test_a_call_that_broke_is_made_again_and_its_log_says_why():
    class Once(Server):
        async def open(self, brief):
            self.script = {5: [CallError("dropped", "the line went dead", may_retry=True)]} if not self.n_open else {}
            return await super().open(brief)

    recording = one(Once())
    assert isinstance(recording, Recording)
    spent = spent_in(recording.log)
    assert spent.broken == ("dropped: the line went dead",)
    (first,) = recording.log.lines[0]["broken"]
    assert spent.minutes == pytest.approx(recording.log.lines[0]["end_s"] / 60 + first["minutes"]) and first["minutes"] > 0


def test_what_tries_that_broke_used_up_is_counted_even_where_the_call_failed():
    script = {3: [Usage({"out": 7}, 1.0)], 5: [CallError("dropped", "gone", may_retry=True)]}
    failure = one(Server(script))
    assert isinstance(failure, FailedCall)
    spent = spent_in(failure.log)
    assert (spent.cost, dict(spent.counts)) == (2.0, {"out": 14}) and spent.minutes > 0.001


def test_what_ended_well_before_a_key_was_refused_is_kept():
    class Refuses(Server):
        async def open(self, brief):
            if brief.seed == 1:
                await asyncio.sleep(0.2)  # while the other call is going on
                raise CallError("refused", "no quota is left", is_fatal=True)
            return await super().open(brief)

    server = Refuses(slots=2)
    invitations = (Invitation(Take(Sample(str(i), "t", {})), Brief(stimulus=PROMPT), Brief(seed=i)) for i in range(9))
    kept = []
    with pytest.raises(AdapterError, match="no quota"):
        for take, outcome in Driver(server, None, Ending(0.1, 0.4), timeouts=TIMEOUTS, loop=loop()).run(invitations):
            kept.append((take.sample.id, type(outcome)))
    assert kept == [("0", Recording)]


def test_what_no_file_can_hold_is_put_plainly():
    script = {2: [Text("ok \ud83d", "r\ud800"), Note("limits", {"left": float("nan"), "by": {1: float("inf")}})]}
    log = one(Server(script)).log
    assert json.dumps(log.lines, allow_nan=False).encode()
    text, note = from_stored(log).arrivals
    assert text.event == Text("ok ?", "r?") and note.event.facts == {"left": None, "by": {"1": None}}


@pytest.mark.parametrize(("at", "share"), [(15, 0.0), (None, 1.0)])
def test_text_is_told_as_far_as_it_was_heard(at, share):
    """Three seconds of speech; cut off, a reply's text is cut with it, and what was never played was never said."""
    script = {5: [Delta("r", np.tile(TONE, 3)), Text("one two three four five six", "r"), Text("never", "unheard")]}
    if at:
        script[at] = [Flush()]
    recording = one(Server(script), ending=Ending(0.1, 2.0))
    written = "".join(event.text for event in recording.events if event.kind == "text")
    n_heard = np.count_nonzero(recording.model.audio.samples)
    assert "never" not in written
    assert len(written) == round(27 * n_heard / 2400)
    assert (written == "one two three four five six") == (share == 1.0)


def test_a_server_that_never_lets_go_is_left():
    started_s = loop().time()
    assert isinstance(one(Server(never_closes=True)), Recording)
    assert loop().time() - started_s < 10


def test_a_key_that_is_not_accepted_ends_everything():
    server = Server(refusal=CallError("refused", "bad key", is_fatal=True), slots=2)
    with pytest.raises(AdapterError, match="bad key"):
        calls(server, n=50)
    assert server.n_open <= 2


def test_whoever_stops_asking_ends_the_calls_that_are_going_on():
    server = Server(slots=3)
    invitations = (Invitation(Take(Sample(str(i), "t", {})), Brief(stimulus=PROMPT), Brief(seed=i)) for i in range(100))
    outcomes = Driver(server, None, Ending(0.1, 0.4), timeouts=TIMEOUTS, loop=loop()).run(invitations)
    next(outcomes)
    outcomes.close()
    assert server.n_closed == len(server.heard), "every conversation that was begun has been closed"
    assert not [thread for thread in threading.enumerate() if "_in_thread" in thread.name]


EVERYTHING = {
    2: [Speech("started", 0.01), Note("rate limits", {"left": 3, "by": ["a", None]})],
    5: [Decided("speak", "r"), Delta("r", TONE), Text("hé", "r"), Usage({"in": 3, "out": 4}, 0.5)],
    9: [
        Speech("stopped"),
        Delta("r", np.linspace(-1.5, 1.5, 333, dtype=np.float32)),
        Flush("r"),
        Done("r"),
        Usage({"in": 1}, 0.25),
    ],
}


def test_a_log_survives_being_stored_and_gives_the_same_recording():
    recording = one(Server(EVERYTHING), lead_in_s=0.05)
    stored = CallLog(tuple(json.loads(json.dumps(line)) for line in recording.log.lines), recording.log.sound)
    log = from_stored(stored)
    again = replay_call(Take(Sample("0", "t", {})), PROMPT, 0.05, log, Ending(0.1, 0.4))
    np.testing.assert_array_equal(again.model.audio.samples, recording.model.audio.samples)
    np.testing.assert_array_equal(again.user.audio.samples, recording.user.audio.samples)
    assert (again.events, again.right_censored, again.prompt_s) == (recording.events, recording.right_censored, 0.25)
    spent = spent_in(stored)
    assert (dict(spent.counts), spent.cost) == ({"in": 4, "out": 4}, 0.75)
    assert spent.round_trip_s == 0.002 and json.dumps(spent.as_json())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: [], "first line"),
        (lambda lines: [{**lines[0], "log": 2}, *lines[1:]], "version 1"),
        (lambda lines: [lines[0], {"t_s": 1.0, "event": "Surprise"}], "line 2: an event 'Surprise'"),
        (lambda lines: [lines[0], {"t_s": 1.0, "event": "Delta", "item": "r", "first": 0, "n_samples": 10**9}], "not there"),
        (lambda lines: [lines[0], {"event": "Done"}], "line 2"),
    ],
)
def test_what_is_no_log_says_why(change, told):
    log = one(Server(EVERYTHING)).log
    with pytest.raises(ValueError, match=told):
        from_stored(CallLog(tuple(change(list(log.lines))), log.sound))
