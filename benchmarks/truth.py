"""The instrument's own error: known timing in, measured timing out, through speech, VAD and ASR.

    python benchmarks/truth.py [OUT]      # several minutes; OUT keeps the runs, so a second start only prints

The oracle answers an exact delay after the turn ends; the endpointer after an exact silence. What is measured is compared
with what was asked for, on every clip of mini that is answered.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

DELAYS_S = (-0.3, 0.0, 0.2, 0.5, 1.0)
SILENCES_MS = (300, 500, 700, 1000, 1400)
ANSWERED = "mini/pause_handling,mini/turn_taking,mini/user_interruption"


def main(out: Path) -> None:
    errors = []
    for delay_s in DELAYS_S:
        found = latencies(out, "oracle", f"delay_s={delay_s}", ANSWERED)
        errors += [latency_s - delay_s for latency_s in found]
        report(f"oracle, delay_s={delay_s}", errors[-len(found) :])
    report("oracle, all delays", errors)
    x, y = [], []
    for silence_ms in SILENCES_MS:
        found = latencies(out, "vad-endpointer", f"silence_ms={silence_ms}", "mini/turn_taking")
        x += [silence_ms / 1000] * len(found)
        y += found
    slope, intercept_s = np.polyfit(x, y, 1)
    fit = f"slope {slope:.3f}, intercept {intercept_s * 1000:.0f} ms"
    print(f"vad-endpointer, {len(x)} replies at {len(SILENCES_MS)} settings: {fit}")


def latencies(out: Path, model: str, argument: str, tasks: str) -> list[float]:
    command = [sys.executable, "-m", "fdbench.cli", "run", "--model", model, "--arg", argument, "--tasks", tasks]
    done = subprocess.run(
        [*command, "--asr", "sphinx", "--protocol", "fdbench", "--out", str(out)], capture_output=True, text=True, check=True
    )
    (path,) = Path(done.stdout.strip().splitlines()[-1]).glob("scores/fdbench-*/samples.jsonl")
    scores = [json.loads(line)["scores"]["response_latency_s"] for line in path.read_text().splitlines()]
    missing = sum(score["value"] is None for score in scores)
    if missing:
        print(f"{model}, {argument}: {missing} of {len(scores)} without a latency")
    return [score["value"] for score in scores if score["value"] is not None]


def report(name: str, errors_s: list[float]) -> None:
    signed, size = np.median(errors_s) * 1000, np.abs(errors_s) * 1000
    print(
        f"{name}: {len(errors_s)} replies, error median {signed:+.0f} ms, median absolute {np.median(size):.0f} ms, "
        f"p90 {np.quantile(size, 0.9):.0f} ms, largest {size.max():.0f} ms"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch))
