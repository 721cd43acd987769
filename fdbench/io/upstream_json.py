"""Upstream's transcripts: ``{"text", "chunks": [{"text", "timestamp": [start, end]}]}``, times in seconds or null."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from fdbench.core.annotation import Channel
from fdbench.core.behaviour import DIALOGUE
from fdbench.core.speech import Word
from fdbench.core.take_id import MAIN
from fdbench.errors import DataError
from fdbench.io.files import read_json

SAME_END_S = 0.5
"""A turn's end is annotated by ear, so near to the end of the last word."""
_EXPECTED = 'expected {"text": ..., "chunks": [{"text": ..., "timestamp": [start, end]}, ...]}'


def channel_name(channel: Channel, behaviour: str) -> str:
    """How the files of a side are called: of an examiner and a model that talk with each other, ``A`` and ``B``."""
    if behaviour == DIALOGUE:
        return "A" if channel == "user" else "B"
    return "input" if channel == "user" else "output"


def file_of(stimulus: str, name: str) -> str:
    """What the file of a stimulus, or of what answers it, is called where that of the main one is called ``name``."""
    return name if stimulus == MAIN else f"{stimulus}_{name}"


def read_upstream_words(path: Path) -> tuple[Word, ...]:
    """Read a transcript (``output.json``, ``input.json``, ``transcription.json``).

    Words stay in the file's order, which need not be that of time; they may overlap; a null time stays None.

    Raises:
        DataError: The file is missing, is not JSON, or has another structure; names the file and the chunk's index.
    """
    return read_upstream_transcript(path)[0]


def read_upstream_transcript(path: Path) -> tuple[tuple[Word, ...], str | None]:
    """As ``read_upstream_words``, and the file's own ``text`` as it stands there; None where it has none."""
    value = read_json(path, finite=False)
    if not isinstance(value, dict) or "chunks" not in value:
        raise DataError(f"{path}: {_EXPECTED}, found {describe(value)}")
    chunks, text = value["chunks"], value.get("text")
    if not isinstance(chunks, list):
        raise DataError(f"{path}: 'chunks': expected a list, found {describe(chunks)}")
    words = tuple(_word(chunk, f"{path}: chunk {index}") for index, chunk in enumerate(chunks))
    return words, text if isinstance(text, str) else None


def read_user_words(path: Path, turn_end_s: float | None) -> tuple[Word, ...]:
    """The user's words of a clip's ``transcription.json``, which may hold both speakers of the conversation.

    Then it is ``[{"speaker": 0, "item": [words]}, ...]``, and the user is the one whose last word ends where the turn does.

    Args:
        turn_end_s: The annotated one; None where there is none.

    Raises:
        DataError: As ``read_upstream_words``, or nobody can tell which of several speakers is the user.
    """
    value = read_json(path, finite=False)
    if not isinstance(value, list):
        return read_upstream_words(path)
    speakers = [_words_of_speaker(each, f"{path}: [{index}]") for index, each in enumerate(value)]
    speaking = [words for words in speakers if words]
    if len(speaking) < 2:
        return speaking[0] if speaking else ()
    if turn_end_s is None:
        raise DataError(f"{path}: {len(speaking)} speakers, and no annotated turn end that tells which is the user")
    ends_s = [max((word.end_s or word.start_s or 0.0) for word in words) for words in speaking]
    nearest = min(range(len(speaking)), key=lambda index: abs(ends_s[index] - turn_end_s))
    if abs(ends_s[nearest] - turn_end_s) > SAME_END_S:
        found = ", ".join(f"{end_s:g} s" for end_s in ends_s)
        raise DataError(f"{path}: expected a speaker whose last word ends at the turn's end, {turn_end_s:g} s, found {found}")
    return speaking[nearest]


def _words_of_speaker(value: Any, where: str) -> tuple[Word, ...]:
    if not isinstance(value, dict) or not isinstance(value.get("item"), list):
        raise DataError(f'{where}: expected {{"speaker": ..., "item": [words]}}, found {describe(value)}')
    return tuple(_word(item, f"{where}: item {index}") for index, item in enumerate(value["item"]))


def _word(chunk: Any, where: str) -> Word:
    if not isinstance(chunk, dict):
        raise DataError(f'{where}: expected {{"text", "timestamp"}}, found {describe(chunk)}')
    for key in ("text", "timestamp"):
        if key not in chunk:
            raise DataError(f"{where}: no '{key}'")
    text, times = chunk["text"], chunk["timestamp"]
    if not isinstance(text, str):
        raise DataError(f"{where}: 'text': expected text, found {describe(text)}")
    if not isinstance(times, list) or len(times) != 2:
        raise DataError(f"{where}: 'timestamp': expected [start, end], found {describe(times)}")
    start_s, end_s = (None if time is None else finite_number(time, f"{where}: 'timestamp'") for time in times)
    return Word(text.strip(), start_s, end_s)


def finite_number(value: Any, where: str) -> float:
    """A JSON number as float.

    Raises:
        DataError: It is not a number, or not finite; ``where`` names file and key.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{where}: expected a number, found {describe(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DataError(f"{where}: expected a finite number, found {describe(value)}")
    return number


def describe(value: Any, limit: int = 60) -> str:
    """A JSON value in one short line, for an error."""
    try:
        text = "null" if value is None else repr(value)
    except RecursionError:  # what could just be parsed need not be printable
        text = "a value nested deeply"
    return text if len(text) <= limit else f"{text[:limit]}..."
