"""A clip as a conversation: does the model know where turns end, which silences does it take, and what is said at once?

::

    user       |-----|..|-------|...............|----turn-----|............
    model      ............|---|.......|-------|....................|----|
    boundaries             early       on time                      late        claims "you are done" (``boundaries``)
    silences         hold       |----shift------|             |---shift---      taken or not (``opportunities``)
    breaks                 this turn is broken

Conventions: turns, takeovers and breaks are those of the lost seconds of the same clip (``lost_time``), bursts and utterances
as in ``utterance``. Ends = ends of the turns that ask for a reply.

========================  ==========================================================================================
``boundary_f1``           F1 of takeovers against ends; corpus: of the sums of the counts
``holds_taken_rate``      silences inside turns in which a takeover begins / all; corpus: sum / sum
``shifts_taken_rate``     the same of silences after turns
``competing_overlap``     seconds of overlap, competitive and held (``overlap_kinds``), per minute of the user's speech
``broken_turns_rate``     turns with at least one break / turns; what was waited for each turn stands beside it
========================  ==========================================================================================

Empty cases: nothing known of the user's speech: ``user_not_heard``, but for broken turns. No end, no silence of the kind:
``no_turn``. No takeover: precision and F1 are N/A (``no_takeover``), the missed ends count all the same. A recording that ends
before 1.0 s after the last end, or in what may be the reply: as for lost seconds. An end that has no onset yet where the
recording ends within 2.0 s of it does not count in the recall within 2.0 s.

References: as of ``boundaries``, ``opportunities`` and ``fdbench.scoring.overlap_kinds``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.metric import RECALL_WITHIN_S
from fdbench.core.plausible import LISTENING_S
from fdbench.core.score import Score, none_score
from fdbench.core.span import ROUNDING_S, Span
from fdbench.scoring.base import failed, scored
from fdbench.scoring.corrected.beside import undecided_wait
from fdbench.scoring.corrected.boundaries import LATEST_S, find_boundaries
from fdbench.scoring.corrected.lost_time import Takeover, UserTurn, is_broken, waits_of
from fdbench.scoring.corrected.model_side import ModelSide
from fdbench.scoring.corrected.opportunities import Moment, Opportunity, find_opportunities
from fdbench.scoring.corrected.utterance import Utterance
from fdbench.scoring.overlap_kinds import KINDS, overlap_time

BOUNDARIES: Final = "boundary_f1"
TAKEN: Final[dict[Moment, str]] = {"hold": "holds_taken_rate", "shift": "shifts_taken_rate"}
COMPETING: Final = "competing_overlap"
BROKEN: Final = "broken_turns_rate"
CONVERSATION: Final = (BOUNDARIES, *TAKEN.values(), COMPETING, BROKEN)
NOT_HEARD: Final = Absence("user_not_heard")
"""No fault of the sample: nobody needs the user's side to know when a model replies."""
TURNS: Final = "turns"
"""The detail of a sample that holds, for each turn, ``[wait in s or null, is broken]``: the points of a frontier."""


def score_conversation(
    turns: Sequence[UserTurn], takeovers: Iterable[Utterance], user: Sequence[Span] | Absence, model: ModelSide
) -> list[Score]:
    """The scores of ``CONVERSATION`` of a clip.

    Args:
        turns: The user's, in order of time.
        takeovers: The model's utterances that take the turn.
        user: Bursts of the user's speech, or why nothing is known of it.
    """
    takeovers = tuple(takeovers)
    undecided = undecided_wait(turns, model)
    if undecided:
        return [*failed(CONVERSATION[:3], Absence(undecided)), _overlap(user, model), none_score(BROKEN, undecided)]
    broken = _broken(turns, [Takeover(each.span, (each.span,)) for each in takeovers])
    if isinstance(user, Absence):
        return [*failed(CONVERSATION[:-1], NOT_HEARD), broken]
    ends_s = [turn.span.end_s for turn in turns if turn.asks]
    onsets_s = [each.span.start_s for each in takeovers]
    ends_of_speech_s = [span.end_s for span in (*user, *model.bursts)]
    recorded_s = max(ends_of_speech_s) + LISTENING_S if model.recorded_s is None else model.recorded_s
    silences = find_opportunities(user, ends_s, recorded_s, onsets_s)
    boundaries = _boundaries(ends_s, onsets_s, user, recorded_s)
    return [boundaries, *(_taken(silences, moment) for moment in TAKEN), _overlap(user, model), broken]


def score_overlap(user: Sequence[Span], model: ModelSide) -> Score:
    """Seconds of overlap in which neither gives way soon, per minute of the user's speech, with all kinds as components."""
    backchannels = [each.span for each in model.utterances if each.is_backchannel]
    found = overlap_time(user, model.bursts, backchannels)
    if found.user_speech_s <= 0:  # segments without length are no speech that anybody could speak over
        return none_score(COMPETING, "user_speech_unknown")
    by_kind = {kind: 60 * seconds for kind, seconds in zip(KINDS, found.of_kind_s, strict=True)}
    above = by_kind["competitive"] + by_kind["held"]
    return scored(COMPETING, above / found.user_speech_s, numerator=above, denominator=found.user_speech_s, **by_kind)


def _overlap(user: Sequence[Span] | Absence, model: ModelSide) -> Score:
    return none_score(COMPETING, NOT_HEARD.reason) if isinstance(user, Absence) else score_overlap(user, model)


def _boundaries(ends_s: Sequence[float], onsets_s: Sequence[float], user: Sequence[Span], recorded_s: float) -> Score:
    if not ends_s:
        return none_score(BOUNDARIES, "no_turn")
    found = find_boundaries(ends_s, onsets_s, user)
    counts: dict[str, float] = {
        "true_claims": found.on_time + found.late,
        "claims": found.on_time + found.late + found.early,
        "ends": len(ends_s),
    }
    for name, latest_s in RECALL_WITHIN_S.items():
        within = find_boundaries(ends_s, onsets_s, user, latest_s)
        is_seen = not within.missed or recorded_s >= max(ends_s) + latest_s - ROUNDING_S
        if is_seen or latest_s <= LATEST_S:
            counts |= {name: within.on_time, f"ends_{name}": len(ends_s)}
    if found.f1 is None:
        return none_score(BOUNDARIES, "no_takeover", **counts)
    return scored(BOUNDARIES, found.f1, **counts)


def _taken(silences: Sequence[Opportunity], moment: Moment) -> Score:
    taken = [each.is_taken for each in silences if each.moment == moment]
    if not taken:
        return none_score(TAKEN[moment], "no_turn")
    return scored(TAKEN[moment], sum(taken) / len(taken), numerator=sum(taken), denominator=len(taken))


def _broken(turns: Sequence[UserTurn], takeovers: Sequence[Takeover]) -> Score:
    if not turns:
        return none_score(BROKEN, "no_turn")
    waits_s, broken = waits_of(turns, takeovers), [is_broken(turn, takeovers) for turn in turns]
    score = scored(BROKEN, sum(broken) / len(turns), numerator=sum(broken), denominator=len(turns))
    return replace(score, details={TURNS: [[wait_s, each] for wait_s, each in zip(waits_s, broken, strict=True)]})
