"""Pause handling: does the model leave the floor to a user who pauses inside a turn?

::

    user   |-------|..........|--------|...............
    model  .............|---|..................|------|        takeover 1: it begins in the judged window
                   |---- window -------|
                   ^first pause        ^turn end (end of the last word)

Conventions: judged is from the start of the first annotated pause to the end of the user's last word (the
transcript's, where a word without an end counts with its start; else the annotated turn end; else the last detected
speech). A takeover counts if any of it lies in that window, because a model that began earlier and keeps talking does not
leave the floor either. A takeover that begins before the first pause is a *break-in*. Latency and no response as in
``latency``, with e = the end of the last word: a reply may overlap it by 0.3 s, and is then in the window all the same.

======================================  ========  ===========  =======================
model speech that is a takeover         takeover  break-in     latency
======================================  ========  ===========  =======================
none                                    0         0            censored ``no_reply``
begins before the first pause, and
  ends before it                        0         1            by what follows
  reaches into the window               1         1            by what follows
begins in the window                    1         0            by what follows
begins after the user's last word       0         0            onset - e
none in the window, the recording
  ends more than 0.1 s before it does   n/a       0            n/a
none, the recording ends before the
  first pause                           n/a       n/a          n/a
none, and one is cut off in the window  censored  0            n/a
======================================  ========  ===========  =======================

What follows = the first takeover from e - 0.3 s on, else censored ``no_reply``, also where the earlier one never ends.
n/a = ``recording_too_short``. Turns and overlap: ``conversation``; lost seconds and
sound: ``beside``.

Empty cases: no annotated pause, or one that begins after the user's last word, is an error; where nobody knows where the user's
last word ends, only the break-in is known.

Differences from upstream (which never reads ``pause.json``):

1. A reply after the user's last word is right; upstream counts it as a failure, so its rate is too high by the share of
   clips that are only answered at the end (all of them for a good endpointer: 1 instead of 0).
2. Speech before the first pause is a break-in and not by itself a takeover; upstream counts it as one.
3. Bursts and words classify utterances as in ``utterance``.

References: Full-Duplex-Bench v1.0, ``eval_pause_handling`` at d7336bd.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import PAUSE, TURN_END
from fdbench.core.plausible import FRAME_S
from fdbench.core.score import Score
from fdbench.core.span import ROUNDING_S, Span
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Needs, Prompts, Takes, failed, speech_for
from fdbench.scoring.corrected.beside import BESIDE, LOST, LOST_WORDED, score_lost, score_sound
from fdbench.scoring.corrected.conversation import CONVERSATION, score_conversation
from fdbench.scoring.corrected.latency import (
    CUT_OFF,
    TOO_SHORT,
    Reply,
    find_reply,
    score_decision,
    score_latency,
    user_bursts,
)
from fdbench.scoring.corrected.lost_time import UserTurn
from fdbench.scoring.corrected.model_side import model_side_of
from fdbench.scoring.requests import MODEL_LEVELS, MODEL_SPEECH, MODEL_WORDS, user_speech

USER_UNKNOWN = Absence("user_speech_unknown")


@dataclass(frozen=True, slots=True)
class PauseOutcome:
    """What the model did with a floor that was not free.

    Attributes:
        has_break_in: It took the turn before the first pause.
        has_takeover: It had the turn between the first pause and the user's last word; None where nobody knows where that ends.
        reply: What came of the search for a reply; None where nobody knows when the user is done.
        undecided_takeover, undecided_break_in: Why nobody knows: the recording ends before it could have been seen.
    """

    has_break_in: bool
    has_takeover: bool | None
    reply: Reply | None
    undecided_takeover: str = ""
    undecided_break_in: str = ""


def pause_outcome(
    takeovers: Sequence[Span],
    pauses: Sequence[Span],
    turn_end_s: float | None,
    recorded_s: float | None,
    cut_off: Span | None = None,
) -> PauseOutcome | Absence:
    """Decide what the model did while the user paused; all times in s on the prompt's timeline.

    Args:
        takeovers: The model's (``find_takeovers``).
        pauses: The user's pauses inside the turn, at least one.
        turn_end_s: End of the user's last word; None where nobody knows.
        recorded_s: End of the model's recording; None where nobody knows.
        cut_off: As in ``find_reply``.

    Returns:
        The outcome, or why there is none: the pauses do not lie inside the turn.

    Example:
        >>> from fdbench.core.span import Span
        >>> pause_outcome([Span(5.2, 7.0)], [Span(2.0, 3.0)], 5.0, 10.0).has_takeover
        False
    """
    first_pause_s = min(pause.start_s for pause in pauses)
    has_break_in = any(takeover.start_s < first_pause_s - ROUNDING_S for takeover in takeovers)
    is_short = not has_break_in and recorded_s is not None and recorded_s < first_pause_s - ROUNDING_S
    undecided_break_in = TOO_SHORT if is_short else ""
    if turn_end_s is None:
        return PauseOutcome(has_break_in, None, None, undecided_break_in=undecided_break_in)
    if turn_end_s <= first_pause_s:
        return Absence("bad_annotation")
    window = Span(first_pause_s, turn_end_s)
    has_takeover = any(takeover.overlaps(window) for takeover in takeovers)
    undecided = ""
    if not has_takeover and cut_off is not None and cut_off.overlaps(window):
        undecided = CUT_OFF
    elif not has_takeover and recorded_s is not None and recorded_s < turn_end_s - FRAME_S:
        undecided = TOO_SHORT
    reply = find_reply(takeovers, turn_end_s, recorded_s, cut_off)
    return PauseOutcome(has_break_in, has_takeover, reply, undecided, undecided_break_in)


class Pause:
    """Pause handling as ``fdbench`` defines it."""

    version = 3
    metrics: tuple[str, ...] = (
        "takeover_rate",
        "response_latency_s",
        "break_in_rate",
        "no_response_rate",
        *CONVERSATION,
        *BESIDE,
    )

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (MODEL_SPEECH, MODEL_WORDS, MODEL_LEVELS, user_speech(prompts[MAIN]))}

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        model = model_side_of(takes)
        if isinstance(model, Absence):
            return failed(self.metrics, model)
        pauses = [event.span for event in sample.of_kind(PAUSE)]
        if not pauses:
            return failed(self.metrics, Absence("no_pause_annotation"))
        user = user_bursts(sample, speech_for(model.take, user_speech(model.take.prompt_s)))
        turn_end_s = last_word_end_s(sample, user)
        found = pause_outcome(model.takeovers, pauses, turn_end_s, model.recorded_s, model.cut_off)
        if isinstance(found, Absence):
            return failed(self.metrics, found)
        break_in = score_decision("break_in_rate", found.has_break_in, found.undecided_break_in)
        takeover, latency, no_response = failed(("takeover_rate", "response_latency_s", "no_response_rate"), USER_UNKNOWN)
        conversation, lost = failed(CONVERSATION, USER_UNKNOWN), failed((LOST, LOST_WORDED), USER_UNKNOWN)
        if found.has_takeover is not None and found.reply is not None and turn_end_s is not None:
            takeover = score_decision("takeover_rate", found.has_takeover, found.undecided_takeover, **model.counts)
            latency = score_latency("response_latency_s", found.reply)
            no_response = score_decision("no_response_rate", found.reply.is_no_response, found.reply.undecided)
            spoken = [each for each in model.utterances if each.is_takeover]
            turns = [UserTurn(Span(0.0, turn_end_s), asks=True)]
            conversation, lost = score_conversation(turns, spoken, user, model), score_lost(turns, spoken, model)
        return [takeover, latency, break_in, no_response, *conversation, *lost, score_sound(model.take)]


def last_word_end_s(sample: Sample, user: Sequence[Span] | Absence) -> float | None:
    """Where the user's last word ends: by the transcript, else by the annotated turn end, else by the detector."""
    words = sample.transcript.words if sample.transcript is not None else ()
    times_s = (word.start_s if word.end_s is None else word.end_s for word in words)
    ends_s = [time_s for time_s in times_s if time_s is not None and math.isfinite(time_s)]
    if ends_s:
        return max(ends_s)
    turn_ends = sample.of_kind(TURN_END)
    if turn_ends:
        return turn_ends[0].span.start_s
    return None if isinstance(user, Absence) else max(burst.end_s for burst in user)
