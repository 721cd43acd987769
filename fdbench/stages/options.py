"""How recordings are turned into scores: who hears, by which protocols, who judges."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fdbench.core.metric import PUBLISHED
from fdbench.core.placement import CAUSAL
from fdbench.errors import UsageError
from fdbench.hear.engines import NONE as NONE_HEARD
from fdbench.hear.stage import Engines
from fdbench.human.reference import HumanReference, shipped_reference
from fdbench.stages.judging import GIVEN, NONE, AskedModel, GivenRatings, Judging, Log, Nobody

if TYPE_CHECKING:
    from fdbench.judge.providers import JudgeSettings


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """How recordings are turned into scores.

    Attributes:
        judge: ``none``, ``given`` (``ratings/<take>.json`` in the run's folder), or a model to ask.
        workers: Processes for hearing.
        placement: Where the model's replies shall lie (``fdbench.core.placement``).
        human: People beside whom the model's timing is set.
        others: Who hears it all again, so that it is known how far a number depends on who does.
    """

    engines: Engines
    protocols: tuple[str, ...]
    judge: str | JudgeSettings = NONE
    workers: int = 1
    placement: str = CAUSAL
    human: HumanReference = field(default_factory=shipped_reference)
    others: tuple[Engines, ...] = ()

    def by_each(self) -> tuple[ScoringOptions, ...]:
        """The same for each of those who hear, the first one first."""
        return tuple(replace(self, engines=engines, others=()) for engines in (self.engines, *self.others))

    def judging(self, verdicts: Path, log: Log | None = None) -> Judging:
        """Whoever rates; a model's verdicts are kept in the folder ``verdicts``, and ``log`` is given each attempt."""
        if isinstance(self.judge, str):
            return GivenRatings() if self.judge == GIVEN else Nobody()
        return AskedModel(self.judge, verdicts, log)

    def check(self) -> None:
        """Make sure that a run's recordings can be heard so; nothing is loaded or fetched.

        Raises:
            FdbenchError: An engine is unknown or not installed, or expects files that a run does not have.
        """
        if "given" in (self.engines.asr, self.engines.vad):
            raise UsageError("a run's recordings have no given transcripts or segments", "name an engine for --asr and --vad")
        by_words = [protocol for protocol in self.protocols if protocol in PUBLISHED]
        if self.engines.asr == NONE_HEARD and by_words:
            raise UsageError(
                f"--asr none: {' and '.join(by_words)} decide by words", "add --protocol fdbench, or name an engine"
            )
        self.engines.signature_facts()
        self.check_judge()
        for other in self.by_each()[1:]:
            other.check()

    def prepare(self) -> None:
        """Have everything there that hearing needs; raises FdbenchError where it can be neither found nor fetched."""
        self.check()
        for each in self.by_each():
            each.engines.prepare()

    def check_judge(self) -> None:
        """Make sure that the judge can be asked, before any work.

        Raises:
            FdbenchError: The client's package, the key or the prompt's text is missing.
        """
        if not isinstance(self.judge, str):
            from fdbench.judge.client import Judge

            Judge(self.judge).close()
