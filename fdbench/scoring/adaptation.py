"""How a model's way of speaking changes over an overlap: what each side of it says, and the published comparison of many clips.

::

    one clip    before | after          words per minute, speech, pitch, intensity, naturalness of each side (core.annotation)
    twin        after                   the same clip without an overlap: all of it
    many clips  robust_mean of a side (trim); paired_test of before and after, and of twin and after; holm over the family

Conventions: the published study takes 0 for "not measured" in all but intensity's mean, which it takes so at -190 dB and below
(digital silence is at -300). So does ``voice_value``. Differences are after minus before, and after minus twin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Final, Literal

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, Prosody, ProsodyRequest, VoiceMeasures
from fdbench.core.overlap_split import split_at_overlap, words_around, words_per_minute
from fdbench.stats.outliers import OutlierRule, robust_mean
from fdbench.stats.paired import PairedTest, holm, paired_test

__all__ = [
    "VOICE_MEASURES",
    "OutlierRule",
    "PairedTest",
    "compare",
    "holm",
    "known_value",
    "paired_test",
    "prosody_for",
    "robust_mean",
    "split_at_overlap",
    "voice_value",
    "words_around",
    "words_per_minute",
]

VOICE_MEASURES: Final = tuple(field.name for field in fields(VoiceMeasures))
"""In the order in which they are shown."""
UNHEARD_DB: Final = -190.0

Side = Literal["before", "after"]


def prosody_for(take: Annotations, request: ProsodyRequest) -> Prosody | Absence:
    """How the model speaks; a ``Prosody`` that lacks audio measures is one."""
    answer = take.prosody.get(request)
    return answer if answer is not None else take.missing.get(request, Absence("transcript_missing"))


def voice_value(take: Annotations, request: ProsodyRequest, side: Side, measure: str) -> float | Absence:
    """One measure of one side, or why it is not known.

    Args:
        side: ``after`` is all of a recording that has no overlap (``overlap_end_s`` None).
        measure: One of ``VOICE_MEASURES``.
    """
    prosody = prosody_for(take, request)
    if isinstance(prosody, Absence):
        return _without_sound(prosody)
    voice = prosody.before if side == "before" else prosody.after
    if voice is None:
        return Absence("recording_too_short" if side == "after" else "no_voice")
    value: float | None = getattr(voice, measure)
    if value is None and measure == "utmos" and "utmos" not in prosody.engine:
        return Absence("prosody_missing")
    if value is None and not measure.startswith(("words", "speech")) and request in take.missing:
        return _without_sound(take.missing[request])
    known = known_value(measure, value)
    return Absence("no_voice") if known is None else known


def _without_sound(why: Absence) -> Absence:
    """Where only times and words are given there is no voice to measure; nothing went wrong."""
    return Absence("no_sound_known") if why.reason == "audio_missing" else why


def known_value(measure: str, value: float | None) -> float | None:
    """The value, or None where the published study takes it for one that was not measured."""
    if value is None or measure == "utmos":
        return value
    is_heard = value > UNHEARD_DB if measure == "intensity_mean_db" else value != 0
    return value if is_heard else None


def compare(first: Mapping[str, float], second: Mapping[str, float], outliers: OutlierRule = "mad") -> PairedTest | None:
    """``paired_test`` of the clips, by name, that have a value in both; second minus first.

    Returns:
        None where fewer than two do.
    """
    names: Sequence[str] = sorted(first.keys() & second.keys())
    return paired_test([first[name] for name in names], [second[name] for name in names], outliers)
