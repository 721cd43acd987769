"""Did the model take the turn at its end, and how long did the user wait: signed, never clipped, right-censored.

::

    user   |------|....|-----------|..........................
    model  .|---|..............|-|..............|---------|...
            break-in       ^e - 0.3             ^onset
                                   |- latency --|

Conventions: seconds; e = the end of the user's turn, which begins with the prompt unless it is an interruption. A *reply* is
the first takeover that begins at or after e - 0.3 s; latency = its onset minus e, negative = before the user was done. A
takeover that begins earlier inside the turn is a *break-in*, whatever comes later (10 % of people's transitions in Switchboard
are earlier than that). *No response* = neither a reply nor a takeover going on at e.

==============================  =================================  ===============  ========
takeover                        latency                            takes the turn   break-in
==============================  =================================  ===============  ========
begins at or after e - 0.3      onset - e                          1                0
only before it, or nowhere      censored at the recording's end    0                1, 0
... recording ends in a reply   censored at its onset              censored         as above
recording ends before e + 1.0   not applicable                     not applicable   as above
... before e - 0.3              not applicable                     not applicable   1, or not applicable
==============================  =================================  ===============  ========

A recording that ends before e + 1.0 s says nothing about responding, whatever is in it (``recording_too_short``): to count
what it holds and leave out what it does not would count replies only. Just begun (``cut_off``): speech that is a backchannel
as far as it goes, and goes on to the recording's end. A takeover that goes on then has begun.

*Content onset* = the first burst of the reply that is not listed phrases only (``utterance``), or of a takeover after it.

Empty cases: the user's speech comes from the detector; where it found none or there is no prompt, from the words of the
user's transcript; where that is missing too, ``user_speech_unknown``. The end of the recording is where the searched
audio ends if nothing else says so; where segments came without a recording it is unknown, and a reply that never came
has no time to be censored at: ``audio_missing``.

Differences from upstream:

1. Signed; upstream clips at 0. On the 77 takeovers of the golden turns, 34 are negative.
2. Speech before e - 0.3 s is no reply; upstream counts a model that talks all the time as latency 0.
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
from fdbench.core.plausible import LISTENING_S
from fdbench.core.score import Score, none_score
from fdbench.core.span import ROUNDING_S, Span
from fdbench.scoring.base import scored
from fdbench.scoring.corrected.lost_time import TERMINAL_OVERLAP_S
from fdbench.scoring.corrected.utterance import Utterance, find_bursts, timed

TOO_SHORT: Final = "recording_too_short"
CUT_OFF: Final = "cut_off"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the search for a reply found.

    Attributes:
        latency_s: Signed, or None where no reply was found.
        reason: Why there is no latency; empty where there is one.
        censored_at_s: How long after the turn's end the recording went on; only where the reply is censored.
        has_break_in: The model took the turn before 0.3 s before its end.
        is_going_on: A takeover was going on at the turn's end.
        undecided: Why nobody knows whether there was a reply; empty where it is known.
        undecided_break_in: Why nobody knows whether there was a break-in; empty where it is known.
    """

    latency_s: float | None
    reason: str
    censored_at_s: float | None
    has_break_in: bool = False
    is_going_on: bool = False
    undecided: str = ""
    undecided_break_in: str = ""

    @property
    def is_no_response(self) -> bool:
        return self.latency_s is None and not self.is_going_on


def find_reply(
    takeovers: Iterable[Span],
    turn_end_s: float,
    recorded_s: float | None,
    cut_off: Span | None = None,
    turn_start_s: float = 0.0,
) -> Reply:
    """The first takeover at or after ``turn_end_s`` - 0.3 s.

    Args:
        takeovers: In any order, seconds on the prompt's timeline.
        turn_end_s: Where the user's turn ends.
        recorded_s: Where the recording ends, None where nobody knows; a reply not begun by then is censored.
        cut_off: What the model had just begun to say when the recording ended.
        turn_start_s: Where the user's turn begins; what the model began before is no break-in into it.
    """
    spans = sorted(takeovers)
    first_s = turn_end_s - TERMINAL_OVERLAP_S - ROUNDING_S
    has_break_in = any(turn_start_s - ROUNDING_S <= span.start_s < first_s for span in spans)
    is_going_on = any(span.start_s <= turn_end_s < span.end_s for span in spans)
    undecided_break_in = TOO_SHORT if not has_break_in and recorded_s is not None and recorded_s < first_s else ""

    def reply(latency_s: float | None, reason: str = "", censored_at_s: float | None = None, undecided: str = "") -> Reply:
        return Reply(latency_s, reason, censored_at_s, has_break_in, is_going_on, undecided, undecided_break_in)

    if recorded_s is not None and recorded_s < turn_end_s + LISTENING_S - ROUNDING_S:
        return reply(None, TOO_SHORT, undecided=TOO_SHORT)
    onset_s = next((span.start_s for span in spans if span.start_s >= first_s), None)
    if onset_s is not None:
        return reply(onset_s - turn_end_s)
    if recorded_s is None:
        return reply(None, "audio_missing")
    if cut_off is not None and cut_off.start_s >= first_s:
        return reply(None, CUT_OFF, max(0.0, cut_off.start_s - turn_end_s), CUT_OFF)
    return reply(None, "no_reply", recorded_s - turn_end_s)


def content_latency(utterances: Iterable[Utterance], reply: Reply, turn_end_s: float, recorded_s: float | None) -> Reply:
    """The same reply with the latency of the first burst in it, or in a takeover after it, that has content."""
    if reply.latency_s is None:
        return reply
    onset_s = turn_end_s + reply.latency_s - ROUNDING_S
    takeovers = (each for each in utterances if each.is_takeover and each.span.start_s >= onset_s)
    onsets_s = (burst.span.start_s for each in takeovers for burst in each.bursts if burst.has_content)
    content_s = next(onsets_s, None)
    if content_s is not None:
        return Reply(content_s - turn_end_s, "", None)
    if recorded_s is None:
        return Reply(None, "audio_missing", None)
    return Reply(None, "no_reply", max(0.0, recorded_s - turn_end_s))


def score_decision(metric: str, answer: bool, undecided: str, **components: float) -> Score:
    """The score of a question; nobody knows the answer where it is undecided."""
    return none_score(metric, undecided) if undecided else scored(metric, answer, **components)


def score_latency(metric: str, reply: Reply) -> Score:
    """The score of a search; where the reply is censored, ``censored_at_s`` goes with it."""
    if reply.latency_s is not None:
        return scored(metric, reply.latency_s)
    if reply.censored_at_s is not None:
        return none_score(metric, reply.reason, censored_at_s=reply.censored_at_s)
    return none_score(metric, reply.reason)


def user_bursts(sample: Sample, detected: DetectedSpeech | Absence) -> tuple[Span, ...] | Absence:
    """When the user speaks: what the detector found, else the words of the user's transcript."""
    segments: Sequence[Span] = () if isinstance(detected, Absence) else detected.segments
    if not segments and sample.transcript is not None:
        segments = [Span(start_s, end_s) for start_s, end_s in timed(sample.transcript.words)]
    return find_bursts(segments) if segments else Absence("user_speech_unknown")


def recording_end_s(take: Annotations, searched: DetectedSpeech) -> float | None:
    """Where the model's recording ends on the timeline; None where only segments were given."""
    return take.recorded_s if take.recorded_s is not None else searched.duration_s
