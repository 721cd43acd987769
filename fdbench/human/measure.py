"""From conversations of people to a reference: when they begin their turns, and how often they could have.

::

    A   |-----turn-----|            |--turn--|        utterances of 1.0 s and more, or with other words than listed phrases
    B             mm     |---turn---|                 shorter ones are backchannels (``scoring.corrected.utterance``)
                       |0.3|        |0.0              offset = start of a turn - end of the other's before it

Conventions: seconds, signed; the ``fdbench`` protocol's bursts and utterances on both sides, so that people are measured as
models are. A turn that ends inside the other's is no transition. An offset beyond 4 s (a lapse) is counted as late.
*Opportunities* as for models (``corrected.opportunities``), each side in turn as the user, of whom only turns count (after an
"mm" there is nothing to take); they end where its utterances do: where it is silent for 1.0 s or more, or for good.
Backchannels: per second of the other side's speech; intervals from onset to onset of one side.

Empty cases: no transition in the whole corpus is an error, as there would be nothing to compare with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

from fdbench.core.span import ROUNDING_S
from fdbench.errors import DataError
from fdbench.human.corpora import Speaker, Talk
from fdbench.human.reference import CuttingRule, HumanReference
from fdbench.scoring.corrected.opportunities import Moment, find_opportunities
from fdbench.scoring.corrected.utterance import Utterance, find_bursts, find_utterances
from fdbench.stats.onset_distribution import EDGES_S


def reference_of(talks: Sequence[Talk], cutting: CuttingRule, name: str, source: str) -> HumanReference:
    """The reference that a corpus makes.

    Args:
        talks: All of its conversations.
        cutting: How their speech was cut.
        name: Its id.
        source: Where it is from.

    Raises:
        DataError: Nobody takes over from anybody.
    """
    offsets_s = [transition_offsets_s(talk) for talk in talks]
    everywhere = [offset_s for of_talk in offsets_s for offset_s in of_talk]
    if not everywhere:
        raise DataError(f"{source}: no turn in it follows another's", "name a folder of conversations of two people")
    content: dict[str, Any] = {
        "schema": 1,
        "id": name,
        "material": f"{len(talks)} conversations, {sum(talk.length_s for talk in talks) / 3600:.2f} h",
        "source": source,
        "evidence": "measured with fdbench human-timing",
        "cutting": cutting.model_dump(),
        "onsets": _counted(everywhere),
        "conversations": len(talks),
        "medians_s": [round(median(of_talk), 6) for of_talk in offsets_s if of_talk],
        "hold": {"clips": [_taken(talk, "hold") for talk in talks]},
        "shift": {"clips": [_taken(talk, "shift") for talk in talks]},
        "backchannels": _backchannels(talks),
    }
    made = HumanReference.model_validate(content, strict=False)
    return HumanReference.model_validate({**made.content, "sha256": made.digest}, strict=False)


def transition_offsets_s(talk: Talk) -> list[float]:
    """From the end of a turn to the other's next one, in order of time."""
    return [offset_s for _, _, offset_s in transitions(talk)]


def transitions(talk: Talk) -> list[tuple[int, float, float]]:
    """The side that takes over, when, and how long after the end of the other's turn, in order of time."""
    turns = sorted((each.span, side) for side, speaker in enumerate(talk.sides) for each in _turns(speaker))
    found: list[tuple[int, float, float]] = []
    last = turns[0] if turns else None
    for span, side in turns[1:]:
        if last is None or span.end_s <= last[0].end_s:
            continue
        if side != last[1]:
            found.append((side, span.start_s, span.start_s - last[0].end_s))
        last = span, side
    return found


def _counted(offsets_s: Sequence[float]) -> dict[str, Any]:
    times_s = np.array(offsets_s) + ROUNDING_S  # an offset on an edge but for rounding lies above it
    return {
        "kind": "counted",
        "start_s": EDGES_S[0],
        "step_s": 0.2,
        "below": int((times_s < EDGES_S[0]).sum()),
        "counts": [int(((times_s >= first) & (times_s < last)).sum()) for first, last in pairwise(EDGES_S)],
        "above": int((times_s >= EDGES_S[-1]).sum()),
    }


def _taken(talk: Talk, moment: Moment) -> tuple[int, int]:
    taken = [
        each.is_taken
        for user, other in _both_ways(talk)
        for each in find_opportunities(
            [burst.span for turn in _turns(user) for burst in turn.bursts],
            [turn.span.end_s for turn in _turns(user)],
            talk.length_s,
            [turn.span.start_s for turn in _turns(other)],
        )
        if each.moment == moment
    ]
    return sum(taken), len(taken)


def _backchannels(talks: Sequence[Talk]) -> dict[str, Any]:
    spoken_s = sum(burst.duration_s for talk in talks for side in talk.sides for burst in find_bursts(side.segments))
    found = [[each.span for each in _utterances(side) if each.is_backchannel] for talk in talks for side in talk.sides]
    intervals = [later.start_s - earlier.start_s for spans in found for earlier, later in pairwise(spans)]
    return {
        "rate_hz": round(sum(map(len, found)) / spoken_s, 9) if spoken_s else 0.0,
        "lengths_s": [round(span.duration_s, 6) for spans in found for span in spans],
        "intervals_s": [round(interval_s, 6) for interval_s in intervals],
    }


def _both_ways(talk: Talk) -> Iterator[tuple[Speaker, Speaker]]:
    first, second = talk.sides
    yield first, second
    yield second, first


def _utterances(side: Speaker) -> tuple[Utterance, ...]:
    return find_utterances(find_bursts(side.segments), side.words)


def _turns(side: Speaker) -> list[Utterance]:
    return [each for each in _utterances(side) if each.is_takeover]
