"""Conversations of two people as a user holds them: who speaks when, from four kinds of files.

===============  ==================================================================  =========================
kind             a folder of                                                         cut by
===============  ==================================================================  =========================
``rttm``         ``*.rttm``: ``SPEAKER FILE CHANNEL START DURATION .. .. NAME``      the annotated segments
``ctm``          ``*.ctm``: ``FILE CHANNEL START DURATION WORD``                     words
``transcripts``  ``*.csv``: ``speaker``, ``start``, ``stop`` or ``end``, and         words; a row with several has
                 ``utterance``, ``text`` or ``word``; a conversation each            them spread evenly
``stereo``       ``*.wav``, ``*.flac``: two channels; a conversation each            the detector, at the sound
===============  ==================================================================  =========================

Conventions: seconds from the recording's start. A FILE's lines are one conversation; in RTTM the NAME tells speakers apart, in
CTM the CHANNEL. A conversation has exactly two speakers. Empty lines and those that begin with ``;`` or ``#`` say nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fdbench.audio.levels import loudest_frame_dbfs, rms_dbfs
from fdbench.audio.vad import detect_speech, load_vad_model
from fdbench.core.annotation import CORRECTED_VAD
from fdbench.core.sound import Audio
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.errors import DataError
from fdbench.human.offset import FRAME_S, find_offsets
from fdbench.human.reference import CuttingRule
from fdbench.io.files import open_plain
from fdbench.io.wav import believed, read_channels
from fdbench.scoring.corrected.utterance import BURST_GAP_S

ENDINGS: Final = {"rttm": (".rttm",), "ctm": (".ctm",), "transcripts": (".csv",), "stereo": (".wav", ".flac")}
EARLIER_S, LATER_S = 0.15, 0.05
"""How far around an edge that the detector found its sound is looked for: it hears 0.1 s late that speech is over."""
SOUND_DB: Final = 40.0
"""Frames this far below the loudest are silence."""
_TEXT: Final = ("utterance", "text", "word")


@dataclass(frozen=True, slots=True)
class Speaker:
    """One side of a conversation: when it speaks, and its words where they are known."""

    segments: tuple[Span, ...]
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation of two; ``length_s`` is that of the recording, or the last end where there is none."""

    name: str
    sides: tuple[Speaker, Speaker]
    length_s: float


