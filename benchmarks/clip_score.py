"""What the score of one conversation costs: CPU seconds of ``fdbench.score`` on 10 s of audio, beside the detector alone.

    python benchmarks/clip_score.py [--times 50]

A reward is asked for thousands of times, so weights are loaded once and the first call is not counted. The baseline is what no
score can be had without: the detector over both channels.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import fdbench
from fdbench.audio.vad import detect_speech, load_vad_model
from fdbench.core.annotation import PRECISE_VAD
from fdbench.core.sound import Audio
from fdbench.io.wav import resampled
from fdbench.task.load import load_samples, task_specs

LENGTH_S = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    times = parser.parse_args().times
    print(f"{'rate':>6} {'score':>9} {'detector':>9} {'ratio':>6}   CPU ms per clip of {LENGTH_S:g} s, median of {times}")
    for rate in (16000, 24000, 48000):
        user, model, turn_end_s = conversation(rate)
        events, vad = [("turn_end", turn_end_s)], load_vad_model()
        score = cost_ms(lambda: fdbench.score(user, model, rate, events=events), times)  # noqa: B023 - called at once
        baseline = cost_ms(
            lambda: [detect_speech(Audio(sound, rate), PRECISE_VAD, vad) for sound in (user, model)],  # noqa: B023
            times,
        )
        print(f"{rate:>6} {score:>9.1f} {baseline:>9.1f} {score / baseline:>6.2f}")


def conversation(rate: int) -> tuple[np.ndarray, np.ndarray, float]:
    """A prompt of the embedded suite and a reply in the same voice, both 10 s long."""
    sample = load_samples(task_specs()["mini/turn_taking"], None).samples[0]
    prompt = resampled(sample.stimuli["main"].load(), rate).samples
    turn_end_s = sample.of_kind("turn_end")[0].span.start_s
    user, model = np.zeros((2, round(LENGTH_S * rate)), np.float32)
    user[: len(prompt)] = prompt[: len(user)]
    at = round((turn_end_s + 0.5) * rate)
    model[at:] = user[: len(model) - at]
    return user, model, turn_end_s


def cost_ms(call: Callable[[], object], times: int) -> float:
    call()
    costs = []
    for _ in range(times):
        begun = time.process_time()
        call()
        costs.append(time.process_time() - begun)
    return 1000 * float(np.median(costs))


if __name__ == "__main__":
    main()
