"""Upstream's transcripts: ``{"text", "chunks": [{"text", "timestamp": [start, end]}]}``, times in seconds or null."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from fdbench.core.speech import Word
from fdbench.errors import DataError
from fdbench.io.files import read_json

_EXPECTED = 'expected {"text": ..., "chunks": [{"text": ..., "timestamp": [start, end]}, ...]}'


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
