"""The nouns of an evaluation: a sample is a prompt with its annotations, a take a call to be made, a recording what it gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from fdbench.core.absence import CALL_FAILURES, Absence
from fdbench.core.dialogue import Dialogue
from fdbench.core.event import OVERLAP, Event
from fdbench.core.sound import Audio, Track
from fdbench.core.speech import Transcript
from fdbench.core.take_id import CLEAN, MAIN, TWIN, TakeId
from fdbench.errors import DataError


class Stimulus(Protocol):
    """A prompt that has not been read yet. Implementations are small, frozen and picklable."""

    @property
    def digest(self) -> str:
        """A hash of everything that determines the samples."""

    def load(self) -> Audio:
        """Read or put together the audio.

        Raises:
            DataError: The file is missing, damaged, not mono, empty or not finite.
        """


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a user who reacts says so long after the model began to speak.

    Attributes:
        kind: Of the event that it is.
        stimulus: What is heard.
        after_onset_s: How long after the model's onset.
        text: The words of it; empty of a noise.
    """

    kind: str
    stimulus: Stimulus
    after_onset_s: float
    text: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One item of a task.

    Attributes:
        id: From the data (a folder's or clip's name), never a position in a list.
        task: Name of the task, e.g. ``v1/turn_taking.candor``.
        stimuli: Prompts by name: ``main``, and ``clean`` where a task has a second one.
        events: What the data says happens in the main stimulus, in order of time within each kind.
        transcript: The user's words with times, where the data has them.
        human_timing: Human backchannel distribution over the clip, equal windows from t = 0, or empty.
        instructions: What a model that takes a text prompt is told.
        dialogue: For an examiner, in the place of a prompt: such a sample has no stimuli.
        reaction: What the user's side does after its prompt, when the time for it comes; in the clean twin it does not.
    """

    id: str
    task: str
    stimuli: Mapping[str, Stimulus]
    events: tuple[Event, ...] = ()
    transcript: Transcript | None = None
    human_timing: tuple[float, ...] = ()
    instructions: str = ""
    dialogue: Dialogue | None = None
    reaction: Reaction | None = None

    def of_kind(self, kind: str) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.kind == kind)

    @property
    def has_twin(self) -> bool:
        return TWIN in self.stimuli

    def heard_as(self, stimulus: str) -> Sample:
        """The sample as it is for who hears this stimulus: in the clean twin, nobody speaks over the model."""
        if stimulus != TWIN:
            return self
        return replace(self, events=tuple(event for event in self.events if event.kind != OVERLAP), reaction=None)


@dataclass(frozen=True, slots=True)
class Take:
    """One call to be made: with which stimulus of which sample, under which condition, and for which time."""

    sample: Sample
    stimulus: str = MAIN
    repeat: int = 0
    condition: str = CLEAN

    @property
    def id(self) -> TakeId:
        return TakeId(self.sample.task, self.sample.id, self.stimulus, self.repeat, self.condition)

    @property
    def has_prompt(self) -> bool:
        """Whether it is known beforehand what the user says; an examiner says what the dialogue makes of it."""
        return self.sample.dialogue is None

    def prompt(self) -> Audio:
        """What the user says in the call: the only place where a prompt enters one.

        Raises:
            DataError: It cannot be read, or there is none.
        """
        if not self.has_prompt:
            raise DataError(f"{self.id}: an examiner speaks in this call, so there is no prompt")
        return self.sample.stimuli[self.stimulus].load()


@dataclass(frozen=True, slots=True, eq=False)
class CallLog:
    """A call on the wall clock as it happened, in the form in which it is stored.

    Attributes:
        lines: JSON objects: first the settings and what was sent, then what came, each with its time of arrival.
        sound: Of all that came, one piece after another; the lines say which piece is where.
    """

    lines: tuple[Mapping[str, Any], ...]
    sound: Audio


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What a call gave, built by the harness and never by an adapter.

    Attributes:
        user: What the user said.
        model: What the model said, each frame placed where it could first be heard (causal placement).
        clock: ``lockstep``, ``realtime`` or ``given``; latencies on different clocks are different quantities.
        prompt_s: Where the user had nothing more to say.
        right_censored: The recording stopped while the model was still speaking.
        events: What the model told about itself while it spoke.
        log: Of a model on the wall clock; what was heard of it follows from it.
        user_log: The same of the user's side, where that lives on the wall clock.
        model_heard: What the model heard, at its rate; None = what the user said.
        user_heard: What the user's side heard; None = what the model said, or nothing.
        user_events: What happened on the user's side in this call; None = what the data says, when it says so.
        notes: What everybody who reads the call's numbers has to know, a line each.
        on_the_way: What a condition made of the call: its delay, packets lost, the level of an echo.
    """

    user: Track
    model: Track
    clock: str
    prompt_s: float
    right_censored: bool
    events: tuple[Event, ...] = ()
    log: CallLog | None = None
    model_heard: Track | None = None
    user_heard: Track | None = None
    user_events: tuple[Event, ...] | None = None
    notes: tuple[str, ...] = ()
    user_log: CallLog | None = None
    on_the_way: Mapping[str, float] = field(default_factory=dict)

    @property
    def length_s(self) -> float:
        """From the first sample of either side to the last."""
        spans = (self.user.span, self.model.span)
        return max(span.end_s for span in spans) - min(span.start_s for span in spans)


@dataclass(frozen=True, slots=True)
class FailedCall(Absence):
    """Why a call gave no recording.

    Attributes:
        log: Of a call on the wall clock that broke, as far as it came: the model's, or the user's where only that is there.
        user_log: The user's, where both are there.
        trace: The whole traceback where an adapter raised; for the log of attempts, never for a record.
    """

    log: CallLog | None = field(default=None, repr=False, compare=False)
    trace: str = field(default="", repr=False, compare=False)
    user_log: CallLog | None = field(default=None, repr=False, compare=False)

    @property
    def score_reason(self) -> str:
        return CALL_FAILURES.get(self.reason, "call_failed")


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Something that the user's side is to do in a call after its prompt, when the time for it comes.

    Attributes:
        kind: Of the event that it is, e.g. ``interruption``, ``backchannel``, ``noise``, ``side_talk``.
        audio: What it says.
        after_onset_s: So long after the other side began to speak.
        text: The words of it, or what it is to be about.
    """

    kind: str
    audio: Audio | None = None
    after_onset_s: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Brief:
    """What a party is told before a call.

    Attributes:
        instructions: The task's text prompt; empty where it has none.
        seed: Determines every random choice the party makes in this call.
        lead_in_s: Silence before the prompt; the prompt's first sample is heard this long after the call begins.
        stimulus: For the player of a prompt.
        stages: For a user's side that reacts: what it is to do after its prompt.
        dialogue: For an examiner.
        truth: For the oracle: what an agent that knew the future would know. Nobody else is given it.
    """

    instructions: str = ""
    seed: int = 0
    lead_in_s: float = 0.0
    stimulus: Audio | None = None
    stages: tuple[Stage, ...] = ()
    dialogue: Dialogue | None = None
    truth: Sample | None = field(default=None, repr=False)
