"""A tree in the exact layout of Full-Duplex-Bench v1.0, with speech of our own: same folders, counts, rates and files.

    python benchmarks/synthetic_v1.py OUT                  # OUT/v1.0/<set>/<id>/..., 727 clips
    python benchmarks/synthetic_v1.py OUT --clips 4 --layout flat
    python benchmarks/synthetic_v1.py OUT --faults         # 12 damaged clips; which ones: faults.json beside OUT

Clips are put together from the embedded suite's utterances, so every annotation is exact, and nothing of upstream's is in
them. What is measured on them says nothing about the published sets. Sets, counts and rates come from the task files. A clip
is determined by the seed, its set and its id alone: a small tree holds the first clips of a large one.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from fdbench.core.peaks import WINDOW_S
from fdbench.core.sound import Audio, Samples
from fdbench.io.files import read_json, to_json
from fdbench.io.wav import as_pcm16, read_audio, resampled
from fdbench.task.fdb_layout import natural_order
from fdbench.task.load import task_specs
from fdbench.task.spec import FdbSource, TaskSpec

LAYOUTS: Final = {"v1.0": "v1.0", "v1_0": "v1_0", "flat": "."}
UTTERANCE_RATE_HZ = 16000
LEAD_S = (0.0, 0.3)
GAIN = (0.4, 1.0)
MARK_S = 0.3
"""How long the mark of a turn's end lasts, as in upstream's files."""
BUMP_AFTER_PHRASE_S, BUMP_SD_S, FLOOR_SHARE = 0.3, 0.25, 0.05
MIN_CLIPS_FOR_FAULTS = 4

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the clips of a behaviour are put together.

    Attributes:
        phrases: The kinds of utterance one after the other, alternatives as letters of one word: ``kq`` is k or q.
        gap_s: The silence between two phrases lies in this range.
        tail_s: The silence after the last one. Long where a reply inside the prompt is wanted.
    """

    phrases: tuple[str, ...]
    gap_s: Range
    tail_s: Range


# Kinds of the embedded suite's utterances: statement, opening and its completion, question, request, interruption.
RECIPES: Final = {
    "pause_handling": Recipe(("o", "c"), (0.4, 1.2), (0.3, 0.6)),
    "turn_taking": Recipe(("kq",), (0.0, 0.0), (2.2, 2.6)),
    "backchannel": Recipe(("s", "s", "s"), (0.3, 0.7), (0.4, 0.8)),
    "user_interruption": Recipe(("kq", "i"), (1.8, 2.4), (2.2, 2.6)),
}


@dataclass(frozen=True, slots=True)
class Utterance:
    """16 kHz samples, and words as (text, start, end) in seconds from their beginning."""

    text: str
    samples: Samples
    words: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """An utterance in a clip, and its first and one-past-last sample at 16 kHz."""

    utterance: Utterance
    start: int
    end: int

    @property
    def times_s(self) -> list[float]:
        return [seconds(self.start), seconds(self.end)]


@dataclass(frozen=True, slots=True)
class Clip:
    """A prompt at 16 kHz and what is known about it."""

    phrases: tuple[Phrase, ...]
    n_samples: int
    gain: float

    def mixed(self) -> Audio:
        mix = np.zeros(self.n_samples, np.float32)
        for phrase in self.phrases:
            mix[phrase.start : phrase.end] += phrase.utterance.samples * np.float32(self.gain)
        return Audio(mix, UTTERANCE_RATE_HZ)

    def alone(self, phrase: Phrase) -> Audio:
        return Audio(phrase.utterance.samples * np.float32(self.gain), UTTERANCE_RATE_HZ)


def seconds(sample: int) -> float:
    return round(sample / UTTERANCE_RATE_HZ, 7)  # 1/16000 s has seven decimals, so this is exact


