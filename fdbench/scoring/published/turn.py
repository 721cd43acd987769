"""Smooth turn-taking as the published script scores it: the published rule (``takeover``) over all words of the clip.

Where the rule says yes, latency = max(0, start of the first word - turn end), averaged over those clips.

Empty cases: no words, no takeover and no latency (``no_takeover``); a null start of the first or end of the last word is
``null_time`` (the script crashes); without the turn's end there is no latency (the script pairs the wrong files).

Differences from the published script: none. Defects that are reproduced: a model that talks all the time takes every turn in
0.0 s, and a reply after the prompt's end is lost (``fdbench.scoring.corrected.turn``).

References: Full-Duplex-Bench v1.0, ``eval_smooth_turn_taking`` at d7336bd.
"""

from __future__ import annotations

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import TURN_END
from fdbench.core.score import Score, none_score
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Needs, Prompts, Takes, failed, scored
from fdbench.scoring.published.takeover import clip_words, published_reply, score_published_latency
from fdbench.scoring.requests import published_words


class PublishedTurn:
    """Smooth turn-taking as the published script scores it."""

    version = 1
    metrics: tuple[str, ...] = ("takeover_rate", "response_latency_s")

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (published_words(prompts[MAIN]),)}

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        words = clip_words(takes)
        if isinstance(words, Absence):
            return failed(self.metrics, words)
        turn_ends = sample.of_kind(TURN_END)
        reply = published_reply(words, turn_ends[0].span.start_s if turn_ends else 0.0)
        if isinstance(reply, Absence):
            return failed(self.metrics, reply)
        latency = score_published_latency(reply) if turn_ends else none_score("response_latency_s", "no_turn_end")
        return [scored("takeover_rate", reply.has_takeover), latency]
