"""How long both speak at once, and what kind of overlap each stretch of it is.

::

    user     |-----------|          |---------|      |---------|            |-----------|
    model              |------|  |---|             |-------------|       mm    |------|
                       terminal     yielded          held                backch.  competitive

Conventions: seconds; *bursts* are segments with gaps under 0.2 s closed, *utterances* bursts with gaps under 1.0 s closed; a
limit holds up to 1 ns. Each maximal stretch in which bursts of both sides lie has one kind, by the utterances in which it
lies:

==========================================================================  ===============
the model's utterance                                                       kind
==========================================================================  ===============
is a backchannel                                                            ``backchannel``
began before the user's, and ends at most 1.0 s after the user's begins     ``yielded``
began before the user's, and goes on                                        ``held``
began with or after the user's, which ends at most 1.0 s after it began     ``terminal``
began with or after the user's, which goes on                               ``competitive``
==========================================================================  ===============

The kinds add up to the whole. Described, not ranked, but for competitive and held, of which less is better. No speech of the
user: per minute is None. Exact up to the detector's error at edges, some 30 ms each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fdbench.core.span import ROUNDING_S, Span, merged

BURST_GAP_S: Final = 0.2
UTTERANCE_GAP_S: Final = 1.0
ENDS_SOON_S: Final = 1.0

Kind = Literal["backchannel", "yielded", "held", "terminal", "competitive"]
KINDS: Final[tuple[Kind, ...]] = ("backchannel", "yielded", "held", "terminal", "competitive")


@dataclass(frozen=True, slots=True)
class OverlapTime:
    """Seconds of overlap, by kind.

    Attributes:
        user_speech_s: How long the user speaks.
        of_kind_s: One number for each of ``KINDS``, in that order.
    """

    user_speech_s: float
    of_kind_s: tuple[float, ...]

    @property
    def overlap_s(self) -> float:
        return math.fsum(self.of_kind_s)

    @property
    def per_minute(self) -> float | None:
        """Seconds per minute of the user's speech; None where the user says nothing."""
        return 60 * self.overlap_s / self.user_speech_s if self.user_speech_s > 0 else None

    def seconds(self, kind: Kind) -> float:
        return self.of_kind_s[KINDS.index(kind)]


def overlap_time(user: Iterable[Span], model: Iterable[Span], model_backchannels: Sequence[Span] = ()) -> OverlapTime:
    """How long both speak at once.

    Args:
        user, model: Segments of speech, s, in any order.
        model_backchannels: The model's utterances that are backchannels.

    Example:
        >>> overlap_time([Span(0, 5)], [Span(4.5, 8)]).seconds("terminal")
        0.5
    """
    users, models = merged(user, BURST_GAP_S), merged(model, BURST_GAP_S)
    user_utterances, model_utterances = merged(users, UTTERANCE_GAP_S), merged(models, UTTERANCE_GAP_S)
    found = dict.fromkeys(KINDS, 0.0)
    for said in users:
        for answered in models:
            both = said.clipped(answered)
            if both is not None:
                of_user, of_model = _around(both, user_utterances), _around(both, model_utterances)
                found[_kind(of_user, of_model, model_backchannels)] += both.duration_s
    return OverlapTime(math.fsum(burst.duration_s for burst in users), tuple(found.values()))


def _around(stretch: Span, utterances: Sequence[Span]) -> Span:
    return next(each for each in utterances if each.start_s <= stretch.start_s and stretch.end_s <= each.end_s)


def _kind(user: Span, model: Span, backchannels: Sequence[Span]) -> Kind:
    if any(model.overlaps(each) for each in backchannels):
        return "backchannel"
    if model.start_s < user.start_s - ROUNDING_S:
        return "yielded" if model.end_s <= user.start_s + ENDS_SOON_S + ROUNDING_S else "held"
    return "terminal" if user.end_s <= model.start_s + ENDS_SOON_S + ROUNDING_S else "competitive"
