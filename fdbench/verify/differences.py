"""What a verification found: differences by group, and what it could not check."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fdbench.errors import DataError

SAME_RELATIVE: Final = 1e-12
"""Two numbers this near are the same: sums may be taken in another order by another version of NumPy."""

_Value = Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not what the rest of the run says it must be.

    Attributes:
        group: Which check found it, e.g. ``audio``.
        file: Relative to the run's folder.
        what: Where in the file, or what about it, e.g. ``mini/turn_taking tt-01 takeover_rate value``.
        stored: What stands there, None where nothing does.
        found: What it should be, by recomputation.
    """

    group: str
    file: str
    what: str
    stored: _Value = None
    found: _Value = None

    def as_json(self) -> dict[str, Any]:
        return {"group": self.group, "file": self.file, "what": self.what, "stored": self.stored, "recomputed": self.found}


@dataclass(slots=True)
class Group:
    """One kind of check: how much was compared, what differed, and what could not be compared and why.

    Filled while the check goes on; ``counts`` keeps the order in which things were first counted.
    """

    name: str
    counts: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    unchecked: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.counts or self.differences or self.unchecked)

    def count(self, what: str, n: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + n

    def differ(self, file: str, what: str, stored: _Value = None, found: _Value = None) -> None:
        self.differences.append(Difference(self.name, file, what, stored, found))

    def diff(self, file: str, stored: _Value, found: _Value, about: str = "") -> bool:
        """Compare two JSON values; whether anything differs."""
        apart = [*compare(stored, found)]
        for place, left, right in apart:
            self.differ(file, f"{about} {place}".strip(), left, right)
        return bool(apart)

    def broken(self, file: str, error: DataError, about: str = "") -> None:
        """A file that cannot be read; where the error begins with its path, that is left out."""
        _, is_named, why = error.what.partition(f"{file}: ")
        self.differ(file, f"{about}: {why if is_named else error.what}".removeprefix(": "))

    def skip(self, why: str, n: int = 1) -> None:
        self.unchecked[why] = self.unchecked.get(why, 0) + n

    def note(self, what: str) -> None:
        if what not in self.notes:
            self.notes.append(what)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "agrees": not self.differences,
            "compared": dict(self.counts),
            "differences": [each.as_json() for each in self.differences],
            "not_checked": [{"why": why, "n": n} for why, n in self.unchecked.items()],
            "notes": list(self.notes),
        }


def compare(stored: _Value, found: _Value, at: str = "") -> Iterator[tuple[str, _Value, _Value]]:
    """Walk two JSON values; yield (place, stored, found) wherever they are not the same."""
    if isinstance(stored, Mapping) and isinstance(found, Mapping):
        for key in dict.fromkeys((*stored, *found)):
            place = f"{at} {key}".lstrip()
            if key in stored and key in found:
                yield from compare(stored[key], found[key], place)
            else:
                yield place, stored.get(key, _ABSENT), found.get(key, _ABSENT)
    elif _is_list(stored) and _is_list(found) and len(stored) == len(found):
        for index, (left, right) in enumerate(zip(stored, found, strict=True)):
            yield from compare(left, right, f"{at} [{index}]".lstrip())
    elif not _is_same(stored, found):
        yield at, stored, found


_ABSENT: Final = "(absent)"


def _is_list(value: _Value) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_same(stored: _Value, found: _Value) -> bool:
    if isinstance(stored, bool) or isinstance(found, bool):
        return stored is found
    if isinstance(stored, int | float) and isinstance(found, int | float):
        return stored == found or math.isclose(stored, found, rel_tol=SAME_RELATIVE, abs_tol=0.0)
    if _is_list(stored) and _is_list(found):
        return list(stored) == list(found)  # of unequal length
    return type(stored) is type(found) and bool(stored == found)
