"""What the corrected scorers read off a take: the model's bursts, utterances and takeovers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations
from fdbench.core.span import ROUNDING_S, Span
from fdbench.core.speech import Word
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Takes, believed_speech_for, believed_words_for, main_take
from fdbench.scoring.corrected.latency import recording_end_s
from fdbench.scoring.corrected.utterance import Utterance, diagnose, find_bursts, find_utterances
from fdbench.scoring.requests import MODEL_SPEECH, MODEL_WORDS

END_S: Final = 0.1
"""Speech that ends this close to the recording's end was cut there."""
NOBODY: Final = "none"
"""The engine of a transcript that nobody made."""


@dataclass(frozen=True, slots=True)
class ModelSide:
    """The model's side of a call.

    Attributes:
        recorded_s: Where its recording ends on the timeline; None where only segments were given.
        words: As far as they are believed.
        counts: How far detector and recogniser agree (``utterance.diagnose``).
        listened: Somebody listened for words.
    """

    take: Annotations
    bursts: tuple[Span, ...]
    utterances: tuple[Utterance, ...]
    recorded_s: float | None
    words: tuple[Word, ...]
    counts: Mapping[str, float]
    listened: bool

    @property
    def cut_off(self) -> Span | None:
        """What it had just begun to say when the recording ended: a turn or a backchannel, nobody knows."""
        return cut_off_of(self.utterances, self.recorded_s, self.take.right_censored)

    @property
    def takeovers(self) -> tuple[Span, ...]:
        return tuple(utterance.span for utterance in self.utterances if utterance.is_takeover)


def model_side_of(takes: Takes, stimulus: str = MAIN) -> ModelSide | Absence:
    """The model's side of the take that answers a stimulus, or why it is not known."""
    take = main_take(takes) if stimulus == MAIN else takes.get(stimulus, Absence("twin_missing"))
    if isinstance(take, Absence) and stimulus != MAIN:
        return Absence("twin_missing", take.message)
    if isinstance(take, Absence):
        return take
    speech, transcript = believed_speech_for(take, MODEL_SPEECH), believed_words_for(take, MODEL_WORDS)
    if isinstance(speech, Absence):
        return speech
    if isinstance(transcript, Absence):
        return transcript
    recorded_s = recording_end_s(take, speech)
    bursts = find_bursts(speech.segments)
    utterances = find_utterances(bursts, transcript.words)
    return ModelSide(
        take=take,
        bursts=bursts,
        utterances=utterances,
        recorded_s=recorded_s,
        words=transcript.words,
        counts=diagnose(utterances, transcript.words, transcript.dropped),
        listened=transcript.engine != NOBODY,
    )


def cut_off_of(utterances: Sequence[Utterance], recorded_s: float | None, right_censored: bool | None) -> Span | None:
    """A last utterance that is a backchannel as far as it goes, and goes on to the recording's end.

    Args:
        utterances: In order of time.
        recorded_s: Where the recording ends; None where nobody knows.
        right_censored: Whether the call or the recording says that the model was speaking then; None where nothing does.
    """
    if not utterances or recorded_s is None or right_censored is False:
        return None
    last = utterances[-1]
    return last.span if last.is_backchannel and recorded_s - last.span.end_s <= END_S + ROUNDING_S else None


def find_takeovers(segments: Iterable[Span], words: Iterable[Word] = ()) -> tuple[Span, ...]:
    """Where the model takes the turn: utterances of 1.0 s or more, or with other words than one or two listed phrases.

    Args:
        segments: The model's speech, s on the prompt's timeline, in any order.
        words: What was recognised in it; without words, length alone decides.
    """
    return tuple(each.span for each in find_utterances(find_bursts(segments), words) if each.is_takeover)
