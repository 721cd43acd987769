"""What a judge said about a run, from the stored verdicts alone: scores made with a judge are derived again from those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Question, RelevanceQuestion, Verdict
from fdbench.errors import DataError
from fdbench.judge.prompts import prompt_identity
from fdbench.judge.recall import recall_verdicts
from fdbench.stages.judging import (
    GIVEN,
    NONE,
    GivenRatings,
    Judging,
    Nobody,
    Opinion,
    Opinions,
    ReplyId,
    UnratedReply,
    by_question,
)
from fdbench.stages.progress import Progress
from fdbench.store.run import Run
from fdbench.task.data import Data
from fdbench.verify.differences import Group

NO_VERDICT: Final = "rating_missing"


@dataclass(slots=True)
class VerdictsOnRecord:
    """The stored verdicts that are intact, by the judge's signature and the question."""

    intact: dict[tuple[str, Question], Verdict] = field(default_factory=dict)

    def judging_of(self, signature: str) -> Judging:
        if signature == NONE:
            return Nobody()
        return GivenRatings() if signature == GIVEN else Recollection(signature, self.intact)


@dataclass(frozen=True, slots=True)
class Recollection:
    """A judge that repeats what it said."""

    signature: str
    intact: Mapping[tuple[str, Question], Verdict]
    asks: bool = True

    def prompt_for(self, question: type[Question]) -> str:
        """The prompt by which the same judge was asked such questions; where it was asked none, that of now."""
        judge = self._judge_of(question)
        is_upstream = _prompt_of(self.signature).startswith("upstream")
        return _prompt_of(judge) if judge else prompt_identity("upstream" if is_upstream else "own", question)

    def _judge_of(self, kind: type[Question]) -> str:
        """The same judge's signature for such questions; empty where none is on record."""
        if kind is RelevanceQuestion:
            return self.signature
        said = dict.fromkeys(judge for judge, question in self.intact if isinstance(question, kind))
        return next((judge for judge in said if _who(judge) == _who(self.signature)), "")

    def opinions(self, replies: Mapping[ReplyId, UnratedReply], progress: Progress) -> Opinions:
        return Opinions(by_question(replies, self._recall))

    def _recall(self, questions: Mapping[ReplyId, Question]) -> dict[ReplyId, Opinion]:
        said = {key: self.intact.get((self._judge_of(type(question)), question)) for key, question in questions.items()}
        return {key: verdict or Absence(NO_VERDICT) for key, verdict in said.items()}


def _prompt_of(judge: str) -> str:
    return judge.split("/")[-3] if judge else ""


def _who(judge: str) -> tuple[object, ...]:
    """What is the same in a judge's signatures for all its questions: upstream's prompts bring their own temperatures."""
    *who, prompt, temperature, seed = judge.split("/")
    is_upstream = prompt.startswith("upstream")
    return (*who, is_upstream, "" if is_upstream else temperature, seed)


def check_verdicts(run: Run, data: Data | None) -> tuple[Group, VerdictsOnRecord]:
    """Every stored verdict, by itself."""
    group, verdicts = Group("verdicts"), VerdictsOnRecord()
    for path, recalled in recall_verdicts(run.verdicts, data.root if data else None):
        group.count("files")
        if isinstance(recalled, DataError):
            group.broken(run.relative(path), recalled)
            continue
        if recalled.doubt:
            group.skip(f"what was asked cannot be put together again: {recalled.doubt}")
        if not group.diff(run.relative(path), recalled.stated, recalled.follows, "not what follows from its content:"):
            verdicts.intact[recalled.judge, recalled.question] = recalled.verdict
    return group, verdicts
