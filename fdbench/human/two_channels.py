"""Hear a call of two channels and any length: who speaks when, in blocks.

::

    samples      |--1 s--|--1 s--|--...        a block of both channels at a time
    probability  .1.9.9.2.................     32 ms each, kept (112,500 of an hour)
    level        -70 -31 -29 -68 .........     10 ms each, kept
    speech         |---|                       the detector's stretches, with their edges where the sound begins and ends

Conventions: the detector and its settings are those of the ``fdbench`` protocol, the edges those of ``human-timing --stereo``:
where the detector found an edge, it is moved to where the sound within 0.15 s before and 0.05 s after begins or ends (40 dB
below the loudest of that stretch). Only the resampling differs (soxr in blocks), which moves an edge by less than 1 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from fdbench.audio.segments import VAD_RATE, WINDOW_SAMPLES, Probabilities, speech_segments
from fdbench.audio.vad import VadModel, VadState, load_vad_model
from fdbench.core.annotation import CORRECTED_VAD
from fdbench.core.span import Span, merged
from fdbench.errors import DataError, UsageError
from fdbench.human.corpora import EARLIER_S, LATER_S, SOUND_DB
from fdbench.human.offset import FRAME_S, find_offsets
from fdbench.io.wav_stream import Block, open_stream

_LEAST_DBFS: Final = -120.0
_FLOOR_PERCENTILE: Final = 10
_SAME: Final = 0.999

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeardChannel:
    """One side of a call.

    Attributes:
        segments: Where somebody speaks, in seconds.
        loudest_dbfs: Of its 10 ms frames.
        floor_dbfs: The level that a tenth of its frames are below; -120 where that is silence to the last bit.
    """

    segments: tuple[Span, ...]
    loudest_dbfs: float
    floor_dbfs: float


@dataclass(frozen=True, slots=True)
class HeardCall:
    """A call of two channels.

    Attributes:
        likeness: Correlation of the two channels' samples, 1 where they are the same sound.
    """

    name: str
    user: HeardChannel
    model: HeardChannel
    length_s: float
    likeness: float
    n_channels: int
    detector: str

    @property
    def is_one_sound(self) -> bool:
        return abs(self.likeness) >= _SAME


def hear_call(path: Path, user: int, model: int) -> HeardCall:
    """Find the speech of both sides.

    Args:
        user, model: Channels, counted from 0.

    Raises:
        DataError: The file cannot be read, or has one channel only.
        UsageError: It has no such channel, or both are the same.
        MissingExtraError: There is no detector here.
    """
    if user == model:
        raise UsageError(f"--user {user} --model {model}: one channel for both", "name two channels, counted from 0")
    vad, offsets = load_vad_model(), find_offsets(path)
    with open_stream(path) as stream:
        _refuse_other_channels(path, stream.n_channels, user, model)
        ears = {channel: _Ear(vad, stream.rate) for channel in (user, model)}
        products, n = np.zeros(3), 0
        for raw in stream.blocks():
            block = raw - offsets
            for channel, ear in ears.items():
                ear.hear(block[:, channel])
            one, other = (block[:, channel].astype(np.float64) for channel in (user, model))
            products += (one @ one, other @ other, one @ other)
            n += len(block)
        length_s, n_channels = n / stream.rate, stream.n_channels
    energy = math.sqrt(products[0] * products[1])
    likeness = float(products[2] / energy) if energy else 0.0
    heard = {channel: ear.heard(length_s) for channel, ear in ears.items()}
    return HeardCall(path.name, heard[user], heard[model], length_s, likeness, n_channels, vad.signature)


def _refuse_other_channels(path: Path, n: int, user: int, model: int) -> None:
    if n < 2:
        what = f"{path}: mono: user and model are in one channel, and who speaks when cannot be told"
        raise DataError(what, "record each side in a channel of its own, or join two files: sox -M user.wav model.wav call.wav")
    for option, channel in (("--user", user), ("--model", model)):
        if not 0 <= channel < n:
            raise UsageError(f"{option} {channel}: {path} has {n} channels", f"name one from 0 to {n - 1}")


@dataclass(slots=True)
class _Ear:
    """What is kept of one channel while it goes by."""

    vad: VadModel
    rate: int
    states: list[VadState] = field(default_factory=lambda: [VadState.initial() for _ in range(CORRECTED_VAD.phases)])
    rests: list[Block] = field(default_factory=list)
    found: list[list[Probabilities]] = field(default_factory=list)
    levels: list[Floats] = field(default_factory=list)
    tail: Block = field(default_factory=lambda: np.zeros(0, np.float32))
    n_heard: int = 0
    stream: soxr.ResampleStream = None

    def __post_init__(self) -> None:
        self.stream = soxr.ResampleStream(self.rate, VAD_RATE, 1, dtype="float32") if self.rate != VAD_RATE else None
        # Each pass of the detector begins a part of a window before the sound, in silence (``fdbench.audio.vad``).
        self.rests = [np.zeros(self._lead(number), np.float32) for number in range(CORRECTED_VAD.phases)]
        self.found = [[] for _ in range(CORRECTED_VAD.phases)]

    def _lead(self, number: int) -> int:
        return WINDOW_SAMPLES * number // CORRECTED_VAD.phases

    def hear(self, samples: Block) -> None:
        self._note_levels(samples)
        self._detect(samples if self.stream is None else self.stream.resample_chunk(samples))

    def _note_levels(self, samples: Block) -> None:
        joined = np.concatenate((self.tail, samples))
        frame = round(FRAME_S * self.rate)
        n = len(joined) // frame
        power = np.square(joined[: n * frame], dtype=np.float64).reshape(n, frame).mean(axis=1)
        self.levels.append(10 * np.log10(np.maximum(power, 10 ** (_LEAST_DBFS / 10))))
        self.tail = joined[n * frame :].copy()

    def _detect(self, heard: Block, *, is_last: bool = False) -> None:
        self.n_heard += len(heard)
        for number, rest in enumerate(self.rests):
            joined = np.concatenate((rest, heard))
            if is_last:
                joined = np.pad(joined, (0, -len(joined) % WINDOW_SAMPLES))
            whole = len(joined) // WINDOW_SAMPLES * WINDOW_SAMPLES
            probabilities, self.states[number] = self.vad.run(joined[:whole], self.states[number])
            self.found[number].append(probabilities)
            self.rests[number] = joined[whole:].copy()

    def heard(self, length_s: float) -> HeardChannel:
        """What came of it, once all of it was heard."""
        left = np.zeros(0, np.float32)
        self._detect(left if self.stream is None else self.stream.resample_chunk(left, last=True), is_last=True)
        passes = (
            speech_segments(np.concatenate(found), self.n_heard, CORRECTED_VAD, self._lead(number))
            for number, found in enumerate(self.found)
        )
        levels = np.concatenate(self.levels)
        segments = tuple(_at_sound(levels, span, length_s) for span in merged(span for found in passes for span in found))
        loudest, floor = (float(levels.max()), float(np.percentile(levels, _FLOOR_PERCENTILE))) if len(levels) else (
            _LEAST_DBFS, _LEAST_DBFS
        )  # fmt: skip
        return HeardChannel(segments, loudest, floor)


def _at_sound(levels: Floats, found: Span, length_s: float) -> Span:
    """What the detector found, with its edges where the sound begins and ends, if silence lies around it."""
    first, last = round(found.start_s / FRAME_S), max(round(found.start_s / FRAME_S) + 1, round(found.end_s / FRAME_S))
    least = float(levels[first:last].max(initial=_LEAST_DBFS)) - SOUND_DB
    start_s, end_s = found.start_s, found.end_s

    def around(edge_s: float) -> tuple[int, list[bool]]:
        begin = max(0, round((edge_s - EARLIER_S) / FRAME_S))
        return begin, (levels[begin : round((edge_s + LATER_S) / FRAME_S)] >= least).tolist()

    begin, is_sound = around(start_s)
    if True in is_sound and not is_sound[0]:
        start_s = (begin + is_sound.index(True)) * FRAME_S
    begin, is_sound = around(end_s)
    if True in is_sound and not is_sound[-1]:
        end_s = (begin + len(is_sound) - is_sound[::-1].index(True)) * FRAME_S
    return Span(start_s, max(start_s, min(end_s, length_s)))
