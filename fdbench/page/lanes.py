"""What the page draws of a call: lanes of sound with what was found in them, and marks that say what was decided.

::

    user   ~~~~~~~~~~~~        ~~~~~~              a lane: waveform, detected speech, words, annotated events
    marks              |------------>|  0.42 s     lines, windows and arrows between them
    model                            ~~~~~~~~      a lane: with the utterances that were found, each named for what it counts as

Conventions: seconds on the prompt's timeline. Text is text: whatever would act is made visible where it enters (``shown``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from fdbench.core.sound import Audio
from fdbench.io.visible import visible

PEAKS_HZ: Final = 40.0
"""Peaks per second of a lane that is not very long."""
MOST_PEAKS: Final = 6000
ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
"""A peak is one letter: its place here by 63 is the amplitude to the power of ``COMPANDING``."""
COMPANDING: Final = 0.6

MarkKind = Literal["line", "window", "arrow", "open"]
Tone = Literal["plain", "good", "bad", "quiet"]
Role = Literal["user", "model", "other"]


def seconds(time_s: float) -> float:
    """As it is stored on the page: to the millisecond, never a negative zero."""
    return round(time_s, 3) + 0.0


def shown(text: str) -> str:
    """Text from elsewhere on one line: nothing in it acts, everything in it is seen."""
    return visible(text.encode("utf-8", "backslashreplace").decode())


def peaks_of(audio: Audio) -> tuple[str, float]:
    """The waveform in letters of ``ALPHABET``, and how many of them make a second."""
    n = max(1, min(MOST_PEAKS, math.ceil(audio.duration_s * PEAKS_HZ)))
    edges = np.linspace(0, len(audio.samples), n, endpoint=False, dtype=np.int64)
    peaks = np.maximum.reduceat(np.abs(audio.samples), edges) if len(audio.samples) else np.zeros(n)
    levels = np.rint(63 * np.clip(peaks, 0.0, 1.0) ** COMPANDING).astype(int)
    return "".join(ALPHABET[level] for level in levels), n / max(audio.duration_s, 1e-9)


@dataclass(frozen=True, slots=True)
class Piece:
    """Something in a lane: a word, an annotated event, an utterance that was found.

    Attributes:
        text: What is written on it.
        kind: What it is, as the data or a scorer names it; decides its colour.
    """

    start_s: float
    end_s: float
    text: str = ""
    kind: str = ""

    def as_json(self) -> list[Any]:
        return [seconds(self.start_s), seconds(self.end_s), shown(self.text), shown(self.kind)]


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of the decision.

    Attributes:
        kind: ``line`` at ``start_s``; ``window`` from start to end; ``arrow`` likewise, a measured time; ``open``: an arrow
            that is only known to be longer.
        label: What is written beside it.
    """

    kind: MarkKind
    start_s: float
    end_s: float
    label: str
    tone: Tone = "plain"

    def as_json(self) -> list[Any]:
        return [self.kind, seconds(self.start_s), seconds(self.end_s), shown(self.label), self.tone]


@dataclass(frozen=True, slots=True)
class Lane:
    """One side of a call.

    Attributes:
        name: Of whoever is heard in it.
        start_s, end_s: Of its sound.
        peaks, peaks_hz: As ``peaks_of`` gives them; empty where there is no sound to show.
        audio: The file of it, relative to the page; empty where there is none.
        speech: Where speech was detected.
        words: Recognised, or the data's.
        events: Annotated, or told by whoever speaks.
        found: Utterances, and what each counts as.
    """

    name: str
    role: Role
    start_s: float
    end_s: float
    peaks: str = ""
    peaks_hz: float = PEAKS_HZ
    audio: str = ""
    speech: tuple[Piece, ...] = ()
    words: tuple[Piece, ...] = ()
    events: tuple[Piece, ...] = ()
    found: tuple[Piece, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "name": shown(self.name),
            "role": self.role,
            "start": seconds(self.start_s),
            "end": seconds(self.end_s),
            "peaks": self.peaks,
            "hz": round(self.peaks_hz, 6),
            "audio": self.audio,
            "speech": _pieces(self.speech),
            "words": _pieces(self.words),
            "events": _pieces(self.events),
            "found": _pieces(self.found),
        }


@dataclass(frozen=True, slots=True)
class Drawn:
    """A call as the page shows it.

    Attributes:
        why: In one sentence, why it has its number.
        cost: What the user lost by it, as a sum.
        clocks: What a server told, by clock: when it decided, when that arrived, when it was played.
        values: Rows of the table of numbers: protocol, metric, value, the reason why there is none, and what it was made from.
        judged: What a judge said: by whom, the rating or label, and its words.
        remarks: Whatever else has to be known, a line each.
        own_text: What the model wrote while it spoke.
    """

    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...] = ()
    why: str = ""
    cost: str = ""
    clocks: tuple[tuple[str, tuple[Piece, ...]], ...] = ()
    values: tuple[list[Any], ...] = ()
    judged: tuple[tuple[str, str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    own_text: str = ""
    run: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "why": shown(self.why),
            "cost": shown(self.cost),
            "lanes": [lane.as_json() for lane in self.lanes],
            "marks": [mark.as_json() for mark in self.marks],
            "clocks": [[name, _pieces(events)] for name, events in self.clocks],
            "values": list(self.values),
            "judged": [[shown(by), shown(rating), shown(words)] for by, rating, words in self.judged],
            "remarks": [shown(remark) for remark in self.remarks],
            "own_text": shown(self.own_text),
        }


@dataclass(frozen=True, slots=True)
class Clip:
    """One sample, one time: a call of every run that has it.

    Attributes:
        key: What the page calls it.
        calls: One for each run; None where it has none.
    """

    key: str
    task: str
    sample: str
    repeat: int = 0
    calls: tuple[Drawn | None, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        calls = [None if call is None else call.as_json() for call in self.calls]
        return {"key": self.key, "task": shown(self.task), "id": shown(self.sample), "repeat": self.repeat, "calls": calls}


def _pieces(pieces: Iterable[Piece]) -> list[list[Any]]:
    return [piece.as_json() for piece in pieces]
