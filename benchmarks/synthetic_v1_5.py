"""A tree in the exact layout of Full-Duplex-Bench v1.5, with speech of our own: 200 + 98 + 100 + 100 pairs.

    python benchmarks/synthetic_v1_5.py OUT                  # OUT/v1.5/<set>/<id>/input.wav, clean_input.wav, metadata.json
    python benchmarks/synthetic_v1_5.py OUT --clips 4

Pairs are put together from the embedded suite's utterances, those that are turned away or across the room included, so every
annotation is exact. What is measured on them says nothing about the published sets. A pair is determined by the seed, its set
and its id alone: a small tree holds the first pairs of a large one.
"""

from __future__ import annotations

import argparse
import zlib
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
from synthetic_v1 import (
    GAIN,
    LEAD_S,
    UTTERANCE_RATE_HZ,
    Clip,
    Phrase,
    Range,
    Utterance,
    draw_samples,
    seconds,
    summary,
    write_wav,
)

from fdbench.core.behaviour import OVERLAP_ASIDE, OVERLAP_BACKCHANNEL, OVERLAP_BACKGROUND, OVERLAP_INTERRUPTION
from fdbench.io.files import read_json, to_json
from fdbench.io.wav import read_audio
from fdbench.task.load import task_specs
from fdbench.task.overlap_layout import METADATA
from fdbench.task.spec import FdbSource, TaskSpec

TO_OVERLAP_S: Range = (2.4, 3.6)
TAIL_S: Range = (4.5, 5.5)
BANKS: Final = ("", "overlap_")
# Kinds of utterances, by what stands behind the voice in their names: question, request, context, interruption, backchannel,
# aside, and what is across the room.
CONTEXTS, APART = "qkc", "far"
OVERS: Final = {OVERLAP_INTERRUPTION: "i", OVERLAP_BACKCHANNEL: "b", OVERLAP_ASIDE: "a", OVERLAP_BACKGROUND: APART}


def read_banks() -> dict[str, Utterance]:
    folder = Path(str(resources.files("fdbench.tasks.mini")))
    bank = {}
    for prefix in BANKS:
        for name, stored in read_json(folder / f"{prefix}utterances.json")["utterances"].items():
            samples = read_audio(folder / f"{prefix}utterances" / f"{name}.flac").samples
            bank[name] = Utterance(stored["text"], samples, ())
    return bank


def draw_pair(behaviour: str, bank: dict[str, Utterance], rng: np.random.Generator) -> Clip:
    """A question, and what is said over its answer: in the same voice, or in another one across the room."""
    over = str(rng.choice([name for name in bank if kind_of(name) == OVERS[behaviour]]))
    is_apart = kind_of(over) == APART
    voices = {voice_of(name) for name in bank} - {voice_of(over)} if is_apart else {voice_of(over)}
    context = str(rng.choice([name for name in bank if kind_of(name) in CONTEXTS and voice_of(name) in voices]))
    phrases: list[Phrase] = []
    at = draw_samples(LEAD_S, rng)
    for name in (context, over):
        if phrases:
            at += draw_samples(TO_OVERLAP_S, rng)
        phrases.append(Phrase(bank[name], at, at + len(bank[name].samples)))
        at = phrases[-1].end
    return Clip(tuple(phrases), at + draw_samples(TAIL_S, rng), float(rng.uniform(*GAIN)))


def voice_of(name: str) -> str:
    return name.split("-")[0]


def kind_of(name: str) -> str:
    kind = name.split("-")[1]
    return kind if kind == APART else kind[0]


def write_set(root: Path, spec: TaskSpec, source: FdbSource, n: int, seed: int, bank: dict[str, Utterance]) -> list[float]:
    """All pairs of a set. Returns the prompts' durations, s."""
    durations_s = []
    for number in range(1, n + 1):
        rng = np.random.default_rng([seed, zlib.crc32(source.folder.encode()), number])
        clip = draw_pair(spec.behaviour, bank, rng)
        context, over = clip.phrases
        folder = root / source.folder / str(number)
        folder.mkdir(parents=True)
        write_wav(folder / "input.wav", clip.mixed(), UTTERANCE_RATE_HZ)
        write_wav(folder / "clean_input.wav", Clip((context,), clip.n_samples, clip.gain).mixed(), UTTERANCE_RATE_HZ)
        texts = {"context_text": context.utterance.text, "current_turn_text": over.utterance.text}
        (folder / METADATA).write_text(to_json({**texts, "timestamps": over.times_s}), encoding="utf-8")
        durations_s.append(seconds(clip.n_samples))
    return durations_s


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a tree in the layout of Full-Duplex-Bench v1.5, with our own speech.")
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder that is empty or does not exist")
    parser.add_argument("--clips", type=int, metavar="N", help="per set (default: as many as the published set has)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.out.exists() and any(arguments.out.iterdir()):
        parser.error(f"{arguments.out} is not empty")
    if arguments.clips is not None and arguments.clips < 1:
        parser.error(f"--clips {arguments.clips}: expected at least 1")
    bank = read_banks()
    durations_s: list[float] = []
    for spec in task_specs().values():
        source = spec.source
        if not isinstance(source, FdbSource) or spec.behaviour not in OVERS:
            continue
        made_s = write_set(arguments.out / source.root, spec, source, arguments.clips or source.n, arguments.seed, bank)
        durations_s += made_s
        print(f"{source.folder:28} {summary(made_s)}")
    size = sum(path.stat().st_size for path in arguments.out.rglob("*") if path.is_file())
    print(f"{arguments.out}: {summary(durations_s)}, {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
