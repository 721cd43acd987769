"""The page of any call of two channels: both lanes, what was found in them, and an arrow for each time the floor changes hands.

The recording goes by in blocks, twice: to be heard (``human.two_channels``), and here to be written as one file per side.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from fdbench.core.sound import Audio, Samples
from fdbench.human.call_measures import CallMeasures, SideMeasures
from fdbench.io.wav_stream import open_stream
from fdbench.page.lanes import Drawn, Lane, Mark, Piece, Role, peaks_of
from fdbench.page.write import WrittenPage, write_call_page

_FRAMES_HZ: Final = 200
"""Of what is kept of the waveform, from which the page's own peaks are made."""


def write_any_call(to: Path, path: Path, channels: tuple[int, int], call: CallMeasures) -> WrittenPage:
    """Write the page of a call.

    Args:
        to: A folder, or a file that ends in ``.html`` and then holds everything.
        path: The recording.
        channels: The user's and the model's.
        call: What was found in it.

    Raises:
        DataError: The recording cannot be read any more.
        UsageError: ``to`` holds something else.
    """
    roles: tuple[Role, Role] = ("user", "model")
    with tempfile.TemporaryDirectory(prefix="fdbench-look-") as scratch:
        files = {role: Path(scratch) / f"{role}.flac" for role in roles}
        waveforms = _split(path, channels, list(files.values()))
        lanes = [
            _lane(role, side, call.length_s, waveform)
            for role, side, waveform in zip(roles, (call.user, call.model), waveforms, strict=True)
        ]
        drawn = Drawn(lanes=tuple(lanes), marks=tuple(_transfers(call)), why=_sentence(call), remarks=call.notes)
        return write_call_page(to, call.name, drawn, {f"audio/{role}.flac": file for role, file in files.items()})


def _split(path: Path, channels: tuple[int, int], files: list[Path]) -> list[Audio]:
    """Write each side as a file of its own; returns the outlines of both."""
    outlines: list[list[Samples]] = [[], []]
    with open_stream(path) as stream:
        frame = max(1, round(stream.rate / _FRAMES_HZ))
        out = [soundfile.SoundFile(str(file), "w", stream.rate, 1, "PCM_16", format="FLAC") for file in files]
        try:
            for block in stream.blocks(seconds=_whole_frames_s(frame, stream.rate)):
                for channel, file, outline in zip(channels, out, outlines, strict=True):
                    samples = np.clip(block[:, channel], -1.0, 1.0)
                    file.write(samples)
                    outline.append(np.maximum.reduceat(np.abs(samples), np.arange(0, len(samples), frame)))
        finally:
            for file in out:
                file.close()
        return [Audio(np.concatenate(outline).astype(np.float32), round(stream.rate / frame)) for outline in outlines]


def _whole_frames_s(frame: int, rate: int) -> float:
    """A length of blocks that holds whole frames, so that none is torn."""
    return frame * _FRAMES_HZ / rate


def _lane(role: Role, side: SideMeasures, length_s: float, outline: Audio) -> Lane:
    peaks, _ = peaks_of(outline)
    peaks_hz = len(peaks) / length_s  # frames are whole samples, so not exactly as many in a second as they are named for
    turns = [Piece(span.start_s, span.end_s, "turn", "takeover") for span in side.turns]
    shorter = [Piece(span.start_s, span.end_s, "backchannel?", "backchannel") for span in side.backchannels]
    found = sorted((*turns, *shorter), key=lambda piece: piece.start_s)
    speech = tuple(Piece(piece.start_s, piece.end_s) for piece in found)
    return Lane(role, role, 0.0, length_s, peaks, peaks_hz, f"audio/{role}.flac", speech=speech, found=tuple(found))


def _transfers(call: CallMeasures) -> Iterator[Mark]:
    """An arrow from the end of the user's turn to the model's, forwards or backwards."""
    for start_s, offset_s in zip(call.model.transfers_s, call.model.offsets_s, strict=True):
        first_s, last_s = sorted((start_s, start_s - offset_s))
        yield Mark("arrow", first_s, last_s, f"{offset_s:+.2f} s", "plain" if offset_s >= 0 else "bad")


def _sentence(call: CallMeasures) -> str:
    median_s = call.model.median_offset_s
    if median_s is None:
        return "The model never takes over from the user."
    n = len(call.model.offsets_s)
    return (
        f"The model takes over from the user {n} times, {median_s:+.2f} s after the end of the user's turn (median), and "
        f"talks over the user for {call.model_talks_over_s:.1f} s."
    )
