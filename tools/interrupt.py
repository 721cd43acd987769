"""Kills and interrupts runs at random moments, lets them go on, and compares what is there at the end with an undisturbed run.

    python tools/interrupt.py                                # 200 SIGKILLs and 100 SIGINTs: some fifteen minutes
    python tools/interrupt.py --kills 10 --interrupts 10 --seed 3

A process that was interrupted has to end by itself within a few seconds with status 130; every file of a run but its log of
attempts has to be the same to the byte, whatever was done to it. Prints a line for each thing that is not so; status 1 then.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = ("run", "--model", "echo", "--tasks", "mini/turn_taking", "--limit", "6", "--repeats", "2", "--asr", "none",
           "--protocol", "fdbench", "--slots", "2", "--tail-limit", "3")  # fmt: skip
ENDS_S = 15.0
"""By when an interrupted process has ended on a busy machine."""
INTERRUPTED = 130


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--interrupts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs, and what they start, would be deaf
    chance = random.Random(given.seed)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        straight = Path(scratch) / "straight"
        began = time.monotonic()
        subprocess.run(command(straight), check=True, capture_output=True)
        takes_s = time.monotonic() - began
        reference = contents(straight)
        signals = [signal.SIGKILL] * given.kills + [signal.SIGINT] * given.interrupts
        chance.shuffle(signals)
        n_disturbed, out = 0, Path(scratch) / "run-0"
        for number, sent in enumerate(signals):
            if disturbed(out, sent, chance.uniform(0.0, 1.1 * takes_s), wrong):
                n_disturbed += 1
                continue
            wrong += compare(out, reference)  # it came to its end: look at it, and begin with an empty folder
            out = Path(scratch) / f"run-{number + 1}"
        subprocess.run(command(out), check=True, capture_output=True)
        wrong += compare(out, reference)
    print("\n".join(wrong) or f"as it should be: {n_disturbed} of {len(signals)} signals hit a run of {len(reference)} files")
    return 1 if wrong else 0


def command(out: Path) -> list[str]:
    return [sys.executable, "-m", "fdbench.cli", *COMMAND, "--out", str(out)]


def disturbed(out: Path, sent: signal.Signals, after_s: float, wrong: list[str]) -> bool:
    """Start or go on with a run and send it a signal; whether it was still there to get it."""
    process = subprocess.Popen(command(out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(sent)
    else:
        if process.returncode != 0:
            wrong.append(f"status {process.returncode} of an undisturbed process: {tail_of(process)}")
        return False
    try:
        process.wait(ENDS_S)
    except subprocess.TimeoutExpired:
        wrong.append(f"{sent.name} after {after_s:.2f} s was swallowed: still there {ENDS_S:g} s later")
        process.kill()
        process.wait()
        return True
    if sent is signal.SIGINT and process.returncode not in (INTERRUPTED, -signal.SIGINT, 0):
        wrong.append(f"SIGINT after {after_s:.2f} s: status {process.returncode}: {tail_of(process)}")
    return process.returncode != 0


def tail_of(process: subprocess.Popen[str]) -> str:
    return " ".join((process.stderr.read() if process.stderr else "").strip().splitlines()[-1:])


def contents(out: Path) -> dict[str, bytes]:
    """Every file of the one run in a folder, by its path in it, but what is volatile."""
    (run,) = [path.parent for path in out.glob("*/manifest.json")]
    files = (path for path in run.rglob("*") if path.is_file() and not path.name.startswith((".", "attempts")))
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


def compare(out: Path, reference: dict[str, bytes]) -> list[str]:
    found = contents(out)
    return [
        f"{out.name}: {name} differs"
        for name in sorted(found.keys() | reference.keys())
        if found.get(name) != reference.get(name)
    ]


if __name__ == "__main__":
    sys.exit(main())
