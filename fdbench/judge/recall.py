"""What judges said once, from their stored verdicts alone: nobody is asked again.

A verdict says what was asked and what was answered. Its name follows from the first, its rating from the second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Question, Verdict
from fdbench.errors import DataError, FdbenchError
from fdbench.io.files import read_json
from fdbench.judge.behaviour import own_behaviour_prompt
from fdbench.judge.dialogue import own_dialogue_prompt
from fdbench.judge.prompt import JudgePrompt
from fdbench.judge.providers import Asked
from fdbench.judge.rating_text import Reading
from fdbench.judge.relevance import own_prompt
from fdbench.judge.upstream_behaviour import (
    UPSTREAM_BEHAVIOUR_NAME,
    UpstreamBehaviourPrompt,
    read_upstream_behaviour_prompt,
)
from fdbench.judge.upstream_dialogue import (
    UPSTREAM_DIALOGUE_NAME,
    UpstreamDialoguePrompt,
    read_upstream_dialogue_prompt,
)
from fdbench.judge.upstream_prompt import UpstreamPrompt, find_upstream_script, read_upstream_prompt
from fdbench.judge.verdicts import VerdictCache, events_as_json, key_of, question_of


@dataclass(frozen=True, slots=True)
class RecalledVerdict:
    """A stored verdict, and what follows from it.

    Attributes:
        judge: Signature of whoever was asked.
        stated: What the file says; ``follows``: what it must say by its own content.
        doubt: Why it cannot be known whether its name follows; empty where it can.
    """

    judge: str
    question: Question
    verdict: Verdict
    stated: Mapping[str, Any]
    follows: Mapping[str, Any]
    doubt: str = ""


def recall_verdicts(root: Path, data: Path | None) -> Iterator[tuple[Path, RecalledVerdict | DataError]]:
    """Every verdict in a folder, or what is wrong with its file.

    Args:
        data: Folder of the downloaded data, where upstream's prompt lies.
    """
    wording = cache(partial(_wording, data))
    for path in sorted(root.rglob("*.json")):
        try:
            yield path, _recalled(VerdictCache(root), path, wording)
        except (KeyError, TypeError, ValueError):
            yield path, DataError(f"{path}: not a verdict, or one under another's name")
        except DataError as error:
            yield path, error


def _recalled(verdicts: VerdictCache, path: Path, wording: Callable[[str, str], JudgePrompt | str]) -> RecalledVerdict:
    facts, stored = read_json(path), verdicts.find(path.stem)
    if stored is None or verdicts.path_of(path.stem) != path:
        raise ValueError
    question = question_of(facts["question"])
    said, name, sha256 = facts["asked"], str(facts["prompt"]["name"]), str(facts["prompt"]["sha256"])
    temperature = None if said["temperature"] is None else float(said["temperature"])
    asked = Asked(str(said["model"]), str(said["server"]), temperature, int(said["seed"]))
    reading = _reader(name).read(stored.text, question)
    found = wording(name, sha256)
    return RecalledVerdict(
        judge=asked.signature_with(f"{name}-{sha256[:8]}"),
        question=question,
        verdict=stored.verdict,
        stated={"name": path.stem, "rating": _said(stored.verdict)},
        follows={
            "name": path.stem if isinstance(found, str) else key_of(asked, found, found.messages(question)),
            "rating": reading.message if isinstance(reading, Absence) else _said(reading),
        },
        doubt=found if isinstance(found, str) else "",
    )


def _wording(data: Path | None, name: str, sha256: str) -> JudgePrompt | str:
    """The prompt of this name and hash, or why it cannot be had."""
    try:
        own = _own(name)
        if own is not None:
            prompt = own
        elif data is None:
            return "upstream's prompt is in the downloaded data, and there is no --data"
        else:
            prompt = _READERS.get(name, read_upstream_prompt)(find_upstream_script(data))
    except (FdbenchError, ValueError) as error:
        return str(error).splitlines()[0]
    return prompt if prompt.sha256 == sha256 else f"prompt {name} is {sha256[:8]} on record and {prompt.sha256[:8]} here"


def _reader(name: str) -> JudgePrompt:
    """What reads answers to this prompt; the wording is not needed for it."""
    if name == UPSTREAM_BEHAVIOUR_NAME:
        return UpstreamBehaviourPrompt("")
    if name == UPSTREAM_DIALOGUE_NAME:
        return UpstreamDialoguePrompt("")
    return _own(name) or UpstreamPrompt("", ())


def _own(name: str) -> JudgePrompt | None:
    """Ours of this name; None where it is none of ours. Raises DataError where there is no such version."""
    kind, _, version = name.rpartition("-")
    makers: Mapping[str, Callable[[int], JudgePrompt]] = {
        "relevance": own_prompt,
        "behaviour": own_behaviour_prompt,
        "dialogue": own_dialogue_prompt,
    }
    return makers[kind](int(version)) if kind in makers else None


def _said(found: Verdict | Reading) -> Any:
    said = found.label or found.rating
    return {"task_score": said, "events": events_as_json(found.events)} if found.events else said


_READERS: Final[Mapping[str, Callable[[Path], JudgePrompt]]] = {
    UPSTREAM_BEHAVIOUR_NAME: read_upstream_behaviour_prompt,
    UPSTREAM_DIALOGUE_NAME: read_upstream_dialogue_prompt,
}
