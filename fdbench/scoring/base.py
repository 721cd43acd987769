"""What a scorer is, and how it looks up what it asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, Protocol, TypeAlias, runtime_checkable

from fdbench.core.absence import Absence
from fdbench.core.annotation import (
    Annotations,
    DetectedSpeech,
    Question,
    Request,
    SpeechRequest,
    Verdict,
    WordsRequest,
)
from fdbench.core.conversation import Sample
from fdbench.core.score import Score, none_score
from fdbench.core.speech import Transcript
from fdbench.core.take_id import MAIN

Prompts: TypeAlias = Mapping[str, "float | None"]
"""By stimulus, the length (s) of each prompt that was played; None where only the recording exists."""
Needs: TypeAlias = Mapping[str, tuple[Request, ...]]
"""By stimulus, what has to be known about the take that answers it."""
Takes: TypeAlias = "Mapping[str, Annotations | Absence]"
"""By stimulus, what is known about the take that answers it, or why nothing is."""

NO_JUDGE: Final = Absence("no_judge")


class Scorer(Protocol):
    """A pure function of times and words; it never sees audio, paths or a clock.

    Attributes:
        version: Goes up whenever a number may change; a test compares it with the source.
        metrics: What ``score`` returns, in this order.
    """

    version: int
    metrics: tuple[str, ...]

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        """What has to be known about the sample's takes; the hearing stage answers just that."""

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        """Exactly one score per metric of ``metrics``, in that order, whatever is missing or odd.

        Args:
            verdict: What a judge said about the reply, or why nobody said anything (``NO_JUDGE``: none was asked).
        """


@runtime_checkable
class AskingScorer(Scorer, Protocol):
    """A scorer that needs a judge's verdict on some replies."""

    def needs_to_ask(self, sample: Sample, prompts: Prompts) -> Needs:
        """What the question needs beside ``needs``; it is heard only where somebody is asked."""

    def question(self, sample: Sample, takes: Takes) -> Question | Verdict | Absence | None:
        """What to ask about the sample's takes, or what stands in the place of asking; as pure as ``score``.

        None where there is nothing to judge, an absence where it cannot be asked, a verdict where there is no need to.
        """


def main_take(takes: Takes) -> Annotations | Absence:
    """The take that answers the main stimulus."""
    return takes.get(MAIN, Absence("audio_missing"))


def speech_for(take: Annotations, request: SpeechRequest) -> DetectedSpeech | Absence:
    answer = take.speech.get(request)
    return answer if answer is not None else take.missing.get(request, Absence("segments_missing"))


def words_for(take: Annotations, request: WordsRequest) -> Transcript | Absence:
    answer = take.words.get(request)
    return answer if answer is not None else take.missing.get(request, Absence("transcript_missing"))


def believed_speech_for(take: Annotations, request: SpeechRequest) -> DetectedSpeech | Absence:
    """The speech as far as it is believed; the ``fdb-*`` protocols take it as it is."""
    answer = speech_for(take, request)
    if isinstance(answer, Absence) or answer.believed is None:
        return answer
    return answer.believed if isinstance(answer.believed, Absence) else replace(answer, segments=answer.believed)


def believed_words_for(take: Annotations, request: WordsRequest) -> Transcript | Absence:
    """The words as far as they are believed; the ``fdb-*`` protocols take them as they are."""
    answer = words_for(take, request)
    if isinstance(answer, Absence) or answer.believed is None:
        return answer
    return answer.believed if isinstance(answer.believed, Absence) else replace(answer, words=answer.believed)


def scored(metric: str, value: float, **components: float) -> Score:
    return Score(metric, float(value), components=components)


def failed(metrics: Iterable[str], why: Absence) -> list[Score]:
    """The scores of a sample about which nothing can be said.

    Raises:
        UsageError: The reason is not registered.
    """
    return [none_score(metric, why.reason) for metric in metrics]
