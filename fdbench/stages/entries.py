"""What stages 2 and 3 work on: a sample, the audio to hear it by, and who recorded it; from a run or from a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fdbench.core.annotation import Channel, Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import TEXT, Event
from fdbench.core.sound import Track
from fdbench.errors import DataError
from fdbench.hear.stage import TakeAudio
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
        told: What the model told about itself while it spoke.
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
    told: tuple[Event, ...] = field(default=(), repr=False)

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
        told=tuple(replace(event, span=event.span.shifted(shift_s)) for event in entry.told),
    )


def told_of(events: Iterable[Event]) -> tuple[Event, ...]:
    """What a model told about itself; no pieces of text where nothing is to be seen in any."""
    told = tuple(events)
    writes = any(event.kind == TEXT and event.text.strip() for event in told)
    return told if writes else tuple(event for event in told if event.kind != TEXT)


def own_text_of(events: Iterable[Event]) -> tuple[Event, ...]:
    """Of what a model told about itself, the pieces of its text; none where nothing is to be seen in any."""
    return tuple(event for event in told_of(events) if event.kind == TEXT)


Kinds = Mapping[str, frozenset[str]]
"""By task, the kinds of what the model told about itself in any call."""


def kinds_told(told: Iterable[tuple[str, Iterable[Event]]]) -> Kinds:
    """The kinds by task.

    Args:
        told: Tasks, each with what the model told in one of its calls.
    """
    kinds: dict[str, set[str]] = {}
    for task, events in told:
        kinds.setdefault(task, set()).update(event.kind for event in events)
    return {task: frozenset(each) for task, each in kinds.items()}


def kinds_in(entries: Iterable[Entry]) -> Kinds:
    return kinds_told((entry.sample.task, entry.told) for entry in entries)


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What is known about a task's recordings.

    Attributes:
        origin: What the signatures of its numbers say about how they came about.
        tells: Kinds of what the model told about itself in any call.
    """

    family: str
    behaviour: str
    version: int
    origin: Mapping[str, object]
    tells: frozenset[str] = frozenset()
