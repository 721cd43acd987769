"""What stages 2 and 3 work on: a sample, the audio to hear it by, and who recorded it; from a run or from a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fdbench.annotate.stage import TakeAudio
from fdbench.core.annotation import Channel, Verdict
from fdbench.core.conversation import TEXT, Event, Sample
from fdbench.core.sound import Track
from fdbench.errors import DataError
from fdbench.io.wav import digest_of_audio, read_audio
from fdbench.store.record import StoredTrack, TakeRecord
from fdbench.task.data import Data


def origin_of(data: Data | None) -> str:
    """Where samples come from, for the log: no path, which would say more about the machine than about the data."""
    return "embedded" if data is None else data.origin


def placed(digest: str, start_s: float) -> str:
    """What names a channel to whoever hears it: its audio, and where on the timeline that lies."""
    return f"{digest}@{start_s + 0.0:g}"  # -0.0 is 0.0


@dataclass(frozen=True, slots=True)
class RecordedTake:
    """The audio of a stored call, named by the digests in its record."""

    behaviour: str
    run: Path
    record: TakeRecord
    folder: Path | None = None

    def digest(self, channel: Channel) -> str | None:
        track = self._track(channel)
        return placed(track.digest, track.start_s) if track else None

    def load(self, channel: Channel) -> Track:
        track = self._track(channel)
        if track is None:
            raise DataError(f"{self.record.name}: no {channel} audio was recorded")
        return Track(read_audio(self.run / track.file), track.start_s)

    def _track(self, channel: Channel) -> StoredTrack | None:
        return self.record.user if channel == "user" else self.record.model


@dataclass(frozen=True, slots=True)
class FolderTake:
    """A recording made elsewhere: ``output.wav`` beside ``input.wav``, both beginning with the prompt."""

    behaviour: str
    folder: Path

    def _path(self, channel: Channel) -> Path:
        return self.folder / ("input.wav" if channel == "user" else "output.wav")

    def digest(self, channel: Channel) -> str | None:
        """None where there is no file.

        Raises:
            DataError: The file cannot be read as mono audio.
        """
        return digest_of_audio(read_audio(self._path(channel))) if self._path(channel).exists() else None

    def load(self, channel: Channel) -> Track:
        return Track(read_audio(self._path(channel)))

    def duration_s(self, channel: Channel) -> float | None:
        """Length of a channel, or None where there is none. Raises DataError where it is damaged."""
        return read_audio(self._path(channel)).duration_s if self._path(channel).exists() else None


@dataclass(frozen=True, slots=True)
class MovedTake:
    """A take whose model's channel is heard elsewhere on the timeline than it was recorded."""

    take: TakeAudio
    shift_s: float

    @property
    def behaviour(self) -> str:
        return self.take.behaviour

    @property
    def folder(self) -> Path | None:
        return self.take.folder

    def digest(self, channel: Channel) -> str | None:
        digest = self.take.digest(channel)
        return f"{digest}{self.shift_s:+g}" if digest is not None and channel == "model" else digest

    def load(self, channel: Channel) -> Track:
        track = self.take.load(channel)
        return replace(track, start_s=track.start_s + self.shift_s) if channel == "model" else track


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a sample cannot be annotated or scored at all: a key of the reasons registry, and a line for a person."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded take on its way to its scores.

    Attributes:
        verdict: Reads the judge's rating; called when the sample is scored.
        fault: Set instead of ``audio`` when there is nothing to hear.
        own_text: The pieces of text that the model wrote while it spoke.
    """

    sample: Sample
    behaviour: str
    repeat: int = 0
    audio: TakeAudio | None = None
    prompt_s: float | None = None
    recorded_s: float | None = None
    right_censored: bool = False
    fault: Fault | None = None
    verdict: Callable[[], Verdict | None] | None = field(default=None, repr=False)
    own_text: tuple[Event, ...] = field(default=(), repr=False)

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.sample.task, self.sample.id, self.repeat)


def moved(entry: Entry, shift_s: float) -> Entry:
    """The entry with everything that the model did so much later; the user stays."""
    if not shift_s or entry.audio is None:
        return entry
    return replace(
        entry,
        audio=MovedTake(entry.audio, shift_s),
        recorded_s=None if entry.recorded_s is None else entry.recorded_s + shift_s,
        own_text=tuple(replace(piece, span=piece.span.shifted(shift_s)) for piece in entry.own_text),
    )


def own_text_of(events: Iterable[Event]) -> tuple[Event, ...]:
    """Of what a model told about itself, the pieces of its text; none where nothing is to be seen in any."""
    pieces = tuple(event for event in events if event.kind == TEXT)
    return pieces if any(piece.text.strip() for piece in pieces) else ()


def tasks_with_text(entries: Iterable[Entry]) -> frozenset[str]:
    """The tasks in which the model wrote a text of its own, in any call."""
    return frozenset(entry.sample.task for entry in entries if entry.own_text)


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What is known about a task's recordings.

    Attributes:
        origin: What the signatures of its numbers say about how they came about.
        writes_text: Whether the model wrote a text of its own in any call.
    """

    family: str
    behaviour: str
    version: int
    origin: Mapping[str, object]
    writes_text: bool = False
