"""A reference of human timing: a JSON file that says when people begin their turns, and how it was made.

::

    {"schema": 1, "id": "switchboard-hist", "material": ..., "source": ..., "evidence": ...,
     "cutting": {"by": "words", "min_silence_s": null, "detector": null},
     "onsets": {"kind": "counted", "start_s": -2.0, "step_s": 0.1, "below": 7, "counts": [2, 2, 3, ...], "above": 18}}

``onsets`` may also be ``{"kind": "parametric", "share_negative", "median_negative_s", "median_positive_s"}``: made of published
summaries, which a table says. Counted bins have to add up to those of ``stats.onset_distribution``: every edge there that lies
inside the histogram is one of its edges. ``hold`` and ``shift`` (``{"clips": [[taken, of], ...]}``, one pair per conversation)
are there only where all silences of both sides were counted.

Conventions: seconds. *Words cut a turn earlier than a detector does*, so references that are cut by different rules are never
mixed, and one that is cut by another rule than the model is named as such. The digest is SHA-256 over the file's content
without its ``sha256``, whatever the order of its keys; where a file has one, it has to be that.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from fdbench.core.onsets import CountedOnsets, Onsets, SplitExponential
from fdbench.core.span import ROUNDING_S
from fdbench.errors import DataError, UsageError, unknown_name
from fdbench.io.files import digest_of, parse_json, read_json, to_json
from fdbench.stats.onset_distribution import EDGES_S
from fdbench.stats.wilson import Rate, clustered_wilson

DEFAULT: Final = "switchboard-hist"
SHIPPED: Final = (DEFAULT, "candor-parametric")
_REMEDY: Final = "write it as fdbench/human/reference.py says"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class CuttingRule(_Part):
    """Where speech ends and begins.

    Attributes:
        by: ``words``: at the words of a transcript; ``segments``: at annotated stretches; ``detector``: at what one found.
        min_silence_s: Shorter silences were closed; None where the source does not say.
        detector: Signature of the detector, with its version.
    """

    by: Literal["words", "segments", "detector"]
    min_silence_s: float | None = Field(None, ge=0)
    detector: str | None = None

    @model_validator(mode="after")
    def _names_its_detector(self) -> Self:
        if (self.by == "detector") != bool(self.detector):
            raise ValueError("a cut by a detector names it, and no other does")
        return self

    def __str__(self) -> str:
        closed = "" if self.min_silence_s is None else f", silences under {self.min_silence_s:g} s closed"
        return f"cut by {self.detector or self.by}{closed}"


class _Counted(_Part):
    kind: Literal["counted"]
    start_s: float
    step_s: float = Field(gt=0)
    below: int = Field(ge=0)
    counts: tuple[int, ...] = Field(min_length=1, max_length=100_000)
    above: int = Field(ge=0)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        found = self.onsets
        if any(count < 0 for count in self.counts) or found.n == 0:
            raise ValueError("counts are whole numbers from 0 on, and not all 0")
        edges_s = found.edges_s
        for edge_s in EDGES_S:
            is_inside = edges_s[0] <= edge_s <= edges_s[-1]
            if is_inside and abs(edges_s - edge_s).min() > ROUNDING_S:
                raise ValueError(f"no edge of a bin lies at {edge_s:g} s, so its bins do not add up to those of 0.2 s")
        return self

    @property
    def onsets(self) -> CountedOnsets:
        return CountedOnsets(self.start_s, self.step_s, self.counts, self.below, self.above)


class _Parametric(_Part):
    kind: Literal["parametric"]
    share_negative: float = Field(ge=0, le=1)
    median_negative_s: float = Field(gt=0)
    median_positive_s: float = Field(gt=0)

    @property
    def onsets(self) -> SplitExponential:
        return SplitExponential(self.share_negative, self.median_negative_s, self.median_positive_s)


class Taken(_Part):
    """How often people took the turn at one kind of moment: taken and all opportunities, of each conversation."""

    clips: tuple[tuple[int, int], ...]

    @model_validator(mode="after")
    def _is_a_rate(self) -> Self:
        if not all(0 <= taken <= of for taken, of in self.clips):
            raise ValueError("of each conversation no more are taken than there are, and none is negative")
        return self

    @property
    def rate(self) -> Rate | None:
        """With clustered Wilson's interval; None where there was no opportunity."""
        return clustered_wilson(self.clips)


