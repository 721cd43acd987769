"""Who rates the replies: nobody, somebody before us, a model that is asked now, or one that was asked when the run was scored.

=========== ============================================ =================================================
``--judge`` signature                                    a reply that was to be rated and is not
=========== ============================================ =================================================
``none``    ``none``                                     not applicable: ``no_judge``
``given``   ``given``                                    error: ``rating_missing``, ``rating_unreadable``
a model     model, host, prompt and settings             error: ``judge_failed``, ``rating_unreadable``, ...
=========== ============================================ =================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from fdbench.core.absence import Absence
from fdbench.core.annotation import Question, RelevanceQuestion, Verdict
from fdbench.core.take_id import TakeId
from fdbench.errors import DataError
from fdbench.stages.progress import Progress

if TYPE_CHECKING:
    from fdbench.judge.providers import JudgeSettings

NONE: Final = "none"
GIVEN: Final = "given"

ReplyId = tuple[TakeId, str]
"""The take in which the reply was given, and the protocol by which it is one."""
Opinion = Verdict | Absence
"""What comes of asking for a verdict."""
Log = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class UnratedReply:
    """A reply that may have to be rated.

    Attributes:
        question: What the scorer asks; None where there is no reply to rate, an absence where it cannot be asked, a verdict
            where nobody has to be.
        given: Reads the rating that lies beside the recording.
    """

    question: Question | Verdict | Absence | None
    given: Callable[[], Verdict | None] | None = None


@dataclass(frozen=True, slots=True)
class Opinions:
    """What came of asking.

    Attributes:
        of: An opinion on every reply, whatever went wrong; None where there is no reply to rate.
        notes: What is worth telling: another model than the one asked, tokens, cost.
    """

    of: Mapping[ReplyId, Opinion | None]
    notes: tuple[str, ...] = ()


class Judging(Protocol):
    """Whoever rates."""

    @property
    def signature(self) -> str:
        """The judge's part of a score's signature: everything that a rating depends on."""

    @property
    def asks(self) -> bool:
        """Whether questions are put, so that what they need has to be heard."""

    def prompt_for(self, question: type[Question]) -> str:
        """By which prompt such a question is asked: name and hash; empty where no model is asked."""

    def opinions(self, replies: Mapping[ReplyId, UnratedReply], progress: Progress) -> Opinions:
        """Have every reply rated."""


@dataclass(frozen=True, slots=True)
class Nobody:
    """No judge."""

    signature: str = NONE
    asks: bool = False

    def prompt_for(self, question: type[Question]) -> str:
        return ""

    def opinions(self, replies: Mapping[ReplyId, UnratedReply], progress: Progress) -> Opinions:
        return Opinions(dict.fromkeys(replies, Absence("no_judge")))


@dataclass(frozen=True, slots=True)
class GivenRatings:
    """Ratings that lie beside the recordings."""

    signature: str = GIVEN
    asks: bool = False

    def prompt_for(self, question: type[Question]) -> str:
        return ""

    def opinions(self, replies: Mapping[ReplyId, UnratedReply], progress: Progress) -> Opinions:
        return Opinions({key: self._read(reply) for key, reply in replies.items()})

    def _read(self, reply: UnratedReply) -> Opinion:
        try:
            verdict = reply.given() if reply.given else None
        except DataError as error:
            return Absence("rating_unreadable", error.what)
        return verdict or (reply.question if isinstance(reply.question, Verdict) else Absence("rating_missing"))


@dataclass(frozen=True, slots=True)
class AskedModel:
    """A model that is asked, through a cache of what it answered before.

    Attributes:
        cache: Folder of the verdicts.
        log: Is told of each attempt.
    """

    settings: JudgeSettings
    cache: Path
    log: Log | None = None
    asks: bool = True

    @property
    def signature(self) -> str:
        return self.settings.signature

    def prompt_for(self, question: type[Question]) -> str:
        from fdbench.judge.prompts import prompt_identity

        return prompt_identity(self.settings.prompts, question)

    def opinions(self, replies: Mapping[ReplyId, UnratedReply], progress: Progress) -> Opinions:
        from fdbench.judge.client import Judge
        from fdbench.judge.verdicts import VerdictCache

        notes: list[str] = []

        def ask(questions: Mapping[ReplyId, Question]) -> Mapping[ReplyId, Opinion]:
            found: dict[ReplyId, Opinion] = {}
            errors = 0
            with Judge(self.settings, VerdictCache(self.cache), on_attempt=self._logged) as judge:
                progress("judging", 0, len(questions), errors)
                for key, opinion in judge.rate(questions):
                    found[key] = opinion
                    errors += isinstance(opinion, Absence)
                    progress("judging", len(found), len(questions), errors)
                notes.extend((*judge.notes, f"judge: {judge.usage}"))
            return found

        return Opinions(by_question(replies, ask), tuple(notes))

    def _logged(self, facts: Mapping[str, Any]) -> None:
        if self.log:
            self.log({"event": "judge", **facts})


def by_question(
    replies: Mapping[ReplyId, UnratedReply],
    ask: Callable[[Mapping[ReplyId, Question]], Mapping[ReplyId, Opinion]],
) -> dict[ReplyId, Opinion | None]:
    """Opinions on replies by those on their questions; a reply without one has none, or the one that needs no asking."""
    opinions: dict[ReplyId, Opinion | None] = {}
    questions: dict[ReplyId, Question] = {}
    for key, reply in replies.items():
        if reply.question is None or isinstance(reply.question, Absence | Verdict):
            opinions[key] = reply.question
        elif isinstance(reply.question, RelevanceQuestion) and not reply.question.interruption.strip():
            opinions[key] = Absence("interruption_text_missing")
        else:
            questions[key] = reply.question
    return {**opinions, **(ask(questions) if questions else {})}
