"""What the scorers ask of the annotate stage: two windows on the same recording.

::

    prompt     |--------------------------------|
    recording  |------------------------------------------|
    fdb-*      |--------------------------------|              cropped to the prompt
    fdb-*                     |-----------------|              interruption: cropped at its end, too
    fdbench    |------------------------------------------|    all of it, without the lead-in
"""

from __future__ import annotations

from typing import Final

from fdbench.core.annotation import CORRECTED_VAD, LevelsRequest, SpeechRequest, VadSettings, WordsRequest
from fdbench.core.span import Span

UNBOUNDED_S: Final = 3600.0
"""Longer than any recording: a span that ends where the audio does."""

MODEL_SPEECH: Final = SpeechRequest("model", None, CORRECTED_VAD)
MODEL_WORDS: Final = WordsRequest("model", None)
MODEL_LEVELS: Final = LevelsRequest("model")


def user_speech(prompt_s: float | None) -> SpeechRequest:
    """When the user speaks in the prompt."""
    return SpeechRequest("user", cropped(prompt_s), CORRECTED_VAD)


def published_words(prompt_s: float | None) -> WordsRequest:
    """What the published scripts read: a transcript of the recording cropped to the prompt."""
    return WordsRequest("model", cropped(prompt_s))


def published_words_after(end_s: float, prompt_s: float | None) -> WordsRequest:
    """A transcript of the part of the recording between an interruption's end and the prompt's.

    Nothing is left to be heard of a prompt that ends with the interruption or before it.
    """
    end_of_crop_s = end_s + UNBOUNDED_S if prompt_s is None else max(prompt_s, end_s)
    return WordsRequest("model", Span(end_s, end_of_crop_s))


def published_speech(prompt_s: float | None, vad: VadSettings) -> SpeechRequest:
    return SpeechRequest("model", cropped(prompt_s), vad)


def cropped(prompt_s: float | None) -> Span | None:
    """The prompt's length from t = 0; None where nobody knows it."""
    return None if prompt_s is None or prompt_s <= 0 else Span(0.0, prompt_s)
