"""A hunt for games: simple agents by the dozen against the headline, by the scorers alone.

No sound is made and no detector hears: what an agent says and when follows from when the user is loud, in ticks of 20 ms. Each
waits for a silence, then says its sounds (seconds on, seconds off, ...) until the user has spoken for 0.2 s.
"""

from __future__ import annotations

from itertools import product
from statistics import fmean

import numpy as np
import pytest

from fdbench.core.annotation import Annotations, DetectedSpeech
from fdbench.core.span import Span, merged
from fdbench.core.speech import Transcript
from fdbench.core.take_id import MAIN
from fdbench.hear.engines import NONE
from fdbench.scoring.base import NO_JUDGE
from fdbench.scoring.registry import scorer_for
from fdbench.scoring.requests import MODEL_SPEECH, MODEL_WORDS, user_speech
from fdbench.task.load import TaskLoader, select_tasks
from tests.conftest import MINI_ALONE
from tests.e2e.zoo import LOUD_RMS, MIN_SPEECH_S

TICK_S = 0.02
CLOSURE_S = 0.1
"""Shorter silences lie inside words."""
TAIL_S, TAIL_LIMIT_S = 2.0, 10.0

WAITS_S = (0.06, 0.2, 0.3, 0.54, 0.85, 1.3, 2.0)
PLAIN = {"reply-0.3": (0.3, 0.0), "reply-1.1": (1.1, 0.0), "reply-3.5": (3.5, 0.0)}
HEDGED = {"hedger-0.59": (0.59, 0.9, 3.5, 0.0), "hedger-0.8": (0.8, 0.98, 3.5, 0.0), "pulses": (0.5, 0.9) * 4}
ENDPOINTER = ("reply-3.5", 0.54)
"""What ``vad-endpointer`` does, 1.26 there and 1.16 here, where it hears and is heard without delay."""
ORACLE_S = 0.189
"""The headline of ``oracle``, by the whole chain."""


@pytest.fixture(scope="module")
def clips():
    """Behaviour, sample, length, whether the user is loud by tick, the user's speech."""
    return [
        heard(spec.behaviour, each) for spec in select_tasks(MINI_ALONE, None) for each in TaskLoader(None).load(spec).samples
    ]


def heard(behaviour, sample):
    audio = sample.stimuli[MAIN].load()
    n = round(TICK_S * audio.sample_rate)
    frames = audio.samples[: len(audio.samples) // n * n].reshape(-1, n)
    speech = merged(spans_of(np.sqrt(np.mean(frames.astype(np.float64) ** 2, axis=1)) > LOUD_RMS), CLOSURE_S)
    is_loud = np.zeros(len(frames) + round(TAIL_LIMIT_S / TICK_S), bool)
    for span in speech:
        is_loud[round(span.start_s / TICK_S) : round(span.end_s / TICK_S)] = True
    return behaviour, sample, audio.duration_s, is_loud, speech


def spans_of(ticks):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], ticks.astype(int), [0]])))
    return [Span(start * TICK_S, end * TICK_S) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def said(is_loud, prompt_s, wait_s, sounds_s):
    """What the agent says, and when the call ends."""
    line = np.concatenate([np.full(round(each / TICK_S), index % 2 == 0) for index, each in enumerate(sounds_s)])
    says = np.zeros(len(is_loud) + 1, bool)
    speech_s = silence_s = quiet_s = 0.0
    at = len(line)
    for tick, user_speaks in enumerate(is_loud):
        speech_s, silence_s = (speech_s + TICK_S, 0.0) if user_speaks else (speech_s, silence_s + TICK_S)
        if user_speaks and speech_s >= MIN_SPEECH_S - 1e-9:
            at = len(line)
        if silence_s >= wait_s - 1e-9:
            at = 0 if at >= len(line) and speech_s >= MIN_SPEECH_S - 1e-9 else at
            speech_s = 0.0
        if at < len(line):
            says[tick + 1] = line[at]
            at += 1
        if (tick + 1) * TICK_S >= prompt_s:
            quiet_s = 0.0 if says[tick + 1] else quiet_s + TICK_S
            if quiet_s >= TAIL_S:
                break
    return [span for span in spans_of(says[: tick + 1]) if span.duration_s >= MIN_SPEECH_S - 1e-9], (tick + 1) * TICK_S


@pytest.fixture(scope="module")
def lost_s(clips):
    """The headline by agent: its sounds, and how long it waits."""
    agents = product((PLAIN | HEDGED).items(), WAITS_S)
    return {(name, wait_s): headline(clips, wait_s, sounds_s) for (name, sounds_s), wait_s in agents}


def headline(clips, wait_s, sounds_s):
    lost = {}
    for behaviour, sample, prompt_s, is_loud, user in clips:
        segments, end_s = said(is_loud, prompt_s, wait_s, sounds_s)
        speech = {
            MODEL_SPEECH: DetectedSpeech(tuple(segments), end_s, "loudness"),
            user_speech(prompt_s): DetectedSpeech(tuple(user), prompt_s, "loudness"),
        }
        take = Annotations(prompt_s, recorded_s=end_s, speech=speech, words={MODEL_WORDS: Transcript((), NONE)})
        scores = scorer_for(behaviour, "fdbench").score(sample, {MAIN: take}, NO_JUDGE)
        (score,) = (each for each in scores if each.metric == "lost_per_turn_s")
        lost.setdefault(behaviour, []).append((score.components["numerator"], score.components["denominator"]))
    return fmean(sum(n for n, _ in each) / sum(d for _, d in each) for each in lost.values())


def test_nobody_who_understands_nothing_loses_as_little_as_the_oracle(lost_s):
    assert min(lost_s.values()) > 1.5 * ORACLE_S


def test_waiting_longer_or_answering_more_briefly_is_worth_a_sixth_at_most(lost_s):
    plain = {agent: each_s for agent, each_s in lost_s.items() if agent[0] in PLAIN}
    assert min(plain.values()) > 5 / 6 * lost_s[ENDPOINTER]


def test_a_short_sound_before_the_reply_is_worth_half_a_known_game(lost_s):
    """Free in a pause, the beginning of a reply after a turn: ``zoo_by_hand.HEADLINE_GAMES``. Where it is over, this goes."""
    hedged = {agent: each_s for agent, each_s in lost_s.items() if agent[0] in HEDGED}
    assert min(hedged.values()) < 0.5 * lost_s[ENDPOINTER]
