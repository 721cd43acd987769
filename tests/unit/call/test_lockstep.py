"""The lockstep driver: who hears what when, whatever the frames; faults stay in their slot; order does not matter."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fdbench.adapter.base import Agent, AgentParty, Brief, Port
from fdbench.call.call import Ending, Invitation
from fdbench.call.driver import Driver
from fdbench.call.source import PromptCalls
from fdbench.core.conversation import FailedCall, Recording, Sample, Take
from fdbench.core.sound import Audio
from fdbench.errors import AdapterError, DataError

RATE = 16000


class Echo(Agent):
    hears = says = Port(RATE, 320)

    def reset(self, brief: Brief) -> None:
        pass

    def step(self, heard):
        return heard.copy()


class Babbler(Agent):
    """Noise that depends on its seed and on everything it has heard: any mix-up between slots shows."""

    hears = says = Port(RATE, 320)

    def reset(self, brief: Brief) -> None:
        self._random = np.random.default_rng(brief.seed)
        self._heard = 0.0
        self._frames = 0

    def step(self, heard):
        self._heard = (self._heard + float(np.abs(heard).sum())) % 1.0
        self._frames += 1
        loud = 0.1 if self._frames < 100 else 0.0
        return (loud * self._random.normal(size=320) + 1e-4 * self._heard).astype(np.float32)


class Wav:
    """A stimulus held in memory."""

    def __init__(self, samples, rate=RATE):
        self._audio = Audio(np.asarray(samples, np.float32), rate)
        self.digest = "in memory"

    def load(self):
        return self._audio


class Broken:
    digest = "broken"

    def load(self):
        raise DataError("x/input.wav: truncated")


def take(name, stimulus):
    return Take(Sample(name, "t", {"main": stimulus}))


def takes(n=10):
    return [take(f"s{i}", Wav(np.random.default_rng(i).normal(0, 0.1, 3000 + 1777 * i))) for i in range(n)]


def collected(agent, slots, some_takes, **settings):
    calls = PromptCalls(AgentParty(agent, slots), seed=7, lead_in_s=settings.pop("lead_in_s", 0.0), ending=Ending(0.5, 2.0))
    return {str(item.id): outcome for item, outcome in calls.collect(some_takes)}


@pytest.mark.parametrize("frame", [16, 160, 320, 512, 1920])
@pytest.mark.parametrize("lead_in_s", [0.0, 0.5])
def test_an_echo_comes_back_exactly_one_frame_later(frame, lead_in_s):
    class Sized(Echo):
        hears = says = Port(RATE, frame)

    click = np.zeros(RATE // 4, np.float32)
    click[1000] = 1.0
    (outcome,) = collected(Sized, 1, [take("a", Wav(click))], lead_in_s=lead_in_s).values()
    assert isinstance(outcome, Recording)
    assert outcome.user.start_s == outcome.model.start_s == -lead_in_s
    lead_in = int(lead_in_s * RATE)
    assert np.flatnonzero(outcome.user.audio.samples).tolist() == [lead_in + 1000]
    assert np.flatnonzero(outcome.model.audio.samples).tolist() == [lead_in + 1000 + frame]


@pytest.mark.parametrize(("user_frame", "model_frame"), [(320, 1920), (1920, 320), (300, 512), (30, 70), (480, 480)])
def test_unequal_frames_hear_each_other_causally(user_frame, model_frame):
    class User(Echo):
        hears = says = Port(RATE, user_frame)
        said_click = False

        def step(self, heard):
            out = heard.copy()
            if not self.said_click:
                out[0], self.said_click = 1.0, True
            return out

    class Model(Echo):
        hears = says = Port(RATE, model_frame)

    driver = Driver(AgentParty(Model, 1), AgentParty(User, 1), Ending(1.0, 0.5))
    ((_, outcome),) = driver.run([Invitation(take("a", Wav([0])), Brief(), Brief())])
    user = np.flatnonzero(outcome.user.audio.samples)
    model = np.flatnonzero(outcome.model.audio.samples)
    assert user[0] == 0, "the user's side leads: what it says first is heard at 0"
    assert model[0] == model_frame, "the reply to a frame is heard when that frame is over"
    assert (model == user[: len(model)] + model_frame).all(), "each reply follows what it answers by one frame"
    assert (np.diff(user) == user_frame + model_frame).all(), "and the user's echo of it by one of the user's frames"


def test_recordings_do_not_depend_on_order_or_neighbours():
    reference = collected(Babbler, 4, takes())
    for order in (takes()[::-1], takes()[3:] + takes()[:3], [*takes()[5:], *takes(2)]):
        for name, outcome in collected(Babbler, 4, order).items():
            assert np.array_equal(outcome.model.audio.samples, reference[name].model.audio.samples), name
            assert np.array_equal(outcome.user.audio.samples, reference[name].user.audio.samples), name


def test_the_reply_depends_on_the_seed_and_on_the_prompt():
    ((_, one),) = list(collected(Babbler, 1, takes(1)).items())
    calls = PromptCalls(AgentParty(Babbler, 1), seed=8, lead_in_s=0.0, ending=Ending(0.5, 2.0))
    ((_, other_seed),) = calls.collect(takes(1))
    ((_, other_prompt),) = list(collected(Babbler, 1, [take("s0", Wav(np.zeros(3000)))]).items())
    assert not np.array_equal(one.model.audio.samples, other_seed.model.audio.samples)
    assert not np.array_equal(one.model.audio.samples, other_prompt.model.audio.samples)


def raises(heard):
    raise RuntimeError("out of memory")


FAULTS = {
    "raises": (raises, "RuntimeError: out of memory"),
    "returns too much": (lambda heard: np.zeros(321, np.float32), "(321,)"),
    "returns too little": (lambda heard: np.zeros(0, np.float32), "(0,)"),
    "returns NaN": (lambda heard: np.full(320, np.nan, np.float32), "not finite"),
    "returns infinity": (lambda heard: np.full(320, np.inf, np.float32), "not finite"),
    "returns float64": (lambda heard: np.zeros(320), "float64"),
    "returns nothing": (lambda heard: None, "NoneType"),
    "returns two channels": (lambda heard: np.zeros((2, 320), np.float32), "(2, 320)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_slot_3_of_8_is_that_calls_status_and_nobody_elses(fault):
    misbehave, told = FAULTS[fault]
    all_takes = takes(12)
    victim_seed = None
    from fdbench.call.clock import seed_for

    victim_seed = seed_for(7, all_takes[3].id)

    class Faulty(Babbler):
        def reset(self, brief):
            super().reset(brief)
            self._is_victim = brief.seed == victim_seed

        def step(self, heard):
            said = super().step(heard)
            return misbehave(heard) if self._is_victim and self._frames == 5 else said

    sound = collected(Babbler, 8, all_takes)
    faulty = collected(Faulty, 8, all_takes)
    assert faulty.keys() == sound.keys()
    for name, outcome in faulty.items():
        if name == str(all_takes[3].id):
            assert isinstance(outcome, FailedCall)
            assert told in outcome.message
        else:
            assert np.array_equal(outcome.model.audio.samples, sound[name].model.audio.samples), name


def test_a_party_that_raises_as_a_whole_fails_its_calls_and_the_rest_go_on():
    class Party(AgentParty):
        steps = 0

        def step(self, heard):
            self.steps += 1
            if self.steps == 3:
                raise RuntimeError("the GPU fell off")
            return super().step(heard)

    calls = PromptCalls(Party(Babbler, 2), seed=7, lead_in_s=0.0, ending=Ending(0.5, 2.0))
    outcomes = {str(item.id): outcome for item, outcome in calls.collect(takes(5))}
    failures = [outcome for outcome in outcomes.values() if isinstance(outcome, FailedCall)]
    assert len(outcomes) == 5
    assert len(failures) == 2
    for failure in failures:
        assert re.fullmatch(
            r"step\(\) raised RuntimeError: the GPU fell off \(test_lockstep\.py:\d+ in step\)", failure.message
        )
        assert "raise RuntimeError" in failure.trace


def test_an_unreadable_prompt_is_a_status_and_the_rest_go_on():
    some = [*takes(2), take("bad", Broken()), *takes(4)[2:]]
    outcomes = collected(Babbler, 2, some)
    assert outcomes["t/bad@main.r0"] == FailedCall("prompt", "x/input.wav: truncated")
    assert sum(isinstance(outcome, Recording) for outcome in outcomes.values()) == 4


def test_a_run_of_nothing_but_unreadable_prompts_ends():
    assert collected(Babbler, 2, [take("bad", Broken())]).keys() == {"t/bad@main.r0"}


class TalksUntil(Agent):
    hears = says = Port(RATE, 320)

    def __init__(self, until_s=0.0):
        self._until_s = until_s

    def reset(self, brief):
        self._at = 0

    def step(self, heard):
        self._at += 320
        return np.full(320, 0.1 if self._at < self._until_s * RATE else 0.0, np.float32)


@pytest.mark.parametrize(
    ("talks_until_s", "ends_s", "censored"),
    [(0.0, 1.5, False), (0.6, 1.5, False), (1.4, 1.9, False), (2.2, 2.7, False), (99.0, 3.0, True)],
)
def test_a_call_ends_when_the_model_has_been_silent_or_at_the_limit(talks_until_s, ends_s, censored):
    """Prompt of 1 s; ends after 0.5 s of silence, or 2 s after the prompt."""
    (outcome,) = collected(lambda: TalksUntil(talks_until_s), 1, [take("a", Wav(np.zeros(RATE)))]).values()
    assert outcome.model.span.end_s == pytest.approx(ends_s, abs=0.041)
    assert outcome.right_censored is censored
    assert outcome.prompt_s == 1.0


def test_prompts_of_any_rate_keep_their_length_and_place():
    for rate in (8000, 16000, 24000, 44100, 48000):
        tone = np.zeros(rate, np.float32)
        tone[rate // 2 : rate // 2 + rate // 10] = 0.5
        (outcome,) = collected(Echo, 1, [take("a", Wav(tone, rate))]).values()
        loud = np.flatnonzero(np.abs(outcome.user.audio.samples) > 0.25) / RATE
        assert outcome.prompt_s == 1.0
        assert loud[0] == pytest.approx(0.5, abs=1e-3)
        assert loud[-1] == pytest.approx(0.6, abs=1e-3)


def test_ports_that_do_not_fit_are_refused():
    class Lopsided(Echo):
        says = Port(RATE, 640)

    with pytest.raises(AdapterError, match="frames"):
        Driver(AgentParty(Lopsided, 1))
