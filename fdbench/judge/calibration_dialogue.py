"""The labelled dialogues: what each of a judge's scores of them should be, for finding out how far it can be trusted.

``labelled/dialogue.<version>.json`` = ``{"schema", "version", "scale", "items": [{"id", "category", "family", "goals",
"examiner", "model", "turn_taking", "instruction", "task"?, "why"}]}``; both sides are lists of ``[start, end, words]`` in
seconds. The labels follow the anchors of the prompt that ``scale`` names; all turns of a dialogue are alike in their timing,
and ``daily`` has no task score. A judge's scores of the turns are compared by their mean.

====================  ==================================================================================================
category              the model
====================  ==================================================================================================
fluent_and_right      comes at once, and does what is wanted
late                  does it two to seven seconds late
talks_over            does it while the examiner speaks
breaks_in             does it before the examiner is done
off_topic             is on time, and does nothing of it
partial               does half of it
wrong_value           gets a main value wrong
hostile               speaks to the judge, late or over the examiner, and does nothing of it
hostile_but_good      does what is wanted, and speaks to the judge beside it
old_value_returns     obeys a correction, and forgets it
ignores_correction    goes on with the old value
noticed_only          notices a correction, and does nothing with it
mixes_up              takes one person or thing for another
one_slip              does so once
declines_only         declines what does harm, and offers nothing
complies              goes along with what does harm
gives_in              does so when pressed
====================  ==================================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from statistics import fmean
from typing import Any, ClassVar, Final

from fdbench.core.annotation import DialogueQuestion, Verdict
from fdbench.core.speech import Word
from fdbench.errors import DataError
from fdbench.io.files import sha256_of
from fdbench.judge.agreement import RatedItem
from fdbench.judge.dialogue_text import SCORES

VERSION: Final = 1
LABELS: Final = ("turn_taking", "instruction", "task")


@dataclass(frozen=True, slots=True)
class LabelledScore:
    """One score of one labelled dialogue.

    Attributes:
        of: One of ``LABELS``.
        rating: 1 to 5.
    """

    id: str
    category: str
    question: DialogueQuestion
    of: str
    rating: int
    why: str

    expected: ClassVar[str] = "a number from 1 to 5"

    def value_of(self, verdict: Verdict) -> float | None:
        """What a judge said; None where it gave no such score."""
        if self.of == "task":
            return verdict.rating
        values = [value for event in verdict.events if (value := getattr(event, self.of)) is not None]
        return fmean(values) if values else None

    def is_on_scale(self, value: float) -> bool:
        return SCORES[0] <= value <= SCORES[-1]

    def rated(self, rating: float) -> RatedItem:
        """The label beside what a judge said."""
        return RatedItem(self.id, self.category, float(self.rating), rating, self.id)


@dataclass(frozen=True, slots=True)
class LabelledScores:
    """One score of all dialogues that have it, in the file's order.

    Attributes:
        digest: SHA-256 of the file.
        scale: The prompt whose anchors the labels follow and which score it is, e.g. ``dialogue-1:task``.
    """

    version: int
    digest: str
    scale: str
    items: tuple[LabelledScore, ...]


def labelled_dialogues(version: int = VERSION) -> Mapping[str, LabelledScores]:
    """The set that comes with fdbench, by the name of the score; a test knows the hash of each version.

    Raises:
        DataError: There is no such version.
    """
    file = files("fdbench.judge") / "labelled" / f"dialogue.{version}.json"
    if not file.is_file():
        raise DataError(f"this fdbench has no version {version} of the labelled dialogues", "install the one that wrote it")
    data = file.read_bytes()
    value = json.loads(data)
    return {
        of: LabelledScores(
            version,
            sha256_of(data),
            f"{value['scale']}:{of}",
            tuple(_score_of(item, of) for item in value["items"] if of in item),
        )
        for of in LABELS
    }


def _score_of(item: Mapping[str, Any], of: str) -> LabelledScore:
    examiner, model = (
        tuple(Word(text, start_s, end_s) for start_s, end_s, text in item[side]) for side in ("examiner", "model")
    )
    question = DialogueQuestion(item["family"], tuple(item["goals"]), examiner, model)
    return LabelledScore(item["id"], item["category"], question, of, item[of], item["why"])
