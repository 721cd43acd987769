"""What judges said of a run's replies: found again by the question that was asked, which its scores do not keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.core.conversation import Sample
from fdbench.errors import DataError, FdbenchError
from fdbench.io.files import digest_of, read_json
from fdbench.judge.given import read_verdict
from fdbench.judge.verdicts import question_as_json
from fdbench.scoring.base import AskingScorer, Takes
from fdbench.scoring.registry import scorer_for
from fdbench.stages.cases import Case
from fdbench.store.manifest import Scored
from fdbench.store.run import Run


@dataclass(frozen=True, slots=True)
class Judged:
    """A run's verdicts.

    Attributes:
        by_question: By the hash of the question, what each judge answered: name, rating or label, its words.
    """

    run: Run
    by_question: dict[str, list[tuple[str, str, str]]]

    @classmethod
    def of_run(cls, run: Run) -> Judged:
        """Every verdict that is stored and can be read."""
        found: dict[str, list[tuple[str, str, str]]] = {}
        for file in run.files_in("verdicts"):
            try:
                facts = read_json(run.place(file))
                said = _said(facts["answered"]["model"], facts.get("label") or facts["rating"], facts["analysis"])
                found.setdefault(digest_of(facts["question"]), []).append(said)
            except (DataError, KeyError, TypeError, AttributeError):
                continue  # it is nobody's answer
        return cls(run, found)

    def of(self, case: Case, sample: Sample, takes: Takes, scored: Scored) -> tuple[tuple[str, str, str], ...]:
        """What judges said of one call: by whom, the rating or label, and the judge's words."""
        given = self._given(case)
        if not self.by_question:
            return given
        try:
            scorer = scorer_for(case.behaviour, scored.protocol)
            question = scorer.question(sample, takes) if isinstance(scorer, AskingScorer) else None
        except FdbenchError:
            return given
        if question is None or isinstance(question, Absence | Verdict):
            return given
        return (*given, *self.by_question.get(digest_of(_as_stored(question_as_json(question))), ()))

    def _given(self, case: Case) -> tuple[tuple[str, str, str], ...]:
        try:
            verdict = read_verdict(self.run.rating_file(case.id))
        except DataError:
            return ()
        return () if verdict is None else (_said(verdict.judge, verdict.label or verdict.rating, verdict.analysis),)


def _said(judge: Any, rating: Any, analysis: Any) -> tuple[str, str, str]:
    return str(judge), "" if rating is None else str(rating), str(analysis)


def _as_stored(question: Any) -> Any:
    """As it is read again: JSON has no tuples."""
    if isinstance(question, dict):
        return {name: _as_stored(value) for name, value in question.items()}
    return [_as_stored(value) for value in question] if isinstance(question, list | tuple) else question
