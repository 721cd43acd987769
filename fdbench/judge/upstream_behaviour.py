"""Upstream's instruction for labelling behaviour, read as text from the user's copy of the published file.

The file is CC BY-NC, so it is not part of fdbench: ``fdbench data download`` fetches it, and its hash says that it is the one.
It names four transcripts, ``input_clean``, ``input_noisy``, ``output_clean`` and ``output_noisy``, each a list of ``{"text",
"timestamp"}``, and asks for one line, ``{"behaviour": ["C_..."]}``. No form of answer is demanded of the server and no
temperature is sent; the seed is 1, and one more for each answer that cannot be read. Whether upstream's program sends the
instruction as the system's message is not known here.

References: Full-Duplex-Bench v1.5, ``v1_v1.5/evaluation/instruction/behavior.txt`` at d7336bd.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import LABELS, BehaviourQuestion, Question
from fdbench.core.speech import Word
from fdbench.judge.prompt import Messages
from fdbench.judge.rating_text import RATING_UNREADABLE, Reading, answer_of
from fdbench.judge.upstream_prompt import published_beside

UPSTREAM_BEHAVIOUR_NAME: Final = "upstream-behaviour"
UPSTREAM_BEHAVIOUR_SHA256: Final = "19e5477dac9a9a1e11de126783a0b820b3ecb70db5e91181824fa944e1947977"
FILE: Final = "behavior.txt"
PLACES: Final = (f"instruction/{FILE}", FILE)
"""Where it lies beside the other published script."""


@dataclass(frozen=True, slots=True)
class UpstreamBehaviourPrompt:
    """The published instruction."""

    system: str
    sha256: str = UPSTREAM_BEHAVIOUR_SHA256
    name: str = UPSTREAM_BEHAVIOUR_NAME
    schema: None = None
    first_seed: int = 1
    temperature: None = None

    def messages(self, question: Question) -> Messages:
        assert isinstance(question, BehaviourQuestion)
        texts = {
            "input_clean": _words(question.clean_user),
            "input_noisy": _words(question.user),
            "output_clean": _words(question.clean_model),
            "output_noisy": _words(question.model),
        }
        user = json.dumps(texts, ensure_ascii=False)
        return Messages(self.system, re.sub("[\ud800-\udfff]", "\ufffd", user))  # no lone surrogate can be sent

    def read(self, text: str, question: Question) -> Reading | Absence:
        """One label in the published form, in a Markdown fence or not."""
        value = answer_of(text)
        if isinstance(value, Absence):
            return value
        labels = value.get("behaviour")
        if not isinstance(labels, list) or len(labels) != 1 or labels[0] not in LABELS:
            return Absence(RATING_UNREADABLE, f"the answer is not {{'behaviour': [one of {', '.join(LABELS)}]}}")
        return Reading(None, "", labels[0])


def read_upstream_behaviour_prompt(upstream_script: Path) -> UpstreamBehaviourPrompt:
    """Read the instruction.

    Args:
        upstream_script: The other published file, beside which it lies.

    Raises:
        DataError: It is missing or another version; names the file.
    """
    content = published_beside(upstream_script, PLACES, UPSTREAM_BEHAVIOUR_SHA256)
    return UpstreamBehaviourPrompt(content.decode(), UPSTREAM_BEHAVIOUR_SHA256)


def _words(words: Sequence[Word]) -> list[dict[str, Any]]:
    return [{"text": word.text, "timestamp": [word.start_s, word.end_s]} for word in words]
