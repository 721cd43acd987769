"""The instrument's own error: known timing in, measured timing out, through speech, VAD and ASR.

    python benchmarks/truth.py                                 # mini; several minutes
    python benchmarks/truth.py --data DIR --limit 20           # and 20 clips per task of an edition (`fdbench suite make`)
    python benchmarks/truth.py --data DIR --out OUT            # OUT keeps the runs, so a second start only prints

The oracle answers an exact delay after the turn ends; the endpointer after an exact silence. On an edition answers are also
played in five voices that no edition and no agent has, at a known sample of each recording. What is measured is compared
with what was asked for, on every clip that is answered.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from fdbench.core.event import INTERRUPTION, TURN_END
from fdbench.core.sound import Samples
from fdbench.suite.speech import SUITE_RATE_HZ, Hibari, Voice, speak
from fdbench.suite.texts import Texts
from fdbench.task.data import open_data
from fdbench.task.load import load_samples, task_specs

DELAYS_S: Final = (-0.3, 0.0, 0.2, 0.5, 1.0)
SILENCES_MS: Final = (300, 500, 700, 1000, 1400)
MINI_ANSWERED: Final = ("mini/pause_handling", "mini/turn_taking", "mini/user_interruption")
MINI_TURNS: Final = ("mini/turn_taking",)
# In upstream's layout nothing says when the turn before an interruption ends, so the oracle cannot answer it.
TURNS: Final = ("v1/turn_taking.candor",)
RECORDED: Final = ("v1/turn_taking.candor", "v1/user_interruption.synthetic")
FURTHER_VOICES: Final = tuple(Voice(f"heart-{rate:.3f}", "heart", rate) for rate in (0.8, 0.89, 0.965, 1.04, 1.125))
PACES: Final = (0.9, 1.0, 1.1)
BEFORE_INTERRUPTION_S, INTO_INTERRUPTION_S = 1.5, 0.3
BETWEEN_SENTENCES_S: Final = 0.1


def main(arguments: argparse.Namespace, out: Path) -> None:
    print(
        "| prompts | who answers | replies | error, median | absolute, median | p90 | largest |\n|---|---|--:|--:|--:|--:|--:|"
    )
    report("mini", "oracle", oracle_errors(arguments, out, MINI_ANSWERED))
    if arguments.data is not None:
        report("edition", "oracle", oracle_errors(arguments, out, TURNS))
        engine, errors_s = Hibari(), list[float]()
        for index, voice in enumerate(FURTHER_VOICES):
            delays_s = record(engine, voice, arguments, out / voice.name, index)
            options = ["--model", f"recordings:{out / voice.name}", "--arg", f"name={voice.name}"]
            found = latencies(arguments, out, options, RECORDED)
            errors_s += [latency_s - delays_s[key] for key, latency_s in found.items()]
            report("edition", voice.name, errors_s[-len(found) :])
        report("edition", "the five", errors_s)
    print()
    # On mini alone: an edition's turns hold pauses, in which an endpointer begins where no truth is known.
    x, y = [], []
    for silence_ms in SILENCES_MS:
        options = ["--model", "vad-endpointer", "--arg", f"silence_ms={silence_ms}"]
        found_s = list(latencies(arguments, out, options, MINI_TURNS).values())
        x += [silence_ms / 1000] * len(found_s)
        y += found_s
    slope, intercept_s = np.polyfit(x, y, 1)
    fit = f"slope {slope:.3f}, intercept {intercept_s * 1000:.0f} ms"
    print(f"mini, vad-endpointer, {len(x)} replies at {len(SILENCES_MS)} settings: {fit}")


def oracle_errors(arguments: argparse.Namespace, out: Path, tasks: Sequence[str]) -> list[float]:
    errors_s = []
    for delay_s in DELAYS_S:
        options = ["--model", "oracle", "--arg", f"delay_s={delay_s}"]
        errors_s += [latency_s - delay_s for latency_s in latencies(arguments, out, options, tasks).values()]
    return errors_s


def record(
    engine: Hibari, voice: Voice, arguments: argparse.Namespace, folder: Path, seed: int
) -> dict[tuple[str, str], float]:
    """Write a recording for each clip, with an answer that begins a known time after the user's end.

    Returns:
        That time by task and id, s.
    """
    texts, rng, delays_s = Texts(), np.random.default_rng(seed), dict[tuple[str, str], float]()
    data = open_data(str(arguments.data))
    for task in RECORDED:
        for index, sample in enumerate(load_samples(task_specs()[task], data).samples[: arguments.limit]):
            prompt = sample.stimuli["main"].load()
            line = np.zeros(round(prompt.duration_s * SUITE_RATE_HZ), np.float32)
            ends_s = [event.span.start_s for event in sample.of_kind(TURN_END)]
            for event in sample.of_kind(INTERRUPTION):
                start_s, stop_s = event.span.start_s - BEFORE_INTERRUPTION_S, event.span.start_s + INTO_INTERRUPTION_S
                place(line, start_s, answer(engine, voice, texts, rng)[: round((stop_s - start_s) * SUITE_RATE_HZ)])
                ends_s.append(event.span.end_s)
            delays_s[task, sample.id] = DELAYS_S[index % len(DELAYS_S)]
            place(line, ends_s[-1] + delays_s[task, sample.id], answer(engine, voice, texts, rng))
            (folder / task).mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / task / f"{sample.id}.wav", line, SUITE_RATE_HZ, subtype="PCM_16")
    return delays_s


def answer(engine: Hibari, voice: Voice, texts: Texts, rng: np.random.Generator) -> Samples:
    """Three sentences."""
    pace, pieces = float(rng.choice(PACES)), list[Samples]()
    for _ in range(3):
        said = speak(engine, voice, f"{' '.join(texts.statement(rng))}.", pace, int(rng.integers(2**31)))
        pieces += [said.samples, np.zeros(round(BETWEEN_SENTENCES_S * SUITE_RATE_HZ), np.float32)]
    return np.concatenate(pieces)


def place(line: Samples, start_s: float, samples: Samples) -> None:
    start = round(start_s * SUITE_RATE_HZ)
    line[start : start + len(samples)] = samples[: len(line) - start]


def latencies(
    arguments: argparse.Namespace, out: Path, options: Sequence[str], tasks: Sequence[str]
) -> dict[tuple[str, str], float]:
    """Measured response latencies by task and id, s."""
    command = [sys.executable, "-m", "fdbench.cli", "run", *options, "--tasks", ",".join(tasks), "--asr", arguments.asr]
    if not tasks[0].startswith("mini/"):
        command += ["--data", str(arguments.data), *([] if arguments.limit is None else ["--limit", str(arguments.limit)])]
    done = subprocess.run([*command, "--protocol", "fdbench", "--out", str(out)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
    (path,) = Path(done.stdout.strip().splitlines()[-1]).glob("scores/fdbench-*/samples.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    found = {(row["task"], row["id"]): _latency_of(row["scores"]) for row in rows if row["task"] in tasks}
    missing = [key for key, value in found.items() if value is None]
    if missing:
        print(f"{' '.join(options)}: {len(missing)} of {len(found)} without a latency, {missing[0]}", file=sys.stderr)
    return {key: value for key, value in found.items() if value is not None}


def _latency_of(scores: dict[str, dict[str, float | None]]) -> float | None:
    """Also where the model paused just when it was interrupted, which has a column of its own."""
    values = (scores.get(name, {}).get("value") for name in ("response_latency_s", "response_latency_not_exercised_s"))
    return next((value for value in values if value is not None), None)


def report(prompts: str, who: str, errors_s: Sequence[float]) -> None:
    signed, size = np.median(errors_s) * 1000, np.abs(errors_s) * 1000
    figures = f"{signed:+.0f} ms | {np.median(size):.0f} ms | {np.quantile(size, 0.9):.0f} ms | {size.max():.0f} ms"
    print(f"| {prompts} | {who} | {len(errors_s)} | {figures} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the error of measured latencies against known truth.")
    parser.add_argument("--data", type=Path, metavar="DIR", help="an edition, made by `fdbench suite make`")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N clips of its tasks")
    parser.add_argument("--asr", default="auto")
    parser.add_argument("--out", type=Path, metavar="OUT", help="keeps the runs")
    with tempfile.TemporaryDirectory() as scratch:
        given = parser.parse_args()
        main(given, given.out or Path(scratch))
