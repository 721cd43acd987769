"""Agents that understand nothing. Each plays one trick that a score could fall for; ``zoo_by_hand`` says what each must get.

Those that listen hear by loudness alone: a frame above -50 dBFS is a user who speaks. So what they do follows from the prompt
to within a frame of 32 ms, and no detector's opinion is in it.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cache

import numpy as np

from adapters.baselines import FRAME_VAD
from fdbench.adapter.base import Agent, Brief, Port
from fdbench.adapter.clips import CLIP_RATE_HZ, Mouth, load_clips
from fdbench.core.sound import Samples

LOUD_RMS = 10 ** (-50 / 20)
MIN_SPEECH_S = 0.2
LINE_S = 45.0
"""Longer than any call on mini."""
FRAME_S = float(FRAME_VAD.frame_s)


clips = cache(load_clips)


def seconds(samples: Samples, length_s: float) -> Samples:
    return samples[: round(length_s * CLIP_RATE_HZ)]


def silence(length_s: float) -> Samples:
    return np.zeros(round(length_s * CLIP_RATE_HZ), np.float32)


def replies(n: int) -> Samples:
    return np.concatenate([clip.samples for clip in clips("reply")[:n]])


def yeah() -> Samples:
    return clips("backchannel")[0].samples


def at_level(sound: Samples, dbfs: float) -> Samples:
    return (sound * 10 ** (dbfs / 20) / np.sqrt(np.mean(sound**2))).astype(np.float32)


class Deaf(Agent):
    """Says what it always says, whoever speaks. Its frames are long because it need not hear."""

    hears = says = Port(CLIP_RATE_HZ, 2048)

    @classmethod
    def load(cls) -> Samples:
        return np.resize(cls.sound(), round(LINE_S * CLIP_RATE_HZ)).astype(np.float32)

    @classmethod
    @abstractmethod
    def sound(cls) -> Samples:
        """What is said again and again from the call's beginning."""

    def reset(self, brief: Brief) -> None:
        self._at = self.says.frame_samples  # what a step returns is heard a frame later

    def step(self, heard: Samples) -> Samples:
        frame = np.zeros_like(heard)
        piece = self.shared[self._at : self._at + len(frame)]
        frame[: len(piece)] = piece
        self._at += len(frame)
        return frame


class FixedTime(Deaf):
    """Says one sentence of 3.57 s at 5.3 s."""

    @classmethod
    def sound(cls) -> Samples:
        return np.concatenate([silence(5.3), replies(1), silence(LINE_S)])


class Metronome(Deaf):
    """A "yeah" every 2 s."""

    @classmethod
    def sound(cls) -> Samples:
        return np.concatenate([silence(1.0), yeah(), silence(1.0 - len(yeah()) / CLIP_RATE_HZ)])


class Stutterer(Deaf):
    """Half a second of speech, 0.3 s of silence, without end."""

    @classmethod
    def sound(cls) -> Samples:
        pieces = np.array_split(replies(10), range(8000, len(replies(10)), 8000))
        return np.concatenate([part for piece in pieces for part in (piece, silence(0.3))])


class Music(Deaf):
    """Plucked chords, one every half second, ringing on."""

    @classmethod
    def sound(cls) -> Samples:
        random = np.random.default_rng(1)
        time_s = np.arange(round(0.5 * CLIP_RATE_HZ)) / CLIP_RATE_HZ
        chords = [220.0 * 2.0 ** (random.choice(np.array([0, 2, 4, 5, 7, 9, 11, 12]), 3) / 12) for _ in range(90)]
        notes = [
            sum(np.sin(2 * np.pi * k * f * time_s) / k**2 for f in chord for k in (1, 2, 3, 4)) * np.exp(-2 * time_s)
            for chord in chords
        ]
        return at_level(np.concatenate(notes), -26)


class Hum(Deaf):
    """Mains hum: 50 Hz and its harmonics."""

    @classmethod
    def sound(cls) -> Samples:
        time_s = np.arange(round(LINE_S * CLIP_RATE_HZ)) / CLIP_RATE_HZ
        return at_level(np.sum([np.sin(2 * np.pi * 50 * k * time_s) / k for k in (1, 2, 3, 5)], axis=0), -26)


class Beeps(Deaf):
    """A tone of 1 kHz and 0.2 s every 0.8 s."""

    @classmethod
    def sound(cls) -> Samples:
        time_s = np.arange(round(0.2 * CLIP_RATE_HZ)) / CLIP_RATE_HZ
        return np.concatenate([silence(0.6), at_level(np.sin(2 * np.pi * 1000 * time_s), -26)])


class Breath(Deaf):
    """Breathes: half a second of soft, low-passed noise every 2 s."""

    @classmethod
    def sound(cls) -> Samples:
        noise = np.random.default_rng(2).standard_normal(round(0.5 * CLIP_RATE_HZ))
        soft = np.convolve(noise, np.ones(8) / 8, "same") * np.hanning(len(noise))
        return np.concatenate([silence(1.5), at_level(soft, -36)])


