"""What a judge's check against the labelled set gave, on disk.

RESULTS/judges/<model>-<hash of the judge's signature>.json     the newest check of each judge; of dialogues one for each score,
                                                                <model>-<score>-<hash>.json
    judges/verdicts/                                            what the judge said, so that nothing is asked twice
    <run>/scores/<folder>/judge_check.json                      a copy beside the scores that the judge helped to make
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from fdbench.errors import DataError
from fdbench.io.files import digest_of, read_json, write_json_atomically
from fdbench.store.stored import SCHEMA, Stored

FOLDER = "judges"
COPY = "judge_check.json"


class CheckedItem(Stored):
    """One labelled item and what the judge made of it.

    Attributes:
        rating: What the judge said, also where it is no rating on the scale; None where it said none.
        model: The name of the model that answered.
        reason: Why the item counts as failed: a key of the reasons registry; empty where it is rated.
    """

    id: str
    category: str
    label: int
    rating: float | None
    analysis: str = ""
    model: str = ""
    reason: str = ""
    message: str = ""


class LabelledFacts(Stored):
    """Which labelled set it was; of dialogues the scale says which score, ``dialogue-1:task``."""

    version: int
    sha256: str
    scale: str


class JudgeCheck(Stored):
    """The whole file; free of times, so that the same verdicts give the same bytes.

    Attributes:
        judge: The judge's signature, as it stands in every score made with it.
        models: The names of the models that answered.
        prompt: ``name`` and ``sha256`` of the instructions that the judge was given.
        failed: How many items have no rating, by reason.
        agreement: As ``fdbench.judge.agreement.Agreement.as_json`` writes it, over the rated items.
    """

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    judge: str
    model: str
    models: list[str]
    labelled: LabelledFacts
    prompt: dict[str, str]
    n_rated: int
    n_failed: int
    failed: dict[str, int]
    agreement: dict[str, Any]
    items: list[CheckedItem]

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True)

    @classmethod
    def read(cls, path: Path) -> JudgeCheck:
        """Read a stored check.

        Raises:
            DataError: Missing or not a check; names file and field.
        """
        return cls.read_file(path, "make it again with `fdbench judge check`")


def verdicts_folder(root: Path) -> Path:
    return root / FOLDER / "verdicts"


def write_check(root: Path, check: JudgeCheck) -> tuple[Path, ...]:
    """Store a check under the root of the results, and beside every scoring there that was made with its judge.

    Returns:
        The files written, the one under ``judges/`` first.
    """
    score = check.labelled.scale.partition(":")[2]
    slug = re.sub(r"[^a-z0-9]+", "-", f"{check.model} {score}".lower()).strip("-") or "judge"
    summaries = sorted(root.glob("*/scores/*/summary.json"))
    copies = [summary.with_name(COPY) for summary in summaries if _judge_of(summary) == check.judge]
    written = (root / FOLDER / f"{slug}-{_hash(check.judge)}.json", *copies)
    for path in written:
        write_json_atomically(path, check.as_json())
    return written


def find_check(root: Path, judge: str) -> JudgeCheck | None:
    """The stored check of the judge with this signature; None where there is none that can be read."""
    try:
        return next((JudgeCheck.read(path) for path in (root / FOLDER).glob(f"*-{_hash(judge)}.json")), None)
    except DataError:
        return None


def _hash(judge: str) -> str:
    return digest_of([judge])[:10]


def _judge_of(summary: Path) -> str | None:
    """Who judged a scoring; None where its summary cannot be read, which is not this command's business."""
    try:
        return str(read_json(summary)["engines"]["judge"])
    except (DataError, KeyError, TypeError):
        return None
