"""What a judge said before, beside the recordings.

``rating.json``     ``{"analysis": text, "rating": 0..5}``
``behavior.json``   ``{"behaviour": ["C_RESPOND"]}``, one of the four labels
``judge.txt``       of a dialogue: what the judge wrote, in our form or the published one (``dialogue_text``)

Any finite rating is read: whether one outside 0 to 5 counts is the protocol's decision (the published script takes a 9).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import LABELS, Verdict
from fdbench.errors import DataError
from fdbench.io.files import read_json
from fdbench.io.upstream_json import describe, finite_number
from fdbench.judge.dialogue_text import MAX_TEXT_CHARS, read_dialogue_text

RATING_FILE: Final = "rating.json"
LABEL_FILE: Final = "behavior.json"
DIALOGUE_FILE: Final = "judge.txt"


def read_verdict(path: Path) -> Verdict | None:
    """The verdict in a file; None where there is no file.

    Raises:
        DataError: Not of a form above, or the rating is not a finite number; names the file.
    """
    if not path.exists():
        return None
    found = read_json(path)
    if isinstance(found, dict) and "behaviour" in found:
        return Verdict(None, label=_label(found["behaviour"], path))
    if not isinstance(found, dict) or "rating" not in found:
        raise DataError(f"{path}: expected {{'analysis': text, 'rating': number}}, found {describe(found)}")
    analysis = found.get("analysis")
    return Verdict(finite_number(found["rating"], f"{path}: 'rating'"), analysis if isinstance(analysis, str) else "")


def read_dialogue_verdict(path: Path) -> Verdict | None:
    """What a judge wrote about a dialogue; None where there is no file.

    Raises:
        DataError: It cannot be read, or nothing can be read in it; names the file.
    """
    try:
        with path.open("rb") as file:
            text = file.read(4 * MAX_TEXT_CHARS + 1).decode("utf-8-sig", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    found = read_dialogue_text(text)
    if isinstance(found, Absence):
        raise DataError(f"{path}: {found.message}")
    return Verdict(found.rating, found.analysis, events=found.events)


def _label(value: Any, path: Path) -> str:
    if not isinstance(value, list) or len(value) != 1 or value[0] not in LABELS:
        raise DataError(f"{path}: 'behaviour': expected a list with one of {', '.join(LABELS)}, found {describe(value)}")
    return str(value[0])
