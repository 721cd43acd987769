"""Our own prompt for relevance, and how the three texts travel in it.

The texts are evidence that somebody else wrote, the model under test among them. They travel as one JSON object on one line:

- a quotation mark, a line break or a control character in them is escaped, so no text ends its own string or the line;
- characters that nobody sees (zero width, direction marks, tags, private use) and brackets that tokenisers give a meaning
  (``<|im_end|>``, ``[INST]``) are written as ``\\uXXXX``, so they are neither invisible nor markup;
- the fence lines carry a token made from the hash of the line between them: the same question gives the same messages, and
  no text can contain the hash of itself.

Texts longer than ``MAX_TEXT_CHARS`` are cut, the cut is named in the record and in the verdict.

The wording lives in ``prompts/relevance.N.md``, a new N for each change; ratings under different N are not comparable.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import RelevanceQuestion
from fdbench.errors import DataError
from fdbench.io.files import digest_of, sha256_of
from fdbench.judge.prompt import Messages
from fdbench.judge.rating_text import Reading, read_rating

VERSION: Final = 1
MAX_TEXT_CHARS: Final = 6000
TOKEN_CHARS: Final = 24
_SYSTEM, _USER = "<!-- system -->\n", "<!-- user -->\n"
_SPOKEN_AS_MARKUP: Final = "<>[]`"
_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})

ANSWER_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "analysis": {
            "type": "string",
            "description": "one or two sentences: how far the reply takes up the interruption",
        },
        "rating": {"type": "integer", "description": "0 to 5"},
    },
    "required": ["analysis", "rating"],
    "additionalProperties": False,
}
"""The reason comes before the number. No ``enum`` and no bounds: not every server takes them on integers; reading checks."""


@dataclass(frozen=True, slots=True)
class OwnPrompt:
    """One version of our wording.

    Attributes:
        system: The whole task; the same for every question.
        user: With ``{token}`` and ``{record}``.
    """

    name: str
    sha256: str
    system: str
    user: str
    is_structured: bool = True

    def messages(self, question: RelevanceQuestion) -> Messages:
        record, notes = _record(question)
        token = sha256_of(record.encode())[:TOKEN_CHARS]
        parts = re.split(r"(\{token\}|\{record\})", self.user)  # one pass: what stands in a text is not a placeholder
        filled = {"{token}": token, "{record}": record}
        return Messages(self.system, "".join(filled.get(part, part) for part in parts), notes)

    def read(self, text: str, question: RelevanceQuestion) -> Reading | Absence:
        return read_rating(text, question.reply)


def own_prompt(version: int = VERSION) -> OwnPrompt:
    """Our prompt of one version.

    Raises:
        DataError: The package lacks its file.
    """
    file = resources.files("fdbench.judge") / "prompts" / f"relevance.{version}.md"
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error})", "install fdbench again") from None
    _, _, both = text.partition(_SYSTEM)
    system, _, user = both.partition(_USER)
    sha256 = digest_of([text, ANSWER_SCHEMA, MAX_TEXT_CHARS])
    return OwnPrompt(f"relevance-{version}", sha256, system.strip(), user.strip())


def _record(question: RelevanceQuestion) -> tuple[str, tuple[str, ...]]:
    """The three texts as one line of JSON, and what was cut."""
    facts: dict[str, Any] = {}
    notes = []
    for name in ("context", "interruption", "reply"):
        text: str = getattr(question, name)
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
