"""Upstream's wording of the question, read as data from the user's copy of the published script; never executed.

The script is CC BY-NC, so its text is not part of fdbench: ``fdbench data download`` fetches it, and its hash says that it is
the one. In it, ``system_msg`` is a text, and ``user_msg`` is an f-string of three names: the context, the interruption and the
reply. Both are found in the syntax tree.

Under this prompt no form of answer is demanded, no temperature is sent, the seed is 0, and answers are read by the
published rule (``read_upstream_rating``): any whole number is a rating, and whether a 9 counts is the protocol's decision.

References: Full-Duplex-Bench v1.0, ``v1_v1.5/evaluation/eval_user_interruption.py`` at d7336bd.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Question
from fdbench.errors import DataError
from fdbench.io.files import sha256_of
from fdbench.judge.prompt import Messages
from fdbench.judge.rating_text import Reading, read_upstream_rating

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
    schema: None = None
    first_seed: int = 0
    temperature: None = None

    def messages(self, question: Question) -> Messages:
        pieces = (getattr(question, piece) if is_field else piece for piece, is_field in self.user)
        return Messages(self.system, re.sub("[\ud800-\udfff]", "\ufffd", "".join(pieces)))  # no lone surrogate can be sent

    def read(self, text: str, question: Question) -> Reading | Absence:
        return read_upstream_rating(text)


def find_upstream_script(data: Path) -> Path:
    """The script under a data folder.

    Raises:
        DataError: It is not there; names the places.
    """
    for place in PLACES:
        if (data / place).is_file():
            return data / place
    raise DataError(f"{data}: no {SCRIPT}, neither in {Path(PLACES[0]).parent} nor in the folder itself", REMEDY)


def published_beside(upstream_script: Path, places: Sequence[str], sha256: str) -> bytes:
    """Another published file, at one of some places from the folder of the script on.

    Raises:
        DataError: It is missing or another version; names the file.
    """
    found = [upstream_script.parent / place for place in places]
    return _published(next((place for place in found if place.is_file()), found[0]), sha256)


def _published(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})", REMEDY) from None
    found = sha256_of(content)
    if found != sha256:
        raise DataError(
            f"{path}: expected the file of {UPSTREAM_COMMIT[:7]}, SHA-256 {sha256}, found {found}",
            f"remove it and {REMEDY}",
        )
    return content


def read_upstream_prompt(path: Path, expected_sha256: str = UPSTREAM_SHA256) -> UpstreamPrompt:
    """Read the two texts from the published script.

    Raises:
        DataError: It is missing or another version; names the file.
    """
    source = _published(path, expected_sha256)
    assigned: dict[str, Any] = {  # each of the two once, inside the script's function
        target.id: node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    pieces = (
        (part.value, False) if isinstance(part.value, str) else (_NAMES[part.value.id], True)
        for part in assigned["user_msg"].values
    )
    return UpstreamPrompt(ast.literal_eval(assigned["system_msg"]), tuple(pieces), expected_sha256)
