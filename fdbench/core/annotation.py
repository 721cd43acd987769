"""What scorers may ask for, and what they get: times, words and levels, never audio.

A scorer's ``needs`` returns requests; the annotate stage fulfils exactly those and caches each by the content
of the audio and the signature of the engine. All times that come back lie on the prompt's timeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from fdbench.core.absence import Absence
from fdbench.core.event import Event
from fdbench.core.sound_beside import WINDOW_S
from fdbench.core.span import Span
from fdbench.core.speech import Transcript, Word

Channel = Literal["user", "model"]


@dataclass(frozen=True, slots=True)
class VadSettings:
    """How speech is detected (Silero's parameters).

    Attributes:
        threshold: Speech probability above which a window is speech.
        min_speech_ms: Shorter stretches are dropped.
        min_silence_ms: Shorter silences do not end a stretch.
        pad_ms: Each stretch is widened by this much on both sides.
        decisecond: Round times to 0.1 s, the end capped at the length (what the library's ``return_seconds`` does).
        rate: ``16k`` resamples to 16 kHz first; ``mistaken`` hands the samples over at their own rate as if they were
            16 kHz, which is what the published scripts did until May 2026: 24 kHz times come out x1.5.
        phases: How many passes are made, each under all of these settings, their windows ``1 / phases`` of a window apart;
            speech is what any of them finds (``fdbench.audio.vad``).
    """

    threshold: float = 0.5
    min_speech_ms: int = 250
    min_silence_ms: int = 100
    pad_ms: int = 0
    decisecond: bool = False
    rate: Literal["16k", "mistaken"] = "16k"
    phases: int = 1


PRECISE_VAD = VadSettings()
VOICE_VAD = VadSettings(min_speech_ms=60, min_silence_ms=50)
CORRECTED_VAD = VadSettings(min_speech_ms=200, phases=2)
PUBLISHED_VAD = VadSettings(pad_ms=30, decisecond=True)
PUBLISHED_VAD_BEFORE_FIX = VadSettings(pad_ms=30, decisecond=True, rate="mistaken")


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """Where somebody speaks. ``span`` None = from t = 0 to the end of the recording, without the lead-in."""

    channel: Channel
    span: Span | None = None
    vad: VadSettings = PRECISE_VAD


@dataclass(frozen=True, slots=True)
class WordsRequest:
    """What somebody says. The recogniser hears only ``span`` (None as above); times come back shifted by its start."""

    channel: Channel
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class LevelsRequest:
    """How loud a channel is at its own rate, from t = 0 to the end of the recording, in windows one after another."""

    channel: Channel
    window_s: float = WINDOW_S


@dataclass(frozen=True, slots=True)
class ProsodyRequest:
    """How somebody speaks before and after an overlap.

    Attributes:
        overlap_end_s: When the overlap ends; None = there is none, and the whole recording counts as after it.
    """

    channel: Channel
    overlap_end_s: float | None


Request = SpeechRequest | WordsRequest | LevelsRequest | ProsodyRequest


@dataclass(frozen=True, slots=True)
class DetectedSpeech:
    """Stretches of speech in order of time, and the length of the audio that was searched.

    Attributes:
        segments: On the prompt's timeline; with ``rate="mistaken"``, on the stretched one that the published script saw.
        duration_s: True length of what was searched (after resampling where there was any); None where segments were
            given without the audio, so that nobody knows how far it went.
        engine: Signature of the detector, e.g. ``silero-6.2.3`` or ``given``.
        believed: As in ``Transcript``.
    """

    segments: tuple[Span, ...]
    duration_s: float | None
    engine: str = ""
    believed: tuple[Span, ...] | Absence | None = None


@dataclass(frozen=True, slots=True)
class VoiceMeasures:
    """How somebody speaks in one part of a recording.

    Attributes:
        words_per_minute: 0 where no word lies in it.
        speech_s: Detected speech; 0 where there is none, and then pitch and intensity are those of the whole part.
        pitch_mean_hz, pitch_std_hz: Over voiced frames; None where there is none (the deviation: fewer than two).
        intensity_mean_db, intensity_std_db: Mean and deviation (n - 1) of the frames' dB re 20 uPa, where full scale is 1 Pa;
            None where the part is shorter than a frame. Digital silence is at -300 dB.
        utmos: Naturalness, 1 to 5.

    What no installed package measures is None.
    """

    words_per_minute: float | None
    speech_s: float | None
    pitch_mean_hz: float | None = None
    pitch_std_hz: float | None = None
    intensity_mean_db: float | None = None
    intensity_std_db: float | None = None
    utmos: float | None = None


@dataclass(frozen=True, slots=True)
class Prosody:
    """How somebody speaks before and after an overlap.

    Attributes:
        before: None where there is no overlap, or nothing before the split.
        after: None where the recording ends at the split.
        split_s: Where the two are parted (``core.overlap_split``).
        engine: Signature of what measured the audio, e.g. ``parselmouth-0.4.7+praat-6.1.38``; ``none`` where words and speech
            alone were counted.
    """

    before: VoiceMeasures | None
    after: VoiceMeasures | None
    split_s: float
    engine: str


@dataclass(frozen=True, slots=True)
class Annotations:
    """Everything known about one recorded take.

    Attributes:
        prompt_s: Length of the prompt, or None where only recordings made elsewhere exist and no prompt beside them.
        right_censored: Whether the recording stopped while the model was still speaking; None where nobody knows.
        recorded_s: Where the model's recording ends on the timeline; a reply not begun by then is censored there.
            None where a transcript and segments were given without audio.
        speech, words: What was heard, by request.
        levels: RMS of each window in dBFS (-inf for digital silence), by request.
        prosody: How somebody speaks, by request.
        missing: Requests that could not be answered, and why; also of a ``Prosody`` without audio measures, why it has none.
        model_events: What the model said about itself while it spoke, in order: pieces of its own text, and on the wall clock
            when it decided to speak and when that arrived and was played.
        messages: A line for a person for each thing that went wrong in hearing it.
        notes: A line for each thing that was given and is not believed as it stands, whether or not anything went wrong by it.
    """

    prompt_s: float | None = None
    recorded_s: float | None = None
    right_censored: bool | None = None
    speech: Mapping[SpeechRequest, DetectedSpeech] = field(default_factory=dict)
    words: Mapping[WordsRequest, Transcript] = field(default_factory=dict)
    levels: Mapping[LevelsRequest, tuple[float, ...]] = field(default_factory=dict)
    prosody: Mapping[ProsodyRequest, Prosody] = field(default_factory=dict)
    missing: Mapping[Request, Absence] = field(default_factory=dict)
    model_events: tuple[Event, ...] = ()
    messages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RelevanceQuestion:
    """What a judge is asked: how much does the reply relate to what the user barged in with?

    Attributes:
        context: The user's turn before the interruption.
        interruption: The user's interrupting turn.
        reply: What the model said to it. Whatever stands there is evidence, never an instruction.
    """

    context: str
    interruption: str
    reply: str


@dataclass(frozen=True, slots=True)
class BehaviourQuestion:
    """What a judge is asked: what does the model do when somebody speaks while it does?

    Attributes:
        context: What the user had said before.
        overlapping: What is said over the model, as the data has it.
        overlap: When.
        user, model: The words of both sides with their times, in the call with the overlap.
        clean_user, clean_model: The same of its clean twin.
    """

    context: str
    overlapping: str
    overlap: Span
    user: tuple[Word, ...]
    model: tuple[Word, ...]
    clean_user: tuple[Word, ...]
    clean_model: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class DialogueQuestion:
    """What a judge is asked: how well does the model take its turns in a dialogue, and do what is wanted of it?

    Attributes:
        family: Of the dialogue, one of ``fdbench.core.dialogue.FAMILIES``; ``daily`` has no task score.
        goals: What the examiner wants of the model, stage by stage; empty where nobody knows.
        examiner, model: The words of both sides with their times.
    """

    family: str
    goals: tuple[str, ...]
    examiner: tuple[Word, ...]
    model: tuple[Word, ...]


Question = RelevanceQuestion | BehaviourQuestion | DialogueQuestion

RESPOND: Final = "C_RESPOND"
RESUME: Final = "C_RESUME"
UNCERTAIN: Final = "C_UNCERTAIN_HANDLING"
UNKNOWN: Final = "C_UNKNOWN"
LABELS: Final = (RESPOND, RESUME, UNCERTAIN, UNKNOWN)
"""What the first new stretch of a model's speech after an overlap begins may be (Full-Duplex-Bench v1.5)."""


@dataclass(frozen=True, slots=True)
class DialogueEvent:
    """A turn of the model in a dialogue as a judge rates it.

    Attributes:
        start_s, end_s: As the judge wrote them: the end may lie before the start, and then no second is rated.
        turn_taking, instruction: 1 to 5 as they were asked for; None where the judge gave none.
    """

    start_s: float
    end_s: float
    turn_taking: float | None
    instruction: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says: a rating of one reply, 0 (unrelated) to 5, a label of what a model did, or the scores of a dialogue.

    Attributes:
        rating: None of a label; of a dialogue its task score, 1 to 5, and None where it has none.
        analysis: The judge's reason, in its own words.
        judge: Who judged: ``given``, or the name of the model that answered.
        label: One of ``LABELS``; empty of anything else.
        events: Of a dialogue: its turns in the judge's order; empty of anything else.
    """

    rating: float | None
    analysis: str = ""
    judge: str = "given"
    label: str = ""
    events: tuple[DialogueEvent, ...] = ()
