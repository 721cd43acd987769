"""``takes/<take id>.json``: the last file of a call to be written, so it says the call is done."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from typing_extensions import Self

from fdbench.core.conversation import FailedCall
from fdbench.core.event import Event
from fdbench.core.span import Span
from fdbench.core.take_id import CLEAN, TakeId
from fdbench.io.files import parse_json
from fdbench.store.stored import SCHEMA, Stored, parsed

_REMEDY: Final = "remove the file; the next run makes the call again"
MOST_S: Final = 86_400.0
"""No call lasts for more than a day; a time beyond that was not measured."""


def _inside(file: str) -> str:
    if PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts or "\0" in file:
        raise ValueError(f"expected a path inside of the run, found {file!r}")
    file.encode()  # half of a pair, which no file's name can hold, is an error
    return file


RunFile = Annotated[str, AfterValidator(_inside)]
Time = Annotated[float, Field(ge=-MOST_S, le=MOST_S)]


class StoredTrack(Stored):
    """One channel: its file and that file's size, and a hash of the samples and their rate, not of their encoding."""

    file: RunFile
    digest: str
    n_bytes: int = Field(ge=0)
    sample_rate: int = Field(gt=0)
    n_samples: int = Field(ge=0)
    start_s: Time


class StoredEvent(Stored):
    model_config = ConfigDict(allow_inf_nan=True)  # a span says better what is wrong
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
        span = self.event.span  # which is checked there
        if not -MOST_S <= span.start_s <= span.end_s <= MOST_S:
            raise ValueError(f"not a time in a call: start {span.start_s:g} s, end {span.end_s:g} s")
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

    lines: RunFile
    lines_sha256: str
    sound: RunFile
    sound_digest: str


class TakeRecord(Stored):
    """What a call gave, or why it gave nothing.

    Attributes:
        model_heard, user_heard: Where that is not what the other side said.
        user_log: Of a user's side on the wall clock, where ``log`` is not its own.
        user_events: What happened on the user's side, where that is not what the data says.
        notes: What a reader of the call's numbers has to know.
        on_the_way: What a condition made of the call.
    """

    later: ClassVar[tuple[str, ...]] = (
        "log", "condition", "model_heard", "user_heard", "user_events", "notes", "user_log", "on_the_way",
    )  # fmt: skip
    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    task: str
    sample: str
    stimulus: str
    repeat: int = Field(ge=0)
    condition: str = CLEAN
    status: Literal["recorded", "failed"]
    failure: StoredFailure | None = None
    prompt_s: Time | None = None
    clock: str | None = None
    right_censored: bool = False
    user: StoredTrack | None = None
    model: StoredTrack | None = None
    events: list[StoredEvent] = Field(default_factory=list)
    log: StoredLog | None = None
    model_heard: StoredTrack | None = None
    user_heard: StoredTrack | None = None
    user_events: Annotated[tuple[StoredEvent, ...] | None, Field(strict=False)] = None
    notes: Annotated[tuple[str, ...], Field(strict=False)] = ()
    user_log: StoredLog | None = None
    on_the_way: dict[str, float] = Field(default={})

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
        return cls.read_file(path, _REMEDY)

    @classmethod
    def parse(cls, text: str, name: str) -> TakeRecord:
        """The record that a text holds; ``name`` is what errors call it. Raises DataError naming it and the field."""
        return parsed(cls, parse_json(text, name), name, _REMEDY)
