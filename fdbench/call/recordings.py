"""A folder of recordings in the place of a call: somebody else recorded the model, here it is laid on the timeline.

::

    t = 0                              the first sample of the prompt
    user        |----prompt----|
    offset -2   --|================|   began 2 s before the prompt: what lies before t = 0 is kept and never heard
    offset  0   |====================|
    offset +2   ..|==================| began 2 s into the prompt: until then the model was silent

Nobody here knows when the prompt was heard, so nothing is corrected: what ``offset_s`` says is believed. The clock is
``given``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fdbench.audio.levels import QUIET_DBFS, loudest_frame_dbfs
from fdbench.audio.silence import silence_notes
from fdbench.call.matching import Matches
from fdbench.core.conversation import FailedCall, Recording, Take
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span
from fdbench.errors import DataError, FdbenchError
from fdbench.io.wav import read_channel

CLOCK: Final = "given"
END_S: Final = 0.1
"""A recording was cut off while the model spoke if any 20 ms of its last 0.1 s are louder than ``QUIET_DBFS``."""

MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 384_000
MAX_PEAK: Final = 8.0
"""Full scale is 1; samples this far above it were never scaled, and would be clipped to noise."""

_NAMED = 3


@dataclass(frozen=True, slots=True)
class FolderRecordings:
    """Gives each take its recording from a folder.

    Attributes:
        matches: Which files are there for which samples.
        channel: The model's, counted from 0; None = the files are mono.
        offset_s: Where on the prompt's timeline the first sample of each recording lies.
    """

    folder: Path
    matches: Matches
    channel: int | None = None
    offset_s: float = 0.0

    def collect(self, takes: Iterable[Take]) -> Iterator[tuple[Take, Recording | FailedCall]]:
        for take in takes:
            yield take, self._outcome(take)

    def release(self) -> None:
        """Nothing is held."""

    uncollected = interrupted = notes = ()

    def read(self, task: str, sample_id: str) -> Track:
        """A sample's recording on the prompt's timeline.

        Raises:
            DataError: There is none or more than one, it cannot be read, or it was over before the prompt began.
        """
        match = self.matches.by_sample[(task, sample_id)]
        if not match.files:
            *most, last = [*match.expected[:_NAMED], "so on"] if len(match.expected) > _NAMED else match.expected
            raise DataError(f"no recording; looked for {', '.join(most)} and {last} (or .flac, .ogg, ...)")
        if len(match.files) > 1:
            raise DataError(f"{' and '.join(match.files)}: both are its recording by name", "keep one of them")
        name = match.files[0]
        audio = read_channel(self.folder / name, self.channel, name)
        if not MIN_RATE_HZ <= audio.sample_rate <= MAX_RATE_HZ:
            raise DataError(f"{name}: expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, found {audio.sample_rate} Hz")
        peak = float(np.max(np.abs(audio.samples)))
        if peak > MAX_PEAK:
            raise DataError(f"{name}: expected samples between -1 and 1, found {peak:g}", "scale it, or export it as 16 bit")
        track = place(audio, self.offset_s)
        if track.span.end_s <= 0:
            raise DataError(
                f"{name}: {audio.duration_s:g} s long and begun at {self.offset_s:g} s, it was over before the prompt began"
            )
        return track

    def _outcome(self, take: Take) -> Recording | FailedCall:
        try:
            prompt = take.prompt()
        except FdbenchError as error:
            return FailedCall("prompt", error.what)
        try:
            model = self.read(take.sample.task, take.sample.id)
        except DataError as error:
            is_there = bool(self.matches.by_sample[(take.sample.task, take.sample.id)].files)
            kind = "recording" if is_there else "recording_missing"
            return FailedCall(kind, f"{error.what} ({error.remedy})" if error.remedy else error.what)
        return Recording(
            user=Track(prompt),
            model=model,
            clock=CLOCK,
            prompt_s=prompt.duration_s,
            right_censored=ends_loud(model.audio),
            notes=silence_notes(model.audio),
        )


def place(audio: Audio, offset_s: float) -> Track:
    """A recording whose first sample lies at ``offset_s``; if that is after t = 0, silence (to the nearest sample) before it.

    Everything that hears a track takes it to cover the prompt from its beginning.
    """
    if offset_s <= 0:
        return Track(audio, offset_s)
    silence = Audio.silence(offset_s, audio.sample_rate)
    return Track(Audio(np.concatenate([silence.samples, audio.samples]), audio.sample_rate))


def ends_loud(audio: Audio) -> bool:
    """Whether the sound goes on until a recording's end; a level cannot tell a voice from other noise."""
    return loudest_frame_dbfs(audio, Span(max(0.0, audio.duration_s - END_S), audio.duration_s)) > QUIET_DBFS
