"""User interruption: does the model stop when the user barges in, and does it answer?

::

    user   |--context--|..........|--interruption--|..................
    model  ...............|---------------|.............|------------|
                                  ^start  ^stop    ^end ^onset
                                  |-stop--|        |resp|

Conventions: seconds on the prompt's timeline; bursts and utterances as in ``utterance``. The model is *speaking at t* if a
burst covers t or starts at most 0.1 s after it. It *stops* where the first gap of at least 0.5 s begins between the
interruption's start and 1.0 s after its end, both included; speech that reaches the end of the recording (within 0.1 s) was
cut off, not ended, and silence that does is a gap whatever its length. Response latency is signed: negative = answered before
the user was done. Two decisions that the definitions leave open:

- "After the stop" regroups: the bursts that begin after it are grouped into utterances afresh, so that an answer less than
  1.0 s after the stop is an answer and no continuation of what was interrupted.
- Stop latency is the end of the burst going on at the interruption's start, although the stop that opens the gate may be a
  later one: a model that breathes for 0.4 s and goes on has fallen silent, and the gate alone asks for how long.

Gates first:

==========================  =============================  ==============================  ==============
                            not exercised (not speaking    talked through (no stop)        stopped
                            at the interruption's start)
==========================  =============================  ==============================  ==============
``not_exercised_rate``      1                              0                               0
``talked_through_rate``     N/A                            1                               0
``stop_latency_s``          N/A                            N/A                             measured
``response_latency_s``      N/A                            N/A                             measured
``..._not_exercised_s``     measured                       N/A ``exercised``               N/A
``takeover_rate``           takeover after the start       0                               after the stop
``no_response_rate``        no utterance after the start   N/A                             after the stop
==========================  =============================  ==============================  ==============

Stop latency = end of the burst that was going on at the interruption's start, minus that start. Response latency = onset of the
first utterance, of whatever kind, that begins after the stop (not exercised: at or after the interruption's start), minus the
interruption's end. Takeover = one of those utterances is a takeover, so that a model that talks through never gets credit.

A recording that ends too early to say (``recording_too_short``, an error): before the interruption does, or in speech or in
a silence of under 0.5 s before 1.0 s after it, and no answer until then: everything; later, and as ``latency`` says,
``no_response_rate`` and ``takeover_rate`` where there is no answer. Where the last answer is short, goes on to the recording's
end and no other is a takeover, ``takeover_rate`` and relevance are ``cut_off``. Words and segments are believed as
``core.plausible`` says.

Empty cases: no utterance there: both latencies are censored at the end of the recording (``no_reply``). Segments without a
recording: its end is unknown, so the last burst ended by itself, and a reply that never came is ``audio_missing``. Without a
transcript the timing still stands; takeover and relevance do not. No annotated interruption is an error.

Differences from upstream:

1. A model that never stops talking gets takeover 0 and no latency; upstream gives it 1 and about 0 s.
2. Stopping is measured; upstream does not measure it.
3. A clip in which nothing was interrupted is kept apart; upstream pools it.
4. Latency is signed and censored; upstream clips at 0, averages over takeovers only and crops at the prompt's end.

References: Full-Duplex-Bench v1.0, ``eval_user_interruption`` at d7336bd; stop latency after Full-Duplex-Bench v1.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fdbench.core.absence import Absence
from fdbench.core.annotation import RelevanceQuestion, Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import INTERRUPTION
from fdbench.core.plausible import FRAME_S
from fdbench.core.score import Score, none_score
from fdbench.core.span import ROUNDING_S, Span
from fdbench.core.speech import Transcript
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import (
    Needs,
    Prompts,
    Takes,
    believed_speech_for,
    believed_words_for,
    failed,
    main_take,
    scored,
)
from fdbench.scoring.corrected.latency import (
    CUT_OFF,
    TOO_SHORT,
    Reply,
    no_reply,
    recording_end_s,
    score_decision,
    score_latency,
)
from fdbench.scoring.corrected.model_side import cut_off_of
from fdbench.scoring.corrected.utterance import diagnose, find_bursts, find_utterances, text_in
from fdbench.scoring.relevance import ask_about, rate_reply
from fdbench.scoring.requests import MODEL_SPEECH, MODEL_WORDS

ONSET_TOLERANCE_S: Final = 0.1
"""A burst that starts this soon after an instant is going on at it; one that ends this close to the end was cut there."""
MIN_STOP_GAP_S: Final = 0.5
STOP_DEADLINE_S: Final = 1.0
"""How long after the interruption's end a stop may still begin."""

