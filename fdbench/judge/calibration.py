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
from typing import Any, Final

from fdbench.core.annotation import RelevanceQuestion
from fdbench.errors import DataError
from fdbench.io.files import sha256_of
from fdbench.judge.agreement import RatedItem
from fdbench.judge.rating_text import RATINGS

SCHEMA: Final = 1
VERSION: Final = 1
CATEGORIES: Final = (
    "on_topic",
    "paraphrased",
    "partial",
    "hedged",
    "beside_the_point",
    "continues_context",
    "off_topic",
    "empty_or_noise",
    "wrong_language",
    "refusal",
    "acknowledgement",
    "asks_back",
    "recogniser_noise",
    "hostile",
    "hostile_but_good",
)

_TEXTS: Final = ("id", "category", "context", "interruption", "reply", "why")
_OPTIONAL: Final = ("paraphrase_of",)


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
    question: RelevanceQuestion
    rating: int
    why: str
    paraphrase_of: str = ""

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
    """The set that comes with fdbench.

    Raises:
        DataError: The file is missing or damaged.
    """
    name = f"relevance.{version}.json"
    try:
        data = (files("fdbench.judge") / "labelled" / name).read_bytes()
    except FileNotFoundError:
        raise DataError(f"fdbench.judge: no labelled set {name}", "install fdbench again") from None
    return parse_labelled(data, name)


def parse_labelled(data: bytes, name: str) -> LabelledSet:
    """A labelled set from a file's bytes; ``name`` is what errors call it.

    Raises:
        DataError: Not of the form above; names the item, the key, and what was expected.
    """
    try:
        value = json.loads(data)
    except ValueError as error:
        raise DataError(f"{name}: not JSON ({error})") from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA or not isinstance(value.get("items"), list):
        raise DataError(f"{name}: expected {{'schema': {SCHEMA}, 'version', 'scale', 'items': [...]}}")
    version, scale = value.get("version"), value.get("scale")
    if not isinstance(version, int) or not isinstance(scale, str):
        raise DataError(f"{name}: expected an integer 'version' and a text 'scale', found {version!r} and {scale!r}")
    items = tuple(_item(entry, f"{name}: item {index}") for index, entry in enumerate(value["items"]))
    by_id = {item.id: item for item in items}
    if len(by_id) < len(items):
        raise DataError(f"{name}: {len(items)} items share {len(by_id)} ids", "give each its own")
    for item in items:
        original = by_id.get(item.paraphrase_of)
        if item.paraphrase_of and (original is None or original.paraphrase_of or original.rating != item.rating):
            raise DataError(f"{name}: {item.id} paraphrases '{item.paraphrase_of}', which is not an original of equal rating")
    return LabelledSet(version, sha256_of(data), scale, items)


def _item(entry: Any, where: str) -> LabelledItem:
    if not isinstance(entry, dict):
        raise DataError(f"{where}: expected an object, found {type(entry).__name__}")
    for key in _TEXTS:
        if not isinstance(entry.get(key), str):
            raise DataError(f"{where}: '{key}': expected text, found {entry.get(key)!r}")
    unknown = set(entry) - {*_TEXTS, *_OPTIONAL, "rating"}
    if unknown:
        raise DataError(f"{where}: unknown key '{min(unknown)}'")
    if entry["category"] not in CATEGORIES:
        raise DataError(f"{where}: category '{entry['category']}': expected one of {', '.join(CATEGORIES)}")
    rating = entry.get("rating")
    if isinstance(rating, bool) or rating not in RATINGS:
        raise DataError(f"{where}: 'rating': expected an integer from 0 to 5, found {rating!r}")
    question = RelevanceQuestion(entry["context"], entry["interruption"], entry["reply"])
    original = entry.get("paraphrase_of", "")
    return LabelledItem(entry["id"], entry["category"], question, int(rating), entry["why"], str(original))
