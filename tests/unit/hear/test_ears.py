"""The ears that tests share ask the engine about every sound that is another in anything, and about no sound twice."""

from __future__ import annotations

import numpy as np

from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Word
from tests.ears import RememberingAsr

SOUND, SPEECH = Audio(np.full(1600, 0.5, np.float32), 16000), (Span(0.0, 0.1),)


class Counting:
    """Says how often it was asked."""

    def __init__(self, signature="counting@1"):
        self.signature, self.n = signature, 0

    def transcribe(self, audio, speech):
        self.n += 1
        return (Word(str(self.n), 0.0, 0.1),)


def test_the_same_sound_is_heard_once_also_by_another_process(tmp_path):
    engine, other = Counting(), Counting()
    words = RememberingAsr(engine, tmp_path).transcribe(SOUND, SPEECH)
    assert words == (Word("1", 0.0, 0.1),)
    assert RememberingAsr(other, tmp_path).transcribe(Audio(SOUND.samples.copy(), 16000), (Span(0.0, 0.1),)) == words
    assert (engine.n, other.n) == (1, 0)


def test_what_differs_in_a_sample_a_rate_the_speech_or_the_engine_is_heard_itself(tmp_path):
    engine, other = Counting(), Counting("counting@2")
    changed = SOUND.samples.copy()
    changed[-1] = np.nextafter(changed[-1], np.float32(1))
    ears = RememberingAsr(engine, tmp_path)
    for audio, speech in (
        (SOUND, SPEECH),
        (Audio(changed, 16000), SPEECH),
        (Audio(SOUND.samples, 8000), SPEECH),
        (SOUND, (Span(0.0, 0.05), Span(0.05, 0.1))),
    ):
        ears.transcribe(audio, speech)
    RememberingAsr(other, tmp_path).transcribe(SOUND, SPEECH)
    assert (engine.n, other.n) == (4, 1)
