"""Writes data/vad/library_segments.json with the silero-vad library itself (torch needed); fdbench is not imported here.

    python tests/golden/make_vad_goldens.py

Audio that is not at 16 kHz goes through a plain transcription of torchaudio's documented default resampler, in float64.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import torch
from silero_vad import get_speech_timestamps, load_silero_vad
from silero_vad.utils_vad import get_speech_timestamps_from_probs
from vad_sounds import N_MIXES, N_WALKS, RECORDINGS, mix, odd_sounds, probability_walk, recording

PRECISE = {"speech_pad_ms": 0}
PUBLISHED = {"return_seconds": True}
STRICT = {"threshold": 0.7, "min_speech_duration_ms": 60, "min_silence_duration_ms": 400, "speech_pad_ms": 100}


def resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    if rate == 16000:
        return samples
    common = math.gcd(rate, 16000)
    old, new = rate // common, 16000 // common
    base = min(old, new) * 0.99
    width = math.ceil(6 * old / base)
    t = (np.arange(-width, width + old)[None] / old - np.arange(new)[:, None] / new) * base
    t = np.clip(t, -6, 6)
    kernels = np.sinc(t) * np.cos(t * np.pi / 12) ** 2 * base / old
    padded = torch.tensor(np.pad(samples, (width, width + old)), dtype=torch.float64)
    out = torch.nn.functional.conv1d(padded[None, None], torch.tensor(kernels)[:, None], stride=old)
    return out.transpose(1, 2).reshape(-1)[: math.ceil(new * len(samples) / old)].numpy().astype(np.float32)


@cache
def model() -> object:
    return load_silero_vad()


def segments(samples: np.ndarray, options: dict[str, object]) -> list[list[float]]:
    found = get_speech_timestamps(torch.from_numpy(samples), model(), **options)
    return [[one["start"], one["end"]] for one in found]


def both(samples: np.ndarray) -> dict[str, list[list[float]]]:
    return {"precise_samples": segments(samples, PRECISE), "published_s": segments(samples, PUBLISHED)}


def main() -> None:
    recordings = {}
    for name in RECORDINGS:
        samples, rate = recording(name)
        recordings[name] = {**both(resampled(samples, rate)), "mistaken_s": segments(samples, PUBLISHED)}
    walks = []
    for index in range(N_WALKS):
        probabilities, n_samples = probability_walk(index)
        values = probabilities.tolist()
        walks.append(
            {
                name: [
                    [one["start"], one["end"]]
                    for one in get_speech_timestamps_from_probs(values, audio_length_samples=n_samples, **options)
                ]
                for name, options in (("precise_samples", PRECISE), ("published_s", PUBLISHED), ("strict_samples", STRICT))
            }
        )
    golden = {
        "made_by": "tests/golden/make_vad_goldens.py",
        "silero_vad": importlib.metadata.version("silero-vad"),
        "recordings": recordings,
        "mixes": [both(mix(index)) for index in range(N_MIXES)],
        "odd": {name: both(samples) for name, samples in odd_sounds().items()},
        "walks": walks,
    }
    path = Path(__file__).parent / "data" / "vad" / "library_segments.json"
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
