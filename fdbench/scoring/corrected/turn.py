"""Smooth turn-taking: does the model take the turn when the user has finished, and how soon?

::

    user   |------|....|-----------|..........................
    model  ....................................|-------------|
                                ^e-0.3         ^takeover
                                   ^e
                                   |- latency -|

Conventions: ``latency``. The user's turn is the prompt up to its annotated end e. Taking the turn is an act: a takeover must
*begin* at e - 0.3 s or later. A model that began earlier and never stops has not taken the turn, it never gave it.

==============================================  ========  ===========  ===========  ========================
model speech that is a takeover                 takeover  break-in     no response  latency
==============================================  ========  ===========  ===========  ========================
none                                            0         0            1            censored ``no_reply``
begins at or after e - 0.3 s                    1         0            0            onset - e
begins before it, over at e, none after it      0         1            1            censored ``no_reply``
begins before it, going on at e, none after it  0         1            0            censored ``no_reply``
begins before it, another one after it          1         1            0            of the later one
none after it, the recording ends in a reply    censored  as above     censored     censored at the onset
any, the recording ends before e + 1.0 s        n/a       as in        n/a          n/a
                                                          ``latency``
==============================================  ========  ===========  ===========  ========================

``content_latency_s`` is that of the first burst of the reply that says something. Turns and overlap: ``conversation``;
lost seconds and sound: ``beside``.

Empty cases: the turn's end is needed for everything; segments without a recording, and recordings that end too early:
``latency``. Words and segments are believed as ``core.plausible`` says.

Differences from upstream:

1. A model that talks all the time has rate 0, a censored latency and a break-in; upstream gives it 1 and 0.0 s.
2. Latency is signed and censored, see ``latency``.
3. Replies after the prompt's end count; upstream's recording is cut there, so its rate is too low for slow models.

References: Full-Duplex-Bench v1.0, ``eval_smooth_turn_taking`` at d7336bd; Heldner & Edlund 2010, Journal of Phonetics 38:555.
"""

from __future__ import annotations

from collections.abc import Sequence

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import TURN_END
from fdbench.core.score import Score
from fdbench.core.span import Span
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Needs, Prompts, Takes, failed, speech_for
from fdbench.scoring.corrected.beside import BESIDE, score_lost, score_sound
from fdbench.scoring.corrected.conversation import CONVERSATION, score_conversation
from fdbench.scoring.corrected.latency import (
    Reply,
    content_latency,
    find_reply,
    score_decision,
    score_latency,
    user_bursts,
)
from fdbench.scoring.corrected.lost_time import UserTurn
from fdbench.scoring.corrected.model_side import model_side_of
from fdbench.scoring.requests import MODEL_LEVELS, MODEL_SPEECH, MODEL_WORDS, user_speech


def turn_outcome(takeovers: Sequence[Span], turn_end_s: float, recorded_s: float | None, cut_off: Span | None = None) -> Reply:
    """Decide whether the model took the turn, and how soon; all times in s on the prompt's timeline.

    Args:
        takeovers: The model's (``find_takeovers``).
        turn_end_s: Where the user's turn ends.
        recorded_s: End of the model's recording; None where nobody knows.
        cut_off: As in ``find_reply``.

    Example:
        >>> from fdbench.core.span import Span
        >>> turn_outcome([Span(3.4, 5.0)], 3.0, 10.0).latency_s
        0.39...
    """
    return find_reply(takeovers, turn_end_s, recorded_s, cut_off)


class Turn:
    """Turn-taking as ``fdbench`` defines it."""

    version = 3
    metrics: tuple[str, ...] = (
        "takeover_rate",
        "response_latency_s",
        "content_latency_s",
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
        turn_ends = sample.of_kind(TURN_END)
        if not turn_ends:
            return failed(self.metrics, Absence("no_turn_end"))
        turn_end_s = turn_ends[0].span.start_s
        reply = turn_outcome(model.takeovers, turn_end_s, model.recorded_s, model.cut_off)
        content = content_latency(model.utterances, reply, turn_end_s, model.recorded_s)
        spoken = [each for each in model.utterances if each.is_takeover]
        turns = [UserTurn(Span(0.0, turn_end_s), asks=True)]
        user = user_bursts(sample, speech_for(model.take, user_speech(model.take.prompt_s)))
        return [
            score_decision("takeover_rate", reply.latency_s is not None, reply.undecided, **model.counts),
            score_latency("response_latency_s", reply),
            score_latency("content_latency_s", content),
            score_decision("break_in_rate", reply.has_break_in, reply.undecided_break_in),
            score_decision("no_response_rate", reply.is_no_response, reply.undecided),
            *score_conversation(turns, spoken, user, model),
            *score_lost(turns, spoken, model),
            score_sound(model.take),
        ]
