"""How texts that somebody else wrote travel to a judge: as evidence, never as an instruction.

The model under test is among those who wrote them. They travel as one JSON object on one line:

- a quotation mark, a line break or a control character in them is escaped, so no text ends its own string or the line;
- characters that nobody sees (zero width, direction marks, tags, private use) and brackets that tokenisers give a meaning
  (``<|im_end|>``, ``[INST]``) are written as ``\\uXXXX``, so they are neither invisible nor markup;
- the fence lines carry a token made from the hash of the line between them: the same question gives the same messages, and
  no text can contain the hash of itself.

Texts longer than ``MAX_TEXT_CHARS`` are cut, the cut is named in the record and in the verdict.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from fdbench.io.files import sha256_of

MAX_TEXT_CHARS: Final = 6000
TOKEN_CHARS: Final = 24
_SPOKEN_AS_MARKUP: Final = "<>[]`"
_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def fenced(wording: str, texts: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """A prompt's wording with the record of the texts in it, and what was cut.

    Args:
        wording: With ``{token}`` and ``{record}``.
        texts: By the name that each has in the record.
    """
    record, notes = _record(texts)
    token = sha256_of(record.encode())[:TOKEN_CHARS]
    parts = re.split(r"(\{token\}|\{record\})", wording)  # one pass: what stands in a text is not a placeholder
    filled = {"{token}": token, "{record}": record}
    return "".join(filled.get(part, part) for part in parts), notes


def _record(texts: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The texts as one line of JSON, and what was cut."""
    facts: dict[str, str] = {}
    notes = []
    for name, text in texts.items():
        facts[name] = text[:MAX_TEXT_CHARS]
        if len(text) > MAX_TEXT_CHARS:
            notes.append(f"{name}: cut to {MAX_TEXT_CHARS} of {len(text)} characters")
    if notes:
        facts["cut"] = "; ".join(notes)
    line = json.dumps(facts, ensure_ascii=False)
    return "".join(_escaped(char) for char in line), tuple(notes)


def _escaped(char: str) -> str:
    """A character of the line; what the object's own syntax needs (there is no list in it) is never escaped."""
    if char.isascii() and char.isprintable() and char not in _SPOKEN_AS_MARKUP:
        return char
    if char not in _SPOKEN_AS_MARKUP and unicodedata.category(char) not in _HIDDEN:
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