Gate = Literal["not_exercised", "talked_through", "stopped"]


@dataclass(frozen=True, slots=True)
class InterruptionOutcome:
    """What the model did with the floor when it was interrupted.

    Attributes:
        gate: Which one it fell through.
        stop_latency_s: Only if it stopped.
        after: Bursts among which the answer is looked for; empty if it talked through.
    """

    gate: Gate
    stop_latency_s: float | None
    after: tuple[Span, ...]


def burst_at(bursts: Sequence[Span], t_s: float) -> Span | None:
    """The burst that covers ``t_s``, else the first that starts at most 0.1 s after it."""
    return next((b for b in bursts if b.contains(t_s) or 0 <= b.start_s - t_s <= ONSET_TOLERANCE_S + ROUNDING_S), None)


def interruption_outcome(bursts: Sequence[Span], interruption: Span, recorded_s: float | None) -> InterruptionOutcome:
    """Gates: exercised at all, talked through, or stopped.

    Args:
        bursts: The model's, in order of time.
        interruption: The user's.
        recorded_s: Where the recording ends; None where nobody knows, which is taken for long after the last burst.

    Example:
        >>> interruption_outcome([Span(0.5, 3.4), Span(6.0, 8.0)], Span(3.0, 5.0), 12.0)
        InterruptionOutcome(gate='stopped', stop_latency_s=0.39..., after=(Span(start_s=6.0, end_s=8.0),))
    """
    going = burst_at(bursts, interruption.start_s)
    if going is None:
        after = tuple(burst for burst in bursts if burst.start_s >= interruption.start_s)
        return InterruptionOutcome("not_exercised", None, after)
    stop_s = _find_stop(bursts, interruption, recorded_s)
    if stop_s is None:
        return InterruptionOutcome("talked_through", None, ())
    after = tuple(burst for burst in bursts if burst.start_s >= stop_s)
    return InterruptionOutcome("stopped", going.end_s - interruption.start_s, after)


def _find_stop(bursts: Sequence[Span], interruption: Span, recorded_s: float | None) -> float | None:
    for index, burst in enumerate(bursts):
        if not interruption.start_s <= burst.end_s <= interruption.end_s + STOP_DEADLINE_S + ROUNDING_S:
            continue
        if index + 1 < len(bursts):
            is_stop = bursts[index + 1].start_s - burst.end_s >= MIN_STOP_GAP_S - ROUNDING_S
        else:
            is_stop = recorded_s is None or recorded_s - burst.end_s > ONSET_TOLERANCE_S + ROUNDING_S
        if is_stop:
            return burst.end_s
    return None


class Interruption:
    """User interruption as ``fdbench`` defines it."""

    version = 2
    metrics: tuple[str, ...] = (
        "takeover_rate",
        "response_latency_s",
        "response_latency_not_exercised_s",
        "no_response_rate",
        "stop_latency_s",
        "talked_through_rate",
        "not_exercised_rate",
        "relevance",
    )

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (MODEL_SPEECH, MODEL_WORDS)}

    def question(self, sample: Sample, takes: Takes) -> RelevanceQuestion | None:
        course = _course_of(sample, takes)
        if isinstance(course, Absence) or isinstance(course.transcript, Absence):
            return None
        answers = find_utterances(course.outcome.after, course.transcript.words)
        if not any(answer.is_takeover for answer in answers):
            return None
        return ask_about(sample, text_in(answers, course.transcript.words))

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        course = _course_of(sample, takes)
        if isinstance(course, Absence):
            return failed(self.metrics, course)
        reply = _first_answer(course)
        scores = _timing(course.outcome, reply)
        transcript = course.transcript
        if isinstance(transcript, Absence):
            scores += failed(("takeover_rate", "relevance"), transcript)
        else:
            answers = find_utterances(course.outcome.after, transcript.words)
            has_takeover = any(answer.is_takeover for answer in answers)
            counts = diagnose(course.bursts, transcript.words, transcript.dropped)
            if not has_takeover and cut_off_of(answers, course.recorded_s, course.right_censored):
                scores += failed(("takeover_rate", "relevance"), Absence(CUT_OFF))
            else:
                takeover = score_decision("takeover_rate", has_takeover, reply, **counts)
                scores += [takeover, rate_reply(has_takeover, verdict)]
        by_metric = {score.metric: score for score in scores}
        return [by_metric[metric] for metric in self.metrics]


