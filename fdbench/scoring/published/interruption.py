"""User interruption as the published script scores it: does a reply follow, how soon, and does it fit?

::

    user   |--context--|.........|-interruption-|....................|  end of the prompt
    model  ...............|------------|...............|-------------|
                                                |======== heard =====|
                                                ^end   ^first word
                                                |-lat.-|

Conventions: the recogniser hears only what lies between the interruption's end and the prompt's; times are shifted back to
the prompt's timeline. Takeover by the published rule (``takeover``) over those words.

========  ====================================  ===================================
takeover  latency                               relevance
========  ====================================  ===================================
0         N/A ``no_takeover``                   N/A ``no_takeover``
1         max(0, first word - interruption end) the judge's rating (``relevance``)
========  ====================================  ===================================

Empty cases: no words, no takeover; so also where the prompt ends with the interruption or before it, since nothing is heard
then. A null start of the first or end of the last word is ``null_time`` (the script crashes); no annotated interruption is
an error.

Differences from upstream: none in the numbers. No takeover in the whole set divides by zero there and is a null mean here.
Defects that are reproduced: a model that never stops talking gets takeover 1 and about 0 s; ``fdbench`` calls that
talked through.

References: Full-Duplex-Bench v1.0, ``eval_user_interruption`` at d7336bd.
"""

from __future__ import annotations

from fdbench.core.absence import Absence
from fdbench.core.annotation import RelevanceQuestion, Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import INTERRUPTION
from fdbench.core.score import Score
from fdbench.core.speech import Transcript
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Needs, Prompts, Takes, failed, main_take, scored, words_for
from fdbench.scoring.published.takeover import is_takeover, published_reply, score_published_latency
from fdbench.scoring.relevance import ask_about, rate_reply
from fdbench.scoring.requests import published_words_after


class PublishedInterruption:
    """User interruption as the published script scores it."""

    version = 1
    metrics: tuple[str, ...] = ("takeover_rate", "response_latency_s", "relevance")

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        interruptions = sample.of_kind(INTERRUPTION)
        return {MAIN: (published_words_after(interruptions[0].span.end_s, prompts[MAIN]),)} if interruptions else {}

    def needs_to_ask(self, sample: Sample, prompts: Prompts) -> Needs:
        return {}

    def question(self, sample: Sample, takes: Takes) -> RelevanceQuestion | None:
        transcript = _words_after(sample, takes)
        if isinstance(transcript, Absence) or not is_takeover(transcript.words):
            return None
        return ask_about(sample, transcript.text)

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        transcript = _words_after(sample, takes)
        if isinstance(transcript, Absence):
            return failed(self.metrics, transcript)
        reply = published_reply(transcript.words, sample.of_kind(INTERRUPTION)[0].span.end_s)
        if isinstance(reply, Absence):
            return failed(self.metrics, reply)
        relevance = rate_reply(reply.has_takeover, verdict, is_bounded=False)
        return [scored("takeover_rate", reply.has_takeover), score_published_latency(reply), relevance]


def _words_after(sample: Sample, takes: Takes) -> Transcript | Absence:
    """What was heard between the interruption's end and the prompt's."""
    take, interruptions = main_take(takes), sample.of_kind(INTERRUPTION)
    if isinstance(take, Absence):
        return take
    if not interruptions:
        return Absence("no_interruption")
    return words_for(take, published_words_after(interruptions[0].span.end_s, take.prompt_s))
