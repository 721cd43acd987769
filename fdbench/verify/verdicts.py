"""What a judge said about a run, from the stored verdicts alone: nobody is asked again.

A verdict is intact where its name is the hash of what it says was asked, and where its rating is what is read in the judge's
own text. Scores made with a judge are recomputed from the intact verdicts to the same questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import RelevanceQuestion, Verdict
from fdbench.errors import DataError, FdbenchError
from fdbench.io.files import read_json
from fdbench.stages.judging import GIVEN, NONE, GivenRatings, Judging, Nobody, Opinion, Opinions, Reply, ReplyId, by_question
from fdbench.stages.progress import Progress
from fdbench.store.run import Run
from fdbench.verify.differences import Group

if TYPE_CHECKING:
    from fdbench.judge.prompt import JudgePrompt
    from fdbench.judge.providers import Asked
    from fdbench.task.data import Data

NO_VERDICT: Final = "rating_missing"


@dataclass(slots=True)
class VerdictsOnRecord:
    """The stored verdicts.

    Attributes:
        intact: By the judge's signature and the question.
        doubtful: Keys of the files that differ.
        asked: With what each judge was asked, by its signature.
    """

    intact: dict[tuple[str, RelevanceQuestion], Verdict] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    asked: dict[str, tuple[Asked, JudgePrompt]] = field(default_factory=dict)

    def judging_of(self, signature: str) -> Judging:
        if signature == NONE:
            return Nobody()
        return GivenRatings() if signature == GIVEN else Recollection(signature, self)


@dataclass(slots=True)
class Recollection:
    """A judge that repeats what it said, and notes what it never said.

    Attributes:
        missing: Replies to which there is no verdict.
        doubtful: Those of which the verdict is not intact.
    """

    signature: str
    verdicts: VerdictsOnRecord
    missing: set[ReplyId] = field(default_factory=set)
    doubtful: set[ReplyId] = field(default_factory=set)

    def opinions(self, replies: Mapping[ReplyId, Reply], progress: Progress) -> Opinions:
        return Opinions(by_question(replies, self._recall))

    def _recall(self, questions: Mapping[ReplyId, RelevanceQuestion]) -> dict[ReplyId, Opinion]:
        return {key: self._opinion(key, question) for key, question in questions.items()}

    def _opinion(self, key: ReplyId, question: RelevanceQuestion) -> Opinion:
        from fdbench.judge.verdicts import key_of

        verdict = self.verdicts.intact.get((self.signature, question))
        if verdict is not None:
            return verdict
        asked, prompt = self.verdicts.asked.get(self.signature, (None, None))
        is_doubtful = bool(asked and prompt and key_of(asked, prompt, prompt.messages(question)) in self.verdicts.doubtful)
        (self.doubtful if is_doubtful else self.missing).add(key)
        return Absence(NO_VERDICT)


def check_verdicts(run: Run, data: Data | None) -> tuple[Group, VerdictsOnRecord]:
    """Every stored verdict, by itself."""
    group, verdicts = Group("verdicts"), VerdictsOnRecord()
    prompts = _Prompts(data.root if data else None)
    for path in sorted(run.verdicts.rglob("*.json")):
        file = path.relative_to(run.folder).as_posix()
        n_before = len(group.differences)
        group.count("files")
        try:
            facts = read_json(path)
        except DataError as error:
            group.differ(file, error.what.removeprefix(f"{path}: "))
        else:
            _check_verdict(group, verdicts, prompts, path, file, facts)
        if len(group.differences) > n_before:
            verdicts.doubtful.add(path.stem)
    return group, verdicts


def _check_verdict(group: Group, verdicts: VerdictsOnRecord, prompts: _Prompts, path: Path, file: str, facts: Any) -> None:
    from fdbench.judge.providers import Asked
    from fdbench.judge.verdicts import VerdictCache, key_of

    root = path.parent.parent
    stored = VerdictCache(root).find(path.stem)
    try:
        question = RelevanceQuestion(**{name: str(facts["question"][name]) for name in ("context", "interruption", "reply")})
        said, name, sha256 = facts["asked"], str(facts["prompt"]["name"]), str(facts["prompt"]["sha256"])
        temperature = None if said["temperature"] is None else float(said["temperature"])
        asked = Asked(str(said["model"]), str(said["server"]), temperature, int(said["seed"]))
    except (KeyError, TypeError, ValueError, FdbenchError):
        stored = None
    if stored is None or VerdictCache(root).path_of(path.stem) != path:
        group.differ(file, "not a verdict, or one under another's name")
        return
    signature = asked.signature_with(f"{name}-{sha256[:8]}")
    prompt = prompts.find(name, sha256)
    if isinstance(prompt, str):
        group.skip(f"what was asked cannot be put together again: {prompt}")
    else:
        verdicts.asked[signature] = asked, prompt
        key = key_of(asked, prompt, prompt.messages(question))
        if key != path.stem:
            group.differ(file, "its name is not the hash of what it says was asked", path.stem, key)
            return
    reading = prompts.reader(name).read(stored.text, question)
    found = reading.message if isinstance(reading, Absence) else reading.rating
    if found != stored.verdict.rating:
        group.differ(file, "rating: not what the judge's text says", stored.verdict.rating, found)
        return
    verdicts.intact[signature, question] = stored.verdict


class _Prompts:
    """The wordings that verdicts name, each looked up once."""

    def __init__(self, data: Path | None) -> None:
        self._data = data
        self._found: dict[tuple[str, str], JudgePrompt | str] = {}

    def find(self, name: str, sha256: str) -> JudgePrompt | str:
        """The prompt with this hash, or why it cannot be had."""
        if (name, sha256) not in self._found:
            self._found[name, sha256] = self._look_up(name, sha256)
        return self._found[name, sha256]

    def _look_up(self, name: str, sha256: str) -> JudgePrompt | str:
        try:
            prompt = self._read(name)
        except (FdbenchError, ValueError) as error:
            return str(error).splitlines()[0]
        return prompt if prompt.sha256 == sha256 else f"prompt {name} is {sha256[:8]} on record and {prompt.sha256[:8]} here"

    def _read(self, name: str) -> JudgePrompt:
        from fdbench.judge.relevance import own_prompt
        from fdbench.judge.upstream_prompt import UPSTREAM_NAME, find_upstream_script, read_upstream_prompt

        if name != UPSTREAM_NAME:
            return own_prompt(int(name.removeprefix("relevance-")))
        if self._data is None:
            raise DataError("upstream's prompt is in the downloaded data, and there is no --data")
        return read_upstream_prompt(find_upstream_script(self._data))

    def reader(self, name: str) -> JudgePrompt:
        """What reads answers to this prompt; the wording is not needed for it."""
        from fdbench.judge.relevance import own_prompt
        from fdbench.judge.upstream_prompt import UPSTREAM_NAME, UpstreamPrompt

        return UpstreamPrompt("", ()) if name == UPSTREAM_NAME else own_prompt()
