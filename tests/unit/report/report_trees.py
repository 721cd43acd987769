"""Small results folders for the report's tests: a run per call, with only what a test is about spelled out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ENGINES = {"asr": "sphinx-5.1", "vad": "silero-6.2.3", "judge": "none"}
UNITS = {
    "lost_per_turn_s": "s",
    "takeover_rate": "rate",
    "response_latency_s": "s",
    "relevance": "0-5",
    "not_exercised_rate": "rate",
    "sound_beside_speech": "share",
    "backchannel_ceiling_share": "of ceiling",
    "backchannel_rate_log2": "log2",
    "backchannel_bits": "bit",
    "lost_worded_s": "s",
    "stop_latency_s": "s",
    "talked_through_rate": "rate",
    "undecided_rate": "rate",
    "turn_taking_fluency": "1-5",
    "instruction_following": "1-5",
}
DIRECTIONS = {
    "lost_per_turn_s": False,
    "takeover_rate": False,
    "response_latency_s": False,
    "relevance": True,
    "not_exercised_rate": None,
    "sound_beside_speech": False,
    "backchannel_ceiling_share": True,
    "backchannel_rate_log2": False,
    "backchannel_bits": True,
    "lost_worded_s": False,
    "stop_latency_s": False,
    "talked_through_rate": False,
    "undecided_rate": None,
    "turn_taking_fluency": True,
    "instruction_following": True,
}


def metric(name: str, value: float | None, n: int = 12, **more: Any) -> dict[str, Any]:
    """A metric as a summary holds it. In these tests takeover is unwanted, as in pause handling."""
    return {
        "value": value,
        "unit": UNITS[name],
        "higher_is_better": DIRECTIONS[name],
        "n_scored": n if value is not None else 0,
        "n_not_applicable": 0,
        "n_censored": 0,
        "n_error": 0,
        "ci_low": None,
        "ci_high": None,
        "details": {},
        "signature": f"{name}|task:mini/pause_handling|tv:1|protocol:fdbench|n:{n}|fdbench:0.1.0",
        **more,
    }


def write_run(
    root: Path,
    model: str,
    values: dict[str, dict[str, Any]],
    *,
    task: str = "mini/pause_handling",
    kind: str = "model",
    clock: str = "lockstep",
    arguments: dict[str, Any] | None = None,
    lead_in_s: float = 0.0,
    engines: dict[str, str] | None = None,
    protocol: str = "fdbench",
    version: int = 1,
    n_samples: int = 12,
    n_errors: int = 0,
    scores: str = "s1",
) -> Path:
    """Write a run with one scored task and return its folder."""
    run_id = f"{model}-{clock[0]}{abs(lead_in_s):.0f}"
    run = root / run_id
    family, _, rest = task.partition("/")
    behaviour = rest.partition(".")[0]
    collection = {
        "model": model,
        "kind": kind,
        "adapter": f"adapters/{model}",
        "arguments": arguments or {},
        "weights_revision": None,
        "clock": clock,
        "placement": "causal",
        "slots": 8,
        "seed": 0,
        "condition": "clean",
        "lead_in_s": lead_in_s,
        "tail_silence_s": 2.0,
        "tail_limit_s": 10.0,
        "fdbench": "0.1.0",
    }
    samples = {"a": {"digest": f"d{version}", "repeats": 1}}
    known = {"version": version, "family": family, "behaviour": behaviour, "samples": samples}
    told = {"version": version, "family": family, "behaviour": behaviour, "n_samples": n_samples, "n_errors": n_errors}
    write(
        run / "manifest.json", {"schema": 1, "run_id": run_id, "collection": collection, "tasks": {task: known}, "scored": []}
    )
    write(
        run / "scores" / scores / "summary.json",
        {
            "schema": 1,
            "run_id": run_id,
            "protocol": protocol,
            "engines": engines or ENGINES,
            "tasks": {task: {**told, "metrics": values}},
        },
    )
    return run


def add_task(run: Path, task: str, values: dict[str, dict[str, Any]], *, n_samples: int = 12) -> None:
    """Another scored task of a run that was written before, under the same protocol and engines."""
    family, _, rest = task.partition("/")
    known = {"version": 1, "family": family, "behaviour": rest.partition(".")[0]}
    for path in (run / "manifest.json", *run.glob("scores/*/summary.json")):
        stored = json.loads(path.read_text())
        own = (
            {"samples": {task: {"digest": "d1", "repeats": 1}}}
            if path.name == "manifest.json"
            else {"n_samples": n_samples, "n_errors": 0, "metrics": values}
        )
        stored["tasks"][task] = {**known, **own}
        write(path, stored)


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def table_with(markdown: str, text: str) -> list[str]:
    """The lines of the one table that holds the text."""
    found = [block.splitlines() for block in markdown.split("\n\n") if block.startswith("|") and text in block]
    assert len(found) == 1, f"{len(found)} tables with {text!r}"
    return found[0]


def row_of(markdown: str, name: str) -> str:
    """The one table row that begins with the name."""
    found = [line for line in markdown.splitlines() if line.startswith(f"| {name}")]
    assert len(found) == 1, f"{len(found)} rows begin with {name!r}"
    return found[0]
