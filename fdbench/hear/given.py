"""Transcripts and segments that lie beside a recording, in upstream's layout; ``believed`` says what of them is.

===================== ======================================================================================
``output.json``       words of the model; for user_interruption only those after the interruption's end
``output.full.json``  words of the model over the whole recording
``input.json``        words of the user
``output.vad.json``   ``{"segments": [{"start": s, "end": s}, ...]}``: speech of the model, verbatim for every
                      request, whatever its span and settings
``input.vad.json``    the same of the user; need not be there
===================== ======================================================================================

Those of a clean twin are called the same with ``clean_`` before; those of a dialogue ``A.json`` and ``A.vad.json`` (the
examiner), ``B.json`` and ``B.vad.json`` (the model).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fdbench.core.annotation import Channel, WordsRequest
from fdbench.core.behaviour import DIALOGUE
from fdbench.core.span import Span
from fdbench.core.speech import Transcript
from fdbench.core.take_id import MAIN
from fdbench.errors import DataError
from fdbench.io.files import read_json
from fdbench.io.upstream_json import channel_name, describe, file_of, finite_number, read_upstream_transcript

_ENGINE: Final = "given"
_USER_INTERRUPTION: Final = "user_interruption"
_FORMAT: Final = 'expected {"segments": [{"start": seconds, "end": seconds}, ...]}'


def transcript_path(folder: Path, behaviour: str, request: WordsRequest, stimulus: str = MAIN) -> tuple[Path, str]:
    """Which file answers a request, and the reason to give if it does not exist.

    ==================== ========================= =========================================
    channel              request                   file
    ==================== ========================= =========================================
    user                 any                       input.json
    either, dialogue     any                       A.json, B.json
    model, interruption  begins after t = 0        output.json
    model, interruption  the whole                 output.full.json, else transcript_incomplete
    model, otherwise     any                       output.json, else output.full.json
    ==================== ========================= =========================================
    """
    if request.channel == "user" or behaviour == DIALOGUE:
        return folder / file_of(stimulus, f"{channel_name(request.channel, behaviour)}.json"), "transcript_missing"
    cropped, whole = (folder / file_of(stimulus, name) for name in ("output.json", "output.full.json"))
    if behaviour == _USER_INTERRUPTION:
        if request.span is not None and request.span.start_s > 0:
            return cropped, "transcript_missing"
        return whole, "transcript_incomplete" if cropped.exists() else "transcript_missing"
    return (whole if whole.exists() and not cropped.exists() else cropped), "transcript_missing"


def read_transcript(path: Path) -> Transcript:
    """Words and text as they are in the file.

    Raises:
        DataError: The file is missing or not a transcript.
    """
    words, text = read_upstream_transcript(path)
    return Transcript(words, _ENGINE, written=text)


def segments_path(folder: Path, behaviour: str, channel: Channel = "model", stimulus: str = MAIN) -> Path:
    return folder / file_of(stimulus, f"{channel_name(channel, behaviour)}.vad.json")


def read_segments(path: Path) -> tuple[Span, ...]:
    """Segments as they are in the file, in its order.

    Raises:
        DataError: The file is missing or not of the format; names the file and the segment's index.
    """
    value = read_json(path, finite=False)
    segments = value.get("segments") if isinstance(value, dict) else None
    if not isinstance(segments, list):
        raise DataError(f"{path}: no list of segments", _FORMAT)
    return tuple(_segment(path, index, one) for index, one in enumerate(segments))


def _segment(path: Path, index: int, value: Any) -> Span:
    where = f"{path}: segment {index}"
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected an object, found {describe(value)}", _FORMAT)
    for key in ("start", "end"):
        if key not in value:
            raise DataError(f"{where}: no '{key}'", _FORMAT)
    start_s, end_s = (finite_number(value[key], f"{where}: '{key}'") for key in ("start", "end"))
    if not 0 <= start_s <= end_s:
        raise DataError(f"{where}: expected 0 <= start <= end, found {start_s} s to {end_s} s", _FORMAT)
    return Span(start_s, end_s)
