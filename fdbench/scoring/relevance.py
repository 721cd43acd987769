"""Does the reply relate to the interruption? A judge's rating of it, 0 (unrelated) to 5.

========  ===================  =================================
takeover  verdict              relevance
========  ===================  =================================
no        -                    N/A ``no_takeover``
yes       an absence           its status and reason (``no_judge``: N/A)
yes       rating in [0, 5]     the rating
yes       anything else        error ``rating_out_of_range``
========  ===================  =================================

Over a task: the mean over samples with a takeover and a rating.

Differences from upstream:

1. A rating outside 0 to 5 is an error under ``fdbench``; upstream averages it (a 9 pulls the mean up). Under ``fdb-*``
   it counts as upstream counts it, as long as it is a number.
2. A sample without a rating has none and is counted; upstream asks again without end.

References: Full-Duplex-Bench v1.0, ``eval_user_interruption`` at d7336bd.
"""

from __future__ import annotations

import math
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import RelevanceQuestion, Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import CONTEXT, INTERRUPTION
from fdbench.core.score import Score, none_score
from fdbench.scoring.base import scored

RELEVANCE: Final = "relevance"
MAX_RATING: Final = 5.0


def ask_about(sample: Sample, reply: str) -> RelevanceQuestion:
    """The question to the judge: what the user said before and when interrupting, as the data has it, and the reply."""
    context, interruption = ("".join(event.text for event in sample.of_kind(kind)[:1]) for kind in (CONTEXT, INTERRUPTION))
    return RelevanceQuestion(context, interruption, reply)


def rate_reply(has_takeover: bool, verdict: Verdict | Absence, is_bounded: bool = True) -> Score:
    """The relevance of one reply.

    Args:
        has_takeover: There is a reply to rate.
        verdict: What the judge said, or why nobody said anything.
        is_bounded: Ratings outside 0 to 5 are errors (the published script takes them).
    """
    if not has_takeover:
        return none_score(RELEVANCE, "no_takeover")
    if isinstance(verdict, Absence):
        return none_score(RELEVANCE, verdict.reason)
    if verdict.rating is None or not math.isfinite(verdict.rating) or (is_bounded and not 0 <= verdict.rating <= MAX_RATING):
        return none_score(RELEVANCE, "rating_out_of_range")
    return scored(RELEVANCE, verdict.rating)
