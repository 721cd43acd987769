"""Which detector the corrected definitions listen with: what each candidate misses and invents, on sounds of known time.

    python benchmarks/detector.py            # under a minute; a Markdown table
    python benchmarks/detector.py --seed 1   # other placements and other noises

| sounds | what is known |
|---|---|
| onsets | each utterance of mini after a silence, at four levels: its first word begins with its first sample |
| short sounds | words of 0.15-0.25 s, cut out of the utterances, alone in silence |
| noise | noise, hum, chords and breaths that begin after a silence, at four levels: nobody speaks |

Silero reacts to the *onset* of a sound, so a noise that is always there would test nothing. Each sound begins anywhere in a
window. An onset is late where no speech is found 0.1 s after it. Many utterances begin weakly; *loud* counts from where their
level first comes within 20 dB of their loudest frame. At the level of a telephone call no candidate is late; what differs are
quiet voices, as agents behind a line or an echo canceller have them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from fdbench.audio.segments import VAD_RATE, WINDOW_SAMPLES
from fdbench.audio.vad import VadModel, detect_speech, load_vad_model
from fdbench.core.annotation import CORRECTED_VAD, VadSettings
from fdbench.core.sound import Audio, Samples
from fdbench.core.span import Span
from fdbench.io.files import read_json
from fdbench.io.wav import read_audio

MIN_SPEECH_MS: Final = (32, 64, 96, 128, 200, 250)
SILENCE_S: Final = 1.0
SPEECH_DBFS: Final = (-23.0, -43.0, -48.0, -53.0)
LATE_S: Final = 0.1
SHORT_S: Final = (0.15, 0.25)
N_SHORT: Final = 200
FADE_S: Final = 0.005
FRAME: Final = 160
LOUD_DB: Final = -20.0
NOISE_S: Final = 4.0
NOISE_DBFS: Final = (-20.0, -30.0, -40.0, -50.0)
NOISES_PER_LEVEL: Final = 12


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound, and where something in it begins (None: nobody speaks in it)."""

    kind: str
    samples: Samples
    onset_s: float | None = None
    loud_onset_s: float | None = None


def utterances() -> Iterator[tuple[Samples, list[tuple[float, float]]]]:
    """Samples at 16 kHz, and when each word is spoken, s."""
    folder = Path(str(resources.files("fdbench.tasks.mini")))
    for name, stored in sorted(read_json(folder / "utterances.json")["utterances"].items()):
        words = [(start_s, end_s) for _, start_s, end_s in stored["words"]]
        yield read_audio(folder / "utterances" / f"{name}.flac").samples, words


def onsets(rng: np.random.Generator) -> Iterator[Heard]:
    for samples, words in utterances():
        for level_dbfs in SPEECH_DBFS:
            start = in_silence(rng)
            begins_s = start / VAD_RATE
            sound = placed(at_level(samples, level_dbfs), start)
            yield Heard("onset", sound, begins_s + words[0][0], begins_s + loud_from_s(samples))


def loud_from_s(samples: Samples) -> float:
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    power = np.einsum("ij,ij->i", frames, frames)
    return int(np.argmax(power >= power.max() * 10 ** (LOUD_DB / 10))) * FRAME / VAD_RATE


def short_sounds(rng: np.random.Generator) -> Iterator[Heard]:
    pieces = [
        samples[round(start_s * VAD_RATE) : round(end_s * VAD_RATE)]
        for samples, words in utterances()
        for start_s, end_s in words
        if SHORT_S[0] <= end_s - start_s <= SHORT_S[1]
    ]
    for index in rng.choice(len(pieces), N_SHORT, replace=False):
        start = in_silence(rng)
        yield Heard("short", placed(faded(pieces[index]), start), start / VAD_RATE)


def noises(rng: np.random.Generator) -> Iterator[Heard]:
    makers = {"noise": coloured_noise, "hum": hum, "chords": chords, "breath": breaths}
    for kind, make in makers.items():
        for level_dbfs in NOISE_DBFS:
            for _ in range(NOISES_PER_LEVEL):
                sound = at_level(make(rng, round(NOISE_S * VAD_RATE)), level_dbfs)
                yield Heard(kind, placed(np.clip(faded(sound), -1, 1), in_silence(rng)))


