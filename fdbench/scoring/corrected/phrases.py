"""The published list of what a listener says without taking the turn, and whether words are made of it.

Whole phrases count, not single words: "of course" is one, "of" is none. "yes", "no" and "nope" are answers and are not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

ENGLISH: Final = (
    "mm", "mmm", "mhm", "mm-hm", "mm-hmm", "mmhmm", "hm", "hmm", "uh-huh", "uh huh", "huh", "uh", "um", "ah", "aha", "oh",
    "ooh", "yeah", "yep", "yup", "right", "all right", "alright", "okay", "ok", "sure", "of course", "wow", "really", "exactly",
    "absolutely", "true", "i see", "i know", "that's right", "got it", "good", "great", "nice", "cool",
)  # fmt: skip
"""The one language whose list there is."""


def _split(text: str) -> tuple[str, ...]:
    """The text without case, punctuation and apostrophes; hyphens separate words."""
    spaced = "".join(" " if letter in "-\u2010\u2011\u2013" or letter.isspace() else letter for letter in text.casefold())
    kept = ("".join(letter for letter in word if letter.isalnum()) for word in spaced.split())
    return tuple(word for word in kept if word)


_PHRASES: Final = frozenset(_split(phrase) for phrase in ENGLISH)
_LONGEST: Final = max(map(len, _PHRASES))


def is_listed(words: Sequence[str]) -> bool:
    """Whether the words, in order, are phrases of the list and nothing else; no words are."""
    parts = _split(" ".join(words))
    ends = {0}
    for end in range(1, len(parts) + 1):
        if any(end - n in ends and parts[end - n : end] in _PHRASES for n in range(1, _LONGEST + 1)):
            ends.add(end)
    return len(parts) in ends
