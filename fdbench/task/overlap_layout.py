"""Upstream's v1.5 layout: a pair of prompts per clip, with and without somebody who speaks while the model answers.

    FOLDER/<id>/input.wav          the prompt with the overlap
                clean_input.wav    its clean twin, without
                metadata.json      {"context_text", "current_turn_text", "timestamps": [start, end]} of the overlap in input.wav

Beside them may lie recordings (``output.wav``, ``clean_output.wav``) and what is known of any of the four
(``input.json``, ``clean_output.json``, ``output.vad.json``, ``behavior.json``, ...).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fdbench.core.event import CONTEXT, OVERLAP, Event
from fdbench.core.span import Span
from fdbench.errors import DataError
from fdbench.io.files import read_json
from fdbench.io.upstream_json import describe, finite_number

METADATA: Final = "metadata.json"


def read_overlap(clip: Path) -> tuple[Event, ...]:
    """The overlap and what was said before it.

    Raises:
        DataError: ``metadata.json`` is missing or does not say when the overlap is; names file and key.
    """
    file = clip / METADATA
    value = read_json(file, finite=False)
    if not isinstance(value, dict):
        raise DataError(f"{file}: expected an object, found {describe(value)}")
    span = _span(value.get("timestamps"), f"{file}: 'timestamps'")
    context, current = (_text(value, key, file) for key in ("context_text", "current_turn_text"))
    # Upstream does not say when the context was spoken, only that it was before the overlap.
    return Event(CONTEXT, Span(0.0, span.start_s), context), Event(OVERLAP, span, current)


def _span(value: Any, where: str) -> Span:
    if not isinstance(value, list) or len(value) != 2:
        raise DataError(f"{where}: expected [start, end], found {describe(value)}")
    start_s, end_s = (finite_number(time, where) for time in value)
    if not 0 <= start_s < end_s:
        raise DataError(f"{where}: expected 0 <= start < end, found [{start_s:g}, {end_s:g}]")
    return Span(start_s, end_s)


def _text(value: dict[str, Any], key: str, file: Path) -> str:
    text = value.get(key)
    if text is not None and not isinstance(text, str):
        raise DataError(f"{file}: '{key}': expected text, found {describe(text)}")
    return text or ""
