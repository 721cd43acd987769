"""The prompts that there are: found by their kind, and named in signatures without reading anything of the user's."""

from __future__ import annotations

from pathlib import Path

from fdbench.core.annotation import BehaviourQuestion, Question, RelevanceQuestion
from fdbench.errors import UsageError
from fdbench.judge.behaviour import own_behaviour_prompt
from fdbench.judge.prompt import JudgePrompt, PromptKind
from fdbench.judge.relevance import own_prompt
from fdbench.judge.upstream_behaviour import (
    UPSTREAM_BEHAVIOUR_NAME,
    UPSTREAM_BEHAVIOUR_SHA256,
    read_upstream_behaviour_prompt,
)
from fdbench.judge.upstream_prompt import REMEDY, UPSTREAM_NAME, UPSTREAM_SHA256, read_upstream_prompt


def prompt_identity(kind: PromptKind, question: type[Question] = RelevanceQuestion) -> str:
    """Name and hash as in signatures, e.g. ``relevance-1-0a1b2c3d``."""
    if kind == "upstream":
        is_label = question is BehaviourQuestion
        name = UPSTREAM_BEHAVIOUR_NAME if is_label else UPSTREAM_NAME
        return f"{name}-{(UPSTREAM_BEHAVIOUR_SHA256 if is_label else UPSTREAM_SHA256)[:8]}"
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
    if question is BehaviourQuestion:
        return read_upstream_behaviour_prompt(upstream_script)
    return read_upstream_prompt(upstream_script)


def _own(question: type[Question]) -> JudgePrompt:
    return own_behaviour_prompt() if question is BehaviourQuestion else own_prompt()
