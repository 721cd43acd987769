"""What of transcripts and segments is believed (``core.plausible``), and what there is to say about it.

The answers themselves stay as they are, for the protocols that take them so; what is believed lies beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import DetectedSpeech, SpeechRequest, WordsRequest
from fdbench.core.plausible import AT_END_S, check_cropped, check_segments, check_words
from fdbench.core.span import Span
from fdbench.core.speech import Transcript

NEAR_S: Final = 0.25
"""Recognisers put words this far beside their sound."""


def believe_words(
    path: Path, transcript: Transcript, request: WordsRequest, length_s: float | None
) -> tuple[Transcript, list[str]]:
    """The transcript with what of it is believed, and a line for each thing that is mended or not believed.

    Args:
        length_s: Of the recording; None where there is none.
    """
    found = check_words(transcript.words, length_s, str(path))
    lines = [found.message] if isinstance(found, Absence) else [f"{path}: {note}" for note in found.notes]
    cropped = check_cropped(transcript.words, request.span) if request.span is not None else ""
    believed = found if isinstance(found, Absence) else found.words
    return replace(transcript, believed=believed), [*lines, *([f"{path}: {cropped}"] if cropped else ())]


def believe_segments(
    path: Path, segments: Sequence[Span], length_s: float | None
) -> tuple[tuple[Span, ...] | Absence, list[str]]:
    """As ``believe_words``."""
    found = check_segments(segments, length_s, str(path))
    if isinstance(found, Absence):
        return found, [found.message]
    is_cut = length_s is not None and any(segment.end_s > length_s + AT_END_S for segment in segments)
    return found, [f"{path}: the last segment is cut at the end of the audio ({length_s:.3f} s)"] if is_cut else []


def believe_recognised(transcript: Transcript) -> Transcript:
    """Recognised words by the rules for given ones; a recogniser hears no further than the recording goes."""
    found = check_words(transcript.words, None)
    return transcript if isinstance(found, Absence) or not found.notes else replace(transcript, believed=found.words)


def words_beside_speech(
    path: Path, request: WordsRequest, transcript: Transcript, speech: Mapping[SpeechRequest, DetectedSpeech]
) -> list[str]:
    """A line where most words of a transcript lie where the detector hears nobody: another clip, clock or part."""
    spans = [word.span for word in transcript.words if word.span is not None]
    for asked, detected in speech.items():
        if (asked.channel, asked.span, asked.vad.rate) != (request.channel, request.span, "16k"):
            continue
        near = [Span(max(0.0, each.start_s - NEAR_S), each.end_s + NEAR_S) for each in detected.segments]
        n_beside = sum(not any(each.overlaps(span) for each in near) for span in spans)
        if n_beside * 2 > len(spans):
            return [f"{path}: {n_beside} of {len(spans)} words lie where the model is not heard to speak"]
    return []
