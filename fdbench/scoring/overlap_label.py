"""What a model did when somebody spoke over it: one of four labels, by rule and by a judge.

===========================  ====================================================================================
label                        the first new stretch of the model's speech after the overlap begins
===========================  ====================================================================================
``C_RESPOND``                takes up what was said over it
``C_RESUME``                 goes on with what it was saying, or never stopped
``C_UNCERTAIN_HANDLING``     asks what was meant, or whether it was meant
``C_UNKNOWN``                none of these, or there is none
===========================  ====================================================================================

By rule (``label_of``), from times and from the clean twin, in which the same model with the same seed hears the same but for
the overlap. The first row that fits decides:

===================  ==========================================================  =========================
course               the first new stretch                                       label
===================  ==========================================================  =========================
talked through       -                                                           ``C_RESUME``
any other            no takeover in it until the recording ends                  ``C_UNKNOWN``
any other            its words ask back (``ASKS_BACK``)                          ``C_UNCERTAIN_HANDLING``
any other            half of its words, in runs of two and more, are among what  ``C_RESUME``
                     the clean twin says from the utterance at the overlap on
any other            any other                                                   ``C_RESPOND``
===================  ==========================================================  =========================

The courses are those of ``corrected.overlap``. Words are compared without case and punctuation, by the longest runs that are
in both in the same order.

A judge (``--judge``) labels the same clip from all four transcripts. Where both are there, ``label_agreement_rate`` says how
often they agree.

References: Full-Duplex-Bench v1.5 (the four labels); the rule is ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import (
    LABELS,
    RESPOND,
    RESUME,
    UNCERTAIN,
    UNKNOWN,
    BehaviourQuestion,
    Verdict,
    WordsRequest,
)
from fdbench.core.conversation import Sample
from fdbench.core.event import CONTEXT, OVERLAP
from fdbench.core.score import Score
from fdbench.core.span import Span
from fdbench.core.speech import Word
from fdbench.core.take_id import MAIN, TWIN
from fdbench.scoring.base import Takes, failed, scored, words_for

ASKS_BACK: Final = (
    "are you talking to me", "are you still there", "can you repeat", "come again", "could you repeat", "did you say",
    "didn't catch", "didn't hear", "didn't get that", "didn't understand", "do you mean", "excuse me", "is that for me",
    "pardon", "say that again", "sorry what", "was that for me", "what do you mean", "what did you", "what was that",
    "were you talking to me",
)  # fmt: skip
"""English; whole words, anywhere in the first 12 of a stretch."""
_ASKING_WORDS: Final = 12
MIN_SHARE_SAID: Final = 0.5
MIN_RUN_WORDS: Final = 2

BY_RULE: Final = ("respond_rate", "resume_rate", "uncertain_rate", "unknown_rate")
"""The metric of each label, in the order of ``LABELS``."""
JUDGED: Final = tuple(f"judged_{metric}" for metric in BY_RULE)


def label_of(has_talked_through: bool, stretch: Sequence[str] | None, clean: Sequence[str]) -> str:
    """The label by rule.

    Args:
        has_talked_through: The model went on as if nothing had been said.
        stretch: Words of the first new stretch in which it takes the turn; None where there is none.
        clean: What the clean twin says from the utterance at the overlap on.

    Example:
        >>> label_of(False, "the tower is three hundred metres tall".split(), "it is the tower is three hundred".split())
        'C_RESUME'
    """
    if has_talked_through:
        return RESUME
    if stretch is None:
        return UNKNOWN
    words = _tokens(stretch)
    beginning = f" {' '.join(words[:_ASKING_WORDS])} "
    if any(f" {' '.join(_tokens([phrase]))} " in beginning for phrase in ASKS_BACK):
        return UNCERTAIN
    return RESUME if share_said(words, _tokens(clean)) >= MIN_SHARE_SAID else RESPOND


def share_said(words: Sequence[str], before: Sequence[str]) -> float:
    """Which share of the words stands in ``before`` in the same order, in runs of two and more; of no words, none."""
    if not words:
        return 0.0
    least = min(MIN_RUN_WORDS, len(words))
    blocks = SequenceMatcher(None, before, words, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size >= least) / len(words)


def label_scores(metrics: Sequence[str], label: str) -> list[Score]:
    """1 for the metric of the label and 0 for the others, the label beside each."""
    return [
        replace(scored(metric, each == label), details={"label": label}) for metric, each in zip(metrics, LABELS, strict=True)
    ]


def judged_scores(verdict: Verdict | Absence) -> list[Score]:
    """The judge's label as scores."""
    if isinstance(verdict, Absence):
        return failed(JUDGED, verdict)
    if verdict.label not in LABELS:
        return failed(JUDGED, Absence("label_missing"))
    return label_scores(JUDGED, verdict.label)


def user_transcripts_needed(sample: Sample, model_words: WordsRequest) -> tuple[WordsRequest, ...]:
    """The user's words in a take, which only a judge reads; they are not listened for where the data has them."""
    return () if sample.transcript is not None else (replace(model_words, channel="user"),)


def ask_about(sample: Sample, takes: Takes, model_words: Mapping[str, WordsRequest]) -> BehaviourQuestion | Absence:
    """The question to the judge, with all four transcripts; or which of them is missing.

    Args:
        model_words: By stimulus, under which request the model's words were heard; the user's under the same.
    """
    overlaps = sample.of_kind(OVERLAP)
    if not overlaps:
        return Absence("no_overlap") if sample.reaction is None else Absence("not_exercised")
    words: dict[tuple[str, str], tuple[Word, ...]] = {}
    for stimulus in (MAIN, TWIN):
        take = takes.get(stimulus, Absence("twin_missing"))
        if isinstance(take, Absence):
            return take if stimulus == MAIN else Absence("twin_missing", take.message)
        for request in (model_words[stimulus], *user_transcripts_needed(sample, model_words[stimulus])):
            transcript = words_for(take, request)
            if isinstance(transcript, Absence):
                return transcript
            words[stimulus, request.channel] = transcript.words
        if sample.transcript is not None:
            words[stimulus, "user"] = _said_in(sample.transcript.words, None if stimulus == MAIN else overlaps[0].span)
    context = "".join(event.text for event in sample.of_kind(CONTEXT)[:1])
    return BehaviourQuestion(
        context,
        overlaps[0].text,
        overlaps[0].span,
        user=words[MAIN, "user"],
        model=words[MAIN, "model"],
        clean_user=words[TWIN, "user"],
        clean_model=words[TWIN, "model"],
    )


def _said_in(words: Sequence[Word], without: Span | None) -> tuple[Word, ...]:
    return tuple(word for word in words if without is None or word.start_s is None or not without.contains(word.start_s))


def _tokens(words: Sequence[str]) -> list[str]:
    return re.findall(r"[^\W_]+", re.sub(r"['\u2019]", "", " ".join(words)).casefold())
