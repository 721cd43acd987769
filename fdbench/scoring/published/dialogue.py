"""Dialogues as the published v2 scripts sum up what a judge says of them; see ``dialogue_judged``.

Any number that a judge gave is a score, a 9 as well as a 5. What can be known without a judge is measured under ``fdbench``
alone: nothing of it is published.

References: Full-Duplex-Bench v2 at d7336bd.
"""

from __future__ import annotations

from fdbench.core.absence import Absence
from fdbench.core.annotation import DialogueQuestion, Verdict
from fdbench.core.conversation import Sample
from fdbench.core.score import Score
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Needs, Prompts, Takes, failed, main_take
from fdbench.scoring.dialogue_judged import JUDGED, ask_about_dialogue, judged_scores, words_needed


class PublishedDialogue:
    """What a judge says of a dialogue, as it is published."""

    version = 1
    metrics: tuple[str, ...] = JUDGED

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: words_needed(sample)}

    def needs_to_ask(self, sample: Sample, prompts: Prompts) -> Needs:
        return {}

    def question(self, sample: Sample, takes: Takes) -> DialogueQuestion | Verdict | Absence:
        return ask_about_dialogue(sample, takes)

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        take = main_take(takes)
        return failed(self.metrics, take) if isinstance(take, Absence) else judged_scores(verdict, is_bounded=False)
