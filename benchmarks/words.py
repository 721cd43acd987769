"""How well the recognisers hear: speed, wrong words, and where words begin, on speech whose every boundary is known.

    python benchmarks/words.py [ENGINE ...]     # by default those that are installed; as for --asr

The user's channels of mini (48 clips, two voices) and, apart from them, the trivial agents' replies, a third voice that nothing
was fitted to. Silero says where speech is, as in a run; its time is not counted. x = seconds of channel per second of one core.
A word's start is compared where the word is right. Inserted words are a share of those that were said.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jiwer
import numpy as np

from fdbench.audio.vad import detect_speech, load_vad_model
from fdbench.core.annotation import PRECISE_VAD
from fdbench.core.conversation import Take
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import MissingExtraError
from fdbench.hear.engines import asr_signature, load_asr
from fdbench.io.wav import read_audio
from fdbench.scoring.corrected.own_text import normalised
from fdbench.task.load import load_samples, task_specs

ENGINES = ("sphinx", "faster-whisper:tiny.en")
SILENCE_S = 0.5
"""Before and after a reply, which begins with its first sound."""


@dataclass(frozen=True, slots=True)
class Clip:
    audio: Audio
    speech: tuple[Span, ...]
    said: tuple[Word, ...]


@dataclass(slots=True)
class Tally:
    wrong: int = 0
    inserted: int = 0
    said: int = 0
    start_errors_s: list[float] = field(default_factory=list)

    def count(self, said: Sequence[Word], heard: Sequence[Word]) -> None:
        expected, found = list(tokens_of(said)), list(tokens_of(heard))
        result = jiwer.process_words(" ".join(text for text, _ in expected), " ".join(text for text, _ in found))
        self.wrong += result.substitutions + result.deletions + result.insertions
        self.inserted += result.insertions
        self.said += len(expected)
        for chunk in result.alignments[0]:
            if chunk.type == "equal":
                pairs = zip(
                    expected[chunk.ref_start_idx : chunk.ref_end_idx],
                    found[chunk.hyp_start_idx : chunk.hyp_end_idx],
                    strict=True,
                )
                self.start_errors_s += [
                    heard_s - said_s for (_, said_s), (_, heard_s) in pairs if said_s is not None and heard_s is not None
                ]


def tokens_of(words: Sequence[Word]) -> Iterator[tuple[str, float | None]]:
    """What is compared, with the start of each word at its first token."""
    for word in words:
        for index, token in enumerate(normalised(word.text)):
            yield token, word.start_s if index == 0 else None


def mini() -> Iterator[tuple[Audio, tuple[Word, ...]]]:
    for name, spec in task_specs().items():
        for sample in load_samples(spec, None).samples if name.startswith("mini/") else ():
            assert sample.transcript is not None
            yield Take(sample).prompt(), sample.transcript.words


def replies() -> Iterator[tuple[Audio, tuple[Word, ...]]]:
    folder = Path(__file__).parent.parent / "adapters" / "replies"
    for name, entry in json.loads((folder / "replies.json").read_text())["utterances"].items():
        spoken = read_audio(folder / f"{name}.flac")
        silence = np.zeros(round(SILENCE_S * spoken.sample_rate), np.float32)
        words = tuple(Word(*word).shifted(SILENCE_S) for word in entry["words"])
        yield Audio(np.concatenate([silence, spoken.samples, silence]), spoken.sample_rate), words


def main(specs: Sequence[str]) -> None:
    vad = load_vad_model()
    suites = {
        name: [Clip(audio, detect_speech(audio, PRECISE_VAD, vad).segments, said) for audio, said in clips]
        for name, clips in (("mini", mini()), ("replies", replies()))
    }
    print("| engine | speech | x | wrong words | inserted | word starts, error p50 / p90 |\n|---|---|---|---|---|---|")
    for spec in specs or ENGINES:
        try:
            signature = asr_signature(spec)
        except MissingExtraError as error:
            print(f"{spec}: {error.what}", file=sys.stderr)
            continue
        for name, clips in suites.items():
            print(f"| `{signature}` | {name} | {row(spec, clips)} |")


def row(spec: str, clips: Sequence[Clip]) -> str:
    engine, tally = load_asr(spec), Tally()
    engine.transcribe(clips[-1].audio, clips[-1].speech)
    started_s = time.process_time()
    heard = [engine.transcribe(clip.audio, clip.speech) for clip in clips]
    spent_s = time.process_time() - started_s
    for clip, words in zip(clips, heard, strict=True):
        tally.count(clip.said, words)
    middle, most = np.quantile(np.abs(tally.start_errors_s), [0.5, 0.9]) * 1000
    speed = sum(clip.audio.duration_s for clip in clips) / spent_s
    return f"{speed:.0f} | {tally.wrong / tally.said:.3f} | {tally.inserted / tally.said:.3f} | {middle:.0f} / {most:.0f} ms"


if __name__ == "__main__":
    main(sys.argv[1:])
