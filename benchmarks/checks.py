"""What not believing costs: CPU seconds of the checks beside those of annotation and scoring, over the embedded suite.

    python benchmarks/checks.py [--asr sphinx] [--repeats 3]

A folder in the published layout, its transcripts not given, is scored as it is by ``fdbench score DIR``; then the same calls
into each check are timed by themselves, over the same audio and the same words:

prompt      is the user audible in the model's channel (``call.evidence``), and is anything
words       are the words plausible (``core.plausible``)
health      sound that is no speech, clipped samples, equal replies (``stages.health``)
reading     is each file what its header promises, finite and scaled (``io.wav``), beside a bare ``soundfile.read``
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from fdbench.call.evidence import examine
from fdbench.cli import main as fdbench
from fdbench.core.annotation import DetectedSpeech
from fdbench.core.plausible import check_words
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.io.wav import as_pcm16, read_audio
from fdbench.stages.health import _noise_in
from fdbench.task.load import load_samples, task_specs

TASK = "mini/turn_taking"
TARGET = 0.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asr", default="sphinx")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_folder(folder)
        command = ["score", str(folder), "--task", "v1/turn_taking.candor", "--asr", options.asr, "--workers", "1"]
        whole_s = min(cpu_s(lambda: quietly(command)) for _ in range(options.repeats))
        parts = {name: min(cpu_s(check) for _ in range(options.repeats)) for name, check in checks_of(folder).items()}
    print(f"annotation + scoring, checks included: {whole_s:.2f} CPU s ({options.asr})")
    for name, seconds in parts.items():
        print(f"  {name:10} {seconds:7.3f} CPU s  {seconds / whole_s:6.1%}")
    share = sum(parts.values()) / (whole_s - sum(parts.values()))
    print(f"all checks against the rest: {share:.1%} (wanted: under {TARGET:.0%})")
    return 0 if share < TARGET else 1


def write_folder(folder: Path) -> None:
    """The suite's turns, each answered 0.4 s after its end by the prompt of another one."""
    samples = load_samples(task_specs()[TASK], None).samples
    for index, sample in enumerate(samples):
        prompt, other = sample.stimuli["main"].load(), samples[index - 1].stimuli["main"].load()
        turn_end_s = sample.of_kind("turn_end")[0].span.start_s
        at = round((turn_end_s + 0.4) * prompt.sample_rate)
        reply = np.concatenate([np.zeros(at, np.float32), other.samples])
        place = folder / sample.id
        place.mkdir()
        for name, sound in (("input", prompt.samples), ("output", reply)):
            soundfile.write(place / f"{name}.wav", as_pcm16(Audio(sound, prompt.sample_rate)), prompt.sample_rate)
        (place / "turn_taking.json").write_text(f'[{{"timestamp": [{turn_end_s}]}}]')


def checks_of(folder: Path) -> dict[str, Callable[[], None]]:
    """Each check over all clips of the folder."""
    clips = [[read_audio(clip / f"{name}.wav") for name in ("input", "output")] for clip in sorted(folder.iterdir())]
    words = [Word(str(number), 0.4 * number, 0.4 * number + 0.3) for number in range(60)]
    speech = [DetectedSpeech((Span(1.0, 3.0), Span(4.0, 9.0)), None, "given")]
    files = [file for clip in folder.iterdir() for file in clip.glob("*.wav")]

    def health() -> None:
        for _, model in clips:
            _noise_in(Track(model), speech)
            (np.abs(model.samples) >= 1.0).mean()

    def reading() -> None:
        for file in files:
            read_audio(file)

    return {
        "prompt": lambda: [examine(user, model) for user, model in clips] and None,
        "words": lambda: [check_words(words, 30.0) for _ in clips] and None,
        "health": health,
        "reading": reading,
    }


def quietly(command: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if fdbench(command) not in (0, 3):
            raise SystemExit("the folder could not be scored")


def cpu_s(call: Callable[[], object]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


if __name__ == "__main__":
    raise SystemExit(main())
