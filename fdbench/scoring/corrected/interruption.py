"""User interruption: does the model stop when the user barges in, and does it answer?

::

    user       |--context--|..........|--interruption--|..................
    annotated                     |--------------------|
    model      ...............|-----------|..................|---------|
                                      ^start           ^end
                                      |---| stop ^s    |response|

Conventions: seconds on the prompt's timeline; bursts and utterances as in ``utterance``. The interruption starts where the
user is heard in the annotated span, and ends where that does. The model is *speaking at t* if a burst covers t or starts at
most 0.1 s after it. It *yields* if it falls silent at some s, the end of a burst, from the start to the deadline max(end,
start + 1.5 s), and stays silent until the end - 0.3 s; where s lies less than 1.0 s before the end, or after it, the silence
lasts 1.0 s or more. A silence of 0.5 to 1.0 s there is talked through and counted (``undecided_rate``). Speech that reaches
the end of the recording (within 0.1 s) was cut off, not ended. Bursts after s are grouped into utterances afresh, so that an
answer less than 1.0 s after it is an answer and no continuation. Signed: a negative response latency answers before the user
was done.

Gates first:

==========================  =============================  ==================================  ==============
                            not exercised (not speaking    talked through                      yielded
                            at the interruption's start)
==========================  =============================  ==================================  ==============
``not_exercised_rate``      1                              0                                   0
``talked_through_rate``     N/A                            1                                   0
``undecided_rate``          N/A                            1 if it was silent for 0.5-1.0 s    0
``stop_latency_s``          N/A                            censored at the deadline            s - start
``takeover_rate``           N/A                            0                                   takeover after s
``response_latency_s``      N/A                            N/A                                 that - end
``no_response_rate``        no takeover from the end - 0.3 s on and none going on at the end
``..._not_exercised...``    as an ordinary turn            N/A ``exercised``                   N/A
==========================  =============================  ==================================  ==============

An ordinary turn: ``latency``, with the interruption for the turn and the model's bursts from its start on. Heard for less than
1.5 s: ``talked_through_rate``, ``undecided_rate`` and ``stop_latency_s`` are ``too_short``; the response is judged, after s
where it yielded, else after the utterance that was going on. ``context_answered_rate``: a takeover begins from 0.3 s before
the user's last speech before the interruption ends, to the start. What cannot be told here: yielding from finishing or
breathing.

A recording that ends before it could be seen is ``recording_too_short``: before the deadline in speech, before the silence
is long enough; and for responses as in ``latency``. Where the last answer is short and goes on to the recording's end, and no
other is a takeover, the response is ``cut_off``. Words and segments are believed as ``core.plausible`` says.

Empty cases: no takeover there: the latencies are censored at the end of the recording (``no_reply``). Segments without a
recording: its end is unknown, so the last burst ended by itself, and a reply that never came is ``audio_missing``. Without a
transcript the gates stand; what asks for takeovers does not. Nobody heard in the annotated span, though elsewhere:
``interruption_not_heard``. Nothing known of the user's speech: the annotated span stands, and there is no context. No annotated
interruption is an error.

Differences from upstream:

1. A model that never stops talking gets takeover 0 and no latency; upstream gives it 1 and about 0 s.
2. Stopping is measured; upstream does not measure it.
3. A clip in which nothing was interrupted is kept apart; upstream pools it.
4. Latency is signed and censored; upstream clips at 0, averages over takeovers only and crops at the prompt's end.

References: Full-Duplex-Bench v1.0, ``eval_user_interruption`` at d7336bd; stop latency after Full-Duplex-Bench v1.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Annotations, RelevanceQuestion, Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import INTERRUPTION
from fdbench.core.score import Score, none_score
from fdbench.core.span import ROUNDING_S, Span
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import (
    Needs,
    Prompts,
    Takes,
    believed_speech_for,
    failed,
    main_take,
    scored,
    speech_for,
)
from fdbench.scoring.corrected.beside import BESIDE, LOST, LOST_WORDED, score_lost, score_sound
from fdbench.scoring.corrected.conversation import CONVERSATION, score_conversation
from fdbench.scoring.corrected.latency import (
    TOO_SHORT,
    Reply,
    find_reply,
    recording_end_s,
    score_decision,
    score_latency,
    user_bursts,
)
from fdbench.scoring.corrected.lost_time import TERMINAL_OVERLAP_S, UserTurn
from fdbench.scoring.corrected.model_side import ModelSide, cut_off_of, model_side_of
from fdbench.scoring.corrected.utterance import Utterance, find_bursts, find_utterances, text_in
from fdbench.scoring.corrected.yielding import (
    InterruptionOutcome,
    after_what_was_going_on,
    heard_interruption,
    interruption_outcome,
)
from fdbench.scoring.relevance import ask_about, rate_reply
from fdbench.scoring.requests import MODEL_LEVELS, MODEL_SPEECH, MODEL_WORDS, user_speech

_GATES: Final = ("stop_latency_s", "talked_through_rate", "undecided_rate", "not_exercised_rate")
_ANSWERS: Final = ("takeover_rate", "response_latency_s", "no_response_rate")
_APART: Final = ("takeover_not_exercised_rate", "response_latency_not_exercised_s", "break_in_not_exercised_rate")
_CONTEXT: Final = "context_answered_rate"


class Interruption:
    """User interruption as ``fdbench`` defines it."""

    version = 4
    metrics: tuple[str, ...] = (*_ANSWERS, *_GATES, *_APART, _CONTEXT, "relevance", *CONVERSATION, *BESIDE)

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (MODEL_SPEECH, MODEL_WORDS, MODEL_LEVELS, user_speech(prompts[MAIN]))}

    def needs_to_ask(self, sample: Sample, prompts: Prompts) -> Needs:
        return {}

    def question(self, sample: Sample, takes: Takes) -> RelevanceQuestion | None:
        course = _course_of(sample, takes)
        if isinstance(course, Absence) or isinstance(course.model, Absence):
            return None
        answers = _answers(course, course.model)
        if not any(answer.is_takeover for answer in answers):
            return None
        return ask_about(sample, text_in(answers, course.model.words))

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        course = _course_of(sample, takes)
        if isinstance(course, Absence):
            return failed(self.metrics, course)
        scores = [*_score_gates(course.outcome)]
        if isinstance(course.model, Absence):
            scores += failed((*_ANSWERS, *_APART, _CONTEXT, "relevance", *CONVERSATION, LOST, LOST_WORDED), course.model)
        else:
            scores += _score_answers(course, course.model, verdict)
        scores.append(score_sound(course.take))
        by_metric = {score.metric: score for score in scores}
        return [by_metric[metric] for metric in self.metrics]


@dataclass(frozen=True, slots=True)
class _Course:
    """What happened around the interruption, as far as detector and recogniser know.

    Attributes:
        interruption: From where it is heard.
        context_end_s: Where the user's last speech before it ends; None where the user said nothing before; or why
            nobody knows.
        user: Bursts of the user's speech, or why nothing is known of it.
        model: The model's side; without a transcript, why there is none.
    """

    take: Annotations
    interruption: Span
    context_end_s: float | Absence | None
    recorded_s: float | None
    bursts: tuple[Span, ...]
    outcome: InterruptionOutcome
    user: tuple[Span, ...] | Absence
    model: ModelSide | Absence


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
    user = user_bursts(sample, speech_for(take, user_speech(take.prompt_s)))
    heard = () if isinstance(user, Absence) else user
    annotated = interruptions[0].span
    interruption = heard_interruption(annotated, heard) if heard else annotated
    if interruption is None:
        return Absence("interruption_not_heard")
    recorded_s = recording_end_s(take, speech)
    bursts = find_bursts(speech.segments)
    outcome = interruption_outcome(bursts, interruption, recorded_s)
    before_s = [burst.end_s for burst in heard if burst.end_s <= interruption.start_s]  # not one that goes on into it
    context_end_s = user if isinstance(user, Absence) else max(before_s, default=None)
    return _Course(take, interruption, context_end_s, recorded_s, bursts, outcome, user, model_side_of(takes))


def _score_gates(outcome: InterruptionOutcome) -> list[Score]:
    """Everything that needs no words."""
    if outcome.gate == "not_exercised":
        return [scored("not_exercised_rate", True), *failed(_GATES[:3], Absence("not_exercised"))]
    if outcome.gate == "unseen":
        return failed(_GATES, Absence(TOO_SHORT))
    not_exercised = scored("not_exercised_rate", False)
    if not outcome.is_judged:
        return [not_exercised, *failed(_GATES[:3], Absence("too_short"))]
    if outcome.gate == "unknown":
        return [not_exercised, *failed(_GATES[:3], Absence(TOO_SHORT))]
    if outcome.stop_latency_s is None:
        stop = none_score("stop_latency_s", "no_stop", censored_at_s=outcome.deadline_s)
    else:
        stop = scored("stop_latency_s", outcome.stop_latency_s)
    has_talked_through = outcome.gate == "talked_through"
    through = scored("talked_through_rate", has_talked_through)
    return [not_exercised, through, scored("undecided_rate", outcome.is_undecided), stop]


def _bursts_after(course: _Course) -> tuple[Span, ...]:
    """Those among which the answer is looked for."""
    if not course.outcome.is_judged and course.outcome.gate in ("talked_through", "unknown"):
        return after_what_was_going_on(course.bursts, course.interruption.start_s)
    return course.outcome.after


def _answers(course: _Course, model: ModelSide) -> tuple[Utterance, ...]:
    """What may be an answer: utterances after the stop; where nothing was interrupted, from 0.3 s before the end on."""
    utterances = find_utterances(_bursts_after(course), model.words)
    if course.outcome.gate != "not_exercised":
        return utterances
    first_s = course.interruption.end_s - TERMINAL_OVERLAP_S - ROUNDING_S
    return tuple(each for each in utterances if each.span.start_s >= first_s)


def _score_answers(course: _Course, model: ModelSide, verdict: Verdict | Absence) -> list[Score]:
    """Everything about takeovers."""
    outcome, interruption = course.outcome, course.interruption
    utterances = find_utterances(_bursts_after(course), model.words)
    cut_off = cut_off_of(utterances, course.recorded_s, course.take.right_censored)
    takeovers = [each.span for each in utterances if each.is_takeover]
    if outcome.gate == "not_exercised":
        reply = find_reply(takeovers, interruption.end_s, course.recorded_s, cut_off, interruption.start_s)
    else:
        reply = _reply_after_stop(takeovers, interruption, course.recorded_s, cut_off)
    is_answered = reply.latency_s is not None
    undecided = reply.undecided
    if outcome.is_judged and outcome.gate == "talked_through":
        reply, is_answered, undecided = Reply(None, "talked_through", None), False, ""
    elif outcome.gate == "unseen" or (outcome.is_judged and outcome.gate == "unknown"):
        reply, undecided = Reply(None, TOO_SHORT, None), TOO_SHORT
    takeover = score_decision("takeover_rate", is_answered, undecided, **model.counts)
    relevance = none_score("relevance", undecided) if undecided else rate_reply(is_answered, verdict)
    if outcome.gate == "unseen":
        answers, apart = failed(("takeover_rate", "response_latency_s"), Absence(TOO_SHORT)), failed(_APART, Absence(TOO_SHORT))
    elif outcome.gate == "not_exercised":
        answers = failed(("takeover_rate", "response_latency_s"), Absence("not_exercised"))
        apart = [
            replace(takeover, metric=_APART[0]),
            score_latency(_APART[1], reply),
            score_decision(_APART[2], reply.has_break_in, reply.undecided_break_in),
        ]
    else:
        answers = [takeover, score_latency("response_latency_s", reply)]
        apart = failed(_APART, Absence("exercised"))
    no_response = score_decision("no_response_rate", _is_no_response(course, model, is_answered), undecided)
    return [*answers, *apart, no_response, _score_context(course, model), relevance, *_score_turns(course, model)]


def _reply_after_stop(takeovers: Sequence[Span], interruption: Span, recorded_s: float | None, cut_off: Span | None) -> Reply:
    """The first takeover after the stop, wherever it lies."""
    found = find_reply((), interruption.end_s, recorded_s, cut_off)
    if found.undecided == TOO_SHORT or not takeovers:
        return found
    return Reply(takeovers[0].start_s - interruption.end_s, "", None)


def _is_no_response(course: _Course, model: ModelSide, is_answered: bool) -> bool:
    end_s = course.interruption.end_s
    return not is_answered and not any(
        takeover.start_s >= end_s - TERMINAL_OVERLAP_S - ROUNDING_S or takeover.contains(end_s) for takeover in model.takeovers
    )


def _score_context(course: _Course, model: ModelSide) -> Score:
    """Whether the turn before the interruption was answered before it began."""
    if course.context_end_s is None:
        return none_score(_CONTEXT, "no_context")
    if isinstance(course.context_end_s, Absence):
        return failed((_CONTEXT,), course.context_end_s)[0]
    answer = Span(max(0.0, course.context_end_s - TERMINAL_OVERLAP_S - ROUNDING_S), course.interruption.start_s)
    is_answered = any(answer.contains(takeover.start_s) for takeover in model.takeovers)
    is_unseen = not is_answered and course.recorded_s is not None and course.recorded_s < answer.end_s
    return score_decision(_CONTEXT, is_answered, TOO_SHORT if is_unseen else "")


def _score_turns(course: _Course, model: ModelSide) -> list[Score]:
    if isinstance(course.context_end_s, Absence):
        return failed((*CONVERSATION, LOST, LOST_WORDED), course.context_end_s)
    turns = [UserTurn(course.interruption, asks=True)]
    if course.context_end_s is not None:
        turns.insert(0, UserTurn(Span(0.0, max(0.0, course.context_end_s)), asks=True))
    after = _bursts_after(course)
    before = course.bursts[: len(course.bursts) - len(after)]
    spoken = (*find_utterances(before, model.words), *find_utterances(after, model.words))
    takeovers = [each for each in spoken if each.is_takeover]
    return [*score_conversation(turns, takeovers, course.user, model), *score_lost(turns, takeovers, model)]
