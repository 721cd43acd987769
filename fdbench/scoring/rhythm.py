"""Are backchannels spaced as people space theirs, or as a memoryless process of the same rate would?

::

    onsets      ...|.......|...|.............]  clip's end
    intervals      |- 2.1 -|1.0|--- 3.2 ----]   the last one is censored: the next onset would have come later

Conventions: seconds; intervals from onset to onset of the backchannels of a clip; from the last to the clip's end, censored.
Clips without events give none. Masses are Kaplan-Meier's over 12 edges: below the first, between neighbours, and at or
beyond the last. Divergences
are in bits (``stats.divergence``). People's clips give theirs in the same way, so that their lengths censor them alike.

Empty cases: no interval at all: None.

References: Kaplan & Meier 1958, JASA 53:457; J. Lin 1991, Divergence measures based on the Shannon entropy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from fdbench.stats.onset_distribution import waiting_masses

EDGES_S: Final = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a corpus of clips is spaced.

    Attributes:
        intervals_s: In order of clip and time.
        is_complete: For each, whether another onset ended it.
        mass: By bin.
        rate_hz: Complete intervals / all time, the censored included.
        memoryless_mass: Of a process without memory at that rate.
    """

    intervals_s: tuple[float, ...]
    is_complete: tuple[bool, ...]
    mass: tuple[float, ...]
    rate_hz: float
    memoryless_mass: tuple[float, ...]


def rhythm_of(
    onsets_s: Sequence[Sequence[float]], clips_s: Sequence[float], edges_s: Sequence[float] = EDGES_S
) -> Rhythm | None:
    """The rhythm of backchannels.

    Args:
        onsets_s: Of each clip, ascending.
        clips_s: Length of each clip.
        edges_s: Of the bins, ascending.
    """
    intervals: list[tuple[float, bool]] = []
    for onsets, clip_s in zip(onsets_s, clips_s, strict=True):
        intervals += [(later - earlier, True) for earlier, later in pairwise(onsets)]
        if onsets:
            intervals.append((clip_s - onsets[-1], False))
    if not intervals:
        return None
    times_s, is_complete = zip(*intervals, strict=True)
    total_s = math.fsum(times_s)
    rate_hz = sum(is_complete) / total_s if total_s > 0 else 0.0
    mass = tuple(waiting_masses(np.array(times_s), np.array(is_complete), edges_s)[0].tolist())
    survival = [math.exp(-rate_hz * edge_s) for edge_s in edges_s]
    return Rhythm(times_s, is_complete, mass, rate_hz, _masses(survival))


def _masses(survival: Sequence[float]) -> tuple[float, ...]:
    levels = [1.0, *survival, 0.0]
    return tuple(earlier - later for earlier, later in pairwise(levels))
