"""Shows that a change moves no number: runs the trivial agents before and after it, and compares what lies on disk.

    python tools/guard.py record BEFORE          # in the old checkout, with its interpreter
    python tools/guard.py record AFTER           # in the new one
    python tools/guard.py compare BEFORE AFTER   # every byte of every file but attempts*.jsonl
    python tools/guard.py compare BEFORE AFTER --values   # scores and recordings alone, whatever names and signatures say

Each recording is six runs on the embedded suite (``runs/``) and the same six scored again from the annotations that they stored
(``again/``), which must be what the runs themselves gave.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

AGENTS = ("silence", "always-talking", "echo", "vad-endpointer", "random-backchannel", "oracle")
OPTIONS = {"always-talking": ("--tail-limit", "3")}  # hearing an endless talker for longer shows nothing more
VOLATILE = ("attempts*.jsonl", ".lock")
NAMES = ("signature", "engines", "folder", "fdbench")
"""Keys of JSON objects that say how a number was made and not what it is."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("out", type=Path)
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    comparing.add_argument("--values", action="store_true")
    arguments = parser.parse_args()
    if arguments.command == "record":
        record(arguments.out)
        return 0
    contents_of = values_in if arguments.values else bytes_in
    differences = [*compare(contents_of(arguments.before), contents_of(arguments.after))]
    print("\n".join(differences) or f"equal: {len(contents_of(arguments.before))} items")
    return 1 if differences else 0


def record(out: Path) -> None:
    """Run every agent, then score every run again from its stored annotations."""
    for agent in AGENTS:
        _fdbench("run", "--model", agent, "--tasks", "mini", "--asr", "sphinx", "--out", out / "runs", *OPTIONS.get(agent, ()))
    for run in sorted((out / "runs").iterdir()):
        again = out / "again" / run.name
        shutil.copytree(run, again)
        shutil.rmtree(again / "scores")
        _fdbench("score", again, "--asr", "sphinx")


def _fdbench(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "fdbench.cli", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def bytes_in(root: Path) -> dict[str, Any]:
    """The content of every file that must not move, by its path."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and not any(map(path.match, VOLATILE)))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def values_in(root: Path) -> dict[str, Any]:
    """Recordings, manifests and scores without what only names them; score folders by their protocol, no caches."""
    values: dict[str, Any] = {}
    for name, data in bytes_in(root).items():
        parts = name.split("/")
        if "annotations" in parts:
            continue
        if "scores" in parts:
            parts[parts.index("scores") + 1] = parts[parts.index("scores") + 1].rpartition("-")[0]
        if name.endswith(".jsonl"):
            values["/".join(parts)] = [_unnamed(json.loads(line)) for line in data.splitlines()]
        else:
            values["/".join(parts)] = _unnamed(json.loads(data)) if name.endswith(".json") else data
    return values


def _unnamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unnamed(each) for key, each in value.items() if key not in NAMES}
    return [_unnamed(each) for each in value] if isinstance(value, list) else value


def compare(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"- {name}: only before"
        elif name not in before:
            yield f"+ {name}: only after"
        elif before[name] != after[name]:
            yield f"! {name}: differs"


if __name__ == "__main__":
    sys.exit(main())
