"""The ears that tests share ask an engine about every sound that is another in anything, and about no sound twice."""

from __future__ import annotations

import numpy as np
import pytest

from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.hear.regions import RegionHearing
from tests import ears
from tests.ears import Ears, RememberingSession

SOUND, SPEECH = Audio(np.full(1600, 0.5, np.float32), 16000), (Span(0.0, 0.1),)


class Counting:
    """Says how often it was asked."""

    def __init__(self):
        self.n = 0
        self._hearing = RegionHearing(self._words_in, pad_s=0.0, max_gap_s=0.01)

    def transcribe(self, audio, speech):
        return self._hearing.transcribe(audio, speech)

    def _words_in(self, piece):
        self.n += 1
        return [Word(str(self.n), 0.0, 0.1)]


@pytest.fixture
def counting(monkeypatch, tmp_path):
    """Makes ears with an engine that counts, each as if in a process of its own."""

    def made(signature="counting@1"):
        engine = Counting()
        monkeypatch.setattr(ears, "load_asr", lambda spec: engine)
        monkeypatch.setattr(ears, "asr_signature", lambda spec: signature)
        assert Ears(tmp_path).load_asr("counting") is engine
        return engine

    return made


def test_the_same_sound_is_heard_once_also_by_another_process(counting):
    engine, other = counting(), counting()
    words = engine.transcribe(SOUND, SPEECH)
    assert words == (Word("1", 0.0, 0.1),)
    assert other.transcribe(Audio(SOUND.samples.copy(), 16000), (Span(0.0, 0.1),)) == words
    assert (engine.n, other.n) == (1, 0)


def test_what_differs_in_a_sample_a_rate_the_speech_or_the_engine_is_heard_itself(counting):
    engine, other = counting(), counting("counting@2")
    changed = SOUND.samples.copy()
    changed[-1] = np.nextafter(changed[-1], np.float32(1))
    for audio, speech in (
        (SOUND, SPEECH),
        (Audio(changed, 16000), SPEECH),
        (Audio(SOUND.samples, 8000), SPEECH),
        (SOUND, (Span(0.0, 0.05),)),
    ):
        engine.transcribe(audio, speech)
    other.transcribe(SOUND, SPEECH)
    assert (engine.n, other.n) == (4, 1)


def test_the_detector_is_asked_once_about_a_sound_after_what_it_heard_before():
    class Network:
        n = 0

        def run(self, outputs, feed):
            self.n += 1
            return self.n

    sound, before = np.full((1, 576), 0.5, np.float32), np.zeros((1, 1, 128), np.float32)
    feed = {"input": sound, "h": before, "c": before}
    network = Network()
    session = RememberingSession(network)
    assert [session.run((), each) for each in (feed, {name: array.copy() for name, array in feed.items()})] == [1, 1]
    others = [{**feed, name: np.nextafter(array, np.float32(1))} for name, array in feed.items()]
    assert [session.run((), each) for each in (*others, feed)] == [2, 3, 4, 1]
