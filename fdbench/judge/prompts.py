"""The prompts that there are: found by their kind, and named in signatures without reading anything of the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from fdbench.core.annotation import BehaviourQuestion, DialogueQuestion, Question, RelevanceQuestion
from fdbench.errors import UsageError
from fdbench.judge.behaviour import own_behaviour_prompt
from fdbench.judge.dialogue import own_dialogue_prompt
from fdbench.judge.prompt import JudgePrompt, PromptKind
from fdbench.judge.relevance import own_prompt
from fdbench.judge.upstream_behaviour import (
    UPSTREAM_BEHAVIOUR_NAME,
    UPSTREAM_BEHAVIOUR_SHA256,
    read_upstream_behaviour_prompt,
)
from fdbench.judge.upstream_dialogue import (
    UPSTREAM_DIALOGUE_NAME,
    UPSTREAM_DIALOGUE_SHA256,
    read_upstream_dialogue_prompt,
)
from fdbench.judge.upstream_prompt import REMEDY, UPSTREAM_NAME, UPSTREAM_SHA256, read_upstream_prompt


def prompt_identity(kind: PromptKind, question: type[Question] = RelevanceQuestion) -> str:
    """Name and hash as in signatures, e.g. ``relevance-1-0a1b2c3d``."""
    if kind == "upstream":
        name, sha256 = _UPSTREAM[question]
        return f"{name}-{sha256[:8]}"
    prompt = _own(question)
    return f"{prompt.name}-{prompt.sha256[:8]}"


def find_prompt(
    kind: PromptKind, upstream_script: Path | None = None, question: type[Question] = RelevanceQuestion
) -> JudgePrompt:
    """The prompt of this kind for such a question; upstream's is read from the user's copy of the published files.

    Raises:
        UsageError: Upstream's wording is wanted and nothing says where it is.
        DataError: The user's copy of it is missing or another one.
    """
    if kind == "own":
        return _own(question)
    if upstream_script is None:
        raise UsageError("--judge-prompts upstream reads the published script, and there is no --data to find it in", REMEDY)
    return _READERS[question](upstream_script)


def _own(question: type[Question]) -> JudgePrompt:
    return _OWN[question]()


_OWN: Final[Mapping[type[Question], Callable[[], JudgePrompt]]] = {
    RelevanceQuestion: own_prompt,
    BehaviourQuestion: own_behaviour_prompt,
    DialogueQuestion: own_dialogue_prompt,
}
_UPSTREAM: Final[Mapping[type[Question], tuple[str, str]]] = {
    RelevanceQuestion: (UPSTREAM_NAME, UPSTREAM_SHA256),
    BehaviourQuestion: (UPSTREAM_BEHAVIOUR_NAME, UPSTREAM_BEHAVIOUR_SHA256),
    DialogueQuestion: (UPSTREAM_DIALOGUE_NAME, UPSTREAM_DIALOGUE_SHA256),
}
_READERS: Final[Mapping[type[Question], Callable[[Path], JudgePrompt]]] = {
    RelevanceQuestion: read_upstream_prompt,
    BehaviourQuestion: read_upstream_behaviour_prompt,
    DialogueQuestion: read_upstream_dialogue_prompt,
}