def coloured_noise(rng: np.random.Generator, n: int) -> Samples:
    """White, pink or brown."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20) ** rng.choice([0.0, 0.5, 1.0])
    return np.asarray(np.fft.irfft(spectrum, n), np.float32)


def hum(rng: np.random.Generator, n: int) -> Samples:
    """A mains frequency, its harmonics and a little noise."""
    t_s = np.arange(n) / VAD_RATE
    base_hz = rng.choice([50.0, 60.0, 100.0, 120.0])
    tones = sum(
        np.sin(2 * np.pi * (base_hz * k * t_s + rng.uniform())) * rng.uniform(0.2, 1) / k for k in range(1, rng.integers(4, 16))
    )
    return np.asarray(tones + 0.02 * rng.standard_normal(n), np.float32)


def chords(rng: np.random.Generator, n: int) -> Samples:
    """Three struck notes at a time, each with harmonics, dying away."""
    out = np.zeros(n)
    length = round(rng.uniform(0.3, 1.0) * VAD_RATE)
    t_s = np.arange(length) / VAD_RATE
    for start in range(0, n - length, length):
        root = rng.uniform(45, 70)
        for interval in (0.0, rng.choice([3.0, 4.0]), 7.0):
            pitch_hz = 440 * 2 ** ((root + interval - 69) / 12)
            for k in range(1, 6):
                out[start : start + length] += np.sin(2 * np.pi * pitch_hz * k * t_s) * np.exp(-t_s * 3 * k) / k
    return np.asarray(out, np.float32)


def breaths(rng: np.random.Generator, n: int) -> Samples:
    """Noise between 300 Hz and 3 kHz that swells and falls for 0.3-0.8 s, with rests."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / VAD_RATE)
    centre_hz = rng.uniform(500, 2000)
    noise = np.fft.irfft(spectrum * np.exp(-0.5 * (np.log2(np.maximum(hz, 1) / centre_hz) / 0.8) ** 2), n)
    envelope, at = np.zeros(n), 0
    while at < n:
        length = min(n - at, round(rng.uniform(0.3, 0.8) * VAD_RATE))
        envelope[at : at + length] = np.hanning(length)
        at += length + round(rng.uniform(0.3, 0.8) * VAD_RATE)
    return np.asarray(noise * envelope, np.float32)


def at_level(sound: Samples, level_dbfs: float) -> Samples:
    return sound * np.float32(10 ** (level_dbfs / 20) / np.sqrt(np.mean(sound**2)))


def in_silence(rng: np.random.Generator) -> int:
    """Where a sound begins, samples: after the silence, anywhere in a window."""
    return round(SILENCE_S * VAD_RATE) + int(rng.integers(WINDOW_SAMPLES))


def placed(sound: Samples, start: int) -> Samples:
    return np.pad(sound, (start, round(SILENCE_S * VAD_RATE)))


def faded(sound: Samples) -> Samples:
    ramp = np.linspace(0, 1, round(FADE_S * VAD_RATE), dtype=np.float32)
    out = sound.copy()
    out[: len(ramp)] *= ramp
    out[-len(ramp) :] *= ramp[::-1]
    return out


def is_late(found: tuple[Span, ...], onset_s: float) -> bool:
    return not any(span.start_s <= onset_s + LATE_S < span.end_s for span in found)


def row(sounds: list[Heard], found: list[tuple[Span, ...]], settings: VadSettings) -> str:
    pairs = [(sound, spans) for sound, spans in zip(sounds, found, strict=True)]
    spoken = [(sound.onset_s, sound.loud_onset_s, spans) for sound, spans in pairs if sound.kind == "onset"]
    late = sum(is_late(spans, onset_s) for onset_s, _, spans in spoken if onset_s is not None)
    loud_late = sum(is_late(spans, onset_s) for _, onset_s, spans in spoken if onset_s is not None)
    short = [bool(spans) for sound, spans in pairs if sound.kind == "short"]
    false = {
        kind: [bool(spans) for sound, spans in pairs if sound.kind == kind] for kind in ("noise", "hum", "chords", "breath")
    }
    n_noises = sum(map(len, false.values()))
    cells = [
        f"{settings.min_speech_ms}",
        f"{settings.phases}",
        f"{late} of {len(spoken)}",
        f"{loud_late}",
        f"{sum(short) / len(short):.0%}",
        f"{sum(map(sum, false.values()))} of {n_noises}",
        ", ".join(f"{kind} {sum(each)}" for kind, each in false.items() if any(each)) or "-",
    ]
    mark = "**" if settings == CORRECTED_VAD else ""
    return "| " + " | ".join(f"{mark}{cell}{mark}" for cell in cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    makers = (onsets, short_sounds, noises)
    sounds = [sound for index, make in enumerate(makers) for sound in make(np.random.default_rng([seed, index]))]
    candidates = [VadSettings(min_speech_ms=ms, phases=phases) for phases in (1, 2) for ms in MIN_SPEECH_MS]
    model: VadModel = load_vad_model()
    # Sound by sound, so that the model's probabilities are computed once for all candidates.
    found = [[detect_speech(Audio(sound.samples, VAD_RATE), each, model).segments for each in candidates] for sound in sounds]
    print(
        "| shortest speech, ms | passes | late onsets | late from where it is loud | short sounds heard | false speech | in |"
    )
    print("|--:|--:|--:|--:|--:|--:|---|")
    for index, settings in enumerate(candidates):
        print(row(sounds, [spans[index] for spans in found], settings))


if __name__ == "__main__":
    main()