@dataclass(frozen=True, slots=True)
class _Course:
    """What happened around the interruption, as far as detector and recogniser know."""

    interruption: Span
    prompt_s: float | None
    recorded_s: float | None
    right_censored: bool | None
    bursts: tuple[Span, ...]
    outcome: InterruptionOutcome
    transcript: Transcript | Absence


def _course_of(sample: Sample, takes: Takes) -> _Course | Absence:
    take = main_take(takes)
    if isinstance(take, Absence):
        return take
    interruptions = sample.of_kind(INTERRUPTION)
    if not interruptions:
        return Absence("no_interruption")
    speech = believed_speech_for(take, MODEL_SPEECH)
    if isinstance(speech, Absence):
        return speech
    interruption = interruptions[0].span
    recorded_s = recording_end_s(take, speech)
    bursts = find_bursts(speech.segments)
    outcome = interruption_outcome(bursts, interruption, recorded_s)
    if recorded_s is not None and _ends_too_early(outcome, bursts, interruption, recorded_s):
        return Absence(TOO_SHORT)
    transcript = believed_words_for(take, MODEL_WORDS)
    return _Course(interruption, take.prompt_s, recorded_s, take.right_censored, bursts, outcome, transcript)


def _ends_too_early(outcome: InterruptionOutcome, bursts: Sequence[Span], interruption: Span, recorded_s: float) -> bool:
    """Whether the recording ends before it could be seen what the model did with the interruption."""
    if recorded_s < interruption.end_s - FRAME_S:
        return not outcome.after
    is_going = bool(bursts) and recorded_s - bursts[-1].end_s < MIN_STOP_GAP_S - ROUNDING_S
    is_early = recorded_s < interruption.end_s + STOP_DEADLINE_S - FRAME_S
    return is_early and is_going and outcome.gate != "not_exercised" and not outcome.after


def _timing(outcome: InterruptionOutcome, reply: Reply) -> list[Score]:
    """Everything that needs no words."""
    not_exercised = scored("not_exercised_rate", outcome.gate == "not_exercised")
    if outcome.gate == "talked_through":
        return [
            not_exercised,
            scored("talked_through_rate", True),
            *failed(("response_latency_s", "stop_latency_s", "no_response_rate"), Absence("talked_through")),
            none_score("response_latency_not_exercised_s", "exercised"),
        ]
    no_response = score_decision("no_response_rate", reply.latency_s is None, reply)
    if outcome.stop_latency_s is None:
        return [
            not_exercised,
            no_response,
            *failed(("talked_through_rate", "stop_latency_s", "response_latency_s"), Absence("not_exercised")),
            score_latency("response_latency_not_exercised_s", reply),
        ]
    return [
        not_exercised,
        no_response,
        scored("talked_through_rate", False),
        scored("stop_latency_s", outcome.stop_latency_s),
        score_latency("response_latency_s", reply),
        none_score("response_latency_not_exercised_s", "exercised"),
    ]


def _first_answer(course: _Course) -> Reply:
    if course.outcome.gate == "talked_through":  # whatever came of it, it is no answer
        return Reply(None, "talked_through", None, False)
    if course.outcome.after:
        return Reply(course.outcome.after[0].start_s - course.interruption.end_s, "", None, False)
    return no_reply(course.interruption.end_s, course.recorded_s, prompt_s=course.prompt_s)
