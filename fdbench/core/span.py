"""Half-open stretches of time, ``[start_s, end_s)``, in seconds.

t = 0 is the first sample of the prompt; a lead-in has negative time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

ROUNDING_S: Final = 1e-9
"""Times are decimals and their differences are not: 1.2 - 1.0 is just under 0.2. This much under a limit is at it."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of time ``[start_s, end_s)``; its end is never before its start."""

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_s) and math.isfinite(self.end_s) and self.start_s <= self.end_s):
            raise ValueError(f"not a span: start {self.start_s} s, end {self.end_s} s (finite, start <= end expected)")

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2

    def contains(self, t_s: float) -> bool:
        return self.start_s <= t_s < self.end_s

    def overlaps(self, other: Span) -> bool:
        return self.start_s < other.end_s and other.start_s < self.end_s

    def shifted(self, by_s: float) -> Span:
        return Span(self.start_s + by_s, self.end_s + by_s)

    def clipped(self, to: Span) -> Span | None:
        """The part inside ``to``; None where nothing is left."""
        start_s, end_s = max(self.start_s, to.start_s), min(self.end_s, to.end_s)
        return Span(start_s, end_s) if start_s < end_s else None


def merged(spans: Iterable[Span], max_gap_s: float = 0.0) -> tuple[Span, ...]:
    """The spans in order of time, neighbours joined where the gap between them is under ``max_gap_s``.

    Spans that touch or overlap are always joined. A gap of ``max_gap_s`` up to rounding (``ROUNDING_S``) is not under it.
    """
    out: list[Span] = []
    for span in sorted(spans):
        if out and (span.start_s <= out[-1].end_s or span.start_s - out[-1].end_s < max_gap_s - ROUNDING_S):
            out[-1] = Span(out[-1].start_s, max(out[-1].end_s, span.end_s))
        else:
            out.append(span)
    return tuple(out)
