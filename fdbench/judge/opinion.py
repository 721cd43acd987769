"""What comes of asking for a verdict: the verdict, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from fdbench.core.annotation import Verdict


@dataclass(frozen=True, slots=True)
class Opinion:
    """The outcome of one question.

    Attributes:
        verdict: None where there is none.
        reason: Why there is none: a key of the reasons registry; empty with a verdict.
        message: A line for a person, where something went wrong.
        notes: What is worth telling although nothing went wrong, e.g. that another model answered than was asked.
    """

    verdict: Verdict | None = None
    reason: str = ""
    message: str = ""
    notes: tuple[str, ...] = ()
