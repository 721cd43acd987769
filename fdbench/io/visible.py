"""Text from elsewhere as a terminal or a page may be given it: nothing in it acts, everything in it is seen."""

from __future__ import annotations

import json
import unicodedata
from typing import Final

_ACTING: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control characters (line breaks, escapes), marks of direction and other format, halves of pairs, separators of lines."""


def visible(text: str) -> str:
    """``text`` on one line; whatever would act is escaped as Python writes it: ``\\n``, ``\\x1b``, ``\\u202e``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if _acts(char) else char for char in text)


def visible_json(text: str) -> str:
    """A JSON text that says the same; what would act is escaped as JSON writes it, but for the breaks between its lines."""
    return "".join(json.dumps(char)[1:-1] if char != "\n" and _acts(char) else char for char in text)


def visible_lines(text: str) -> str:
    """The same for a text of several lines of our own, of which each may quote others."""
    return "\n".join(map(visible, text.split("\n")))


def _acts(char: str) -> bool:
    return unicodedata.category(char) in _ACTING


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()