def read_bank() -> dict[str, Utterance]:
    folder = Path(str(resources.files("fdbench.tasks.mini")))
    bank = {}
    for name, stored in read_json(folder / "utterances.json")["utterances"].items():
        audio = read_audio(folder / "utterances" / f"{name}.flac")
        if audio.sample_rate != UTTERANCE_RATE_HZ:
            raise SystemExit(f"{name}: expected {UTTERANCE_RATE_HZ} Hz, found {audio.sample_rate} Hz")
        bank[name] = Utterance(stored["text"], audio.samples, tuple((text, start, end) for text, start, end in stored["words"]))
    return bank


def draw_clip(recipe: Recipe, bank: dict[str, Utterance], rng: np.random.Generator) -> Clip:
    """One voice throughout, no utterance twice."""
    voice = rng.choice(sorted({name.split("-")[0] for name in bank}))
    left = sorted(name for name in bank if name.startswith(f"{voice}-"))
    phrases: list[Phrase] = []
    at = draw_samples(LEAD_S, rng)
    for kinds in recipe.phrases:
        if phrases:
            at += draw_samples(recipe.gap_s, rng)
        name = str(rng.choice([name for name in left if name.split("-")[1][0] in kinds]))
        left.remove(name)
        phrases.append(Phrase(bank[name], at, at + len(bank[name].samples)))
        at = phrases[-1].end
    return Clip(tuple(phrases), at + draw_samples(recipe.tail_s, rng), float(rng.uniform(*GAIN)))


def draw_samples(range_s: Range, rng: np.random.Generator) -> int:
    return round(float(rng.uniform(*range_s)) * UTTERANCE_RATE_HZ)


def annotation_files(behaviour: str, clip: Clip) -> dict[str, Any]:
    """Upstream's JSON files beside ``input.wav``, by name."""
    phrases = clip.phrases
    if behaviour == "user_interruption":
        context, interruption = phrases
        texts = {"context": context.utterance.text, "interrupt": interruption.utterance.text}
        return {"interrupt.json": [{**texts, "timestamp": interruption.times_s}]}
    chunks = [
        {"text": text, "timestamp": [round(seconds(phrase.start) + time_s, 7) for time_s in (start_s, end_s)]}
        for phrase in phrases
        for text, start_s, end_s in phrase.utterance.words
    ]
    said = " ".join(phrase.utterance.text for phrase in phrases)
    files: dict[str, Any] = {"transcription.json": {"text": said, "chunks": chunks}}
    if behaviour == "pause_handling":
        silences = ((phrases[i].end, phrases[i + 1].start) for i in range(len(phrases) - 1))
        files["pause.json"] = [{"text": "[PAUSE]", "timestamp": [seconds(start), seconds(end)]} for start, end in silences]
    if behaviour == "turn_taking":
        end_s = seconds(phrases[-1].end)
        files["turn_taking.json"] = [{"text": "[TURN]", "timestamp": [end_s, round(end_s + MARK_S, 7)]}]
    return files


def human_timing(clip: Clip) -> list[float]:
    """A bump after each phrase but the last, on a floor: what mini's documented construction does, no human was recorded."""
    n = math.ceil(clip.n_samples / UTTERANCE_RATE_HZ / WINDOW_S)
    middles = (np.arange(n) + 0.5) * WINDOW_S
    ends_s = np.array([seconds(phrase.end) for phrase in clip.phrases[:-1]])
    bumps = np.exp(-0.5 * ((middles - ends_s[:, None] - BUMP_AFTER_PHRASE_S) / BUMP_SD_S) ** 2).sum(axis=0)
    return [float(mass) for mass in (1 - FLOOR_SHARE) * bumps / bumps.sum() + FLOOR_SHARE / n]


def write_wav(path: Path, audio: Audio, sample_rate: int) -> None:
    soundfile.write(path, as_pcm16(resampled(audio, sample_rate)), sample_rate, format="WAV", subtype="PCM_16")


