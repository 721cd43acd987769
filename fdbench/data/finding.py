"""What is wrong with the data, one line for each fault, by file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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

    def as_json(self) -> dict[str, Any]:
        return {"set": self.set, "clip": self.clip, "file": self.file, "severity": self.severity, "what": self.what}


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

    def is_useless(self, file: Path) -> bool:
        return file in self._useless

    def _add(self, severity: Severity, file: Path, what: str, clip: str | None) -> None:
        if file in self._useless:
            return
        name = file.relative_to(self._data).as_posix() if file.is_relative_to(self._data) else str(file)
        self.items.append(Finding(self._set, clip, name, severity, what))