class Backchannels(_Part):
    """People's backchannels.

    Attributes:
        rate_hz: Per second of the other's speech.
        lengths_s: Of each.
        intervals_s: From onset to onset within a conversation.
    """

    rate_hz: float = Field(ge=0)
    lengths_s: tuple[float, ...] = ()
    intervals_s: tuple[float, ...] = ()


class HumanReference(_Part):
    """A reference as its file says it.

    Attributes:
        material: What was recorded.
        source, evidence: Where the numbers are from, and how it is known that they are.
        medians_s: Of each conversation, where they were kept: how much people differ.
    """

    schema_: Literal[1] = Field(1, alias="schema")
    id: str = Field(min_length=1)
    material: str
    source: str
    language: str = ""
    evidence: str = ""
    cutting: CuttingRule
    onsets_: _Counted | _Parametric = Field(alias="onsets", discriminator="kind")
    conversations: int | None = Field(None, ge=1)
    medians_s: tuple[float, ...] = ()
    hold: Taken | None = None
    shift: Taken | None = None
    backchannels: Backchannels | None = None
    sha256: str = ""

    @model_validator(mode="after")
    def _is_as_it_was_made(self) -> Self:
        if self.sha256 and self.sha256 != self.digest:
            raise ValueError(f"sha256 is not that of the content ({self.digest}): somebody changed the file")
        return self

    @property
    def onsets(self) -> Onsets:
        return self.onsets_.onsets

    @property
    def is_parametric(self) -> bool:
        """Made of published summaries, not of counts."""
        return self.onsets.n is None

    @property
    def content(self) -> dict[str, Any]:
        """What the digest covers: everything that is not at its default."""
        written = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"sha256"})
        return {"schema": self.schema_, **written}

    @property
    def digest(self) -> str:
        return digest_of(self.content)

    @property
    def mark(self) -> str:
        """Its name and the first digits of its digest, for signatures."""
        return f"{self.id}-{self.digest[:8]}"

    def note_beside(self, model: CuttingRule) -> str:
        """What a table has to say where a model is set beside this reference; empty where there is nothing to say."""
        notes = ["parametric"] if self.is_parametric else []
        notes += [] if self.cutting == model else [f"{self.cutting}; the model is {model}"]
        return "; ".join([f"{self.id}: {notes[0]}", *notes[1:]]) if notes else ""


def shipped_reference(name: str = DEFAULT) -> HumanReference:
    """A reference that comes with fdbench.

    Raises:
        UsageError: None has that name.
    """
    if name not in SHIPPED:
        raise unknown_name("human reference", name, SHIPPED)
    file = files("fdbench.human") / "references" / f"{name}.json"
    return parse_reference(parse_json(file.read_bytes(), f"{name}.json"), f"{name}.json")


def read_reference(path: Path) -> HumanReference:
    """A user's own reference.

    Raises:
        DataError: It is missing or not of the form; names the field.
    """
    return parse_reference(read_json(path), str(path))


def find_reference(name: str) -> HumanReference:
    """A shipped reference by its name, or a file by its path (whatever ends in ``.json``)."""
    return read_reference(Path(name).expanduser()) if name.endswith(".json") else shipped_reference(name)


def check_same_cut(references: Sequence[HumanReference]) -> None:
    """References that are shown beside each other, or pooled, are cut by one rule.

    Raises:
        UsageError: Two are not; names both rules.
    """
    for first, second in pairwise(references):
        if first.cutting != second.cutting:
            raise UsageError(
                f"'{first.id}' is {first.cutting}, '{second.id}' is {second.cutting}: their times do not compare",
                "take references that are cut by one rule, or make one with fdbench human-timing",
            )


def parse_reference(value: Any, name: str) -> HumanReference:
    """The reference that JSON holds. Raises DataError where it is not of the form; names the field."""
    try:
        return HumanReference.model_validate_json(to_json(value))  # as JSON, whose lists are tuples here
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise DataError(f"{name}: {where}: {first['msg']}", _REMEDY) from None
