"""Ratings that somebody already has: ``rating.json`` = ``{"analysis": text, "rating": 0..5}``.

Any finite number is read: whether one outside 0 to 5 counts is the protocol's decision (the published script takes a 9).
"""

from __future__ import annotations

from pathlib import Path

from fdbench.core.annotation import Verdict
from fdbench.errors import DataError
from fdbench.io.files import read_json
from fdbench.io.upstream_json import describe, finite_number


def read_rating(path: Path) -> Verdict | None:
    """The rating in a file; None where there is no file.

    Raises:
        DataError: Not of the form above, or the rating is not a finite number; names the file.
    """
    if not path.exists():
        return None
    found = read_json(path)
    if not isinstance(found, dict) or "rating" not in found:
        raise DataError(f"{path}: expected {{'analysis': text, 'rating': number}}, found {describe(found)}")
    analysis = found.get("analysis")
    return Verdict(finite_number(found["rating"], f"{path}: 'rating'"), analysis if isinstance(analysis, str) else "")
