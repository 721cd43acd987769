"""What was found in the data: one line for each fault, by file, and the facts of each set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from fdbench.data.lock import DataLock

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault.

    Attributes:
        set: The set's folder name; empty for what belongs to none.
        clip: Its id, or None.
        file: Relative to the data's folder, with ``/``.
        severity: ``error``: a number would be wrong or missing. ``warning``: worth knowing.
        what: Expected and found.
    """

    set: str
    clip: str | None
    file: str
    severity: Severity
    what: str


class Findings:
    """Collects the faults of one set; a file that cannot be used at all is told once."""

    def __init__(self, data: Path, set_name: str = "") -> None:
        self._data, self._set = data, set_name
        self._useless: set[Path] = set()
        self.items: list[Finding] = []

    def error(self, file: Path, what: str, clip: str | None = None) -> None:
        self._add("error", file, what, clip)

    def warn(self, file: Path, what: str, clip: str | None = None) -> None:
        self._add("warning", file, what, clip)

    def useless(self, file: Path, what: str, clip: str | None = None) -> None:
        """An error after which nothing else about the file matters: missing, empty, unreadable."""
        self._add("error", file, what, clip)
        self._useless.add(file)

    def _add(self, severity: Severity, file: Path, what: str, clip: str | None) -> None:
        if file not in self._useless:
            self.items.append(Finding(self._set, clip, file.relative_to(self._data).as_posix(), severity, what))


@dataclass(frozen=True, slots=True)
class CheckedSet:
    """One set.

    Attributes:
        duration_s: Of all prompts together.
        rates: Number of prompts by sample rate, Hz.
        tree: Hash of all files but model outputs, as ``lock.tree_digest`` makes it; empty where the set is missing.
        lock: ``intact``, ``changed``, or ``-`` where the lock does not know the folder.
    """

    name: str
    task: str
    folder: str
    n_clips: int
    n_expected: int
    findings: Sequence[Finding]
    duration_s: float = 0.0
    rates: Mapping[int, int] = field(default_factory=dict)
    tree: str = ""
    lock: str = "-"

    def count(self, severity: Severity) -> int:
        return sum(finding.severity == severity for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {
            "set": self.name,
            "task": self.task,
            "folder": self.folder,
            "n_clips": self.n_clips,
            "n_expected": self.n_expected,
            "hours": self.duration_s / 3600,
            "rates": {str(rate): n for rate, n in sorted(self.rates.items())},
            "n_errors": self.count("error"),
            "n_warnings": self.count("warning"),
            "tree_sha256": self.tree or None,
            "lock": self.lock,
        }


@dataclass(frozen=True, slots=True)
class CheckedData:
    """All that was looked at.

    Attributes:
        sets: Those that are there, and those that were asked for and are not.
        findings: In the order of the sets, errors first within each; then what belongs to no set.
        lock: What was fetched.
    """

    sets: Sequence[CheckedSet]
    findings: Sequence[Finding]
    lock: DataLock

    @property
    def n_errors(self) -> int:
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def n_warnings(self) -> int:
        return len(self.findings) - self.n_errors

    @property
    def hashes(self) -> list[tuple[str, str, str]]:
        """What can be pinned: (name, ``tree`` or ``file``, SHA-256)."""
        trees = [(each.name, "tree", each.tree) for each in self.sets if each.tree]
        return [*trees, *((name, "file", part.sha256) for name, part in self.lock.parts.items())]

    def as_json(self) -> dict[str, Any]:
        return {
            "n_errors": self.n_errors,
            "n_warnings": self.n_warnings,
            "sets": [each.as_json() for each in self.sets],
            "findings": [asdict(finding) for finding in self.findings],
            "fetched": {name: part.model_dump(exclude={"files"}) for name, part in self.lock.parts.items()},
        }
