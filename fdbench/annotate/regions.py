"""What a recogniser is given to hear: stretches of speech, joined and padded, never silence alone.

::

    speech    ..|----|.|------|..........|---|....     gap < max_gap_s: one region
    regions   .|================|.......|=====|...     widened by pad_s, but never into a neighbour
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from fdbench.core.span import Span, merged


def regions_of(
    speech: Iterable[Span], duration_s: float, *, pad_s: float, max_gap_s: float, max_s: float = math.inf
) -> tuple[Span, ...]:
    """Regions in order of time, disjoint, inside ``[0, duration_s)``.

    Args:
        speech: Seconds from the first sample.
        duration_s: Length of the audio.
        pad_s: Regions are widened by this much; where two are closer than two pads, each gets half of what is between them.
        max_gap_s: Stretches closer than this share a region, as long as it does not become longer than ``max_s``.
        max_s: A single longer stretch stays whole.
    """
    joined: list[Span] = []
    for span in merged(speech):
        if joined and span.start_s - joined[-1].end_s < max_gap_s and span.end_s - joined[-1].start_s + 2 * pad_s <= max_s:
            joined[-1] = Span(joined[-1].start_s, span.end_s)
        else:
            joined.append(span)
    padded: list[Span] = []
    for index, span in enumerate(joined):
        before_s = span.start_s - joined[index - 1].end_s if index else math.inf
        after_s = joined[index + 1].start_s - span.end_s if index + 1 < len(joined) else math.inf
        start_s = max(0.0, span.start_s - min(pad_s, before_s / 2))
        end_s = min(duration_s, span.end_s + min(pad_s, after_s / 2))
        if start_s < end_s:
            padded.append(Span(start_s, end_s))
    return tuple(padded)
