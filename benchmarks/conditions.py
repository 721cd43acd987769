"""What each condition adds to the time that a call takes, in one run.

    python benchmarks/conditions.py [--model vad-endpointer] [--n 6] [--rounds 3] [NAME ...]

Calls of mini's turn taking in virtual time, clean and under each condition in turn, fastest of the rounds; in CPU seconds of
this process, so that neighbours on the machine count less. ``path`` is what the path adds per second of a call; the shares are
of a clean call alone, and of a clean call with what a run does with it (its sound is stored, heard by the detector and by
tiny.en). A model that falls silent under a condition makes a shorter call, so the time is taken per second of call.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Final

from fdbench.adapter.load import find_model, resolve
from fdbench.audio.vad import load_vad_model, speech_probabilities
from fdbench.call.call import Ending
from fdbench.call.source import PromptCalls
from fdbench.core.conversation import Recording, Take
from fdbench.core.span import Span
from fdbench.errors import FdbenchError
from fdbench.hear.engines import load_asr
from fdbench.io.wav import resampled, write_flac
from fdbench.task.conditions import conditions, find_condition
from fdbench.task.load import load_samples, task_specs

ALLOWED: Final = 0.05
SLOW: Final = ("room", "shoebox", "opus", "mimi", "mobile", "speakerphone", "echo")
"""Names that begin so have a room, Opus or another library in them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="conditions (default: all that can be made here)")
    parser.add_argument("--model", default="vad-endpointer")
    parser.add_argument("--n", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    model = resolve(find_model(options.model), {}).open_party(1)
    takes = [Take(sample) for sample in load_samples(task_specs()["mini/turn_taking"], None, limit=options.n).samples]
    clean_s, recordings = held("clean", model, takes, options.rounds)
    after_s = kept_and_heard(recordings)
    print(
        f"{options.model}: per second of a clean call {1000 * clean_s:.2f} ms; storing and hearing it {1000 * after_s:.2f} ms"
    )
    print(f"{'condition':24} {'path ms/s':>10} {'of the call':>12} {'of a run':>9}")
    for name in options.names or [name for name in conditions() if name != "clean"]:
        try:
            spent_s, _ = held(name, model, takes, options.rounds)
        except FdbenchError as error:
            print(f"{name:24} left out: {error.what}")
            continue
        extra_s = spent_s - clean_s
        share = extra_s / (clean_s + after_s)
        mark = "" if share < ALLOWED else "  slow, as said" if name.startswith(SLOW) else "  MORE THAN ALLOWED"
        print(f"{name:24} {1000 * extra_s:10.2f} {extra_s / clean_s:11.1%} {share:9.1%}{mark}")


def held(name: str, model: object, takes: list[Take], rounds: int) -> tuple[float, list[Recording]]:
    """CPU seconds per second of call, the fastest of the rounds, and what the last one gave."""
    best_s = float("inf")
    for _ in range(rounds + 1):  # the first makes loops and responses, once per process
        calls = PromptCalls(model, 0, 0.0, Ending(limit_s=3.0), find_condition(name))  # type: ignore[arg-type]
        named = [Take(take.sample, condition=name) for take in takes]
        begun = time.process_time()
        outcomes = [outcome for _, outcome in calls.collect(named)]
        spent_s = time.process_time() - begun
        recordings = [each for each in outcomes if isinstance(each, Recording)]
        best_s = min(best_s, spent_s / sum(each.user.audio.duration_s for each in recordings))
    return best_s, recordings


def kept_and_heard(recordings: list[Recording]) -> float:
    """CPU seconds per second of call for storing both channels, detecting speech in them and recognising the model's."""
    vad, asr = load_vad_model(), load_asr("faster-whisper:tiny.en")
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        for number, each in enumerate(recordings):
            for track in (each.user, each.model):
                write_flac(Path(folder) / f"{number}.flac", track.audio)
                speech_probabilities(resampled(track.audio, 16000).samples, vad)
            heard = resampled(each.model.audio, 16000)
            asr.transcribe(heard, (Span(0.0, heard.duration_s),))
        spent_s = time.process_time() - begun
    return spent_s / sum(each.user.audio.duration_s for each in recordings)


if __name__ == "__main__":
    main()
