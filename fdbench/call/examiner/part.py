"""What an examiner that understands prose is told of its part: the data's own words, else ours around the dialogue's lines."""

from __future__ import annotations

from typing import Final

from fdbench.core.dialogue import Dialogue
from fdbench.io.files import digest_of
from fdbench.judge.prompt import wording_of

PACKAGE: Final = "fdbench.call.examiner"
VERSION: Final = 1


def part_of(dialogue: Dialogue) -> tuple[str, str]:
    """Who the examiner is, and what it is to do in this call."""
    _, system, task = wording_of(f"part.{VERSION}.md", PACKAGE)
    stages = "\n".join(
        f"{stage.name}{f' (takes back what you said in {stage.corrects})' if stage.corrects else ''}: {stage.line}"
        for stage in dialogue.stages
    )
    return dialogue.examiner_system or system, dialogue.examiner_task or task.replace("{stages}", stages)


def caller_instructions(dialogue: Dialogue) -> str:
    """Of a server that calls: who it is, that it is not to talk over the other, a blank line, its task; as upstream has it."""
    system, task = part_of(dialogue)
    return f"{system}\n{wording_of(f'manners.{VERSION}.md', PACKAGE)[1]}\n\n{task}"


def caller_signature() -> str:
    """Name and hash of our words in it, as signatures have them."""
    return f"caller-{VERSION}-{digest_of([wording_of(f'{name}.{VERSION}.md', PACKAGE)[0] for name in ('part', 'manners')])[:8]}"
