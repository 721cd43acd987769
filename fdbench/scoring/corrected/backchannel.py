"""Backchannels: short signs of attention while the user speaks, where people give them, without taking the turn.

::

    user    |--------------------------------------------------|
    human   .........^..............^...............^...........     peaks of the clip's human distribution
    model   ..........|--|...................|--|...............     utterances < 1.0 s
                      matched                free

Conventions: the clip is the prompt (what the model says after it is a reply, not a failure); a recording that ends before
it is judged as far as it goes, and one without a prompt as a whole. An utterance belongs to the clip if it begins in it. Length
alone tells a backchannel from a takeover here: recognisers hear "uh-huh" as "but the". Of a recording that misses more than
the clip's last second, a takeover that is not in it is ``recording_too_short``. Utterances as in ``utterance``, peaks as in
``core.peaks``, matching as in ``human_timing``, bits and chance as in ``backchannel_timing``.

================================  =====================================================================
``takeover_rate``                 1 if any utterance of the clip lasts 1.0 s
``backchannel_f1``                2 matched / (backchannels + peaks); corpus: sum / sum
``backchannel_f1_above_chance``   the same with matched - mean matched of 1,000 circular shifts
``backchannel_bits``              bits / backchannels; corpus: sum / sum
``backchannel_ceiling_share``     bits / what people would score for as many; corpus: sum / sum
``backchannel_rate_log2``         |log2 (backchannels / peaks)|; corpus: of the sums
================================  =====================================================================

Rates are per second of the user's speech, the model's and people's alike, so their ratio is that of the counts; people's is
the number of their peaks, all that a pooled distribution tells. None of these is to be read alone: "mm" 64 ms into every
silence has 1.34 of the ceiling, and a "yeah" every 2 s is as frequent as anybody. Lost seconds (of one turn that asks for
nothing) and sound: ``beside``.

Where the recording ends in what may yet be a takeover, and there is no other, ``takeover_rate`` is ``cut_off``. Words and
segments are believed as ``core.plausible`` says.

Empty cases: no backchannel: F1 and F1 above chance are 0, bits, share and amount N/A (``no_backchannel``). No human
distribution: all but the takeover N/A (``no_human_timing``); one without a peak: F1 and amount N/A (``no_human_peaks``). No
knowledge of the user's speech: F1 and amount stand, F1 above chance and bits do not. Neither prompt nor recording, only
segments: the takeover stands, over all of them; what needs the clip's length is ``audio_missing``.

Differences from upstream:

1. One takeover decides; upstream's last segment overwrites it (7 of 120 goldens: 1 becomes 0), so its rate is too low.
2. A region of 1 to 3 s is a takeover and no backchannel; upstream calls it both, so its frequency is too high.
3. Timing per event; upstream's distance between windows measures how many events there are.
4. Amount against people's; upstream's frequency is better the higher it is.
5. Replies after the prompt are not judged.

References: Full-Duplex-Bench v1.0, ``eval_backchannel`` at d7336bd.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.core.conversation import Sample
from fdbench.core.peaks import human_peaks
from fdbench.core.plausible import MISSED_S
from fdbench.core.score import Score, none_score
from fdbench.core.span import ROUNDING_S, Span
from fdbench.core.take_id import MAIN
from fdbench.scoring.backchannel_timing import shifted_middles, timing_bits
from fdbench.scoring.base import Needs, Prompts, Takes, failed, scored, speech_for
from fdbench.scoring.corrected.beside import BESIDE, score_lost, score_sound
from fdbench.scoring.corrected.conversation import CONVERSATION, score_conversation
from fdbench.scoring.corrected.latency import CUT_OFF, TOO_SHORT, user_bursts
from fdbench.scoring.corrected.lost_time import UserTurn
from fdbench.scoring.corrected.model_side import END_S, ModelSide, model_side_of
from fdbench.scoring.corrected.utterance import Utterance, is_short
from fdbench.scoring.human_timing import count_matches, is_distribution
from fdbench.scoring.requests import MODEL_LEVELS, MODEL_SPEECH, MODEL_WORDS, user_speech

F1: Final = "backchannel_f1"
F1_ABOVE_CHANCE: Final = "backchannel_f1_above_chance"
BITS: Final = "backchannel_bits"
CEILING_SHARE: Final = "backchannel_ceiling_share"
RATE_LOG2: Final = "backchannel_rate_log2"
BACKCHANNELS: Final = "backchannels_s"
CLIP: Final = "clip_s"
"""Details of a sample: where its backchannels lie, and how long was listened for them."""
_TIMING: Final = (F1, F1_ABOVE_CHANCE, BITS, CEILING_SHARE, RATE_LOG2)


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
    """Tell backchannels from takeovers, by their length alone.

    Args:
        utterances: The model's (``utterance.find_utterances``), s on the prompt's timeline.
        clip_s: Length of the clip; what begins after it is not judged. None = all of it is.
    """
    judged = [each.span for each in utterances if clip_s is None or each.span.start_s < clip_s]
    backchannels = tuple(span for span in judged if is_short(span))
    return BackchannelOutcome(backchannels, len(backchannels) < len(judged))


class Backchannel:
    """Backchannels as ``fdbench`` defines them."""

    version = 3
    metrics: tuple[str, ...] = ("takeover_rate", *_TIMING, *CONVERSATION, *BESIDE)

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (MODEL_SPEECH, MODEL_WORDS, MODEL_LEVELS, user_speech(prompts[MAIN]))}

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        model = model_side_of(takes)
        if isinstance(model, Absence):
            return failed(self.metrics, model)
        prompt_s = model.take.prompt_s
        clip_s = min((end_s for end_s in (prompt_s, model.recorded_s) if end_s is not None), default=None)
        if clip_s is not None and clip_s <= 0:
            return failed(self.metrics, Absence("audio_empty"))
        found = backchannel_outcome(model.utterances, clip_s)
        is_missed = prompt_s is not None and model.recorded_s is not None and model.recorded_s < prompt_s - MISSED_S
        takeover = scored("takeover_rate", found.has_takeover, **model.counts)
        if not found.has_takeover and is_missed:
            takeover = none_score("takeover_rate", TOO_SHORT)
        elif not found.has_takeover and _ends_in_speech(found, model):
            takeover = none_score("takeover_rate", CUT_OFF)
        user = user_bursts(sample, speech_for(model.take, user_speech(prompt_s)))
        timing = _score_timing(sample, found.backchannels, clip_s, user)
        long = [each for each in model.utterances if not is_short(each.span)]
        end_s = clip_s if clip_s is not None else max((each.span.end_s for each in long), default=0.0)
        turns = [UserTurn(Span(0.0, end_s), asks=False)]
        spans_s = [[each.start_s, each.end_s] for each in found.backchannels]
        return [
            replace(takeover, details={BACKCHANNELS: spans_s, CLIP: clip_s}),
            *timing,
            *score_conversation(turns, long, user, model),
            *score_lost(turns, long, model),
            score_sound(model.take),
        ]


def _ends_in_speech(found: BackchannelOutcome, model: ModelSide) -> bool:
    """What it had just begun to say when the recording ended may yet have become a takeover."""
    if model.recorded_s is None or model.take.right_censored is False or not found.backchannels:
        return False
    last = model.utterances[-1].span
    return last == found.backchannels[-1] and model.recorded_s - last.end_s <= END_S + ROUNDING_S


def _score_timing(
    sample: Sample, backchannels: Sequence[Span], clip_s: float | None, user: tuple[Span, ...] | Absence
) -> list[Score]:
    """Everything that compares with people."""
    if not is_distribution(sample.human_timing):
        return failed(_TIMING, Absence("bad_annotation" if sample.human_timing else "no_human_timing"))
    if clip_s is None:
        return failed(_TIMING, Absence("audio_missing"))
    clip = Span(0.0, clip_s)
    heard = () if isinstance(user, Absence) else [part for burst in user if (part := burst.clipped(clip)) is not None]
    middles_s = [span.middle_s for span in backchannels]
    peaks_s = [peak_s for peak_s in human_peaks(sample.human_timing) if peak_s < clip_s]
    return [
        *_score_matching(middles_s, peaks_s, heard, sample.id),
        *_score_bits(sample.human_timing, middles_s, heard, clip_s),
        _score_amount(len(backchannels), len(peaks_s)),
    ]


def _score_matching(middles_s: Sequence[float], peaks_s: Sequence[float], heard: Sequence[Span], sample_id: str) -> list[Score]:
    if not peaks_s:
        return failed((F1, F1_ABOVE_CHANCE), Absence("no_human_peaks"))
    n, total = len(middles_s), len(middles_s) + len(peaks_s)
    matched = int(count_matches(np.array([middles_s]), peaks_s)[0])
    f1 = scored(
        F1, 2 * matched / total, numerator=2 * matched, denominator=total, matched=matched, backchannels=n, peaks=len(peaks_s)
    )
    shifted = shifted_middles(middles_s, heard, sample_id)
    if shifted is None:
        return [f1, none_score(F1_ABOVE_CHANCE, "user_speech_unknown")]
    by_chance = float(count_matches(shifted, peaks_s).mean())
    above = 2 * (matched - by_chance)
    chance_f1 = 2 * by_chance / total
    return [f1, scored(F1_ABOVE_CHANCE, above / total, numerator=above, denominator=total, chance=chance_f1)]


def _score_bits(human_timing: Sequence[float], middles_s: Sequence[float], heard: Sequence[Span], clip_s: float) -> list[Score]:
    if not heard:
        return failed((BITS, CEILING_SHARE), Absence("user_speech_unknown"))
    found = timing_bits(human_timing, heard, middles_s, clip_s)
    if found is None:
        return failed((BITS, CEILING_SHARE), Absence("user_speech_unknown"))
    if not found.events:
        return failed((BITS, CEILING_SHARE), Absence("no_backchannel"))
    reachable = found.ceiling * found.events
    bits = scored(BITS, found.bits / found.events, numerator=found.bits, denominator=found.events, reachable=reachable)
    if reachable <= 0:
        return [bits, none_score(CEILING_SHARE, "no_human_peaks")]
    return [bits, scored(CEILING_SHARE, found.bits / reachable, numerator=found.bits, denominator=reachable)]


def _score_amount(n: int, n_human: int) -> Score:
    if not n_human:
        return none_score(RATE_LOG2, "no_human_peaks")
    if not n:
        return none_score(RATE_LOG2, "no_backchannel", numerator=0, denominator=n_human)
    return scored(RATE_LOG2, abs(math.log2(n / n_human)), numerator=n, denominator=n_human)
