r"""Do the model's backchannels lie where people's do? In bits each, which does not depend on how many there are.

::

    human distribution  h   ..._/\_____/\__......        where people backchannel, windows of 0.2 s, normalised
    user's speech       u   --------------......         where the user speaks, normalised
    event in window w           ^                        log2(h[w] / u[w]), both mixed with 5 % of uniform

Conventions: n = ceil(clip / 0.2) windows; an event counts in the window of its middle. Corpus: sum of bits / number of events.
``ceiling`` is what a person would score in this clip, sum h log2(h / u); over clips it is averaged with their event counts.

*Chance for F1*: 1,000 circular shifts of the model's own events along the user's speech. Time outside it is cut out (an event
there lies where it was cut), and one shift moves all events of a clip. Uniform placements clump, so a metronome beats them; it
does not beat its own shifts.

References: Kullback & Leibler 1951; circular shifts as in neuroscience's tests of spike trains (Louis et al. 2010).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fdbench.core.span import Span, merged
from fdbench.scoring.human_timing import WINDOW_S, Floats, resampled

UNIFORM_SHARE: Final = 0.05
N_SHIFTS: Final = 1000
_SEED: Final = "circular shifts, second edition"
_SLACK: Final = 1e-9


@dataclass(frozen=True, slots=True)
class TimingBits:
    """How a clip's backchannels lie to people's.

    Attributes:
        bits: Of all events together.
        ceiling: What each would score if a person had made it.
    """

    bits: float
    events: int
    ceiling: float
    n_windows: int


def timing_bits(
    human_timing: Sequence[float], user: Sequence[Span], middles_s: Sequence[float], clip_s: float
) -> TimingBits | None:
    """Bits of a clip's backchannels.

    Args:
        human_timing: A distribution over the clip, not all zero.
        user: When the user speaks.
        middles_s: Of the model's backchannels; those outside the clip do not count.
        clip_s: Its length, more than 0.

    Returns:
        None where the user does not speak in the clip.
    """
    n_windows = max(1, math.ceil(clip_s / WINDOW_S - _SLACK))
    spoken = _speech_per_window(user, n_windows, clip_s)
    if spoken.sum() <= 0:
        return None
    human = _mixed(resampled(human_timing, n_windows))
    blind = _mixed(spoken)
    gain = np.log2(human / blind)
    windows = [math.floor(middle_s / WINDOW_S + _SLACK) for middle_s in middles_s]
    inside = [window for window in windows if 0 <= window < n_windows]
    bits = math.fsum(float(gain[window]) for window in inside)
    return TimingBits(bits, len(inside), float((human * gain).sum()), n_windows)


def shifted_middles(middles_s: Sequence[float], user: Sequence[Span], sample_id: str) -> Floats | None:
    """The events after 1,000 circular shifts along the user's speech.

    Args:
        sample_id: Seeds the shifts: the same clip is always given the same ones.

    Returns:
        Shape ``(1000, n)``, rows ascending; None where the user does not speak.
    """
    spans = [span for span in merged(user) if span.duration_s > 0]
    if not spans:
        return None
    lengths_s = np.array([span.duration_s for span in spans])
    starts_s = np.array([span.start_s for span in spans])
    spoken_before_s = np.concatenate([[0.0], np.cumsum(lengths_s)])
    middles = np.asarray(middles_s, np.float64)
    inside = np.clip(middles[:, None] - starts_s[None, :], 0.0, lengths_s[None, :]).sum(axis=1)
    seed = int.from_bytes(hashlib.sha256(f"{_SEED}\n{sample_id}".encode("utf-8", "surrogatepass")).digest()[:16], "big")
    shifts_s = np.random.Generator(np.random.PCG64(seed)).random((N_SHIFTS, 1)) * spoken_before_s[-1]
    moved = np.mod(inside[None, :] + shifts_s, spoken_before_s[-1])
    index = np.clip(np.searchsorted(spoken_before_s, moved, side="right") - 1, 0, len(spans) - 1)
    return np.sort(starts_s[index] + moved - spoken_before_s[index], axis=1)


def _speech_per_window(user: Sequence[Span], n_windows: int, clip_s: float) -> Floats:
    edges_s = np.minimum(np.arange(n_windows + 1) * WINDOW_S, max(clip_s, 0.0))
    spoken = np.zeros(n_windows)
    for span in merged(user):
        overlap_s = np.minimum(edges_s[1:], span.end_s) - np.maximum(edges_s[:-1], span.start_s)
        spoken += np.maximum(overlap_s, 0.0)
    return spoken


def _mixed(weights: Floats) -> Floats:
    mixed: Floats = (1 - UNIFORM_SHARE) * weights / weights.sum() + UNIFORM_SHARE / len(weights)
    return mixed
