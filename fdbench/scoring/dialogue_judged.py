"""What a judge says of a dialogue: how fluently the model takes its turns, how it follows what is wanted, and the task score.

======================  ===========================================================================  ===================
metric                  a dialogue                                                                   N/A
======================  ===========================================================================  ===================
turn_taking_fluency     mean over its events whose both scores are numbers                           ``nothing_rated``
instruction_following   the same of the other score                                                  ``nothing_rated``
task_score              as the judge gave it; the family ``daily`` has none                          ``no_task_score``
======================  ===========================================================================  ===================

A family: under ``fdb-*`` the mean over its dialogues; under ``fdbench`` the mean over all its events, with that over dialogues
beside it (``mean``). Beside both stand means by time, ``from_0_to_15_s`` to ``from_105_to_120_s`` and ``from_0_to_75_s``: in
each dialogue the mean of the scores weighted by how many seconds of an event lie in the window, then the mean over the
dialogues that have any. An event that takes no time (``end <= start``) is in no window.

Under ``fdbench`` a score that is no number from 1 to 5 makes its dialogue ``rating_out_of_range``. A model that says nothing in
a dialogue gets 1 for everything, and nobody is asked. Events are published in ``details``, as ``[[start, end], turn-taking,
instruction]``.

Differences from upstream: no aggregator of a family and none of the windows over dialogues is published.

References: Full-Duplex-Bench v2 at d7336bd; the 1 of a silent session: Kyutai.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import DialogueEvent, DialogueQuestion, Verdict, WordsRequest
from fdbench.core.conversation import Sample
from fdbench.core.dialogue import DAILY
from fdbench.core.event import EXAMINER_SPEECH
from fdbench.core.metric import WINDOWS_S
from fdbench.core.score import Score, none_score
from fdbench.core.speech import Word
from fdbench.scoring.base import Takes, failed, main_take, scored, words_for
from fdbench.scoring.requests import MODEL_WORDS

JUDGED: Final = ("turn_taking_fluency", "instruction_following", "task_score")
USER_WORDS: Final = WordsRequest("user")
LEAST, MOST = 1.0, 5.0
NOBODY: Final = "none"
"""The recogniser that listens to nothing."""


def words_needed(sample: Sample) -> tuple[WordsRequest, ...]:
    """The words of the model, and of the user where no examiner says what it said."""
    return (MODEL_WORDS,) if said_by_examiner(sample) else (MODEL_WORDS, USER_WORDS)


def said_by_examiner(sample: Sample) -> tuple[Word, ...]:
    """What an examiner says that it said, each utterance with its times; nothing where nobody is one."""
    said = sorted((event for event in sample.events if event.kind in EXAMINER_SPEECH), key=lambda event: event.span)
    return tuple(Word(event.text, event.span.start_s, event.span.end_s) for event in said)


def ask_about_dialogue(sample: Sample, takes: Takes) -> DialogueQuestion | Verdict | Absence:
    """The question to the judge; the verdict on a model that never spoke; or which transcript is missing."""
    take = main_take(takes)
    if isinstance(take, Absence):
        return take
    model = words_for(take, MODEL_WORDS)
    if isinstance(model, Absence):
        return model
    if model.engine == NOBODY:
        return Absence("no_words")
    family = family_of(sample)
    if not model.words:
        event = DialogueEvent(0.0, take.recorded_s or 0.0, LEAST, LEAST)
        return Verdict(None if family == DAILY else LEAST, "the model said nothing", "nobody", events=(event,))
    examiner = said_by_examiner(sample)
    if not examiner:
        heard = words_for(take, USER_WORDS)
        if isinstance(heard, Absence):
            return heard
        examiner = heard.words
    stages = () if sample.dialogue is None else sample.dialogue.stages
    return DialogueQuestion(family, tuple(f"{each.name}: {each.line}" for each in stages), examiner, model.words)


def family_of(sample: Sample) -> str:
    """That of the dialogue; of a folder whose dialogues nobody knows, that in the task's name, ``v2/FAMILY.PACE``."""
    if sample.dialogue is not None:
        return sample.dialogue.family
    return sample.task.rpartition("/")[2].partition(".")[0]


def judged_scores(verdict: Verdict | Absence, *, is_bounded: bool) -> list[Score]:
    """The scores of ``JUDGED``.

    Args:
        is_bounded: Whether only numbers from 1 to 5 are scores.
    """
    if isinstance(verdict, Absence):
        return failed(JUDGED, verdict)
    turn_taking = [(each, each.turn_taking) for each in verdict.events if each.instruction is not None]
    instruction = [(each, each.instruction) for each in verdict.events if each.turn_taking is not None]
    events = [[[each.start_s, each.end_s], each.turn_taking, each.instruction] for each in verdict.events]
    return [
        replace(_mean_score(JUDGED[0], turn_taking, is_bounded), details={"events": events}),
        _mean_score(JUDGED[1], instruction, is_bounded),
        _task_score(verdict.rating, is_bounded),
    ]


def _task_score(rating: float | None, is_bounded: bool) -> Score:
    metric = JUDGED[2]
    if rating is None:
        return none_score(metric, "no_task_score")
    return none_score(metric, "rating_out_of_range") if is_bounded and not LEAST <= rating <= MOST else scored(metric, rating)


def _mean_score(metric: str, events: Sequence[tuple[DialogueEvent, float | None]], is_bounded: bool) -> Score:
    rated = [(event, value) for event, value in events if value is not None]
    if not rated:
        return none_score(metric, "nothing_rated")
    if is_bounded and not all(LEAST <= value <= MOST for _, value in rated):
        return none_score(metric, "rating_out_of_range")
    total = math.fsum(value for _, value in rated)
    windows = {name: mean for name, window in WINDOWS_S.items() if (mean := _mean_in(window, rated)) is not None}
    return scored(metric, total / len(rated), numerator=total, denominator=len(rated), **windows)


def _mean_in(window_s: tuple[int, int], rated: Sequence[tuple[DialogueEvent, float]]) -> float | None:
    """The mean weighted by seconds in a window; None where no event has any there."""
    seconds = [max(0.0, min(event.end_s, window_s[1]) - max(event.start_s, window_s[0])) for event, _ in rated]
    total_s = math.fsum(seconds)
    return math.fsum(each_s * value for each_s, (_, value) in zip(seconds, rated, strict=True)) / total_s if total_s else None
