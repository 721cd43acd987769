"""Errors that a user can act on: what is wrong, and what to do about it.

Library code raises these and nothing prints them but the command line, which
shows the two lines and exits with status 2 (``-v`` adds the traceback).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class FdbenchError(Exception):
    """Base of every error that fdbench raises on purpose.

    Args:
        what: What is wrong, with the file, the id, what was expected and what was found.
        remedy: What to do about it; one sentence, empty when nothing sensible can be advised.
        excerpt: Lines that show what is wrong.
    """

    def __init__(self, what: str, remedy: str = "", excerpt: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.excerpt = tuple(excerpt)

    def __str__(self) -> str:
        return "\n  ".join([self.what, *self.excerpt, *([self.remedy] if self.remedy else [])])

    def __reduce__(self) -> tuple[type[FdbenchError], tuple[str, str, tuple[str, ...]]]:
        return type(self), (self.what, self.remedy, self.excerpt)  # survives the trip back from a worker process


class UsageError(FdbenchError):
    """The command line or an argument asks for something that does not exist or makes no sense."""


class DataError(FdbenchError):
    """A file is missing, unreadable, or does not say what its format requires."""


class AdapterError(FdbenchError):
    """An adapter broke the party contract."""


class MissingExtraError(FdbenchError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        self._args = (package, extra, purpose)
        super().__init__(f"{purpose} needs the package '{package}', which is not installed", f"pip install 'fdbench[{extra}]'")

    def __reduce__(self) -> tuple[type[FdbenchError], tuple[str, str, str]]:  # type: ignore[override]
        return type(self), self._args


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not in a registry: nearest match first, then the whole list."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return UsageError(f"unknown {kind} '{name}'", f"{hint}known: {', '.join(names) or 'none'}")
