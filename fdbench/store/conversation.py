"""How turns pass over all of a family's tasks, beside people: the part of ``summary.json`` that no single task has.

Made by ``fdbench.stages.conversation``, which says what each number is of; read by reports.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fdbench.store.stored import LENIENT, Stored

Share = Annotated[float, Field(ge=0, le=1)]


class _Part(Stored):
    model_config = LENIENT


class Estimate(_Part):
    """A number and its 95 % interval; ``n`` clips stand behind it. None = there is none, or it cannot be had."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = Field(ge=0)


class TakenRate(_Part):
    """How often the model takes the turn at one kind of moment, and how often people do, where a reference has it.

    Attributes:
        difference: The model's less people's, with Newcombe's interval.
    """

    model: Estimate
    people: Estimate | None = None
    difference: Estimate | None = None


class BoundaryCounts(_Part):
    """Takeovers as claims that the user is done.

    Attributes:
        recall: By how long after an end an onset is on time (``recall_within_1_s``).
    """

    f1: Estimate
    precision: Share | None = None
    recall: dict[str, Share] = Field(default={})


class FrontierPoint(_Part):
    """What being fast costs: median wait (s) against the share of turns that are broken into.

    Attributes:
        hypervolume: Of this one point, in [0, 1].
    """

    wait_s: Estimate
    broken: Estimate
    n_turns: int = Field(ge=0)
    hypervolume: Share


class Rhythm(_Part):
    """How backchannels are spaced.

    Attributes:
        mass: Of the intervals, Kaplan-Meier, in the bins of ``fdbench.scoring.rhythm.EDGES_S``.
        memoryless_bits, people_bits: Divergence from a process without memory at the same rate, and from people's intervals.
    """

    n_intervals: int = Field(ge=0)
    rate_hz: float = Field(ge=0)
    mass: list[Share]
    memoryless_bits: float
    people_bits: float | None = None


class OnsetShape(_Part):
    """When replies begin after a turn, as a distribution.

    Attributes:
        mass, human_mass: In the bins of ``fdbench.stats.onset_distribution.EDGES_S`` and the two open ones.
        excess: Divergence above what as many people would have by chance.
    """

    n: int = Field(ge=0)
    mass: list[float]
    human_mass: list[float]
    divergence_bits: float
    floor_bits: float
    excess: Estimate
    distance_s: float
    distance_floor_s: float
    is_last_an_upper_bound: bool


class FamilyConversation(_Part):
    """All of it, of one family of tasks; None where there is nothing to measure.

    Attributes:
        human: The reference, with the first digits of its digest.
        human_note: What has to be said where a model is set beside it.
        overlap_s_per_minute: By kind.
        competing: Competitive and held overlap, s per minute of the user's speech.
    """

    human: str
    human_note: str = ""
    boundaries: BoundaryCounts | None = None
    holds: TakenRate | None = None
    shifts: TakenRate | None = None
    competing: Estimate | None = None
    overlap_s_per_minute: dict[str, float] = Field(default={})
    frontier: FrontierPoint | None = None
    rhythm: Rhythm | None = None
    onsets: OnsetShape | None = None