def write_set(root: Path, spec: TaskSpec, source: FdbSource, n: int, seed: int, bank: dict[str, Utterance]) -> list[float]:
    """All clips of a set, and the human distributions beside it.

    Returns:
        The clips' durations, s.
    """
    durations_s, timing = [], {}
    first = 0 if source.human_timing else 1  # the published distributions are numbered from 0
    for number in range(first, first + n):
        rng = np.random.default_rng([seed, zlib.crc32(source.folder.encode()), number])
        clip = draw_clip(RECIPES[spec.behaviour], bank, rng)
        folder = root / source.folder / str(number)
        folder.mkdir(parents=True)
        mix = clip.mixed()
        write_wav(folder / "input.wav", mix, source.sample_rate)
        if spec.behaviour == "user_interruption":
            for phrase, name in zip(clip.phrases, ("context.wav", "interrupt.wav"), strict=True):
                write_wav(folder / name, clip.alone(phrase), source.sample_rate)
        for name, value in annotation_files(spec.behaviour, clip).items():
            (folder / name).write_text(to_json(value), encoding="utf-8")
        timing[str(number)] = human_timing(clip) if source.human_timing else []
        durations_s.append(mix.duration_s)
    if source.human_timing:
        (root / source.human_timing).write_text(to_json(timing), encoding="utf-8")
    return durations_s


# --- faults: what a broken download, a conversion or an edit leaves behind ---------------------------------------------


def empty(file: Path) -> None:
    file.write_bytes(b"")


def remove(file: Path) -> None:
    file.unlink()


def remove_clip(folder: Path) -> None:
    shutil.rmtree(folder)


