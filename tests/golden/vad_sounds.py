"""Sounds for the VAD goldens, the same on every machine: recordings in data/audio, mixed with noise, gains and gaps.

``RandomState`` is used because its stream is frozen for ever; ``default_rng`` promises no such thing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

AUDIO = Path(__file__).parent / "data" / "audio"
RECORDINGS = tuple(f"{index}.wav" for index in range(6))
N_MIXES = 24
N_WALKS = 40


def recording(name: str) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(AUDIO / name, dtype="float32")
    return samples, rate


def mix(index: int) -> np.ndarray:
    """Pieces of the 16 kHz recordings with gaps between them, at a random level, over noise; any length, not whole windows."""
    random = np.random.RandomState(1000 + index)
    parts: list[np.ndarray] = []
    for _ in range(random.randint(1, 5)):
        samples, _ = recording(("0.wav", "2.wav", "4.wav")[random.randint(3)])
        start = random.randint(len(samples) - 16000)
        piece = samples[start : start + random.randint(1600, 48000)]
        parts += [np.zeros(random.randint(0, 12000), np.float32), piece * np.float32(10 ** random.uniform(-1.5, 0.3))]
    clean = np.concatenate(parts)
    noise = random.standard_normal(len(clean)) * 10 ** random.uniform(-5, -1.5)
    return np.clip(clean + noise, -1, 1).astype(np.float32)


def odd_sounds() -> dict[str, np.ndarray]:
    speech, _ = recording("0.wav")
    random = np.random.RandomState(7)
    return {
        "nothing": np.zeros(0, np.float32),
        "one_sample": np.full(1, 0.5, np.float32),
        "under_a_window": speech[17000:17300],
        "one_window": speech[17000:17512],
        "short_of_min_speech": speech[17000:20900],
        "one_over_min_speech": speech[17000:21001],
        "silence": np.zeros(48000, np.float32),
        "loud_noise": random.uniform(-1, 1, 40001).astype(np.float32),
        "speech_to_the_last_sample": speech[16000:22777],
    }


def probability_walk(index: int) -> tuple[np.ndarray, int]:
    """Probabilities that cross both thresholds often, some exactly on them, and a length for the audio behind them."""
    random = np.random.RandomState(2000 + index)
    n_windows = random.randint(1, 400)
    walk = np.cumsum(random.uniform(-1, 1, n_windows) * random.uniform(0.05, 0.5))
    values = np.abs((walk + random.uniform()) % 2 - 1)  # reflected into [0, 1]
    values[random.uniform(size=n_windows) < 0.05] = 0.5
    return values.astype(np.float32), n_windows * 512 - random.randint(0, 512)
