"""How turns pass over all of a family's tasks together, and how far that is from people: made of scores alone.

::

    boundaries   pause handling + turn-taking       precision falls in pauses, recall after turns
    holds        every clip of the four behaviours  taken / silences inside turns, beside people's rate
    shifts       the same                           taken / silences after turns
    overlap      the same                           seconds per minute of the user's speech, by kind
    frontier     the same                           median wait of turns that ask against turns with a break
    rhythm       backchannel                        intervals between backchannels
    onsets       turn-taking                        the distribution of response latencies

Conventions: a clip with all its repeats is the unit that is resampled. People's rates are set beside a model's only where the
clips are not of a published benchmark: its pauses were chosen because the listener did not speak, its turn ends because
somebody did, so that people's rates there are 0 and 1 by construction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from fdbench.core.behaviour import ALONE, BACKCHANNEL, PAUSE_HANDLING, TURN_TAKING
from fdbench.core.family import BENCHMARK
from fdbench.core.metric import OVERLAP_KINDS, RECALL_WITHIN_S
from fdbench.core.score import Score
from fdbench.core.take_id import TakeId
from fdbench.human.reference import CuttingRule, HumanReference, Taken
from fdbench.scoring.aggregate import summarise
from fdbench.scoring.corrected.backchannel import BACKCHANNELS, CLIP
from fdbench.scoring.corrected.conversation import BOUNDARIES, BROKEN, COMPETING, TAKEN, TURNS
from fdbench.scoring.corrected.utterance import BURST_GAP_S
from fdbench.scoring.rhythm import EDGES_S, rhythm_of
from fdbench.stages.human_distance import LATENCY, known_latencies
from fdbench.stats.divergence import js_divergence_bits
from fdbench.stats.frontier import PlayedTurn, hypervolume, point_of
from fdbench.stats.onset_distribution import compare_onsets, excess_interval, waiting_masses
from fdbench.stats.wilson import Rate, clustered_wilson, newcombe_difference
from fdbench.store.conversation import (
    BoundaryCounts,
    Estimate,
    FamilyConversation,
    FrontierPoint,
    OnsetShape,
    Rhythm,
    TakenRate,
)

Scored: TypeAlias = "tuple[TakeId, Sequence[Score]]"
"""All scores of one take."""
_PROTOCOL: Final = "fdbench"


def conversation_of(
    samples: Iterable[Scored], behaviours: Mapping[str, str], family: str, human: HumanReference, vad: str
) -> FamilyConversation:
    """The numbers of one family.

    Args:
        samples: Every take's scores; those of other tasks than ``behaviours`` play no part.
        behaviours: The family's tasks and what each examines.
        human: People.
        vad: Signature of the detector that cut the model's turns.
    """
    of_behaviour: dict[str, list[Scored]] = {name: [] for name in ALONE}
    for id, scores in samples:
        if behaviours.get(id.task) in of_behaviour:
            of_behaviour[behaviours[id.task]].append((id, scores))
    everywhere = [each for name in ALONE for each in of_behaviour[name]]
    people = (None, None) if family in BENCHMARK else (human.hold, human.shift)
    competing, overlap = _overlap(everywhere)
    cut = CuttingRule(by="detector", min_silence_s=BURST_GAP_S, detector=vad)
    return FamilyConversation(
        human=human.mark,
        human_note=human.note_beside(cut),
        boundaries=_boundaries([*of_behaviour[PAUSE_HANDLING], *of_behaviour[TURN_TAKING]]),
        holds=_taken(everywhere, TAKEN["hold"], people[0]),
        shifts=_taken(everywhere, TAKEN["shift"], people[1]),
        competing=competing,
        overlap_s_per_minute=overlap,
        frontier=_frontier(everywhere),
        rhythm=_rhythm(of_behaviour[BACKCHANNEL], human),
        onsets=_onsets(of_behaviour[TURN_TAKING], human),
    )


def _of(metric: str, samples: Sequence[Scored]) -> tuple[list[Score], list[str]]:
    """The scores of a metric, and the clip of each."""
    found = [(score, f"{id.task}/{id.sample}") for id, scores in samples for score in scores if score.metric == metric]
    return [score for score, _ in found], [clip for _, clip in found]


def _boundaries(samples: Sequence[Scored]) -> BoundaryCounts | None:
    scores, clips = _of(BOUNDARIES, samples)
    summary = summarise(BOUNDARIES, scores, _PROTOCOL, "", clips)
    if not any(name in summary.details for name in RECALL_WITHIN_S):
        return None
    n = len({clip for score, clip in zip(scores, clips, strict=True) if "ends" in score.components})
    return BoundaryCounts(
        f1=Estimate(value=summary.value, low=summary.ci_low, high=summary.ci_high, n=n),
        precision=summary.details.get("boundary_precision"),
        recall={name: summary.details[name] for name in RECALL_WITHIN_S if name in summary.details},
    )


def _taken(samples: Sequence[Scored], metric: str, people: Taken | None) -> TakenRate | None:
    scores, clips = _of(metric, samples)
    counted: dict[str, tuple[float, float]] = {}
    for score, clip in zip(scores, clips, strict=True):
        if score.value is not None:
            k, n = counted.get(clip, (0.0, 0.0))
            counted[clip] = k + score.components["numerator"], n + score.components["denominator"]
    rate = clustered_wilson(counted.values())
    if rate is None:
        return None
    model = _estimate(rate, len(counted))
    human = None if people is None else people.rate
    if people is None or human is None:
        return TakenRate(model=model)
    low, high = newcombe_difference(rate, human)
    difference = Estimate(value=rate.rate - human.rate, low=low, high=high, n=len(counted))
    return TakenRate(model=model, people=_estimate(human, len(people.clips)), difference=difference)


def _estimate(rate: Rate, n: int) -> Estimate:
    return Estimate(value=rate.rate, low=rate.low, high=rate.high, n=n)


def _overlap(samples: Sequence[Scored]) -> tuple[Estimate | None, dict[str, float]]:
    scores, clips = _of(COMPETING, samples)
    summary = summarise(COMPETING, scores, _PROTOCOL, "", clips)
    if summary.value is None:
        return None, {}
    n = len({clip for score, clip in zip(scores, clips, strict=True) if score.value is not None})
    kinds = {kind: summary.details[kind] for kind in OVERLAP_KINDS}
    return Estimate(value=summary.value, low=summary.ci_low, high=summary.ci_high, n=n), kinds


def _frontier(samples: Sequence[Scored]) -> FrontierPoint | None:
    scores, clips = _of(BROKEN, samples)
    turns = [
        PlayedTurn(clip, wait_s, is_broken)
        for score, clip in zip(scores, clips, strict=True)
        for wait_s, is_broken in score.details.get(TURNS, ())
    ]
    point = point_of(turns)
    if point is None:
        return None
    asked, played = (len({turn.clip for turn in turns if turn.wait_s is not None or every}) for every in (False, True))
    return FrontierPoint(
        wait_s=Estimate(value=point.wait_s, low=point.wait_low_s, high=point.wait_high_s, n=asked),
        broken=_estimate(point.broken, played),
        n_turns=len(turns),
        hypervolume=hypervolume([(point.wait_s, point.broken.rate)]),
    )


def _rhythm(samples: Sequence[Scored], human: HumanReference) -> Rhythm | None:
    heard = [score.details for _, scores in samples for score in scores if BACKCHANNELS in score.details]
    known = [each for each in heard if each[CLIP] is not None]
    found = rhythm_of([[start_s for start_s, _ in each[BACKCHANNELS]] for each in known], [each[CLIP] for each in known])
    if found is None:
        return None
    people_bits = None
    intervals_s = human.backchannels.intervals_s if human.backchannels else ()
    if intervals_s:
        import numpy as np

        mass = waiting_masses(np.array(intervals_s), np.ones(len(intervals_s), np.bool_), EDGES_S)[0]
        people_bits = float(js_divergence_bits(found.mass, mass))
    return Rhythm(
        n_intervals=sum(found.is_complete),
        rate_hz=found.rate_hz,
        mass=list(found.mass),
        memoryless_bits=float(js_divergence_bits(found.mass, found.memoryless_mass)),
        people_bits=people_bits,
    )


def _onsets(samples: Sequence[Scored], human: HumanReference) -> OnsetShape | None:
    times_s, is_reply, clips = known_latencies(*_of(LATENCY, samples))
    found = compare_onsets(times_s, is_reply, human.onsets, n_clips=len(set(clips)))
    if found is None:
        return None
    low, high = excess_interval(times_s, is_reply, human.onsets, clips) or (None, None)
    return OnsetShape(
        n=found.n,
        mass=list(found.masses),
        human_mass=list(found.human_masses),
        divergence_bits=found.divergence_bits,
        floor_bits=found.floor_bits,
        excess=Estimate(value=found.excess, low=low, high=high, n=found.n),
        distance_s=found.distance_s,
        distance_floor_s=found.distance_floor_s,
        is_last_an_upper_bound=found.is_last_an_upper_bound,
    )
