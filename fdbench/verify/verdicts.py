"""What a judge said about a run, from the stored verdicts alone: scores made with a judge are derived again from those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import BehaviourQuestion, Question, Verdict
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

    @property
    def labels(self) -> str:
        """The prompt of the labels that the same judge gave under the same kind of prompts; where it gave none, that of now."""
        said = (judge for judge, question in self.intact if isinstance(question, BehaviourQuestion))
        own = self._parts(self.signature)
        found = (prompt for judge in said for rest, prompt in [self._parts(judge)] if rest == own[0])
        is_upstream = own[1].startswith("upstream")
        of_today = prompt_identity("upstream" if is_upstream else "own", BehaviourQuestion)
        return next((prompt for prompt in found if prompt.startswith("upstream") == is_upstream), of_today)

    @staticmethod
    def _parts(judge: str) -> tuple[tuple[str, ...], str]:
        """Everything in a judge's signature but the prompt, and that."""
        *who, prompt, temperature, seed = judge.split("/")
        return (*who, temperature, seed), prompt

    def _judge_of(self, question: Question) -> str:
        if not isinstance(question, BehaviourQuestion):
            return self.signature
        *who, _, temperature, seed = self.signature.split("/")
        return "/".join((*who, self.labels, temperature, seed))

    def opinions(self, replies: Mapping[ReplyId, UnratedReply], progress: Progress) -> Opinions:
        return Opinions(by_question(replies, self._recall))

    def _recall(self, questions: Mapping[ReplyId, Question]) -> dict[ReplyId, Opinion]:
        said = {key: self.intact.get((self._judge_of(question), question)) for key, question in questions.items()}
        return {key: verdict or Absence(NO_VERDICT) for key, verdict in said.items()}


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
