"""Ratings that somebody already has: ``rating.json`` = ``{"analysis": text, "rating": 0..5}``."""

from __future__ import annotations

import math
from pathlib import Path

from fdbench.core.annotation import Verdict
from fdbench.errors import DataError
from fdbench.io.files import read_json

MAX_RATING = 5


def read_rating(path: Path) -> Verdict | None:
    """The rating in a file; None where there is no file.

    Raises:
        DataError: Not of the form above, or the rating lies outside 0 to 5.
    """
    if not path.exists():
        return None
    found = read_json(path)
    rating = found.get("rating") if isinstance(found, dict) else None
    if isinstance(rating, bool) or not isinstance(rating, int | float) or not math.isfinite(rating):
        raise DataError(f"{path}: expected {{'analysis': text, 'rating': number}}, found {str(found)[:80]}")
    if not 0 <= rating <= MAX_RATING:
        raise DataError(f"{path}: expected a rating from 0 to {MAX_RATING}, found {rating}")
    return Verdict(float(rating), str(found.get("analysis", "")))
