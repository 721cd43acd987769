"""The rows that are committed: of each trivial agent one run, and further ones under conditions."""

from __future__ import annotations

from pathlib import Path

from fdbench.store.run import Run

RESULTS = Path(__file__).parents[1] / "results"


def clean_row(agent: str) -> Path:
    """The folder of an agent's run in which nothing stood between the two sides."""
    (run,) = (run for run in Run.all_in(RESULTS) if _is_clean(run, agent))
    return run.folder


def _is_clean(run: Run, agent: str) -> bool:
    collection = run.manifest().collection
    return collection.model == agent and collection.condition == "clean"
