"""Upstream's wording of the question, read as data from the user's copy of the published script; never executed.

The script is CC BY-NC, so its text is not part of fdbench: ``fdbench data download`` fetches it, and its hash says that it is
the one. In it, ``system_msg`` is a text, and ``user_msg`` is an f-string of three names: the context, the interruption and the
reply. Both are found in the syntax tree; anything else is an error, not a guess.

Under this prompt no form of answer is demanded, no temperature is sent, the seed is 0, and answers are read by the
published rule (``read_upstream_rating``): any whole number is a rating, and whether a 9 counts is the protocol's decision.

References: Full-Duplex-Bench v1.0, ``v1_v1.5/evaluation/eval_user_interruption.py`` at d7336bd.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import RelevanceQuestion
from fdbench.errors import DataError
from fdbench.io.files import sha256_of
from fdbench.judge.prompt import Messages
from fdbench.judge.rating_text import RATING_UNREADABLE, Reading, read_upstream_rating

UPSTREAM_NAME: Final = "upstream"
UPSTREAM_SHA256: Final = "e701c14579c1477577b262265cfff75b28ac2e057beee5ba82572afa2a35963a"
UPSTREAM_COMMIT: Final = "d7336bda1385872b83b48a8d45d9c0003836a60d"
SCRIPT: Final = "eval_user_interruption.py"
PLACES: Final = (f"upstream/v1_v1.5/evaluation/{SCRIPT}", SCRIPT)
"""Where the script lies under the data folder."""
REMEDY: Final = "fetch it with: fdbench data download --data DIR, and give the same --data DIR here"

_NAMES: Final = {
    "in_before_interrupt_text": "context",
    "in_interrupt_text": "interruption",
    "out_after_interrupt_text": "reply",
}


@dataclass(frozen=True, slots=True)
class UpstreamPrompt:
    """The published wording.

    Attributes:
        sha256: Of the script that it was read from.
        user: Pieces in order; a piece that is a field of the question stands for its text.
    """

    system: str
    user: tuple[tuple[str, bool], ...]
    sha256: str = UPSTREAM_SHA256
    name: str = UPSTREAM_NAME
    is_structured: bool = False

    def messages(self, question: RelevanceQuestion) -> Messages:
        pieces = (getattr(question, piece) if is_field else piece for piece, is_field in self.user)
        return Messages(self.system, re.sub("[\ud800-\udfff]", "\ufffd", "".join(pieces)))  # no lone surrogate can be sent

    def read(self, text: str, question: RelevanceQuestion) -> Reading | Absence:
        found = read_upstream_rating(text)
        if found is None:
            return Absence(RATING_UNREADABLE, "the answer is not of the form that the published script reads")
        return Reading(found["rating"], found["analysis"])


def find_upstream_script(data: Path) -> Path:
    """The script under a data folder.

    Raises:
        DataError: It is not there; names the places.
    """
    for place in PLACES:
        if (data / place).is_file():
            return data / place
    raise DataError(f"{data}: no {SCRIPT}, neither in {Path(PLACES[0]).parent} nor in the folder itself", REMEDY)


def read_upstream_prompt(path: Path, expected_sha256: str = UPSTREAM_SHA256) -> UpstreamPrompt:
    """Read the two texts from the published script.

    Raises:
        DataError: It is missing, another version, or not of the form described above; names the file.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})", REMEDY) from None
    found = sha256_of(source)
    if found != expected_sha256:
        raise DataError(
            f"{path}: expected the script of {UPSTREAM_COMMIT[:7]}, SHA-256 {expected_sha256}, found {found}",
            f"remove it and {REMEDY}",
        )
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not Python ({error})", f"remove it and {REMEDY}") from None
    system = _assigned(tree.body, "system_msg", path)
    if not isinstance(system, ast.Constant) or not isinstance(system.value, str):
        raise DataError(f"{path}:{system.lineno}: 'system_msg' is not a plain text")
    user = _assigned([node for node in ast.walk(tree) if isinstance(node, ast.stmt)], "user_msg", path)
    return UpstreamPrompt(system.value, _pieces(user, path), found)


def _assigned(statements: list[ast.stmt], name: str, path: Path) -> ast.expr:
    values = [
        node.value
        for node in statements
        if isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]
    if len(values) != 1:
        raise DataError(f"{path}: expected one assignment of '{name}', found {len(values)}")
    return values[0]


def _pieces(user: ast.expr, path: Path) -> tuple[tuple[str, bool], ...]:
    where = f"{path}:{user.lineno}: 'user_msg'"
    if not isinstance(user, ast.JoinedStr):
        raise DataError(f"{where} is not an f-string")
    pieces = []
    for part in user.values:
        if isinstance(part, ast.Constant):
            pieces.append((str(part.value), False))
            continue
        name = part.value.id if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) else ""
        if name not in _NAMES or not isinstance(part, ast.FormattedValue) or part.conversion != -1 or part.format_spec:
            raise DataError(f"{where} holds something else than {', '.join(_NAMES)}")
        pieces.append((_NAMES[name], True))
    if {piece for piece, is_field in pieces if is_field} != set(_NAMES.values()):
        raise DataError(f"{where} does not hold all of {', '.join(_NAMES)}")
    return tuple(pieces)
