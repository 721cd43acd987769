"""A prompt that is heard in a recording tells where it lies, and whether the user would be scored as the model."""

from __future__ import annotations

import numpy as np
import pytest

from fdbench.audio.alignment import Whitened, find
from fdbench.call.evidence import ALL_SILENT, examine
from fdbench.core.sound import Audio
from fdbench.io.wav import resampled
from fdbench.task.load import load_samples, task_specs

RATE = 24000


def prompts(task="mini/user_interruption", n=3):
    samples = load_samples(task_specs()[task], None).samples
    return [sample.stimuli["main"].load() for sample in samples[:n]]


PROMPT, *OTHER_PROMPTS = prompts()


def model(gain=0.1, rate=RATE, n_s=None):
    """Another text in the same voice, from 1 s after the prompt on, over a faint noise."""
    n = round((n_s or PROMPT.duration_s + 6) * rate)
    samples = np.random.default_rng(0).normal(0, 1e-4, n).astype(np.float32)
    reply = resampled(prompts("mini/backchannel", 1)[0], rate).samples[: 4 * rate]
    at = round((PROMPT.duration_s + 1) * rate)
    samples[at : at + len(reply)] += gain * reply[: max(0, n - at)]
    return samples


def with_user(samples, user, at_s=0.0, gain_db=0.0, rate=RATE):
    heard = resampled(user, rate).samples * 10 ** (gain_db / 20)
    at = round(at_s * rate)
    heard, at = heard[max(0, -at) :], max(0, at)
    out = samples.copy()
    heard = heard[: len(out) - at]
    out[at : at + len(heard)] += heard.astype(np.float32)
    return Audio(np.round(out * 32767).astype(np.float32) / 32767, rate)


def test_a_model_that_answers_in_the_users_own_voice_is_no_user():
    for prompt in (PROMPT, *OTHER_PROMPTS):
        assert examine(prompt, with_user(model(1.0), PROMPT, gain_db=-200)).fault is None
        assert examine(prompt, Audio(model(1.0), RATE)).notes == ()


@pytest.mark.parametrize("gain_db", [0.0, -15.0, -33.0, -40.0])
@pytest.mark.parametrize("at_s", [0.0, 0.43, -1.7])
def test_a_leak_is_found_with_its_shift_and_level_and_refused(gain_db, at_s):
    evidence = examine(PROMPT, with_user(model(), PROMPT, at_s, gain_db))
    assert evidence.leak is not None
    assert evidence.leak.at_s == pytest.approx(at_s, abs=0.001)
    assert evidence.leak.gain_db == pytest.approx(gain_db, abs=1.0)
    assert evidence.fault is not None
    assert f"{evidence.leak.gain_db:.1f} dB" in evidence.fault.what
    assert "the user would be scored as the model" in evidence.fault.what


def test_a_channel_that_is_the_prompt_is_refused_in_whatever_codec_and_polarity():
    for changed in (Audio(-PROMPT.samples, PROMPT.sample_rate), resampled(PROMPT, 8000)):
        fault = examine(PROMPT, changed).fault
        assert fault is not None
        assert "-0.0 dB" in fault.what or "0.0 dB" in fault.what


@pytest.mark.parametrize(("at_s", "offset_s"), [(2.2, 0.0), (-0.6, 0.0), (0.0, 0.5), (1.0, -0.5)])
def test_a_prompt_in_another_channel_says_where_the_recording_lies(at_s, offset_s):
    beside = with_user(np.zeros_like(model()), PROMPT, at_s)
    evidence = examine(PROMPT, Audio(model(), RATE), [beside], offset_s)
    assert evidence.offset_s == pytest.approx(-at_s, abs=0.001)
    assert evidence.fault is not None
    assert f"--arg offset_s={0.0 - at_s:g}" in evidence.fault.remedy
    right = examine(PROMPT, Audio(model(), RATE), [beside], -at_s)
    assert (right.fault, right.notes) == (None, ())
    assert examine(PROMPT, Audio(model(), RATE), [beside], None).fault is None


def test_a_small_shift_is_noted():
    beside = with_user(np.zeros_like(model()), PROMPT, 0.06)
    evidence = examine(PROMPT, Audio(model(), RATE), [beside])
    assert evidence.fault is None
    assert "begins about +0.06 s" in evidence.notes[0]


@pytest.mark.parametrize(("true", "read_as"), [(16000, 24000), (48000, 24000), (44100, 48000)])
def test_a_rate_that_was_misread_is_told_as_a_speed(true, read_as):
    wrong = Audio(resampled(PROMPT, true).samples, read_as)
    in_mix = with_user(model(n_s=PROMPT.duration_s * 2 + 6), wrong, gain_db=-20)
    for evidence in (examine(PROMPT, in_mix), examine(PROMPT, Audio(model(), RATE), [wrong])):
        assert evidence.fault is not None
        assert f"{read_as / true:.3g} times as fast" in evidence.fault.what


def test_a_gap_that_collapsed_is_told():
    speech = np.abs(PROMPT.samples) > 0.02
    middle = int(np.flatnonzero(speech)[np.sum(speech) // 2])
    cut = Audio(np.delete(PROMPT.samples, np.s_[middle : middle + PROMPT.sample_rate // 2]), PROMPT.sample_rate)
    for evidence in (examine(PROMPT, with_user(model(), cut)), examine(PROMPT, Audio(model(), RATE), [cut])):
        assert evidence.fault is not None
        assert "lie 0.500 s apart" in evidence.fault.what


@pytest.mark.parametrize("constant", [0.0, 0.25])
@pytest.mark.parametrize("step", [0.0, 1 / 32768])
def test_silence_is_noted_and_nothing_is_found_in_it(constant, step):
    steps = np.random.default_rng(0).integers(-1, 2, 9 * RATE)
    evidence = examine(PROMPT, Audio((constant + step * steps).astype(np.float32), RATE))
    assert (evidence.fault, evidence.offset_s, evidence.notes) == (None, None, (ALL_SILENT,))


def test_a_soft_voice_is_no_silence():
    assert examine(PROMPT, Audio(model(0.01), RATE)).notes == ()


@pytest.mark.parametrize("n", [0, 1, 300, 5000])
def test_scraps_are_no_evidence(n):
    scrap = Whitened.of(Audio(np.ones(n, np.float32), 16000))
    assert find(scrap, Whitened.of(PROMPT)) == ()
    assert find(Whitened.of(PROMPT), scrap) == ()
