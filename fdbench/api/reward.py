"""``fdbench.reward`` and ``fdbench.rewards``: conversations as arrays or files to one number each, for training.

::

    found = fdbench.reward(user, model, 24000, axis="turn", events=[("turn_end", 3.4)])
    found.minus_lost_s          # -0.8: the user lost 0.8 s
    batch = fdbench.rewards(users, models, 24000, "turn", events)       # the same for many clips, in their order

=============  ===========================================================================
axis           events
=============  ===========================================================================
pause          ``turn_end`` where the user's turn ends in the clip
turn           ``turn_end``
backchannel    ``backchannel`` for each that people made there, with start and end
interruption   ``interruption``, and ``context``, the turn before it, where there is one
=============  ===========================================================================

Deterministic, without a recogniser. The detector hears the model's side only, one of the two passes of the ``fdbench``
protocol; weights are loaded once, and windows of 1 s share a call (``benchmarks/rewards.py`` says what it costs). Whoever knows
already when the model speaks calls ``fdbench.reward_of``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, get_args

from fdbench.api.given import EventLike, Sound, audio_of, event_of
from fdbench.audio.vad import VadModel, detect_speech, load_vad_model
from fdbench.core.annotation import VadSettings
from fdbench.core.event import CONTEXT, EVENT_KINDS, EXAMINER_BACKCHANNEL, INTERRUPTION, TURN_END, Event
from fdbench.errors import UsageError, unknown_name
from fdbench.scoring.rewards import Axis, Reward, RewardedClip, reward_of

REWARD_VAD: Final = VadSettings(min_speech_ms=200)
_AXES: Final[tuple[Axis, ...]] = get_args(Axis)
_KINDS: Final = (*EVENT_KINDS, EXAMINER_BACKCHANNEL)
_NEEDED: Final = {"turn": TURN_END, "interruption": INTERRUPTION}


def reward(
    user: Sound, model: Sound, sample_rate: int | None = None, axis: str = "turn", events: Iterable[EventLike] = ()
) -> Reward:
    """What one conversation is worth.

    Args:
        user: What the user says; t = 0 is its first sample.
        model: What the model says, on the same clock.
        sample_rate: Of the arrays, Hz; files say their own.
        axis: ``pause``, ``turn``, ``backchannel`` or ``interruption``.
        events: What happens, as ``Event`` or ``(kind, start_s, end_s)``; of ``turn_end`` the start is enough. Others than the
            axis is about play no part.

    Raises:
        FdbenchError: The sound is not mono, empty or not finite, or an event is unknown, missing or beyond the audio.

    Example:
        >>> import numpy as np, fdbench
        >>> silence = np.zeros(5 * 16000, np.float32)
        >>> fdbench.reward(silence, silence, 16000, axis="turn", events=[("turn_end", 3.0)])
        Reward(axis='turn', published=-2.0, bounded=0.6, minus_lost_s=-5.0)
    """
    return rewards([user], [model], sample_rate, axis, [events])[0]


def rewards(
    users: Sequence[Sound],
    models: Sequence[Sound],
    sample_rate: int | None,
    axis: str | Sequence[str],
    events: Sequence[Iterable[EventLike]],
) -> list[Reward]:
    """What many conversations are worth, in their order.

    Args:
        users, models, events: One each per conversation, as of ``reward``.
        sample_rate: Of all arrays, Hz.
        axis: Of all conversations, or one each.

    Raises:
        FdbenchError: As ``reward``; and where there are not as many of each. Names the conversation, from 0.
    """
    axes = [axis] * len(users) if isinstance(axis, str) else list(axis)
    if not len(users) == len(models) == len(axes) == len(events):
        found = f"{len(users)} users, {len(models)} models, {len(axes)} axes, {len(events)} lists of events"
        raise UsageError(f"expected one of each per conversation, found {found}", "give as many of each")
    vad = _vad()
    return [
        _rewarded(index, *given, sample_rate, vad) for index, given in enumerate(zip(users, models, axes, events, strict=True))
    ]


def _rewarded(
    index: int, user: Sound, model: Sound, axis: str, events: Iterable[EventLike], sample_rate: int | None, vad: VadModel
) -> Reward:
    heard, said = audio_of(f"user {index}", user, sample_rate), audio_of(f"model {index}", model, sample_rate)
    clip = _clip_of(index, axis, events, heard.duration_s, said.duration_s)
    return reward_of(clip, detect_speech(said, REWARD_VAD, vad).segments)


def _clip_of(index: int, axis: Any, given: Iterable[EventLike], user_s: float, recorded_s: float) -> RewardedClip:
    if axis not in _AXES:
        raise unknown_name("axis", str(axis), _AXES)
    try:
        events = [event_of(event, user_s, _KINDS) for event in given]
    except TypeError:
        raise UsageError(f"events={given!r}: expected a list", "write events=[('turn_end', 3.4)]") from None
    turn_end, context, interruption = (_only(index, kind, events) for kind in (TURN_END, CONTEXT, INTERRUPTION))
    needed = _NEEDED.get(axis)
    if needed is not None and not any(event.kind == needed for event in events):
        raise UsageError(f"conversation {index}: the axis {axis} needs an event '{needed}'", f"add ('{needed}', START_S)")
    clip = RewardedClip(
        axis=axis,
        user_s=user_s,
        recorded_s=recorded_s,
        turn_end_s=None if turn_end is None else turn_end.span.start_s,
        context=None if context is None or axis != "interruption" else context.span,
        interruption=None if interruption is None or axis != "interruption" else interruption.span,
        backchannels=tuple(event.span for event in events if event.kind == EXAMINER_BACKCHANNEL),
    )
    if needed is not None and recorded_s < clip.asked_until_s:
        raise UsageError(
            f"conversation {index}: the model's audio is {recorded_s:g} s long, and is asked at {clip.asked_until_s:g} s",
            "give what the model says to the end of the conversation",
        )
    return clip


def _only(index: int, kind: str, events: Sequence[Event]) -> Event | None:
    found = [event for event in events if event.kind == kind]
    if len(found) > 1:
        raise UsageError(f"conversation {index}: {len(found)} events '{kind}'", "a clip that is rewarded has one of a kind")
    return found[0] if found else None


@lru_cache(maxsize=1)
def _vad() -> VadModel:
    return load_vad_model()