def read_corpus(kind: str, folder: Path) -> tuple[list[Talk], CuttingRule]:
    """All conversations of a folder in order of their names, and how their speech is cut.

    Raises:
        DataError: There is none, or a file is not of the form; names file and line.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS[kind])
    if not paths:
        raise DataError(f"{folder}: no {' or '.join(f'*{ending}' for ending in ENDINGS[kind])} in it", "name another folder")
    if kind == "stereo":
        return _read_stereo(paths)
    rows = {"rttm": _rttm_rows, "ctm": _ctm_rows, "transcripts": _csv_rows}[kind]
    talks = [talk for path in paths for talk in _talks_of(path, rows)]
    return talks, CuttingRule(by="segments" if kind == "rttm" else "words", min_silence_s=BURST_GAP_S)


Row = tuple[str, str, Span, str]
"""Conversation, speaker, when, and what is said (empty where it is not known)."""


def _talks_of(path: Path, rows: Callable[[Path], Iterator[Row]]) -> list[Talk]:
    found: dict[str, dict[str, list[tuple[Span, str]]]] = {}
    for talk, speaker, span, text in rows(path):
        found.setdefault(talk, {}).setdefault(speaker, []).append((span, text))
    for talk, sides in found.items():
        if len(sides) != 2:
            raise DataError(f"{path}: {talk}: {len(sides)} speakers, expected 2", "take it out, or keep two of its speakers")
    return [
        Talk(talk, (first, second), max(span.end_s for side in (first, second) for span in side.segments))
        for talk, sides in found.items()
        for first, second in [tuple(_side(sides[name]) for name in sorted(sides))]
    ]


def _side(rows: Iterable[tuple[Span, str]]) -> Speaker:
    rows = sorted(rows)
    return Speaker(tuple(span for span, _ in rows), tuple(word for span, text in rows for word in _spread(span, text)))


def _spread(span: Span, text: str) -> Iterator[Word]:
    words = text.split()
    for index, word in enumerate(words):
        share = span.duration_s / len(words)
        yield Word(word, span.start_s + index * share, span.start_s + (index + 1) * share)


def _rttm_rows(path: Path) -> Iterator[Row]:
    for number, parts in _lines(path):
        if parts[0] == "SPEAKER":
            if len(parts) < 8:
                raise _malformed(path, number, "expected SPEAKER FILE CHANNEL START DURATION .. .. NAME")
            yield parts[1], parts[7], _span(path, number, parts[3], parts[4]), ""


def _ctm_rows(path: Path) -> Iterator[Row]:
    for number, parts in _lines(path):
        if len(parts) < 5:
            raise _malformed(path, number, "expected FILE CHANNEL START DURATION WORD")
        yield parts[0], parts[1], _span(path, number, parts[2], parts[3]), parts[4]


def _csv_rows(path: Path) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    columns = reader.fieldnames or ()
    end = next((name for name in ("stop", "end") if name in columns), None)
    text = next((name for name in _TEXT if name in columns), None)
    if end is None or text is None or not {"speaker", "start"} <= set(columns):
        raise _malformed(path, 1, f"expected columns speaker, start, stop, utterance, found {', '.join(columns) or 'none'}")
    for row in reader:
        start_s, end_s = (_seconds(path, reader.line_num, row[name]) for name in ("start", end))
        if end_s < start_s:
            raise _malformed(path, reader.line_num, f"it ends at {end_s:g} s, before its start at {start_s:g} s")
        yield path.stem, row["speaker"] or "", Span(start_s, end_s), row[text] or ""


def _read_stereo(paths: Iterable[Path]) -> tuple[list[Talk], CuttingRule]:
    vad, talks = load_vad_model(), []
    for path in paths:
        channels = read_channels(path)
        if len(channels) != 2:
            raise DataError(f"{path}: {len(channels)} channels, expected 2", "give one speaker per channel")
        sounds = [
            Audio(believed(each, str(path)).samples - offset, each.sample_rate)
            for each, offset in zip(channels, find_offsets(path), strict=True)
        ]
        heard = [(each, detect_speech(each, CORRECTED_VAD, vad).segments) for each in sounds]
        first, second = (Speaker(tuple(_at_sound(audio, span) for span in spans)) for audio, spans in heard)
        talks.append(Talk(path.stem, (first, second), channels[0].duration_s))
    return talks, CuttingRule(by="detector", min_silence_s=BURST_GAP_S, detector=f"{vad.signature}+sound")


def _at_sound(audio: Audio, found: Span) -> Span:
    """What the detector found, with its edges where the sound begins and ends, if silence lies around it."""
    least_dbfs = loudest_frame_dbfs(audio, found) - SOUND_DB
    frame = round(FRAME_S * audio.sample_rate)

    def is_sound(edge_s: float) -> list[bool]:
        first, last = (max(0, round((edge_s + by_s) * audio.sample_rate)) for by_s in (-EARLIER_S, LATER_S))
        return [rms_dbfs(audio.samples[at : at + frame]) >= least_dbfs for at in range(first, last, frame)]

    start_s, end_s = found.start_s, found.end_s
    around = is_sound(start_s)
    if True in around and not around[0]:
        start_s = max(0.0, start_s - EARLIER_S) + around.index(True) * FRAME_S
    around = is_sound(end_s)
    if True in around and not around[-1]:
        end_s = max(0.0, end_s - EARLIER_S) + (len(around) - around[::-1].index(True)) * FRAME_S
    return Span(start_s, max(start_s, min(end_s, audio.duration_s)))


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(_text(path).splitlines(), 1):
        parts = line.split()
        if parts and parts[0][0] not in ";#":
            yield number, parts


def _text(path: Path) -> str:
    with open_plain(path) as file:
        data = file.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error})", "convert it") from None


def _span(path: Path, number: int, start: str, duration: str) -> Span:
    start_s = _seconds(path, number, start)
    return Span(start_s, start_s + _seconds(path, number, duration))


def _seconds(path: Path, number: int, text: str | None) -> float:
    try:
        return Span(0.0, float(text or "")).end_s
    except ValueError:
        raise _malformed(path, number, f"{text!a} is no number of seconds from 0 on") from None


def _malformed(path: Path, number: int, what: str) -> DataError:
    return DataError(f"{path}:{number}: {what}", "mend the line, or take the file out")
