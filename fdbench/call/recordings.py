"""A folder of recordings in the place of a call: somebody else recorded the model, here it is laid on the timeline.

::

    t = 0                              the first sample of the prompt
    user        |----prompt----|
    offset -2   --|================|   began 2 s before the prompt: what lies before t = 0 is kept and never heard
    offset  0   |====================|
    offset +2   ..|==================| began 2 s into the prompt: until then the model was silent

Nobody here knows when the prompt was heard, so nothing is corrected: what ``offset_s`` says is believed, unless the user is
audible in a channel and says otherwise (``call.evidence``). The clock is ``given``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from fdbench.audio.levels import QUIET_DBFS, loudest_frame_dbfs
from fdbench.call.evidence import Evidence, examine
from fdbench.call.matching import Matches, SampleKey
from fdbench.core.conversation import FailedCall, Recording, Take
from fdbench.core.sound import Audio, Track
from fdbench.core.span import Span
from fdbench.errors import DataError, FdbenchError
from fdbench.io.wav import believed, read_channels

CLOCK: Final = "given"
END_S: Final = 0.1
"""A recording was cut off while the model spoke if any 20 ms of its last 0.1 s are louder than ``QUIET_DBFS``."""

_NAMED = 3


@dataclass(frozen=True, slots=True)
class FolderRecordings:
    """Gives each take its recording from a folder.

    Attributes:
        matches: Which files are there for which samples.
        channel: The model's, counted from 0; None = the files are mono.
        offset_s: Where on the prompt's timeline the first sample of each recording lies; None = where the prompt that is heard
            in it says.
        leaks_db: Of each collected recording in whose model's channel the user is audible, against the prompt.
    """

    folder: Path
    matches: Matches
    channel: int | None = None
    offset_s: float | None = 0.0
    leaks_db: list[float] = field(default_factory=list, compare=False, repr=False)

    def collect(self, takes: Iterable[Take | None]) -> Generator[tuple[Take, Recording | FailedCall], None, None]:
        for take in filter(None, takes):
            yield take, self._outcome(take)

    def release(self) -> None:
        """Nothing is held."""

    uncollected = interrupted = ()

    def examiner_cost(self, take: Take) -> float:
        """Nobody is called."""
        return 0.0

    @property
    def notes(self) -> tuple[str, ...]:
        """How loud the user was in the model's channel, over all recordings collected so far."""
        if not self.leaks_db:
            return ()
        n, most_db = len(self.leaks_db), max(self.leaks_db)
        return (f"the user is audible in the model's channel of {n} recordings, at {most_db:.1f} dB where it is loudest",)

    def read(self, key: SampleKey, prompt: Callable[[], Audio]) -> Track:
        """The recording of a take on the prompt's timeline.

        Args:
            prompt: Reads it; only called where the recording is placed by it.

        Raises:
            DataError: There is none or more than one, it cannot be read, or it was over before the prompt began.
        """
        name, model, others = self._channels(key)
        if self.offset_s is not None:
            return _placed(model, self.offset_s, name)
        return self._placed_by_prompt(examine(prompt(), model, others, None), model, name)

    def _channels(self, key: SampleKey) -> tuple[str, Audio, list[Audio]]:
        """The name of a take's file, the model's channel and those beside it."""
        match = self.matches.by_sample[key]
        if not match.files:
            *most, last = [*match.expected[:_NAMED], "so on"] if len(match.expected) > _NAMED else match.expected
            raise DataError(f"no recording; looked for {', '.join(most)} and {last} (or .flac, .ogg, ...)")
        if len(match.files) > 1:
            raise DataError(f"{' and '.join(match.files)}: both are its recording by name", "keep one of them")
        name = match.files[0]
        channels = read_channels(self.folder / name, name)
        model = believed(_chosen(channels, self.channel, name), name)
        return name, model, [other for other in channels if other is not model and np.isfinite(other.samples).all()]

    def _placed_by_prompt(self, evidence: Evidence, model: Audio, name: str) -> Track:
        if evidence.offset_s is None:
            raise DataError(f"{name}: the prompt is heard in no channel of it", "say where it begins: --arg offset_s=S")
        return _placed(model, evidence.offset_s, name)

    def _outcome(self, take: Take) -> Recording | FailedCall:
        key = (take.sample.task, take.sample.id, take.stimulus)
        try:
            prompt = take.prompt()
        except FdbenchError as error:
            return FailedCall("prompt", error.what)
        try:
            name, audio, others = self._channels(key)
            evidence = examine(prompt, audio, others, self.offset_s)
            if evidence.leak is not None:
                self.leaks_db.append(evidence.leak.gain_db)
            if evidence.fault is not None:
                raise DataError(f"{name}: {evidence.fault.what}", evidence.fault.remedy)
            if self.offset_s is None:
                model = self._placed_by_prompt(evidence, audio, name)
            else:
                model = _placed(audio, self.offset_s, name, prompt.duration_s)
        except DataError as error:
            is_there = bool(self.matches.by_sample[key].files)
            kind = "recording" if is_there else "recording_missing"
            return FailedCall(kind, f"{error.what} ({error.remedy})" if error.remedy else error.what)
        return Recording(
            user=Track(prompt),
            model=model,
            clock=CLOCK,
            prompt_s=prompt.duration_s,
            right_censored=ends_loud(model.audio),
            notes=evidence.notes,
        )


def _placed(audio: Audio, offset_s: float, name: str, prompt_s: float = math.inf) -> Track:
    """A recording on its place. Raises DataError where it does not touch the prompt there."""
    track = place(audio, offset_s)
    if track.span.end_s <= 0:
        raise DataError(f"{name}: {audio.duration_s:g} s long and begun at {offset_s:g} s, it was over before the prompt began")
    if offset_s >= prompt_s:
        raise DataError(
            f"{name}: begun at {offset_s:g} s, when the prompt of {prompt_s:g} s was over",
            "give offset_s in seconds, not in milliseconds",
        )
    return track


def _chosen(channels: Sequence[Audio], channel: int | None, name: str) -> Audio:
    n = len(channels)
    if channel is None and n != 1:
        raise DataError(f"{name}: {n} channels, and none of them chosen", f"say which, from 0 to {n - 1}: --arg channel=N")
    if not 0 <= (channel or 0) < n:
        found = "mono" if n == 1 else f"{n} channels, counted from 0"
        raise DataError(f"{name}: no channel {channel}, the file is {found}")
    return channels[channel or 0]


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
