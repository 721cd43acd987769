"""``takes/<take id>.json``: the last file of a call to be written, so it says the call is done."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from fdbench.core.conversation import FailedCall
from fdbench.core.event import Event
from fdbench.core.span import Span
from fdbench.core.take_id import CLEAN, TakeId
from fdbench.store.stored import SCHEMA, Stored


class StoredTrack(Stored):
    """One channel: its file and that file's size, and a hash of the samples and their rate, not of their encoding."""

    file: str
    digest: str
    n_bytes: int
    sample_rate: int = Field(gt=0)
    n_samples: int
    start_s: float = Field(allow_inf_nan=False)


class StoredEvent(Stored):
    kind: str
    start_s: float
    end_s: float
    text: str = ""

    @classmethod
    def of(cls, event: Event) -> StoredEvent:
        return cls(kind=event.kind, start_s=event.span.start_s, end_s=event.span.end_s, text=event.text)

    @property
    def event(self) -> Event:
        return Event(self.kind, Span(self.start_s, self.end_s), self.text)

    @model_validator(mode="after")
    def _is_an_event(self) -> Self:
        _ = self.event  # which checks its span
        return self


class StoredFailure(Stored):
    kind: str
    message: str


class StoredLog(Stored):
    """The log of a call on the wall clock: JSON lines, and the sound of all that came.

    Attributes:
        lines_sha256: Of the file of lines, as it is.
        sound_digest: Of the samples and their rate.
    """

    lines: str
    lines_sha256: str
    sound: str
    sound_digest: str


class TakeRecord(Stored):
    """What a call gave, or why it gave nothing.

    Attributes:
        model_heard, user_heard: Where that is not what the other side said.
        user_events: What happened on the user's side, where that is not what the data says.
        notes: What a reader of the call's numbers has to know.
    """

    later: ClassVar[tuple[str, ...]] = ("log", "condition", "model_heard", "user_heard", "user_events", "notes")
    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    task: str
    sample: str
    stimulus: str
    repeat: int
    condition: str = CLEAN
    status: Literal["recorded", "failed"]
    failure: StoredFailure | None = None
    prompt_s: float | None = None
    clock: str | None = None
    right_censored: bool = False
    user: StoredTrack | None = None
    model: StoredTrack | None = None
    events: list[StoredEvent] = Field(default_factory=list)
    log: StoredLog | None = None
    model_heard: StoredTrack | None = None
    user_heard: StoredTrack | None = None
    user_events: tuple[StoredEvent, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> TakeId:
        return TakeId(self.task, self.sample, self.stimulus, self.repeat, self.condition)

    @property
    def model_events(self) -> tuple[Event, ...]:
        """What the model said about itself."""
        return tuple(event.event for event in self.events)

    @property
    def tracks(self) -> dict[str, StoredTrack]:
        """Every channel that is stored, by the name that its file has; the user's voice is in all but ``model``."""
        named = {"user": self.user, "model": self.model, "model-heard": self.model_heard, "user-heard": self.user_heard}
        return {name: track for name, track in named.items() if track is not None}

    @property
    def absence(self) -> FailedCall | None:
        """Why there is no recording; None where there is one."""
        return FailedCall(self.failure.kind, self.failure.message) if self.failure else None

    @property
    def recorded_s(self) -> float | None:
        """Where the model's recording ends on the timeline."""
        return self.model.start_s + self.model.n_samples / self.model.sample_rate if self.model else None

    @classmethod
    def read(cls, path: Path) -> TakeRecord:
        """Raises DataError naming file and field."""
        return cls.read_file(path, "remove the file; the next run makes the call again")