def truncate(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def silence(file: Path) -> None:
    audio = read_audio(file)
    write_wav(file, Audio.silence(audio.duration_s, audio.sample_rate), audio.sample_rate)


def make_stereo(file: Path) -> None:
    audio = read_audio(file)
    soundfile.write(file, np.stack([as_pcm16(audio)] * 2, axis=1), audio.sample_rate, format="WAV", subtype="PCM_16")


def claim_1_khz(file: Path) -> None:
    samples, _ = soundfile.read(file, dtype="int16")
    soundfile.write(file, samples, 1000)


def move_turn_end_out(file: Path) -> None:
    (turn,) = read_json(file)
    duration_s = read_audio(file.parent / "input.wav").duration_s
    file.write_text(to_json([{**turn, "timestamp": [time_s + duration_s for time_s in turn["timestamp"]]}]), encoding="utf-8")


def swap_times(file: Path) -> None:
    (turn,) = read_json(file)
    file.write_text(to_json([{**turn, "timestamp": turn["timestamp"][::-1]}]), encoding="utf-8")


def spoil_a_word_time(file: Path) -> None:
    transcript = read_json(file)
    transcript["chunks"][1]["timestamp"][0] = math.nan
    file.write_text(json.dumps(transcript), encoding="utf-8")  # json writes NaN when it is not told otherwise


def copy_first_clip(file: Path) -> None:
    first = min(file.parent.parent.iterdir(), key=lambda path: natural_order(path.name))
    shutil.copytree(first, file.parent, dirs_exist_ok=True)


def forget_clip(file: Path, clip: str) -> None:
    timing = read_json(file)
    del timing[clip]
    file.write_text(to_json(timing), encoding="utf-8")


CLIP_ITSELF, DISTRIBUTION = "", "distribution"
FAULTS: Final[dict[str, tuple[tuple[str, str, Callable[[Path], None] | None], ...]]] = {
    "candor_pause_handling": (
        ("a zero-byte annotation", "pause.json", empty),
        ("a clip's folder is missing", CLIP_ITSELF, remove_clip),
    ),
    "synthetic_pause_handling": (
        ("a rate that no recording has", "input.wav", claim_1_khz),
        ("the same audio as another clip", "input.wav", copy_first_clip),
    ),
    "candor_turn_taking": (
        ("stereo", "input.wav", make_stereo),
        ("a turn's end beyond the clip's", "turn_taking.json", move_turn_end_out),
        ("a word's time is NaN", "transcription.json", spoil_a_word_time),
    ),
    "icc_backchannel": (
        ("a truncated prompt", "input.wav", truncate),
        ("no human distribution for a clip", DISTRIBUTION, None),
    ),
    "synthetic_user_interruption": (
        ("a silent prompt", "input.wav", silence),
        ("an interruption that ends before it starts", "interrupt.json", swap_times),
        ("no recording of the interrupting turn", "interrupt.wav", remove),
    ),
}


def plant_faults(out: Path, root: Path, human_timing: dict[str, str]) -> list[dict[str, str]]:
    """Damages a clip per fault, each another one, never a set's first.

    Args:
        out: The tree.
        root: Where in it the sets lie.
        human_timing: Name of the file of distributions, by set.

    Returns:
        Of each fault what it is, its set and clip, and the file, relative to ``out``, in which it is to be found.
    """
    planted = []
    for folder, faults in FAULTS.items():
        clips = sorted((path.name for path in (root / folder).iterdir()), key=natural_order)
        for index, (fault, name, damage) in enumerate(faults, start=1):
            clip = clips[index * len(clips) // (len(faults) + 1)]
            if damage is None:
                file = root / human_timing[folder]
                forget_clip(file, clip)
            else:
                file = root / folder / clip / name
                damage(file)
            planted.append({"fault": fault, "set": folder, "clip": clip, "file": file.relative_to(out).as_posix()})
    return planted


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make a tree in the layout of Full-Duplex-Bench v1.0, with our own speech.")
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder that is empty or does not exist")
    parser.add_argument("--layout", choices=LAYOUTS, default="v1.0")
    parser.add_argument("--clips", type=int, metavar="N", help="per set (default: as many as the published set has)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", type=Path, nargs="?", const=Path(), metavar="FILE", help="list them in FILE")
    arguments = parser.parse_args()
    if arguments.out.exists() and any(arguments.out.iterdir()):
        parser.error(f"{arguments.out} is not empty")
    if arguments.clips is not None and arguments.clips < 1:
        parser.error(f"--clips {arguments.clips}: expected at least 1")
    if arguments.faults is not None and (arguments.clips or MIN_CLIPS_FOR_FAULTS) < MIN_CLIPS_FOR_FAULTS:
        parser.error(f"--faults needs {MIN_CLIPS_FOR_FAULTS} clips per set, --clips says {arguments.clips}")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    root = arguments.out / LAYOUTS[arguments.layout]
    bank = read_bank()
    durations_s: list[float] = []
    human_timing: dict[str, str] = {}
    for spec in task_specs().values():
        source = spec.source
        if not isinstance(source, FdbSource) or spec.family != "v1":
            continue
        made_s = write_set(root, spec, source, arguments.clips or source.n, arguments.seed, bank)
        durations_s += made_s
        if source.human_timing:
            human_timing[source.folder] = source.human_timing
        print(f"{source.folder:28} {summary(made_s)}, {source.sample_rate} Hz")
    size = sum(path.stat().st_size for path in arguments.out.rglob("*") if path.is_file())
    print(f"{arguments.out}: {summary(durations_s)}, {size / 1e6:.0f} MB")
    if arguments.faults is not None:
        planted = plant_faults(arguments.out, root, human_timing)
        file = arguments.out.resolve().parent / "faults.json" if arguments.faults == Path() else arguments.faults
        file.write_text(to_json(planted), encoding="utf-8")
        print(f"{len(planted)} faults: {file}")


def summary(durations_s: list[float]) -> str:
    return f"{len(durations_s):4} clips, {sum(durations_s) / 60:5.1f} min, median {np.median(durations_s):.1f} s"


if __name__ == "__main__":
    main()
