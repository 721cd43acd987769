"""The prompts that there are: found by their kind, and named in signatures without reading anything of the user's."""

from __future__ import annotations

from pathlib import Path

from fdbench.errors import UsageError
from fdbench.judge.prompt import JudgePrompt, PromptKind
from fdbench.judge.relevance import own_prompt
from fdbench.judge.upstream_prompt import REMEDY, UPSTREAM_NAME, UPSTREAM_SHA256, read_upstream_prompt


def prompt_identity(kind: PromptKind) -> str:
    """Name and hash as in signatures, e.g. ``relevance-1-0a1b2c3d``."""
    if kind == "upstream":
        return f"{UPSTREAM_NAME}-{UPSTREAM_SHA256[:8]}"
    prompt = own_prompt()
    return f"{prompt.name}-{prompt.sha256[:8]}"


def find_prompt(kind: PromptKind, upstream_script: Path | None = None) -> JudgePrompt:
    """The prompt of this kind; upstream's is read from the user's copy of the published script.

    Raises:
        UsageError: Upstream's wording is wanted and nothing says where it is.
        DataError: The user's copy of it is missing or another one.
    """
    if kind == "own":
        return own_prompt()
    if upstream_script is None:
        raise UsageError("--judge-prompts upstream reads the published script, and there is no --data to find it in", REMEDY)
    return read_upstream_prompt(upstream_script)
