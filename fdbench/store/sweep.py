"""``results/sweeps/NAME.json``: what one model gives at several settings, one point per run.

{"schema": 1, "model": "vad-endpointer", "varied": ["silence_ms"], "family": "mini", "hypervolume": 0.78,
 "points": [{"run_id": ..., "settings": {"silence_ms": "100"}, "lost_s": 5.1, "wait_s": {...}, "broken": {...}}, ...]}
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from fdbench.errors import UsageError
from fdbench.io.files import write_json_atomically
from fdbench.store.conversation import Estimate, Share
from fdbench.store.stored import SCHEMA, Stored

FOLDER = "sweeps"


class SweepPoint(Stored):
    """One run of a sweep.

    Attributes:
        settings: The arguments and seeds that the sweep varies, as they were typed.
        lost_s: Lost seconds per turn, None where the run has no headline.
        is_on_front: No other point of the sweep waits less and is broken into less.
    """

    run_id: str
    settings: dict[str, str]
    lost_s: float | None = None
    wait_s: Estimate | None = None
    broken: Estimate | None = None
    is_on_front: bool = False


class Sweep(Stored):
    """The whole file.

    Attributes:
        varied: Names of what differs from point to point.
        engines: Signatures of those who heard it, and the condition.
        hypervolume: Of the curve, in [0, 1]; more is better.
    """

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    model: str
    varied: list[str]
    family: str
    engines: dict[str, str]
    points: list[SweepPoint]
    hypervolume: Share


def sweep_file(results: Path, name: str) -> Path:
    """Where a sweep of that name lies. Raises UsageError where the name leads out of the folder."""
    if not name or name != Path(name).name or name.startswith("."):
        raise UsageError(f"--to {name}: expected a plain name", "it becomes a file in OUT/sweeps")
    return results / FOLDER / f"{name}.json"


def write_sweep(path: Path, sweep: Sweep) -> None:
    """Store a sweep; one that lies there is written over."""
    write_json_atomically(path, sweep.model_dump(by_alias=True))


def read_sweeps(results: Path) -> Iterator[tuple[str, Sweep]]:
    """Every sweep of a results folder, by name. Raises DataError where a file is broken; names file and field."""
    for path in sorted((results / FOLDER).glob("*.json")):
        yield path.stem, Sweep.read_file(path, "make it again: `fdbench sweep`")
