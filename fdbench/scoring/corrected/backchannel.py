"""Backchannels: short signs of attention while the user speaks, where people give them, without taking the turn.

::

    user    |--------------------------------------------------|
    human   .........^..............^...............^...........     peaks of the clip's human distribution
    model   ..........|--|...................|--|...............     utterances < 1.0 s, at most 2 words
                      matched                free

Conventions: the clip is the prompt (what the model says after it is a reply, not a failure); a recording that ends before
it is judged as far as it goes, and one without a prompt as a whole. An utterance belongs to the clip if it begins in it. Of a
recording that misses more than the clip's last second, the divergence, and a takeover that is not in it, are
``recording_too_short``. Utterances as in ``utterance``, peaks as in ``core.peaks``, matching and chance as in ``human_timing``.

================================  =====================================================================
``takeover_rate``                 1 if any utterance of the clip is a takeover
``backchannel_frequency_hz``      backchannels / length of the clip; corpus: sum / sum
``backchannel_f1``                2 matched / (backchannels + peaks); corpus: sum / sum
``backchannel_f1_above_chance``   the same with matched - mean matched of 1,000 placements
``backchannel_js_divergence``     of the backchannels' windows and the human distribution
================================  =====================================================================

Placements: as many backchannels with uniform middles inside the user's speech, of the same lengths in the same order.
``chance`` and ``difference`` (negative = closer to people than chance) stand beside the divergence.

Where the recording ends in what may yet be a takeover, and there is no other, ``takeover_rate`` is ``cut_off``. Words and
segments are believed as ``core.plausible`` says.

Empty cases: no backchannel: frequency, F1 and F1 above chance are 0, the divergence is N/A (``no_backchannel``). No human
distribution: F1 and divergence are N/A (``no_human_timing``); one without a peak: F1 is N/A (``no_human_peaks``). No knowledge
of the user's speech: F1 and divergence stand, F1 above chance does not. Neither prompt nor recording, only segments: the
takeover stands, over all of them; what needs the clip's length is ``audio_missing``.

Differences from upstream:

1. One takeover decides; upstream's last segment overwrites it (7 of 120 goldens: 1 becomes 0), so its rate is too low.
2. A region of 1 to 3 s is a takeover and no backchannel; upstream calls it both, so its frequency is too high.
3. A silent clip has no divergence; upstream gives a distance of 1, above the possible maximum of 0.8326.
4. Divergence, not its square root, and beside the level that blind placements reach.
5. Corpus frequency weighs clips by their length; upstream's is a mean over clips.
6. Replies after the prompt are not judged.

References: Full-Duplex-Bench v1.0, ``eval_backchannel`` at d7336bd.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.core.conversation import Sample
from fdbench.core.peaks import human_peaks
from fdbench.core.plausible import MISSED_S
from fdbench.core.score import Score, none_score
from fdbench.core.span import Span
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Needs, Prompts, Takes, failed, scored, speech_for
from fdbench.scoring.corrected.latency import CUT_OFF, TOO_SHORT, user_bursts
from fdbench.scoring.corrected.model_side import model_side_of
from fdbench.scoring.corrected.utterance import Utterance
from fdbench.scoring.human_timing import (
    WINDOW_S,
    Floats,
    count_matches,
    is_distribution,
    js_divergence,
    place_events,
    resampled,
    window_counts,
)
from fdbench.scoring.requests import MODEL_SPEECH, MODEL_WORDS, user_speech

F1: Final = "backchannel_f1"
F1_ABOVE_CHANCE: Final = "backchannel_f1_above_chance"
DIVERGENCE: Final = "backchannel_js_divergence"


@dataclass(frozen=True, slots=True)
class BackchannelOutcome:
    """What the model did while the user held the floor.

    Attributes:
        backchannels: Its short signs of attention, in order of time.
        has_takeover: It took the turn.
    """

    backchannels: tuple[Span, ...]
    has_takeover: bool


def backchannel_outcome(utterances: Sequence[Utterance], clip_s: float | None) -> BackchannelOutcome:
    """Tell backchannels from takeovers.

    Args:
        utterances: The model's (``utterance.find_utterances``), s on the prompt's timeline.
        clip_s: Length of the clip; what begins after it is not judged. None = all of it is.
    """
    judged = [each for each in utterances if clip_s is None or each.span.start_s < clip_s]
    backchannels = tuple(each.span for each in judged if each.is_backchannel)
    return BackchannelOutcome(backchannels, len(backchannels) < len(judged))


class Backchannel:
    """Backchannels as ``fdbench`` defines them."""

    version = 2
    metrics: tuple[str, ...] = ("takeover_rate", "backchannel_frequency_hz", F1, F1_ABOVE_CHANCE, DIVERGENCE)

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (MODEL_SPEECH, MODEL_WORDS, user_speech(prompts[MAIN]))}

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        model = model_side_of(takes)
        if isinstance(model, Absence):
            return failed(self.metrics, model)
        prompt_s = model.take.prompt_s
        clip_s = min((end_s for end_s in (prompt_s, model.recorded_s) if end_s is not None), default=None)
        if clip_s is not None and clip_s <= 0:
            return failed(self.metrics, Absence("audio_empty"))
        found = backchannel_outcome(model.utterances, clip_s)
        is_short = prompt_s is not None and model.recorded_s is not None and model.recorded_s < prompt_s - MISSED_S
        takeover = scored("takeover_rate", found.has_takeover, **model.counts)
        if not found.has_takeover and is_short:
            takeover = none_score("takeover_rate", TOO_SHORT)
        elif not found.has_takeover and model.cut_off is not None and model.cut_off in found.backchannels:
            takeover = none_score("takeover_rate", CUT_OFF)
        if clip_s is None:
            frequency = none_score("backchannel_frequency_hz", "audio_missing")
        else:
            n = len(found.backchannels)
            frequency = scored("backchannel_frequency_hz", n / clip_s, numerator=n, denominator=clip_s)
        user = user_bursts(sample, speech_for(model.take, user_speech(prompt_s)))
        f1, above_chance, divergence = _score_timing(sample, found.backchannels, clip_s, user)
        if is_short and divergence.value is not None:  # the distribution is that of the whole clip
            divergence = none_score(DIVERGENCE, TOO_SHORT)
        return [takeover, frequency, f1, above_chance, divergence]


def _score_timing(
    sample: Sample, backchannels: Sequence[Span], clip_s: float | None, user: tuple[Span, ...] | Absence
) -> list[Score]:
    """F1, F1 above chance, divergence."""
    if not is_distribution(sample.human_timing):
        why = Absence("bad_annotation" if sample.human_timing else "no_human_timing")
        return failed((F1, F1_ABOVE_CHANCE, DIVERGENCE), why)
    if clip_s is None:
        return failed((F1, F1_ABOVE_CHANCE, DIVERGENCE), Absence("audio_missing"))
    clip = Span(0.0, clip_s)
    heard = () if isinstance(user, Absence) else [part for burst in user if (part := burst.clipped(clip)) is not None]
    placements = place_events(len(backchannels), heard, sample.id)
    peaks_s = [peak_s for peak_s in human_peaks(sample.human_timing) if peak_s < clip_s]
    return [
        *_score_matching(backchannels, peaks_s, placements),
        _score_divergence(backchannels, sample.human_timing, clip_s, placements),
    ]


def _score_matching(backchannels: Sequence[Span], peaks_s: Sequence[float], placements: Floats | None) -> list[Score]:
    if not peaks_s:
        return failed((F1, F1_ABOVE_CHANCE), Absence("no_human_peaks"))
    n, total = len(backchannels), len(backchannels) + len(peaks_s)
    matched = int(count_matches(np.array([[span.middle_s for span in backchannels]]), peaks_s)[0])
    f1 = scored(
        F1, 2 * matched / total, numerator=2 * matched, denominator=total, matched=matched, backchannels=n, peaks=len(peaks_s)
    )
    if placements is None:
        return [f1, none_score(F1_ABOVE_CHANCE, "user_speech_unknown")]
    by_chance = float(count_matches(placements, peaks_s).mean())
    above = 2 * (matched - by_chance)
    chance_f1 = 2 * by_chance / total
    return [f1, scored(F1_ABOVE_CHANCE, above / total, numerator=above, denominator=total, chance=chance_f1)]


def _score_divergence(
    backchannels: Sequence[Span], human_timing: Sequence[float], clip_s: float, placements: Floats | None
) -> Score:
    if not backchannels:
        return none_score(DIVERGENCE, "no_backchannel")
    n_windows = int(clip_s / WINDOW_S) + 1
    human = resampled(human_timing, n_windows)
    if human.sum() <= 0:
        return none_score(DIVERGENCE, "bad_annotation")
    starts_s, ends_s = np.array([[b.start_s for b in backchannels]]), np.array([[b.end_s for b in backchannels]])
    divergence = float(js_divergence(_windows(starts_s, ends_s, n_windows), human)[0])
    if placements is None:
        return scored(DIVERGENCE, divergence)
    halves_s = (ends_s - starts_s) / 2
    placed = _windows(placements - halves_s, placements + halves_s, n_windows)
    chance = float(js_divergence(placed, human).mean())
    return scored(DIVERGENCE, divergence, chance=chance, difference=divergence - chance)


def _windows(starts_s: Floats, ends_s: Floats, n_windows: int) -> Floats:
    first, last = (np.floor(times_s / WINDOW_S).astype(np.int64) for times_s in (starts_s, ends_s))
    return window_counts(first, last, n_windows)
