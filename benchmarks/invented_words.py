"""How many words a minute does a recogniser invent where nobody speaks, and how many does fdbench believe?

    python benchmarks/invented_words.py [--asr faster-whisper:tiny.en,sphinx] [--seconds 60] [--to FILE.json]

Silence, white and speech-shaped noise, breath and hum, a minute of each. *Without*: the recogniser is handed all of it. *With*:
it is heard as a model's channel is, where the detector finds speech and only words with sound under them. Prints a table, and
writes it beside the rows of the leaderboard (``results/hearing/invented_words.json``).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from fdbench.core.annotation import WordsRequest
from fdbench.core.sound import Audio, Samples, Track
from fdbench.core.span import Span
from fdbench.hear.engines import asr_signature, load_asr, vad_signature
from fdbench.hear.stage import Annotator, Engines
from fdbench.io.text_table import text_table

RATE = 16_000
LEVEL_DBFS = -35.0
TARGET = Path(__file__).parent.parent / "results" / "hearing" / "invented_words.json"


def sounds(seconds: float) -> dict[str, Samples]:
    """By name, float32 at 16 kHz; but for silence all at the same level while they sound."""
    n, random = round(seconds * RATE), np.random.default_rng(20261128)
    time_s = np.arange(n) / RATE
    white = random.standard_normal(n)
    spectrum = np.fft.rfft(random.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / RATE)
    shaped = np.fft.irfft(spectrum / (1 + (hz / 500) ** 2), n)  # falls by 12 dB an octave from 500 Hz on, as speech does
    breath = np.fft.irfft(spectrum * ((hz > 300) & (hz < 3000)), n) * np.clip(np.sin(2 * np.pi * time_s / 4.0), 0, None)
    hum = sum(np.sin(2 * np.pi * 50 * harmonic * time_s) / harmonic for harmonic in (1, 2, 3, 5))
    loud = {"white noise": white, "speech-shaped noise": shaped, "breath": breath, "hum": hum}
    scaled = {name: sound * 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(sound**2)) for name, sound in loud.items()}
    return {"silence": np.zeros(n, np.float32), **{name: sound.astype(np.float32) for name, sound in scaled.items()}}


class OneChannel:
    """A take of which only the model's channel is known."""

    behaviour, stimulus, folder = "turn_taking", "main", None

    def __init__(self, audio: Audio) -> None:
        self._track = Track(audio)

    def digest(self, channel: str) -> str | None:
        return str(hash(self._track.audio.samples.tobytes())) if channel == "model" else None

    def load(self, channel: str) -> Track:
        return self._track


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asr", default="faster-whisper:tiny.en")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--to", type=Path, default=TARGET)
    arguments = parser.parse_args()
    played = {name: Audio(sound, RATE) for name, sound in sounds(arguments.seconds).items()}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for spec in arguments.asr.split(","):
        engine, guarded = load_asr(spec), Annotator(Engines(spec), None)
        per_minute = 60 / arguments.seconds
        of_engine = found.setdefault(asr_signature(spec), {})
        for name, audio in played.items():
            without = len(engine.transcribe(audio, (Span(0.0, audio.duration_s),)))
            request = WordsRequest("model")
            heard = guarded.annotate(OneChannel(audio), [request]).words[request]  # type: ignore[arg-type]
            of_engine[name] = {"without": without * per_minute, "with": len(heard.words) * per_minute}
    for engine_name, of_engine in found.items():
        rows = [[name, f"{each['without']:.1f}", f"{each['with']:.1f}"] for name, each in of_engine.items()]
        header = (f"words a minute, {engine_name}", "without", "with")
        print(*text_table(rows, header=header, right=(1, 2)), "", sep="\n")
    arguments.to.parent.mkdir(parents=True, exist_ok=True)
    facts = {"seconds": arguments.seconds, "level_dbfs": LEVEL_DBFS, "vad": vad_signature("silero"), "words_a_minute": found}
    arguments.to.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
