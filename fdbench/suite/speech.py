"""Utterances from a local TTS: one speaker's variants as voices, and where each of them can be heard from and to.

::

    engine, at its own speed     ....|~~~~~~~~~~~|......     silence before and after, as engines put it
    played at 0.85 of its rate   .....|~~~~~~~~~~~~~|.......  lower pitch and formants, slower: another voice
    cut by energy                     |~~~~~~~~~~~~~|         sample 0 is where it can first be heard

``hibari-tts`` brings one voice; its five "voices" here are that one speaker played slower and faster. They differ in pitch,
formants and pace, not in accent or in the way of speaking. ``flite`` brings three.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import soxr

from fdbench.core.sound import Audio, Samples
from fdbench.errors import MissingExtraError, UsageError
from fdbench.io.wav import read_audio, resampled

SUITE_RATE_HZ: Final = 24000
"""Clips are put together at this rate; each set has them at its own."""
LEVEL_RMS: Final = 0.07
"""About -23 dBFS, what speech in telephone corpora has."""
PEAK_LIMIT: Final = 0.9
FRAME_S: Final = 0.005
AUDIBLE_DB: Final = -36.0
"""Relative to the loudest 5 ms; measured: vowels sit at -3..-12 dB, the silence of flite below -55 dB."""
FADE_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker of an engine, played at ``rate`` times the speed at which it was synthesised (1.17: higher and faster)."""

    name: str
    speaker: str
    rate: float


class Engine(Protocol):
    """A TTS on this machine; its name has its version, and ``packages`` what else determines its samples."""

    @property
    def name(self) -> str: ...

    @property
    def packages(self) -> Mapping[str, str]: ...

    @property
    def voices(self) -> tuple[Voice, ...]: ...

    def synthesise(self, text: str, speaker: str, speed: float, seed: int) -> Audio:
        """``text`` at ``speed`` times the engine's own pace; equal arguments give equal samples."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech at ``SUITE_RATE_HZ`` that is audible from its first sample to its last.

    Attributes:
        words: Text, start and end in seconds. The first start and the last end are exact; between them each word has the
            share of the time that it has of the letters, as no engine here tells more.
        longest_gap_s: The longest silence inside.
    """

    text: str
    samples: Samples
    words: tuple[tuple[str, float, float], ...]
    longest_gap_s: float

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SUITE_RATE_HZ


class Hibari:
    """``hibari-tts``: neural, in numpy and onnxruntime, with one voice in its package.

    Raises:
        MissingExtraError: It is not installed.
    """

    voices = tuple(Voice(f"heart-{rate:.2f}", "heart", rate) for rate in (0.85, 0.93, 1.0, 1.08, 1.17))

    def __init__(self) -> None:
        try:
            from hibari import Hibari as Synthesiser
        except ModuleNotFoundError:
            raise MissingExtraError("hibari-tts", "suite", "making a suite with hibari") from None
        self.packages = {name: metadata.version(name) for name in ("hibari-tts", "numpy", "onnxruntime", "scipy", "soxr")}
        self.name = f"hibari-tts-{self.packages['hibari-tts']}"
        self._tts = Synthesiser(threads=1)  # with more, samples differ between runs

    def synthesise(self, text: str, speaker: str, speed: float, seed: int) -> Audio:
        return Audio(np.asarray(self._tts(text, speed=speed, seed=seed), np.float32), self._tts.sample_rate)


class Flite:
    """The program ``flite`` (Debian package of that name): small, old, with voices of three people.

    Raises:
        UsageError: It is not installed.
    """

    voices = (
        Voice("rms", "rms", 1.0), Voice("awb", "awb", 1.0), Voice("slt", "slt", 1.0), Voice("rms-0.92", "rms", 0.92),
        Voice("slt-1.08", "slt", 1.08),
    )  # fmt: skip

    def __init__(self) -> None:
        program = shutil.which("flite")
        if program is None:
            raise UsageError("--engine flite: there is no program 'flite' here", "install it (apt install flite)")
        self._program = program
        asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        version = next((word for word in asked.stdout.split() if word.startswith("flite-")), "flite")
        self.packages = {"flite": version, **{name: metadata.version(name) for name in ("numpy", "scipy", "soxr")}}
        self.name = version

    def synthesise(self, text: str, speaker: str, speed: float, seed: int) -> Audio:
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder) / "said.wav"
            options = ["-voice", speaker, "--setf", f"duration_stretch={1 / speed:.4f}", "-t", text, "-o", str(wav)]
            subprocess.run([self._program, *options], check=True, capture_output=True)
            return read_audio(wav)


ENGINES: Final[dict[str, type[Hibari] | type[Flite]]] = {"hibari": Hibari, "flite": Flite}


def speak(engine: Engine, voice: Voice, text: str, speed: float, seed: int) -> Utterance:
    """``text`` in a voice, at ``speed`` times its engine's pace whatever the voice's rate, cut to what can be heard.

    Args:
        text: With the mark at its end that an engine's melody goes by: ``.`` ends, ``?`` asks, ``,`` goes on.
    """
    whole = engine.synthesise(text, voice.speaker, speed / voice.rate, seed)
    played = np.asarray(soxr.resample(whole.samples, whole.sample_rate * voice.rate, whole.sample_rate), np.float32)
    samples = resampled(Audio(played, whole.sample_rate), SUITE_RATE_HZ).samples
    first, last, longest_gap = audible_range(samples, round(FRAME_S * SUITE_RATE_HZ))
    cut = samples[first:last].astype(np.float64)
    cut *= min(LEVEL_RMS / math.sqrt(float(np.mean(cut**2))), PEAK_LIMIT / float(np.abs(cut).max()))
    ramp = (np.arange(n_fade := round(FADE_S * SUITE_RATE_HZ)) + 0.5) / n_fade
    cut[:n_fade] *= ramp
    cut[-n_fade:] *= ramp[::-1]
    said = text.rstrip(".,?")
    return Utterance(said, cut.astype(np.float32), _shared(said, len(cut) / SUITE_RATE_HZ), longest_gap / SUITE_RATE_HZ)


def audible_range(samples: Samples, n_frame: int) -> tuple[int, int, int]:
    """First and one-past-last sample of the frames that can be heard, and the longest stretch between two of them."""
    power = np.convolve(samples.astype(np.float64) ** 2, np.ones(n_frame) / n_frame, mode="valid")
    loud = np.flatnonzero(power >= power.max() * 10 ** (AUDIBLE_DB / 10))
    # A frame is loud from the moment its last sample is: the sound begins at its end, and ends at the last frame's start.
    return int(loud[0]) + n_frame - 1, int(loud[-1]) + 1, int(np.diff(loud).max(initial=1)) - 1


def _shared(text: str, duration_s: float) -> tuple[tuple[str, float, float], ...]:
    words = text.split()
    bounds_s = np.cumsum([0, *map(len, words)]) / sum(map(len, words)) * duration_s
    return tuple((word, float(bounds_s[i]), float(bounds_s[i + 1])) for i, word in enumerate(words))
