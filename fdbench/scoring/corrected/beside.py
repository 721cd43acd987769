"""What stands beside every behaviour: lost seconds, and sound that is not speech.

========================  ==========================================================================================
``lost_per_turn_s``       lost seconds per turn of the user (``lost_time``), with wait, talked over and breaks
``lost_worded_s``         the same, with replies of fewer than 3 recognised words not ending the wait
``sound_beside_speech``   share of windows of 0.1 s above -50 dBFS more than 0.5 s from speech (``core.sound_beside``)
========================  ==========================================================================================

Corpus: sums over sums. A turn that asks for a reply and whose recording ends before 1.0 s after it says nothing
(``recording_too_short``), and one that ends in what may be the reply neither (``cut_off``). Without a recogniser nobody knows
how many words a reply has (``no_words``); without a recording there is no sound to look for (``no_sound_known``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fdbench.core.annotation import Annotations
from fdbench.core.plausible import LISTENING_S
from fdbench.core.score import Score, none_score
from fdbench.core.sound_beside import count_sound_beside_speech
from fdbench.core.span import ROUNDING_S, Span
from fdbench.scoring.base import scored
from fdbench.scoring.corrected.latency import CUT_OFF, TOO_SHORT
from fdbench.scoring.corrected.lost_time import MAX_WAIT_S, LostTime, Takeover, UserTurn, lost_time
from fdbench.scoring.corrected.model_side import ModelSide
from fdbench.scoring.corrected.utterance import Utterance
from fdbench.scoring.requests import MODEL_LEVELS, MODEL_SPEECH

LOST: Final = "lost_per_turn_s"
LOST_WORDED: Final = "lost_worded_s"
SOUND: Final = "sound_beside_speech"
BESIDE: Final = (LOST, LOST_WORDED, SOUND)
MIN_REPLY_WORDS: Final = 3


def score_lost(turns: Sequence[UserTurn], takeovers: Iterable[Utterance], model: ModelSide) -> list[Score]:
    """Both numbers of lost seconds.

    Args:
        turns: The user's, in order of time.
        takeovers: The model's utterances that take the turn.
    """
    takeovers = tuple(takeovers)
    undecided = undecided_wait(turns, model)
    if undecided:
        return [none_score(LOST, undecided), none_score(LOST_WORDED, undecided)]
    spoken = [_spoken(each, ends_wait=True) for each in takeovers]
    worded = [_spoken(each, ends_wait=len(each.words) >= MIN_REPLY_WORDS) for each in takeovers]
    lost_worded = _scored(LOST_WORDED, lost_time(turns, worded)) if model.listened else none_score(LOST_WORDED, "no_words")
    return [_scored(LOST, lost_time(turns, spoken)), lost_worded]


def score_sound(take: Annotations) -> Score:
    """The share of the recording that is sound and no speech."""
    levels, speech = take.levels.get(MODEL_LEVELS), take.speech.get(MODEL_SPEECH)
    if not levels or speech is None:
        return none_score(SOUND, "no_sound_known")
    n = count_sound_beside_speech(levels, speech.segments)
    return scored(SOUND, n / len(levels), numerator=n, denominator=len(levels))


def undecided_wait(turns: Sequence[UserTurn], model: ModelSide) -> str:
    """Why nobody knows how long was waited after the last turn that asks; empty where it is known."""
    asking_s = [turn.span.end_s for turn in turns if turn.asks]
    if model.recorded_s is None or not asking_s:
        return ""
    if model.recorded_s < asking_s[-1] + LISTENING_S - ROUNDING_S:
        return TOO_SHORT
    return CUT_OFF if model.cut_off is not None and model.cut_off.start_s < asking_s[-1] + MAX_WAIT_S else ""


def _spoken(utterance: Utterance, *, ends_wait: bool) -> Takeover:
    bursts: tuple[Span, ...] = tuple(burst.span for burst in utterance.bursts)
    return Takeover(utterance.span, bursts, ends_wait)


def _scored(metric: str, lost: LostTime) -> Score:
    return scored(
        metric,
        lost.lost_s_per_turn,
        numerator=lost.lost_s,
        denominator=lost.turns,
        wait_s=lost.wait_s,
        talked_over_s=lost.talked_over_s,
        breaks=lost.breaks,
    )
