"""A language of tones: each text has a pitch of its own, so that voices, ears and agents in tests understand each other.

::

    say("two tickets")   a tone of the text's pitch, 0.25 s a word
    hear(samples)        the text whose pitch it is, however much of it was cut off
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from fdbench.adapter.base import Agent, Brief, Port
from fdbench.core.sound import Audio, Samples
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import DataError

RATE = 16000
WORD_S, LOWEST_HZ, STEP_HZ, LEVEL = 0.25, 200.0, 25.0, 0.2
LOUD = 0.02
_TEXTS: list[str] = []


def say(text: str, rate: int = RATE) -> Samples:
    if text not in _TEXTS:
        _TEXTS.append(text)
    pitch = LOWEST_HZ + STEP_HZ * _TEXTS.index(text)
    n = round(WORD_S * max(2, len(text.split())) * rate)
    return (LEVEL * np.sin(2 * np.pi * pitch * np.arange(n) / rate)).astype(np.float32)


def hear(samples: Samples, rate: int = RATE) -> str:
    padded = np.fft.rfft(samples * np.hanning(len(samples)), 4 * rate)
    pitch = int(np.argmax(np.abs(padded))) / 4
    return _TEXTS[round((pitch - LOWEST_HZ) / STEP_HZ)]


class TonedVoice:
    """An examiner's voice; ``unsayable`` texts fail."""

    signature = "tones"

    def __init__(self, *unsayable: str) -> None:
        self._unsayable = unsayable

    def say(self, text: str) -> Audio:
        if text in self._unsayable:
            raise DataError(f"the TTS cannot say '{text}'")
        return Audio(say(text), RATE)


class TonedEar:
    """Recognises tones; ``wordless`` texts are noises."""

    signature = "tones"

    def __init__(self, *wordless: str) -> None:
        self._wordless = wordless

    def transcribe(self, audio: Audio, speech: tuple[Span, ...]) -> tuple[Word, ...]:
        words: list[Word] = []
        for span in speech:
            first, last = (round(at_s * audio.sample_rate) for at_s in (span.start_s, span.end_s))
            text = hear(audio.samples[first:last], audio.sample_rate)
            words += [Word(word, span.start_s, span.end_s) for word in text.split() if text not in self._wordless]
        return tuple(words)


class LevelDetector:
    """Takes every sound for speech."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)

    def feed(self, samples: Samples) -> Samples:
        heard = np.concatenate([self._rest, samples])
        n = len(heard) // 512
        self._rest = heard[n * 512 :]
        return (np.sqrt(np.mean(heard[: n * 512].reshape(n, 512) ** 2, axis=1)) > LOUD).astype(np.float32)


class Toned(Agent):
    """Answers each thing that is said to it, ``after_s`` after it ended; yields to speech of 0.7 s.

    Args:
        answer: What it says to a text; an empty text = nothing.
    """

    hears = says = Port(RATE, 320)

    def __init__(self, answer: Callable[[str], str] | Mapping[str, str], after_s: float = 0.5) -> None:
        self._answer = answer if callable(answer) else lambda text: answer.get(text, "")
        self._after = round(after_s * RATE / 320)

    def reset(self, brief: Brief) -> None:
        self._heard: list[Samples] = []
        self._mouth = np.zeros(0, np.float32)
        self._n_quiet = 0

    def step(self, heard: Samples) -> Samples:
        if np.sqrt(np.mean(heard**2)) > LOUD:
            if self._n_quiet > 5:
                self._heard = []  # of an opening and a line, the line is answered
            self._heard.append(heard)
            self._n_quiet = 0
            if len(self._heard) * 320 >= 0.7 * RATE:
                self._mouth = self._mouth[:0]
        else:
            self._n_quiet += 1
        if self._heard and self._n_quiet == self._after:
            text = hear(np.concatenate(self._heard))
            self._heard = []
            if not len(self._mouth):
                said = self._answer(text)
                self._mouth = say(said) if said else self._mouth
        frame = np.zeros(320, np.float32)
        piece, self._mouth = self._mouth[:320], self._mouth[320:]
        frame[: len(piece)] = piece
        return frame


class NeverStops(Agent):
    """Talks from the first frame on."""

    hears = says = Port(RATE, 320)

    def __init__(self, text: str) -> None:
        self._text = text

    def reset(self, brief: Brief) -> None:
        self._at = 0
        say(self._text)
        self._pitch = LOWEST_HZ + STEP_HZ * _TEXTS.index(self._text)

    def step(self, heard: Samples) -> Samples:
        out = LEVEL * np.sin(2 * np.pi * self._pitch * np.arange(self._at, self._at + 320) / RATE)
        self._at += 320
        return out.astype(np.float32)


class HangsUp(Toned):
    """Dies when it has answered once."""

    def step(self, heard: Samples) -> Samples:
        before = len(self._mouth)
        frame = super().step(heard)
        if before and not len(self._mouth):
            raise ConnectionError("gone")
        return frame
