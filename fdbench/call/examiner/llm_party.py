"""The examiner whose lines a language model finds: the same ears, voice, detector and pace as the scripted one's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from fdbench.adapter.base import Brief, Port
from fdbench.call.examiner.ears import Ears
from fdbench.call.examiner.examination import Examination, Say
from fdbench.call.examiner.llm import LlmExamination
from fdbench.call.examiner.moves import Move, Situation
from fdbench.call.examiner.party import Examiner
from fdbench.call.examiner.phrases import BACKCHANNELS, NUDGES
from fdbench.call.examiner.thinker import Thinker
from fdbench.core.dialogue import Dialogue


class LlmExaminer(Examiner):
    """Says what a language model decides.

    Args:
        thinker: The model.
        thinks_s: How long a decision takes on the call's clock, at least.
        waits: Whether virtual time stands still until it is decided.
        options: Those of ``Examiner``.

    Attributes:
        costs: What each call has cost so far, in USD, by its brief's seed.
    """

    def __init__(
        self,
        model_hears: Port,
        model_says: Port,
        slots: int,
        *,
        thinker: Thinker,
        thinks_s: float = 0.0,
        waits: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(model_hears, model_says, slots, **options)
        self._thinker, self._thinks_s, self._waits = thinker, thinks_s, waits
        self._heads = ThreadPoolExecutor(slots, "examiner-llm")
        self.costs: dict[int, float] = defaultdict(float)

    def _texts(self, dialogue: Dialogue) -> Iterable[str]:
        return (*NUDGES, *BACKCHANNELS)

    def _examination(self, brief: Brief, dialogue: Dialogue, ears: Ears, say: Say) -> Examination:
        random = np.random.default_rng(brief.seed)
        return LlmExamination(
            dialogue, ears, say, self._pace, random, brief.lead_in_s, self._duration_s,
            think=partial(self._think, dialogue, brief.seed), thinks_s=self._thinks_s, waits=self._waits,
        )  # fmt: skip

    def _think(self, dialogue: Dialogue, seed: int, situation: Situation) -> Future[Move]:
        return self._heads.submit(self._decide, dialogue, seed, situation)

    def _decide(self, dialogue: Dialogue, seed: int, situation: Situation) -> Move:
        """What to say, and its sound: both take their time."""

        def spent(usd: float) -> None:
            self.costs[seed] += usd

        move = self._thinker.move(dialogue, situation, seed, spent)
        if move.say:
            self.sound_of(move.say)
        return move

    def notes(self) -> Iterable[str]:
        """What is worth telling about whoever was asked: another model answered, or nothing further was asked."""
        return self._thinker.notes

    def release(self) -> None:
        self._thinker.close()
        self._heads.shutdown(wait=False, cancel_futures=True)
        super().release()
