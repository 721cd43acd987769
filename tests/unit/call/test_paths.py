"""What stands between the two sides of a call: the same bytes however sound is cut, declared delays, one's own echo."""

from __future__ import annotations

import numpy as np
import pytest

from fdbench.audio.effects.base import Delay, Echo, Filter, Gain
from fdbench.audio.effects.resampler import Resampler
from fdbench.call.path import Path, effect_of, path_between
from fdbench.errors import UsageError
from fdbench.task.conditions import conditions, find_condition

RATE = 16000
RATES = [(24000, 16000), (16000, 24000), (44100, 16000), (8000, 48000), (22050, 24000), (16001, 16000), (16000, 16000)]


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, n).astype(np.float32)


def cut_at_random(effect, said, back, seed):
    """The same sound, handed over in pieces of any size, also none."""
    random, at, out = np.random.default_rng(seed), 0, []
    while at < len(said):
        n = int(random.integers(0, 700))
        out.append(effect.step(said[at : at + n], back[at : at + n]))
        at += n
    return np.concatenate(out)


EFFECTS = {
    "gain": lambda: Gain(-6.0),
    "delay": lambda: Delay(0.0123, RATE),
    "echo at once": lambda: Echo(-20.0, 0.0, RATE),
    "echo later": lambda: Echo(-20.0, 0.06, RATE),
    "echo of a room": lambda: Echo(-20.0, 0.02, RATE, noise(1600, 5)),
}


@pytest.mark.parametrize("make", EFFECTS.values(), ids=EFFECTS)
@pytest.mark.parametrize("seed", [1, 2])
def test_an_effect_gives_the_same_bytes_however_sound_is_cut(make, seed):
    said, back = noise(9000, 1), noise(9000, 2)
    whole = make().step(said, back)
    assert whole.dtype == np.float32 and len(whole) == len(said)
    assert cut_at_random(make(), said, back, seed).tobytes() == whole.tobytes()


@pytest.mark.parametrize(("old", "new"), RATES)
def test_a_resampler_gives_the_same_bytes_however_sound_is_cut_and_keeps_a_tone(old, new):
    tone = np.sin(2 * np.pi * 440 * np.arange(old) / old).astype(np.float32)
    resampler = Resampler(old, new)
    whole = resampler.step(tone)

    class Cut(Resampler):
        def step(self, said, back):
            return super().step(said)

    assert cut_at_random(Cut(old, new), tone, tone, 3).tobytes() == whole.tobytes()
    assert len(whole) == new and 0 < resampler.delay_s <= 0.0016
    expected = np.sin(2 * np.pi * 440 * (np.arange(new) / new - resampler.delay_s))
    assert np.abs(whole - expected)[new // 50 :].max() < 2e-4


def test_a_resampler_needs_nothing_that_is_not_there_yet():
    """Output up to t follows from input up to t: what comes later changes nothing before it."""
    sound = noise(24000)
    later = sound.copy()
    later[12000:] = 0.0
    ours, other = (Resampler(24000, 16000).step(each) for each in (sound, later))
    assert np.array_equal(ours[:8000], other[:8000]) and not np.array_equal(ours[8000:], other[8000:])


def test_what_each_effect_does_to_single_samples():
    said, back = np.zeros(100, np.float32), np.zeros(100, np.float32)
    said[10], back[20] = 1.0, 1.0
    assert np.flatnonzero(Delay(5 / RATE, RATE).step(said, back)).tolist() == [15]
    assert Gain(20 * np.log10(0.5)).step(said, back)[10] == pytest.approx(0.5)
    echoed = Echo(20 * np.log10(0.25), 30 / RATE, RATE).step(said, back)
    assert {int(at): round(float(echoed[at]), 6) for at in np.flatnonzero(echoed)} == {10: 1.0, 50: 0.25}
    assert Filter(np.array([0, 0, 0.5], np.float32)).step(said)[12] == 0.5


@pytest.mark.parametrize(("said_hz", "heard_hz", "back_hz", "frame"), [(24000, 16000, 24000, 1280), (22050, 16000, 8000, 333)])
def test_a_path_gives_whole_frames_whatever_the_rates(said_hz, heard_hz, back_hz, frame):
    """Rates without a common frame complete a sample more or less per frame; the listener gets whole frames all the same."""
    facts = [{"effect": "echo", "gain_db": -10, "delay_ms": 20}]
    path = Path(facts, said_hz, heard_hz, back_hz)
    said, back = noise(said_hz, 1), noise(back_hz, 2)
    heard = []
    for k in range(heard_hz // frame - 1):
        cuts = [[-(-at * frame * rate // heard_hz) for at in (k, k + 1)] for rate in (said_hz, back_hz)]
        heard.append(path.step(said[slice(*cuts[0])], back[slice(*cuts[1])], frame))
    assert {len(each) for each in heard} == {frame}
    straight = Resampler(said_hz, heard_hz).step(said)[: len(np.concatenate(heard))]
    ours = np.concatenate(heard)
    assert np.array_equal(ours[: round(0.02 * heard_hz)], straight[: round(0.02 * heard_hz)]), "before the echo begins"
    assert not np.array_equal(ours, straight)
    assert path.delay_s == pytest.approx(Resampler(said_hz, heard_hz).delay_s)


def test_nothing_between_two_sides_of_one_rate_is_no_path_at_all():
    assert path_between((), 16000, 16000, 24000) is None
    assert path_between((), 16000, 24000, 24000) is not None


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"effect": "eco", "gain_db": 0}, "echo"),
        ({"effect": "gain"}, "gain_db"),
        ({"effect": "gain", "gain_db": -3, "db": 1}, "db"),
        ({"effect": "delay", "delay_ms": -5}, "0 to 10000 ms"),
        ({"effect": "echo", "gain_db": "loud", "delay_ms": 0}, "loud"),
    ],
)
def test_an_effect_that_cannot_be_says_what_is_wrong(facts, told):
    with pytest.raises(UsageError) as refused:
        effect_of(facts, RATE)
    assert told in f"{refused.value.what} {refused.value.remedy}"


def test_every_condition_that_ships_can_be_made():
    assert next(iter(conditions())) == "clean" and len(conditions()) > 3
    for condition in conditions().values():
        if condition.needs_folder or condition.name == "mimi":  # which need what does not ship
            continue
        for effects in (condition.to_model, condition.to_user):
            heard = Path(effects, 24000, 24000, 24000).step(noise(480), noise(480), 480)
            assert heard.shape == (480,) and heard.dtype == np.float32
    with pytest.raises(UsageError, match="echo-6ms"):
        find_condition("echo-6ms")
