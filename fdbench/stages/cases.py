"""What hearing and scoring work on: a sample with the takes that were recorded of it, from a run or from a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

from fdbench.core.absence import Absence
from fdbench.core.annotation import Channel, Verdict
from fdbench.core.conversation import FailedCall, Sample
from fdbench.core.event import Event, as_scored
from fdbench.core.sound import Track
from fdbench.core.take_id import CLEAN, MAIN, TakeId
from fdbench.errors import DataError
from fdbench.hear.stage import TakeAudio
from fdbench.io.upstream_json import channel_name, file_of
from fdbench.io.wav import digest_of_audio, read_audio
from fdbench.store.record import StoredTrack, TakeRecord
from fdbench.store.run import Run


def placed(digest: str, start_s: float) -> str:
    """What names a channel to whoever hears it: its audio, and where on the timeline that lies."""
    return f"{digest}@{start_s + 0.0:g}"  # -0.0 is 0.0


@dataclass(frozen=True, slots=True)
class RecordedAudio:
    """The audio of a stored call, named by the digests in its record."""

    behaviour: str
    run: Path
    record: TakeRecord
    folder: Path | None = None

    @property
    def stimulus(self) -> str:
        return self.record.stimulus

    def digest(self, channel: Channel) -> str | None:
        track = self._track(channel)
        return placed(track.digest, track.start_s) if track else None

    def load(self, channel: Channel) -> Track:
        track = self._track(channel)
        if track is None:
            raise DataError(f"{self.record.id}: no {channel} audio was recorded")
        return Run(self.run).load(track)

    def _track(self, channel: Channel) -> StoredTrack | None:
        return self.record.user if channel == "user" else self.record.model


@dataclass(frozen=True, slots=True)
class FolderAudio:
    """A recording made elsewhere: ``output.wav`` beside ``input.wav``, both beginning with the prompt; or those of a twin.

    Of a dialogue ``B.wav``, the model, beside ``A.wav``, the examiner.
    """

    behaviour: str
    folder: Path
    stimulus: str = MAIN

    def path(self, channel: Channel) -> Path:
        """The file of a channel, whether it is there or not."""
        return self.folder / file_of(self.stimulus, f"{channel_name(channel, self.behaviour)}.wav")

    def digest(self, channel: Channel) -> str | None:
        """None where there is no file.

        Raises:
            DataError: The file cannot be read as mono audio.
        """
        return digest_of_audio(read_audio(self.path(channel))) if self.path(channel).exists() else None

    def load(self, channel: Channel) -> Track:
        return Track(read_audio(self.path(channel)))

    def duration_s(self, channel: Channel) -> float | None:
        """Length of a channel, or None where there is none. Raises DataError where it is damaged."""
        return read_audio(self.path(channel)).duration_s if self.path(channel).exists() else None


@dataclass(frozen=True, slots=True)
class MovedAudio:
    """A take whose model's channel is heard elsewhere on the timeline than it was recorded."""

    audio: TakeAudio
    shift_s: float

    @property
    def behaviour(self) -> str:
        return self.audio.behaviour

    @property
    def stimulus(self) -> str:
        return self.audio.stimulus

    @property
    def folder(self) -> Path | None:
        return self.audio.folder

    def digest(self, channel: Channel) -> str | None:
        digest = self.audio.digest(channel)
        return f"{digest}{self.shift_s:+g}" if digest is not None and channel == "model" else digest

    def load(self, channel: Channel) -> Track:
        track = self.audio.load(channel)
        return replace(track, start_s=track.start_s + self.shift_s) if channel == "model" else track


@dataclass(frozen=True, slots=True)
class RecordedTake:
    """A take that was recorded, on its way to be heard.

    Attributes:
        prompt_s, recorded_s, right_censored: As in ``Annotations``.
        model_events: What the model said about itself while it spoke.
        user_events: What happened on the user's side of this call; None = what the data says.
        notes: What a reader of its numbers has to know.
        on_the_way: What a condition made of the call.
        tells_length: Whether scorers learn how long the prompt is. The published scripts do not: they hear the whole of a
            recording, which their clients wrote as long as the prompt, and so they shall in a folder made elsewhere.
    """

    audio: TakeAudio
    prompt_s: float | None = None
    recorded_s: float | None = None
    model_events: tuple[Event, ...] = field(default=(), repr=False)
    user_events: tuple[Event, ...] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    on_the_way: Mapping[str, float] = field(default_factory=dict, repr=False)
    right_censored: bool | None = None
    tells_length: bool = True

    def shifted(self, by_s: float) -> RecordedTake:
        """The take with everything that the model did so much later; the user stays."""
        return replace(
            self,
            audio=MovedAudio(self.audio, by_s),
            recorded_s=None if self.recorded_s is None else self.recorded_s + by_s,
            model_events=tuple(replace(event, span=event.span.shifted(by_s)) for event in self.model_events),
        )

    @property
    def known_prompt_s(self) -> float | None:
        """The prompt's length, as scorers know it."""
        return self.prompt_s if self.tells_length else None


