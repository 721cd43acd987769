"""Any party with any other, on either clock: probes, agents, servers and a model; and what each of them hears of itself.

Servers live on virtual time, so nothing waits. What is expected is worked out by hand from where each side speaks.
"""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from fdbench.adapter.base import Agent, AgentParty, Brief, Port
from fdbench.adapter.live import Decided, Delta, Done
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.probe import FRAME_S, Probe
from fdbench.call.tape import as_kept
from fdbench.call.timeouts import Timeouts
from fdbench.core.condition import Condition
from fdbench.core.conversation import FailedCall, Recording, Sample, Stage, Take
from fdbench.core.sound import Audio
from tests.virtual_time import virtual_time

RATE = 16000
PROMPT = Audio(np.full(RATE // 2, 0.2, np.float32), RATE)  # half a second
CLIP = Audio(np.full(RATE // 5, 0.3, np.float32), RATE)  # a fifth
QUICK = Timeouts(open_s=1.0, send_s=2.0, close_s=0.5, tries=1, most_late_s=5.0)


@pytest.fixture(autouse=True)
def time_is_virtual():
    with virtual_time():
        yield


def held(model, user=None, *, stages=(), ending=None, condition=None, n=1, seed=3):
    """Recordings of calls between two parties, by sample."""
    driver = Driver(
        model,
        user,
        ending or Ending(1.0, 4.0),
        condition=condition or Condition(),
        timeouts=QUICK,
        loop=asyncio.get_event_loop(),
    )
    invitations = [
        Invitation(Take(Sample(str(k), "t", {})), Brief(stimulus=PROMPT, stages=stages, seed=seed + k), Brief(seed=seed + k))
        for k in range(n)
    ]
    return {take.sample.id: outcome for take, outcome in driver.run(invitations)}


def one(*arguments, **options):
    (outcome,) = held(*arguments, **options).values()
    assert isinstance(outcome, Recording), outcome
    return outcome


def loud_spans(track, above=0.05):
    """Stretches of sound, gaps under 50 ms closed, in seconds on the prompt's timeline."""
    rate, at = track.audio.sample_rate, np.flatnonzero(np.abs(track.audio.samples) > above)
    if not len(at):
        return []
    cuts = np.flatnonzero(np.diff(at) > 0.05 * rate)
    starts, ends = [at[0], *at[cuts + 1]], [*at[cuts], at[-1]]
    return [(float(s) / rate + track.start_s, float(e + 1) / rate + track.start_s) for s, e in zip(starts, ends, strict=True)]


class Speaker(Agent):
    """Speaks in set stretches of its own time, whatever it hears, every sample another."""

    hears = says = Port(RATE, 320)

    def __init__(self, stretches=((1.0, 3.0),), *, leads=False):
        self._stretches, self._first = stretches, 0 if leads else 320

    def reset(self, brief):
        self._at = 0

    def step(self, heard):
        # The model's first frame is heard when the first that it heard is over; the user's leads.
        at_s = (self._at + self._first + np.arange(320)) / RATE
        self._at += 320
        speaks = sum((start <= at_s) & (at_s < end) for start, end in self._stretches)
        return (0.2 * np.cos(at_s * 900) * speaks).astype(np.float32)


class Server:
    """Speaks as soon as it has been sent so many frames, in one piece; keeps what it hears."""

    always_sounds, takes_frames_together, open_s = False, True, 0.0

    def __init__(self, replies=((50, 1.0),), rate=RATE, slots=1, frame=320):
        self.hears, self.says, self.slots = Port(RATE, frame), Port(rate, rate // 50), slots
        self.replies, self.heard = dict(replies), []

    async def open(self, brief):
        self.heard.append([])
        return Line(self, self.heard[-1])


class Line:
    def __init__(self, server, heard):
        self.server, self.heard, self.n, self.came = server, heard, 0, asyncio.Queue()

    async def send(self, frame):
        self.heard.append(frame.copy())
        for _ in range(len(frame) // self.server.hears.frame_samples):
            self.n += 1
            if self.n in self.server.replies:
                item, length_s = f"r{self.n}", self.server.replies[self.n]
                sound = np.cos(np.arange(round(length_s * self.server.says.sample_rate)) / 20).astype(np.float32) / 5
                for event in (Decided("speak", item), Delta(item, sound), Done(item)):
                    self.came.put_nowait(event)

    async def events(self):
        while True:
            yield await self.came.get()

    async def played(self, item, upto_s):
        pass

    async def round_trip_s(self):
        return None

    async def close(self):
        pass


def probe_for(party, **options):
    return Probe(party.hears, party.says, party.slots, **options)


BARGE_IN = (Stage("interruption", CLIP, 0.4, "stop"),)


@pytest.mark.parametrize("offset_s", [0.1, 0.4, 0.873])
def test_a_probe_speaks_at_its_offset_after_the_models_own_onset(offset_s):
    """The model speaks from 1.0 s; that is heard, and the clip begins exactly so much later."""
    model = AgentParty(Speaker, 1)
    recording = one(model, probe_for(model), stages=(Stage("interruption", CLIP, offset_s, "stop"),))
    heard, barged = recording.user_events
    assert heard.kind == "heard_onset" and heard.span.start_s == pytest.approx(1.0, abs=0.011)
    assert (barged.kind, barged.text) == ("interruption", "stop")
    assert barged.span.start_s == pytest.approx(heard.span.start_s + offset_s, abs=1 / RATE)
    assert barged.span.duration_s == pytest.approx(0.2)
    (prompt, clip) = loud_spans(recording.user)
    assert prompt == pytest.approx((0.0, 0.5)) and clip == pytest.approx((barged.span.start_s, barged.span.end_s))
    assert recording.prompt_s == 0.5 and recording.clock == "lockstep"


def test_a_probe_waits_for_a_voice_that_goes_on():
    """A short reply is over before the time has come; the next one is interrupted, half as soon as the first was long."""
    model = AgentParty(lambda: Speaker(((0.8, 0.9), (2.0, 4.0))), 1)
    recording = one(model, probe_for(model), stages=(Stage("interruption", CLIP, 0.6),))
    kinds = [(event.kind, round(event.span.start_s, 2)) for event in recording.user_events]
    assert kinds == [("heard_onset", 0.8), ("heard_onset", 2.0), ("interruption", 2.2)]


def test_a_probe_does_several_things_each_after_an_onset_of_its_own():
    model = AgentParty(lambda: Speaker(((0.8, 1.6), (3.0, 4.0))), 1)
    stages = (Stage("backchannel", CLIP, 0.2), Stage("noise", CLIP, 0.5))
    recording = one(model, probe_for(model), stages=stages)
    kinds = [(event.kind, round(event.span.start_s, 2)) for event in recording.user_events]
    assert kinds == [("heard_onset", 0.8), ("backchannel", 1.0), ("heard_onset", 3.0), ("noise", 3.5)]


def test_a_probe_gives_up_with_a_model_that_never_speaks():
    model = AgentParty(lambda: Speaker(()), 1)
    recording = one(model, probe_for(model, patience_s=1.5), stages=BARGE_IN)
    assert not recording.user_events and loud_spans(recording.user) == [pytest.approx((0.0, 0.5))]
    assert recording.user.span.end_s == pytest.approx(3.0, abs=0.1), "prompt, patience, and the silence that ends a call"


@pytest.mark.parametrize("rate", [16000, 24000])
def test_a_probe_interrupts_a_server(rate):
    """50 frames of 20 ms have been sent at 1.0 s; the reply is heard from then on."""
    server = Server(((50, 2.0),), rate=rate)
    recording = one(server, probe_for(server), stages=BARGE_IN)
    heard, barged = recording.user_events
    assert recording.clock == "realtime"
    assert heard.span.start_s == pytest.approx(1.0, abs=0.02)
    assert barged.span.start_s - heard.span.start_s == pytest.approx(0.4, abs=0.04)
    sent = np.concatenate(server.heard[0])
    assert np.flatnonzero(sent > 0.25)[0] == round(barged.span.start_s * RATE), "and that is where the server hears it"


def test_many_probes_interrupt_many_servers_at_once():
    server = Server(((50, 2.0),), slots=6)
    outcomes = held(server, probe_for(server), stages=BARGE_IN, n=12)
    assert len(outcomes) == 12
    for recording in outcomes.values():
        heard, barged = recording.user_events
        assert barged.span.start_s - heard.span.start_s == pytest.approx(0.4, abs=0.04)


def test_two_agents_talk_with_each_other():
    class Slow(Speaker):
        hears = says = Port(8000, 640)

        def step(self, heard):
            return np.repeat(np.float32(0.1 if np.abs(heard).max() > 0.05 else 0.0), 640)

    recording = one(AgentParty(Slow, 1), AgentParty(lambda: Speaker(((0.2, 0.6),), leads=True), 1))
    assert loud_spans(recording.user) == [pytest.approx((0.2, 0.6), abs=0.01)]
    ((start_s, end_s),) = loud_spans(recording.model)
    assert start_s == pytest.approx(0.24, abs=0.081), "heard, and answered a frame later"
    assert end_s == pytest.approx(0.64, abs=0.161)
    assert recording.model_heard is not None and recording.model_heard.audio.sample_rate == 8000, "rates are converted"
    assert recording.user_heard.audio.sample_rate == RATE


def test_two_servers_talk_with_each_other():
    user, model = Server(((25, 0.5),)), Server(((60, 0.5),), rate=24000)
    recording = one(model, user)
    assert loud_spans(recording.user) == [pytest.approx((0.5, 1.0), abs=0.03)]
    assert loud_spans(recording.model) == [pytest.approx((1.2, 1.7), abs=0.03)]
    (heard_by_model,) = loud_spans(recording.user)
    sent = np.concatenate(model.heard[0])
    assert np.flatnonzero(np.abs(sent) > 0.05)[0] / RATE == pytest.approx(heard_by_model[0], abs=1 / RATE)
    assert [event.kind for event in recording.events] == ["decided", "arrived", "played"]
    assert recording.clock == "realtime" and recording.log is not None


def echoing(delay_ms):
    return Condition("echo", to_model=({"effect": "echo", "gain_db": -20.0, "delay_ms": delay_ms},))


@pytest.mark.parametrize("delay_ms", [0, 60])
def test_a_model_in_virtual_time_hears_itself_to_the_sample(delay_ms):
    recording = one(AgentParty(Speaker, 1), condition=echoing(delay_ms))
    user, said = (as_kept(track.audio.samples) for track in (recording.user, recording.model))
    later = np.concatenate([np.zeros(RATE * delay_ms // 1000, np.float32), said])[: len(said)]
    np.testing.assert_array_equal(recording.model_heard.audio.samples, user + np.float32(0.1) * later)
    assert loud_spans(recording.user) == [pytest.approx((0.0, 0.5))], "the truth is what the user said"


@pytest.mark.parametrize("delay_ms", [0, 60])
def test_a_server_hears_itself_within_a_frame(delay_ms):
    """What is played from 1.0 s on is sent back 20 dB softer, so much later."""
    server = Server(((50, 1.0),))
    recording = one(server, condition=echoing(delay_ms))
    (played,) = loud_spans(recording.model)
    sent = np.concatenate(server.heard[0])
    echo = np.flatnonzero(np.abs(sent[RATE * 6 // 10 :]) > 0.005) + RATE * 6 // 10
    assert echo[0] / RATE == pytest.approx(played[0] + delay_ms / 1000, abs=FRAME_S)
    np.testing.assert_array_equal(recording.model_heard.audio.samples, sent[: len(recording.model_heard.audio.samples)])
    assert np.abs(sent[echo]).max() == pytest.approx(0.02, abs=1e-3)


def test_a_model_in_process_and_a_server_share_the_wall_clock():
    """The model's voice is what the server is sent; the server's is what the model hears."""
    server = Server(((25, 0.5),))
    recording = one(AgentParty(lambda: Speaker(((1.5, 2.0),)), 1), server)
    assert recording.clock == "realtime"
    assert loud_spans(recording.user) == [pytest.approx((0.5, 1.0), abs=0.03)]
    assert loud_spans(recording.model) == [pytest.approx((1.5, 2.0), abs=0.03)]


def test_what_breaks_on_the_users_side_breaks_the_call():
    class Broken(Speaker):
        def step(self, heard):
            raise RuntimeError("no voice")

    for model in (AgentParty(Speaker, 1), Server()):
        (outcome,) = held(model, AgentParty(Broken, 1)).values()
        assert isinstance(outcome, FailedCall) and "no voice" in outcome.message