class Listener(Agent):
    """Hears whether the user is loud, and for how long it has been one or the other."""

    hears = says = FRAME_VAD

    def reset(self, brief: Brief) -> None:
        self.mouth = Mouth()
        self.speech_s = self.silence_s = 0.0

    def step(self, heard: Samples) -> Samples:
        if heard @ heard > LOUD_RMS**2 * len(heard):
            self.speech_s, self.silence_s = self.speech_s + FRAME_S, 0.0
            self.in_speech()
        else:
            self.silence_s += FRAME_S
            self.in_silence()
        return self.mouth.next(len(heard))

    def in_speech(self) -> None:
        """After a frame in which the user speaks."""

    @abstractmethod
    def in_silence(self) -> None:
        """After a frame in which the user does not."""


class Yeah(Listener):
    """Says "yeah" 64 ms into every silence."""

    def in_silence(self) -> None:
        if self.speech_s and self.silence_s >= 0.064 and not self.mouth.is_speaking:
            self.mouth.say(yeah())
        if self.silence_s >= 0.064:
            self.speech_s = 0.0


class Endpointer(Listener):
    """Answers a fixed silence, and stops when the user has spoken for 0.2 s.

    Args:
        silence_s: That it waits for.
        reply_s: How much it says of three sentences.
        gain_db: How loud.
    """

    def __init__(self, silence_s: float = 0.5, reply_s: float = 10.0, gain_db: float = 0.0) -> None:
        self._endpoint_s = silence_s
        self._reply = (seconds(replies(3), reply_s) * 10 ** (gain_db / 20)).astype(np.float32)

    def in_speech(self) -> None:
        if self.mouth.is_speaking and self.speech_s >= MIN_SPEECH_S:
            self.mouth.stop()

    def in_silence(self) -> None:
        if self.silence_s < self._endpoint_s - 1e-9:
            return
        if self.speech_s >= MIN_SPEECH_S and not self.mouth.is_speaking:
            self.mouth.say(self._reply)
        self.speech_s = 0.0


class Hedger(Endpointer):
    """Says "exactly" into a silence of 0.3 s, waits 0.9 s whether somebody minds, and only then answers."""

    def __init__(self) -> None:
        super().__init__(silence_s=0.3)
        (exactly,) = (clip.samples for clip in clips("backchannel") if clip.text == "exactly")
        self._reply = np.concatenate([exactly, silence(0.9), replies(3)])


class Muter(Endpointer):
    """Where an endpointer stops, it mutes for 0.6 s and goes on: once for each time that it is spoken to."""

    def reset(self, brief: Brief) -> None:
        super().reset(brief)
        self._is_spoken_to = False

    def in_speech(self) -> None:
        if self.mouth.is_speaking and self.speech_s >= MIN_SPEECH_S and not self._is_spoken_to:
            self._is_spoken_to = True
            rest, self.mouth = self.mouth.next(self.mouth.remaining), Mouth()
            self.mouth.say(silence(0.6), rest)

    def in_silence(self) -> None:
        super().in_silence()
        self._is_spoken_to = self._is_spoken_to and self.silence_s < self._endpoint_s


class Copy(Listener):
    """Says what the user said, a second later."""

    def reset(self, brief: Brief) -> None:
        super().reset(brief)
        self.mouth.say(silence(1.0 - FRAME_S))

    def step(self, heard: Samples) -> Samples:
        self.mouth.say(heard)
        return self.mouth.next(len(heard))

    def in_silence(self) -> None:
        """It does not care."""


ZOO = {
    "fixed-time": (FixedTime, {}),
    "metronome": (Metronome, {}),
    "stutterer": (Stutterer, {}),
    "music": (Music, {}),
    "hum": (Hum, {}),
    "beeps": (Beeps, {}),
    "breath": (Breath, {}),
    "yeah": (Yeah, {}),
    "endpointer-0.1": (Endpointer, {"silence_s": 0.1}),
    "endpointer-1": (Endpointer, {"silence_s": 1.0}),
    "endpointer-2.6": (Endpointer, {"silence_s": 2.6}),
    "endpointer-3.6": (Endpointer, {"silence_s": 3.6}),
    "reply-0.35": (Endpointer, {"reply_s": 0.35}),
    "reply-1.1": (Endpointer, {"reply_s": 1.1}),
    "whisper": (Endpointer, {"gain_db": -40.0}),
    "hedger": (Hedger, {}),
    "muter": (Muter, {}),
    "copy": (Copy, {}),
}
"""Class and arguments by name."""
SOUNDS = ("music", "hum", "beeps", "breath")
"""Those that no clip makes any difference to: three of each task tell all, and those of 30 s cost most."""
