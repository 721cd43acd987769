"""What can be said of a call when all that is known is who speaks when.

::

    user    |-----turn-----|          |---turn---|            utterances of 1.0 s and more are turns
    model          mm         |--turn--|                      shorter ones may be backchannels
                           |+0.4|     |-0.3|                  floor transfer offset: start of a turn - end of the other's

Conventions: seconds; bursts, utterances, turns and overlaps as everywhere under the ``fdbench`` protocol, without words: a
short "yes." counts as a backchannel. A turn that ends inside the other's is no transfer. *Talk-over* is overlap by who began
it. A silence is a stretch in which nobody speaks, between the first word and the last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Final

from fdbench.core.span import Span, merged
from fdbench.human.corpora import Speaker, Talk
from fdbench.human.measure import transitions
from fdbench.human.two_channels import HeardCall, HeardChannel
from fdbench.scoring.corrected.utterance import BURST_GAP_S, find_bursts, find_utterances
from fdbench.scoring.overlap_kinds import KINDS, OverlapTime, overlap_time

LONG_SILENCE_S: Final = 2.0
_DIGITAL_DBFS: Final = -90.0
"""A channel that is as quiet as this between words was never near a microphone."""
_NOISE_DB: Final = 20.0
_LEAKING: Final = 0.75
"""Where so much of what either says is overlap, one may be heard in the other's channel."""
_SWAP: Final = "give --user and --model the other way round"


@dataclass(frozen=True, slots=True)
class SideMeasures:
    """One side of a call.

    Attributes:
        turns: Utterances of 1 s and more.
        backchannels: Shorter ones: candidates, as nobody heard what was said.
        transfers_s: When it takes over from the other side, in order.
        offsets_s: How long after the end of the other's turn each of those is.
    """

    speech_s: float
    turns: tuple[Span, ...]
    backchannels: tuple[Span, ...]
    transfers_s: tuple[float, ...]
    offsets_s: tuple[float, ...]

    @property
    def median_offset_s(self) -> float | None:
        return median(self.offsets_s) if self.offsets_s else None

    def as_json(self) -> dict[str, Any]:
        return {
            "speech_s": self.speech_s,
            "turns": [[each.start_s, each.end_s] for each in self.turns],
            "backchannel_candidates": [[each.start_s, each.end_s] for each in self.backchannels],
            "floor_transfer_offsets_s": list(self.offsets_s),
            "median_offset_s": self.median_offset_s,
        }


@dataclass(frozen=True, slots=True)
class CallMeasures:
    """A call.

    Attributes:
        silences: Stretches in which nobody speaks, between the first word and the last.
        notes: What is strange about the recording.
    """

    name: str
    length_s: float
    user: SideMeasures
    model: SideMeasures
    overlap: OverlapTime
    silences: tuple[Span, ...]
    notes: tuple[str, ...]
    detector: str

    @property
    def model_talks_over_s(self) -> float:
        return self.overlap.seconds("terminal") + self.overlap.seconds("competitive")

    @property
    def user_talks_over_s(self) -> float:
        return self.overlap.seconds("yielded") + self.overlap.seconds("held")

    @property
    def long_silences(self) -> tuple[Span, ...]:
        return tuple(each for each in self.silences if each.duration_s > LONG_SILENCE_S)

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "call": self.name,
            "length_s": self.length_s,
            "detector": self.detector,
            "user": self.user.as_json(),
            "model": self.model.as_json(),
            "overlap_s": {"all": self.overlap.overlap_s, **dict(zip(KINDS, self.overlap.of_kind_s, strict=True))},
            "model_talks_over_s": self.model_talks_over_s,
            "user_talks_over_s": self.user_talks_over_s,
            "silences": [[each.start_s, each.end_s] for each in self.silences],
            "notes": list(self.notes),
        }


def measure_call(heard: HeardCall) -> CallMeasures:
    """Everything that follows from who speaks when."""
    talk = Talk(heard.name, (Speaker(heard.user.segments), Speaker(heard.model.segments)), heard.length_s)
    taken = transitions(talk)
    user, model = (
        _side(each.segments, [(at_s, offset_s) for by, at_s, offset_s in taken if by == side])
        for side, each in enumerate((heard.user, heard.model))
    )
    spoken = merged((*heard.user.segments, *heard.model.segments), BURST_GAP_S)
    overlap = overlap_time(heard.user.segments, heard.model.segments, model.backchannels)
    return CallMeasures(
        name=heard.name,
        length_s=heard.length_s,
        user=user,
        model=model,
        overlap=overlap,
        silences=tuple(Span(before.end_s, after.start_s) for before, after in pairwise(spoken)),
        notes=tuple(_notes(heard, overlap.overlap_s > _LEAKING * max(user.speech_s, model.speech_s) > 0)),
        detector=heard.detector,
    )


def _side(segments: Sequence[Span], taken: Sequence[tuple[float, float]]) -> SideMeasures:
    bursts = find_bursts(segments)
    utterances = find_utterances(bursts, ())
    return SideMeasures(
        speech_s=math.fsum(burst.duration_s for burst in bursts),
        turns=tuple(each.span for each in utterances if each.is_takeover),
        backchannels=tuple(each.span for each in utterances if each.is_backchannel),
        transfers_s=tuple(at_s for at_s, _ in taken),
        offsets_s=tuple(offset_s for _, offset_s in taken),
    )


def _notes(heard: HeardCall, leaks: bool) -> list[str]:
    notes = []
    if heard.is_one_sound:
        notes.append(
            "both channels hold the same sound: a mono call written twice; who speaks when cannot be told, and every number "
            "below is of one side against itself"
        )
    elif leaks:
        notes.append(
            "nearly all that either side says is at the same time as the other's speech: one may be heard in the other's "
            "channel (crosstalk, an echo), and then no number below holds"
        )
    for name, channel in (("user", heard.user), ("model", heard.model)):
        if not channel.segments:
            notes.append(f"no speech is found in the {name}'s channel (loudest 10 ms: {channel.loudest_dbfs:.0f} dBFS)")
    if heard.n_channels > 2:
        notes.append(f"the file has {heard.n_channels} channels; the others are not heard")
    if not notes:
        notes.append(_whose(heard.user, heard.model))
    return notes


def _whose(user: HeardChannel, model: HeardChannel) -> str:
    """What the noise floors say of whose channel is whose; nothing else in sound can."""
    if user.floor_dbfs < _DIGITAL_DBFS and model.floor_dbfs > user.floor_dbfs + _NOISE_DB:
        return (
            "the channels may be swapped: the user's is silent to the last bit between words, as synthetic speech is, and the "
            f"model's has a noise floor at {model.floor_dbfs:.0f} dBFS, as a microphone has; if so, {_SWAP}"
        )
    if model.floor_dbfs < _DIGITAL_DBFS and user.floor_dbfs > model.floor_dbfs + _NOISE_DB:
        return "the model's channel is silent to the last bit between words and the user's is not, as is to be expected"
    return f"which channel is whose cannot be known from the sound; if they are swapped, {_SWAP}"
