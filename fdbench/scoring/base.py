"""What a scorer is, and how it looks up what it asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from fdbench.core.annotation import Annotations, RelevanceQuestion, Request, Speech, SpeechRequest, Verdict, WordsRequest
from fdbench.core.conversation import Sample
from fdbench.core.score import Score, none_score
from fdbench.core.speech import Transcript

MAIN: Final = "main"
"""The stimulus that every sample has, and the take that answers it."""


class Scorer(Protocol):
    """A pure function of times and words; it never sees audio, paths or a clock.

    Attributes:
        version: Goes up whenever a number may change; a test compares it with the source.
        metrics: What ``score`` returns, in this order.
    """

    version: int
    metrics: tuple[str, ...]

    def needs(self, sample: Sample, prompt_s: float | None) -> tuple[Request, ...]:
        """What has to be known about the sample's take; the annotate stage fulfils just that.

        Args:
            prompt_s: Length of the prompt, None where only the recording exists; the same as in ``Annotations``.
        """

    def score(self, sample: Sample, takes: Mapping[str, Annotations], verdict: Verdict | None) -> list[Score]:
        """Exactly one score per metric of ``metrics``, in that order, whatever is missing or odd.

        Args:
            takes: By stimulus; ``main`` is the one that counts.
            verdict: What a judge said about the reply, None where none was asked.
        """


@runtime_checkable
class AskingScorer(Scorer, Protocol):
    """A scorer that needs a judge's verdict on some replies."""

    def question(self, sample: Sample, takes: Mapping[str, Annotations]) -> RelevanceQuestion | None:
        """What to ask about the sample's take; None where there is no reply to rate. As pure as ``score``."""


@dataclass(frozen=True, slots=True)
class Missing:
    """In the place of an answer: the key of the reason why there is none."""

    reason: str


def speech_for(take: Annotations, request: SpeechRequest) -> Speech | Missing:
    answer = take.speech.get(request)
    return answer if answer is not None else Missing(take.missing.get(request, "segments_missing"))


def words_for(take: Annotations, request: WordsRequest) -> Transcript | Missing:
    answer = take.words.get(request)
    return answer if answer is not None else Missing(take.missing.get(request, "transcript_missing"))


def scored(metric: str, value: float, **components: float) -> Score:
    return Score(metric, float(value), components=components)


def failed(metrics: Iterable[str], reason: str) -> list[Score]:
    """The scores of a sample about which nothing can be said.

    Raises:
        UsageError: The reason is not registered.
    """
    return [none_score(metric, reason) for metric in metrics]
