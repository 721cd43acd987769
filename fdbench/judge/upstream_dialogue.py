"""Upstream's instruction for rating dialogues, read from the user's copy of the published file.

The file is CC BY-NC, so it is not part of fdbench: ``fdbench data download`` fetches it, and its hash says that it is the one.
It holds the system's message, the two scales, a scale for each family but ``daily``, and the form of the answer, which is no
JSON. The judge sees the goals, the examiner as plain text and the model with times, so not who speaks while the other does. The
temperature is 0.2, no form of answer is demanded of the server; the seed is 1, and one more for each unreadable answer. How
upstream's program puts the pieces together is not known here: ours come in the order of the file, then the record. Goals are
the lines of the scripted examiner, who says upstream's goals in its own words (``task.staged``).

Answers are read by ``read_published_form``. A task score in a family that has none is left out.

References: Full-Duplex-Bench v2, ``v2/eval/eval_prompts.json`` at d7336bd.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import DialogueQuestion, Question
from fdbench.core.dialogue import DAILY
from fdbench.judge.dialogue import phrases
from fdbench.judge.dialogue_text import read_published_form
from fdbench.judge.prompt import Messages
from fdbench.judge.rating_text import Reading
from fdbench.judge.upstream_prompt import published_beside

UPSTREAM_DIALOGUE_NAME: Final = "upstream-dialogue"
UPSTREAM_DIALOGUE_SHA256: Final = "3c1540512de3fce1ed804d842a2f262d815ca37acfe626f3a1712e7765ee34c9"
FILE: Final = "eval_prompts.json"
PLACES: Final = (f"../../v2/eval/{FILE}", f"v2/eval/{FILE}", FILE)
"""Where it lies beside the other published script."""
TEMPERATURE: Final = 0.2


@dataclass(frozen=True, slots=True)
class UpstreamDialoguePrompt:
    """The published instruction.

    Attributes:
        scales: What is asked of every dialogue, in order.
        of_family: What is asked of a family beside it.
        form: Of the answer.
    """

    system: str
    scales: tuple[str, ...] = ()
    of_family: Mapping[str, str] = field(default_factory=dict)
    form: str = ""
    sha256: str = UPSTREAM_DIALOGUE_SHA256
    name: str = UPSTREAM_DIALOGUE_NAME
    schema: None = None
    first_seed: int = 1
    temperature: float | None = TEMPERATURE

    def messages(self, question: Question) -> Messages:
        assert isinstance(question, DialogueQuestion)
        own = self.of_family.get(question.family)
        record = (
            "Goals of Channel A:\n" + "\n".join(question.goals),
            "Channel A (Examiner):\n" + " ".join(word.text for word in question.examiner),
            "Channel B (Examinee), with times in seconds:\n" + phrases(question.model),
        )
        user = "\n\n".join((*self.scales, *([own] if own else []), self.form, *record))
        return Messages(self.system, re.sub("[\ud800-\udfff]", "\ufffd", user))  # no lone surrogate can be sent

    def read(self, text: str, question: Question) -> Reading | Absence:
        """The published form, in any of its notations."""
        assert isinstance(question, DialogueQuestion)
        found = read_published_form(text)
        if isinstance(found, Absence) or question.family != DAILY:
            return found
        return Reading(None, events=found.events)


def read_upstream_dialogue_prompt(upstream_script: Path) -> UpstreamDialoguePrompt:
    """Read the instruction.

    Args:
        upstream_script: The other published file, beside which it lies.

    Raises:
        DataError: It is missing or another version; names the file.
    """
    content = published_beside(upstream_script, PLACES, UPSTREAM_DIALOGUE_SHA256)
    texts = json.loads(content)
    return UpstreamDialoguePrompt(
        texts["system_prompt"],
        (texts["turn_taking_fluency_prompt"], texts["multi_turn_instruction_following_prompt"]),
        {each["id"]: each["prompt"] for each in texts["task_specific_prompts"]},
        texts["output_format_prompt"],
        UPSTREAM_DIALOGUE_SHA256,
    )
