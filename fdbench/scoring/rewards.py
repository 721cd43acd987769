"""One number per clip for training by reinforcement: as published for four axes, bounded, and what the user really loses.

::

    user     |---------------|.......................       turn's end at e
    model    ...|-|...............|----------|.......
                short, <= 1.0 s    takeover, > 1.0 s        silences of at most 1.0 s closed
                                |- d -|

============  ==================================================================  ===========================
axis          published                                                           bounded, in [0, 1]
============  ==================================================================  ===========================
pause         -1 if there is any takeover in the clip, else 0                     1 + published
turn          -d, from the turn's end to the first takeover at or after it;       max(0, 1 - max(0, d) / 5)
              of none, d = length - end
backchannel   F1 of short utterances against people's backchannels, matched by    published
              their middles, one to one, at most 1.0 s apart; takeovers and
              free ones are false, unmatched people's are missed; neither: 1
interruption  as turn, from the interruption's end                                as turn
============  ==================================================================  ===========================

Conventions: seconds; limits hold up to 1 ns; speech decides, no words are needed. A takeover that began before the end is no
reply (the paper does not say). Beside both stands ``minus_lost_s``: lost seconds per turn of the user
(``corrected.lost_time``), negated, by the utterances of the ``fdbench`` protocol.

*Known games*: silence is optimal for pause, and any sound of 1.1 s right at the end is optimal for turn. ``minus_lost_s`` has
no free lunch of that kind: silence costs 5 s, and talking costs as long as it lasts. Train on that one.

Empty cases: no speech of the model: pause 0, turn -(length - end), backchannel 1 where people made none, else 0.

References: arXiv 2606.11167 (rewards of four axes for GRPO).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from fdbench.core.span import ROUNDING_S, Span, merged
from fdbench.scoring.corrected.lost_time import MAX_WAIT_S, Takeover, UserTurn, lost_time
from fdbench.scoring.corrected.utterance import find_bursts, find_utterances
from fdbench.scoring.human_timing import count_matches

Axis = Literal["pause", "turn", "backchannel", "interruption"]

CLOSED_S: Final = 1.0
"""Silences up to this lie inside an utterance."""
MAX_SHORT_S: Final = 1.0
"""Longer utterances are takeovers."""


@dataclass(frozen=True, slots=True)
class RewardedClip:
    """What is known of a clip before the model has said anything.

    Attributes:
        user_s: How long the user's audio is.
        recorded_s: How long the model's is.
        turn_end_s: Where the user's turn ends; None where it does not (pause), or nobody is asked for a reply (backchannel).
        context: The turn before an interruption.
        backchannels: People's.
    """

    axis: Axis
    user_s: float
    recorded_s: float
    turn_end_s: float | None = None
    context: Span | None = None
    interruption: Span | None = None
    backchannels: tuple[Span, ...] = ()

    @property
    def asked_until_s(self) -> float:
        """From when on the user waits for a reply.

        Raises:
            ValueError: Neither a turn nor an interruption ends.
        """
        end_s = self.turn_end_s if self.interruption is None else self.interruption.end_s
        if end_s is None:
            raise ValueError(f"the axis {self.axis} needs the end of a turn or an interruption")
        return end_s


@dataclass(frozen=True, slots=True)
class Reward:
    """What a clip is worth.

    Attributes:
        published: As the paper says it; s for turn and interruption.
        bounded: In [0, 1], so that axes can be mixed.
        minus_lost_s: Lost seconds per turn of the user, negated.
    """

    axis: Axis
    published: float
    bounded: float
    minus_lost_s: float


@dataclass(frozen=True, slots=True)
class Matches:
    """Backchannels against people's."""

    matched: int
    false: int
    missed: int

    @property
    def f1(self) -> float:
        events = 2 * self.matched + self.false + self.missed
        return 2 * self.matched / events if events else 1.0


def reward_of(clip: RewardedClip, model: Iterable[Span]) -> Reward:
    """What a clip is worth, given when the model speaks.

    Args:
        model: Segments of the model's speech, s on the user's timeline.

    Raises:
        ValueError: The axis is about an event that the clip does not have.

    Example:
        >>> reward_of(RewardedClip("turn", 5.0, 9.0, turn_end_s=3.0), [Span(4.0, 6.0)])
        Reward(axis='turn', published=-1.0, bounded=0.8, minus_lost_s=-1.0)
    """
    model = tuple(model)
    lost = lost_time(_turns_of(clip), _takeovers_of(model))
    if clip.axis == "pause":
        published = pause_reward(model)
        bounded = 1 + published
    elif clip.axis == "backchannel":
        published = bounded = match_backchannels(model, [each.middle_s for each in clip.backchannels]).f1
    else:
        delay_s = reply_delay_s(model, clip.asked_until_s, clip.recorded_s)
        published, bounded = -delay_s, bounded_delay(delay_s)
    return Reward(clip.axis, published, bounded, -lost.lost_s_per_turn)


def pause_reward(model: Iterable[Span]) -> float:
    """-1 if the model takes the turn anywhere, else 0."""
    return -1.0 if any(_takes_turn(each) for each in _utterances(model)) else 0.0


def reply_delay_s(model: Iterable[Span], end_s: float, recorded_s: float) -> float:
    """From the end of the user's turn to the first takeover that begins at or after it, else to the recording's end."""
    onsets_s = [each.start_s for each in _utterances(model) if _takes_turn(each) and each.start_s >= end_s - ROUNDING_S]
    return min(onsets_s, default=recorded_s) - end_s


def bounded_delay(delay_s: float) -> float:
    """1 for a reply at once, 0 from 5 s on."""
    return max(0.0, 1 - max(0.0, delay_s) / MAX_WAIT_S)


def match_backchannels(model: Iterable[Span], human_middles_s: Sequence[float]) -> Matches:
    """The model's short utterances against the middles of people's backchannels."""
    utterances = _utterances(model)
    middles_s = np.array(sorted(each.middle_s for each in utterances if not _takes_turn(each)), np.float64)
    matched = int(count_matches(middles_s[None, :], sorted(human_middles_s))[0])
    return Matches(matched, len(utterances) - matched, len(human_middles_s) - matched)


def _utterances(model: Iterable[Span]) -> tuple[Span, ...]:
    return merged(model, CLOSED_S + 2 * ROUNDING_S)  # a silence of exactly that is closed


def _takes_turn(utterance: Span) -> bool:
    return utterance.duration_s > MAX_SHORT_S + ROUNDING_S


def _turns_of(clip: RewardedClip) -> list[UserTurn]:
    if clip.interruption is not None:
        before = [] if clip.context is None else [UserTurn(clip.context, asks=True)]
        return [*before, UserTurn(clip.interruption, asks=True)]
    end_s = clip.user_s if clip.turn_end_s is None else clip.turn_end_s
    return [UserTurn(Span(0.0, end_s), asks=clip.turn_end_s is not None and clip.axis != "backchannel")]


def _takeovers_of(model: Iterable[Span]) -> list[Takeover]:
    return [
        Takeover(each.span, tuple(burst.span for burst in each.bursts))
        for each in find_utterances(find_bursts(model), ())
        if each.is_takeover
    ]
