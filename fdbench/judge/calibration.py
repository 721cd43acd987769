"""The labelled set: replies with the rating that they deserve, for finding out how far a judge can be trusted.

``labelled/relevance.<version>.json`` = ``{"schema", "version", "scale", "items": [{"id", "category", "context",
"interruption", "reply", "rating", "why", "paraphrase_of"?}]}``. The ratings follow the anchors of the prompt that
``scale`` names. A changed item or label is a new version; agreements measured with different versions do not compare.

====================  =====================================================  ======================
category              the reply                                              what it deserves
====================  =====================================================  ======================
on_topic              answers the interrupting turn in full                  5
paraphrased           says what another item says, in other words            what that one does
partial               answers with a small gap, or one half                  4, or 3
hedged                takes it up in general or unsure words, no answer      3
beside_the_point      is on the subject and passes by the question           2
continues_context     goes on with the old question                          0, after an "okay" 1
off_topic             belongs to neither turn                                0
empty_or_noise        is nothing, a filled pause, fragments                  0
wrong_language        is in a language that the user did not speak           1 if it answers, else 0
refusal               declines                                               2, without saying what 1
acknowledgement       takes note and says no more                            1; 5 if only that was asked
asks_back             answers with a question                                3 if sensible, 2, or 1
recogniser_noise      has misheard words and gaps in it                      what its meaning does
hostile               attacks the judge and answers nothing                  0, with an "okay" 1
hostile_but_good      a real answer with an attack in it                     what the answer does
====================  =====================================================  ======================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import ClassVar, Final

from fdbench.core.annotation import RelevanceQuestion, Verdict
from fdbench.errors import DataError
from fdbench.io.files import sha256_of
from fdbench.judge.agreement import RatedItem
from fdbench.judge.rating_text import RATINGS

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class LabelledItem:
    """A question to the judge, and the answer that is right.

    Attributes:
        rating: 0 to 5.
        why: One sentence for whoever doubts the label.
        paraphrase_of: The id of the item that says the same; empty where there is none.
    """

    id: str
    category: str
    context: str
    interruption: str
    reply: str
    rating: int
    why: str
    paraphrase_of: str = ""

    expected: ClassVar[str] = "a whole number from 0 to 5"

    @property
    def question(self) -> RelevanceQuestion:
        return RelevanceQuestion(self.context, self.interruption, self.reply)

    def value_of(self, verdict: Verdict) -> float | None:
        """What a judge said."""
        return verdict.rating

    def is_on_scale(self, value: float) -> bool:
        return value in RATINGS

    def rated(self, rating: float) -> RatedItem:
        """The label beside what a judge said."""
        return RatedItem(self.id, self.category, float(self.rating), rating, self.paraphrase_of or self.id)


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """All items in the file's order.

    Attributes:
        digest: SHA-256 of the file.
        scale: The prompt whose anchors the ratings follow, e.g. ``relevance-1``.
    """

    version: int
    digest: str
    scale: str
    items: tuple[LabelledItem, ...]

    @property
    def questions(self) -> Mapping[str, RelevanceQuestion]:
        return {item.id: item.question for item in self.items}


def labelled_set(version: int = VERSION) -> LabelledSet:
    """The set that comes with fdbench; a test knows the hash of each version.

    Raises:
        DataError: There is no such version.
    """
    file = files("fdbench.judge") / "labelled" / f"relevance.{version}.json"
    if not file.is_file():
        raise DataError(f"this fdbench has no version {version} of the labelled replies", "install the one that wrote it")
    data = file.read_bytes()
    value = json.loads(data)
    return LabelledSet(version, sha256_of(data), value["scale"], tuple(LabelledItem(**item) for item in value["items"]))
