"""Smooth turn-taking: does the model take the turn when the user has finished, and how soon?

::

    user   |------|....|-----------|..........................
    model  ....................................|-------------|
                       ^search     ^turn       ^takeover
                        start       end
                                   |- latency -|

Conventions: judged is from the search start (``latency``: the start of the user's last utterance) to the end of
the recording. Taking the turn is an act: a takeover must *begin* there. A model that began earlier and never stops has
not taken the turn, it never gave it.

==============================================  ========  ===========  ===========  ========================
model speech that is a takeover                 takeover  early start  no response  latency
==============================================  ========  ===========  ===========  ========================
none                                            0         0            1            censored ``no_reply``
begins at or after the search start             1         0            0            onset - turn end
begins before it, however long, none after it   0         1            1            censored ``no_reply``
begins before it, another one after it          1         1            0            of the later one
none after it, the recording ends too early     error     as above     error        as in ``latency``
none after it, the recording ends in a reply    censored  as above     censored     censored at the onset
none at all, the recording ends before the turn error     error        error        error
==============================================  ========  ===========  ===========  ========================

Empty cases: the turn's end and the user's speech are needed for everything; segments without a recording, and
recordings that end too early: ``latency``. Words and segments are believed as ``core.plausible`` says.

Differences from upstream:

1. A model that talks all the time has rate 0, a censored latency and an early start; upstream gives it 1 and 0.0 s.
2. Latency is signed and censored, see ``latency`` (golden clips: mean 0.469 s instead of 0.910 s).
3. Replies after the prompt's end count; upstream's recording is cut there, so its rate is too low for slow models.

References: Full-Duplex-Bench v1.0, ``eval_smooth_turn_taking`` at d7336bd.
"""

from __future__ import annotations

from collections.abc import Sequence

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import TURN_END
from fdbench.core.score import Score, none_score
from fdbench.core.span import Span
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Needs, Prompts, Takes, failed, scored, speech_for
from fdbench.scoring.corrected.latency import (
    TOO_SHORT,
    Reply,
    find_reply,
    last_utterance_start_s,
    score_decision,
    score_latency,
    user_bursts,
)
from fdbench.scoring.corrected.model_side import model_side_of
from fdbench.scoring.requests import MODEL_SPEECH, MODEL_WORDS, user_speech


def turn_outcome(
    takeovers: Sequence[Span],
    turn_end_s: float,
    user: Sequence[Span],
    recorded_s: float | None,
    prompt_s: float | None = None,
    cut_off: Span | None = None,
) -> Reply | Absence:
    """Decide whether the model took the turn, and how soon; all times in s on the prompt's timeline.

    Args:
        takeovers: The model's (``find_takeovers``).
        turn_end_s: Where the user's turn ends.
        user: When the user speaks.
        recorded_s: End of the model's recording; None where nobody knows.
        prompt_s, cut_off: As in ``find_reply``.

    Example:
        >>> from fdbench.core.span import Span
        >>> turn_outcome([Span(3.4, 5.0)], 3.0, [Span(0.5, 3.0)], 10.0).latency_s
        0.39...
    """
    search_start_s = last_utterance_start_s(user, turn_end_s)
    if search_start_s is None:
        return Absence("user_speech_unknown")
    return find_reply(takeovers, search_start_s, turn_end_s, recorded_s, prompt_s, cut_off)


class Turn:
    """Turn-taking as ``fdbench`` defines it."""

    version = 2
    metrics: tuple[str, ...] = ("takeover_rate", "response_latency_s", "early_start_rate", "no_response_rate")

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (MODEL_SPEECH, MODEL_WORDS, user_speech(prompts[MAIN]))}

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        model = model_side_of(takes)
        if isinstance(model, Absence):
            return failed(self.metrics, model)
        turn_ends = sample.of_kind(TURN_END)
        if not turn_ends:
            return failed(self.metrics, Absence("no_turn_end"))
        user = user_bursts(sample, speech_for(model.take, user_speech(model.take.prompt_s)))
        if isinstance(user, Absence):
            return failed(self.metrics, user)
        prompt_s, turn_end_s = model.take.prompt_s, turn_ends[0].span.start_s
        reply = turn_outcome(model.takeovers, turn_end_s, user, model.recorded_s, prompt_s, model.cut_off)
        if isinstance(reply, Absence):
            return failed(self.metrics, reply)
        has_reply, early_start = reply.latency_s is not None, float(reply.has_early_start)
        is_unknown = reply.reason == TOO_SHORT and not reply.has_early_start
        return [
            score_decision("takeover_rate", has_reply, reply, **model.counts),
            score_latency("response_latency_s", reply, early_start=early_start),
            none_score("early_start_rate", TOO_SHORT) if is_unknown else scored("early_start_rate", early_start),
            score_decision("no_response_rate", not has_reply, reply),
        ]
