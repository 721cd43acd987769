"""Trees in upstream's v1.0 layout for tests, made by ``benchmarks/synthetic_v1.py`` in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "synthetic_v1.py"


def make_v1_tree(out: Path, *options: object) -> str:
    """Make a tree under ``out``.

    Args:
        options: Of the script: ``"--clips", 4``, ``"--layout", "flat"``, ``"--faults", FILE``.

    Returns:
        What the script printed.
    """
    command = [sys.executable, str(SCRIPT), str(out), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