Rating: TypeAlias = "Callable[[], Verdict | None]"
"""Reads the rating that lies beside a recording, when the sample is scored."""


@dataclass(frozen=True, slots=True)
class Case:
    """One sample, one time, on its way to its scores.

    Attributes:
        takes: By stimulus, what was recorded, or why nothing was.
    """

    sample: Sample
    behaviour: str
    takes: Mapping[str, RecordedTake | Absence]
    repeat: int = 0
    condition: str = CLEAN
    rating: Rating | None = field(default=None, repr=False)

    @property
    def id(self) -> TakeId:
        """That of the take which answers the main stimulus."""
        return TakeId(self.sample.task, self.sample.id, MAIN, self.repeat, self.condition)

    @property
    def recorded(self) -> Mapping[str, RecordedTake]:
        """The takes that there are, by stimulus; none at all where the main one is missing, which every metric needs."""
        if isinstance(self.takes[MAIN], Absence):
            return {}
        return {stimulus: take for stimulus, take in self.takes.items() if isinstance(take, RecordedTake)}

    @property
    def absences(self) -> Mapping[str, Absence]:
        """Why takes are missing, by stimulus."""
        return {stimulus: take for stimulus, take in self.takes.items() if isinstance(take, Absence)}

    @property
    def model_events(self) -> tuple[Event, ...]:
        """What the model said about itself in any of the takes."""
        return tuple(event for take in self.recorded.values() for event in take.model_events)

    def shifted(self, by_s: float) -> Case:
        """The case with everything that the model did so much later.

        What the way to it took is taken out, where its condition accounts for that: then everything lies where the model heard
        it.
        """
        shifts_s = {
            name: by_s - take.on_the_way.get("delay_s", 0.0)
            for name, take in self.takes.items()
            if isinstance(take, RecordedTake)
        }
        if not any(shifts_s.values()):
            return self
        takes = {
            name: take.shifted(shifts_s[name]) if isinstance(take, RecordedTake) else take for name, take in self.takes.items()
        }
        return replace(self, takes=takes)


NO_CALL: Final = Absence("not_called", "no call has been made yet")


def recorded_take(run: Run, take: TakeId, behaviour: str) -> RecordedTake | Absence:
    """What a run holds of a take; a record that cannot be read is no call that was never made."""
    try:
        record = run.read_record(take)
    except DataError as error:
        return FailedCall("record", error.what)
    if record is None or record.model is None:
        why = record.absence if record else None
        return FailedCall(why.reason, f"{why.reason}: {why.message}") if why else NO_CALL
    return RecordedTake(
        audio=RecordedAudio(behaviour, run.folder, record),
        prompt_s=record.prompt_s,
        recorded_s=record.recorded_s,
        model_events=as_scored(record.model_events),
        user_events=None if record.user_events is None else tuple(event.event for event in record.user_events),
        notes=record.notes,
        on_the_way=record.on_the_way,
        right_censored=record.right_censored,
    )


EventKinds: TypeAlias = Mapping[str, frozenset[str]]
"""By task, the kinds of what the model said about itself in any call."""


def event_kinds(events: Iterable[tuple[str, Iterable[Event]]]) -> EventKinds:
    """The kinds by task.

    Args:
        events: Tasks, each with what the model said about itself in one of its calls.
    """
    kinds: dict[str, set[str]] = {}
    for task, of_call in events:
        kinds.setdefault(task, set()).update(event.kind for event in of_call)
    return {task: frozenset(each) for task, each in kinds.items()}


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What is known about a task's recordings.

    Attributes:
        origin: What the signatures of its numbers say about how they came about.
        event_kinds: Kinds of what the model said about itself in any call.
    """

    family: str
    behaviour: str
    version: int
    origin: Mapping[str, object]
    event_kinds: frozenset[str] = frozenset()
