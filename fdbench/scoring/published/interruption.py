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

from collections.abc import Mapping

from fdbench.core.annotation import Annotations, RelevanceQuestion, Request, Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import INTERRUPTION
from fdbench.core.score import Score, none_score
from fdbench.scoring.base import MAIN, Missing, failed, scored, words_for
from fdbench.scoring.published.takeover import is_takeover
from fdbench.scoring.relevance import ask_about, rate_reply
from fdbench.scoring.requests import published_words_after


class PublishedInterruption:
    """User interruption as the published script scores it."""

    version = 1
    metrics: tuple[str, ...] = ("takeover_rate", "response_latency_s", "relevance")

    def needs(self, sample: Sample, prompt_s: float | None) -> tuple[Request, ...]:
        interruptions = sample.of_kind(INTERRUPTION)
        return (published_words_after(interruptions[0].span.end_s, prompt_s),) if interruptions else ()

    def question(self, sample: Sample, takes: Mapping[str, Annotations]) -> RelevanceQuestion | None:
        take, interruptions = takes.get(MAIN), sample.of_kind(INTERRUPTION)
        if take is None or not interruptions:
            return None
        transcript = words_for(take, published_words_after(interruptions[0].span.end_s, take.prompt_s))
        if isinstance(transcript, Missing) or not is_takeover(transcript.words):
            return None
        return ask_about(sample, transcript.text)

    def score(self, sample: Sample, takes: Mapping[str, Annotations], verdict: Verdict | None) -> list[Score]:
        take = takes.get(MAIN)
        if take is None:
            return failed(self.metrics, "audio_missing")
        interruptions = sample.of_kind(INTERRUPTION)
        if not interruptions:
            return failed(self.metrics, "no_interruption")
        end_s = interruptions[0].span.end_s
        transcript = words_for(take, published_words_after(end_s, take.prompt_s))
        if isinstance(transcript, Missing):
            return failed(self.metrics, transcript.reason)
        words = transcript.words
        takeover = is_takeover(words)
        if takeover is None:
            return failed(self.metrics, "null_time")
        if not takeover or words[0].start_s is None:
            latency = none_score("response_latency_s", "no_takeover")
        else:
            latency = scored("response_latency_s", max(0.0, words[0].start_s - end_s))
        return [scored("takeover_rate", takeover), latency, rate_reply(takeover, verdict, is_bounded=False)]
