"""Pause handling as the published script scores it: the published rule (``takeover``) over all words of the clip.

Empty cases: no words, no takeover; null times are ``null_time`` (the script crashes).

Differences from the published script: none. Defects that are reproduced: a reply after the user's last word counts as a
failure, speech before the first pause too (``fdbench.scoring.corrected.pause`` says by how much the rate is too high).

References: Full-Duplex-Bench v1.0, ``eval_pause_handling`` at d7336bd.
"""

from __future__ import annotations

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.core.conversation import Sample
from fdbench.core.score import Score
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Needs, Prompts, Takes, failed, scored
from fdbench.scoring.published.takeover import clip_words, is_takeover
from fdbench.scoring.requests import published_words


class PublishedPause:
    """Pause handling as the published script scores it."""

    version = 1
    metrics: tuple[str, ...] = ("takeover_rate",)

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (published_words(prompts[MAIN]),)}

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        words = clip_words(takes)
        if isinstance(words, Absence):
            return failed(self.metrics, words)
        takeover = is_takeover(words, open_end_is_start=True)
        return failed(self.metrics, Absence("null_time")) if takeover is None else [scored("takeover_rate", takeover)]
