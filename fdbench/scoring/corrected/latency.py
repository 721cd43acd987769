"""How long the user waits for a reply: signed, never clipped, right-censored where none came.

::

    user   |------|....|-----------|..........................
    model  ....................................|-------------|
                       ^search     ^turn       ^takeover
                        start       end         onset
                                   |- latency -|

Conventions: seconds; latency = onset of the first takeover at or after the search start, minus the end of the turn;
negative = began before the user was done. Search start = start of the user's last utterance (gaps of the user under
1.0 s closed), cut by the annotation: the user's speech ends with the annotated turn, and after an annotated pause a new
utterance begins.

==================================  ===============================  ========
takeover begins                     latency                          no reply
==================================  ===============================  ========
at or after the search start        onset - turn end                 0
only before it, or nowhere          censored at the recording's end  1
... recording ends too early        censored at the recording's end  error
... recording ends before the turn  error                            error
... recording ends in a reply       censored at its onset            censored
==================================  ===============================  ========

Too early (``recording_too_short``): less than 1.0 s after the turn's end, and more than 0.1 s before the prompt's, where the
prompt is no shorter. Just begun (``cut_off``): speech that is a backchannel as far as it goes, and goes on to the recording's
end; one that begins before the turn ends is ``recording_too_short``. What was observed stands, however short the recording.

A takeover that begins before the search start is an early start, whatever comes later. It is no reply even where it goes on
past the turn's end: the reply has then not begun when the recording ends, and the early start tells the case apart.

Empty cases: the user's speech comes from the detector; where it found none or there is no prompt, from the words of the
user's transcript; where that is missing too, ``user_speech_unknown``. The end of the recording is where the searched
audio ends if nothing else says so; where segments came without a recording it is unknown, and a reply that never came
has no time to be censored at: ``audio_missing``.

Differences from upstream:

1. Signed; upstream clips at 0. On the 77 takeovers of the golden turns, 34 are negative: the mean is 0.469 s, not 0.910 s.
2. Speech before the user's last utterance is no reply; upstream counts a model that talks all the time as latency 0.
3. The onset is the detector's; upstream's is the first word's start.
4. A reply that never comes is censored at the recording's end and pulls the median up; upstream drops it, and cuts the
   recording to the prompt, so that every late reply is lost and the mean is too low.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, DetectedSpeech
from fdbench.core.conversation import Sample
from fdbench.core.plausible import heard_until_s
from fdbench.core.score import Score, none_score
from fdbench.core.span import ROUNDING_S, Span, merged
from fdbench.scoring.base import scored
from fdbench.scoring.corrected.utterance import UTTERANCE_GAP_S, find_bursts, timed

TOO_SHORT: Final = "recording_too_short"
CUT_OFF: Final = "cut_off"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the search for a reply found.

    Attributes:
        latency_s: Signed, or None where no reply was found.
        reason: Why there is no latency; empty where there is one.
        censored_at_s: How long after the turn's end the recording went on; only where the reply is censored.
        has_early_start: The model took the turn before the search began.
        undecided: Why nobody knows whether there was a reply; empty where it is known.
    """

    latency_s: float | None
    reason: str
    censored_at_s: float | None
    has_early_start: bool
    undecided: str = ""


def find_reply(
    takeovers: Iterable[Span],
    search_start_s: float,
    turn_end_s: float,
    recorded_s: float | None,
    prompt_s: float | None = None,
    cut_off: Span | None = None,
) -> Reply:
    """The first takeover at or after ``search_start_s``.

    Args:
        takeovers: In any order, seconds on the prompt's timeline.
        search_start_s: Where the user's last utterance begins.
        turn_end_s: Where the user's turn ends.
        recorded_s: Where the recording ends, None where nobody knows; a reply not begun by then is censored.
        prompt_s: Length of the prompt, None where nobody knows; a recording that hears it to its end has heard enough.
        cut_off: What the model had just begun to say when the recording ended.
    """
    onsets_s = sorted(span.start_s for span in takeovers)
    has_early_start = any(onset_s < search_start_s for onset_s in onsets_s)
    onset_s = next((onset_s for onset_s in onsets_s if onset_s >= search_start_s), None)
    if onset_s is None:
        begun = cut_off if cut_off is not None and cut_off.start_s >= search_start_s else None
        return no_reply(turn_end_s, recorded_s, has_early_start, prompt_s, begun)
    return Reply(onset_s - turn_end_s, "", None, has_early_start)


def no_reply(
    turn_end_s: float,
    recorded_s: float | None,
    has_early_start: bool = False,
    prompt_s: float | None = None,
    cut_off: Span | None = None,
) -> Reply:
    """A reply not begun when the recording ended: censored there, as far as anybody knows where that is."""
    if recorded_s is None:
        return Reply(None, "audio_missing", None, has_early_start)
    if recorded_s < turn_end_s - ROUNDING_S or (cut_off is not None and cut_off.start_s < turn_end_s):
        return Reply(None, TOO_SHORT, None, has_early_start, TOO_SHORT)
    if cut_off is not None:
        return Reply(None, CUT_OFF, cut_off.start_s - turn_end_s, has_early_start, CUT_OFF)
    undecided = TOO_SHORT if recorded_s < heard_until_s(turn_end_s, prompt_s) else ""
    return Reply(None, "no_reply", max(0.0, recorded_s - turn_end_s), has_early_start, undecided)


def score_decision(metric: str, answer: bool, reply: Reply, **components: float) -> Score:
    """The score of a question that whether there was a reply answers; nobody knows where that is undecided."""
    return none_score(metric, reply.undecided) if reply.undecided else scored(metric, answer, **components)


def score_latency(metric: str, reply: Reply, **components: float) -> Score:
    """The score of a search; where the reply is censored, ``censored_at_s`` goes with it."""
    if reply.latency_s is not None:
        return scored(metric, reply.latency_s, **components)
    if reply.censored_at_s is not None:
        return none_score(metric, reply.reason, censored_at_s=reply.censored_at_s, **components)
    return none_score(metric, reply.reason, **components)


def user_bursts(sample: Sample, detected: DetectedSpeech | Absence) -> tuple[Span, ...] | Absence:
    """When the user speaks: what the detector found, else the words of the user's transcript."""
    segments: Sequence[Span] = () if isinstance(detected, Absence) else detected.segments
    if not segments and sample.transcript is not None:
        segments = [Span(start_s, end_s) for start_s, end_s in timed(sample.transcript.words)]
    return find_bursts(segments) if segments else Absence("user_speech_unknown")


def last_utterance_start_s(bursts: Iterable[Span], turn_end_s: float, pauses: Iterable[Span] = ()) -> float | None:
    """Where the user's last utterance begins; None where the user does not speak before ``turn_end_s``.

    Args:
        bursts: The user's, in any order.
        turn_end_s: The user's speech is cut here.
        pauses: Annotated pauses; an utterance does not reach across one that ends before the turn does.
    """
    resumed_s = max((pause.end_s for pause in pauses if pause.end_s < turn_end_s), default=float("-inf"))
    cut = [
        Span(max(burst.start_s, resumed_s), min(burst.end_s, turn_end_s))
        for burst in bursts
        if burst.start_s < turn_end_s and burst.end_s > resumed_s
    ]
    utterances = merged(cut, UTTERANCE_GAP_S)
    return utterances[-1].start_s if utterances else None


def recording_end_s(take: Annotations, searched: DetectedSpeech) -> float | None:
    """Where the model's recording ends on the timeline; None where only segments were given."""
    return take.recorded_s if take.recorded_s is not None else searched.duration_s
