"""Overlap: somebody speaks while the model does. Does it stop, does it answer, and would it have done so anyway?

::

    user        |--context--|..........|--overlap--|..................       clean twin: the same without the overlap
    model       ...............|-----------|.............|----------|
    clean model ...............|--------------------------|..........
                                       ^start      ^end
                                       |-stop-|    |response|

Conventions: seconds on the prompt's timeline; bursts, utterances, takeovers, "speaking at" and "falls silent" as in
``interruption``. The overlap starts where it is heard in the annotated span; where the detector hears nobody there (speech in
the background may be quieter than it takes), where it is annotated. A model that falls silent within 0.3 s of where its clean
twin does, for 1.0 s or more, had *finished*, so that a short overlap can be judged, too. The stop is where the sound ends,
not where the detector lets go of it some 0.07 s later: the last window of 10 ms above -50 dBFS, at most 0.25 s before. A
probe knows to the sample when it spoke, so its overlap is where it says.

==========================  ================  ==================  =================  ===========================
                            not speaking at   finished            talked through     yielded
                            the start
==========================  ================  ==================  =================  ===========================
``not_exercised_rate``      1                 0                   0                  0
``stop_rate``               N/A               N/A ``finished``    0                  1
``stop_latency_s``          N/A               N/A ``finished``    censored           s - start
``response_latency_s``      first takeover from the overlap's end - 0.3 s on, minus that end; none: censored
labels                      ``overlap_label``: what the first new stretch of speech is
adaptation                  ``overlap_voice``, where that is ``C_RESPOND``
==========================  ================  ==================  =================  ===========================

The response is that of ``latency`` with the overlap for the turn; where the model yielded, of what it says after that. To stop
is wanted where the user interrupts and nowhere else, and so is to respond (``wanted_rate``: ``C_RESPOND`` there, ``C_RESUME``
elsewhere).

Lost seconds (``lost_time``): the context asks for a reply. An interruption is a turn that asks for one. Anything else said over
the model is no turn of the user's with it, and asks for nothing: to talk on costs nothing; to reply to it costs one break, and
what is said of the reply over it; to fall silent costs the wait until the model speaks again, at most 5 s.

Probes: who speaks over the model does so at a set time after its onset, wherever that is; a model that never speaks is
``not_exercised`` in everything.

Empty cases: a model that is silent throughout is not exercised, its response censored and its label ``C_UNKNOWN``. No clean
twin: ``twin_missing`` for what needs it (stops, labels). Without a recogniser a new stretch has no label (``no_words``). A
recording that ends before it could be seen is ``recording_too_short``. No annotated overlap is an error; one that does not lie
in the prompt is ``bad_annotation``.

Differences from upstream: stop and response latency are those of the papers, at the overlap; the published script lists every
overlap of the file. A model that had finished has not stopped. Labels need no judge, and a judge's stand beside them.

References: Full-Duplex-Bench v1.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import RESPOND, RESUME, Annotations, BehaviourQuestion, LevelsRequest, Request, Verdict
from fdbench.core.behaviour import ASKING
from fdbench.core.conversation import Sample
from fdbench.core.event import OVERLAP
from fdbench.core.metric import VOICE_METRICS
from fdbench.core.score import Score, none_score
from fdbench.core.sound_beside import LOUD_DBFS
from fdbench.core.span import ROUNDING_S, Span
from fdbench.core.take_id import MAIN, TWIN
from fdbench.scoring.base import Needs, Prompts, Takes, believed_speech_for, failed, main_take, scored, speech_for
from fdbench.scoring.corrected.beside import BESIDE, LOST, LOST_WORDED, MIN_REPLY_WORDS, score_sound, undecided_wait
from fdbench.scoring.corrected.latency import TOO_SHORT, find_reply, recording_end_s, score_latency, user_bursts
from fdbench.scoring.corrected.lost_time import MAX_WAIT_S, TERMINAL_OVERLAP_S, LostTime, Takeover, UserTurn, lost_time
from fdbench.scoring.corrected.model_side import ModelSide, cut_off_of, model_side_of
from fdbench.scoring.corrected.utterance import Utterance, find_bursts, find_utterances
from fdbench.scoring.corrected.yielding import (
    MIN_STOP_S,
    InterruptionOutcome,
    heard_interruption,
    interruption_outcome,
)
from fdbench.scoring.overlap_label import (
    BY_RULE,
    JUDGED,
    ask_about,
    judged_scores,
    label_of,
    label_scores,
    user_transcripts_needed,
)
from fdbench.scoring.overlap_voice import voice_scores, with_voice
from fdbench.scoring.requests import MODEL_LEVELS, MODEL_SPEECH, MODEL_WORDS, user_speech

UNEXPOSED: Final = Absence("not_exercised")
"""Who waits for the model's onset to speak into has said nothing to one that never speaks."""
SAME_STOP_S: Final = 0.3
"""A model with the same seed falls silent where its clean twin does, but for the detector's edges."""
FINE_S: Final = 0.01
FINE_LEVELS: Final = LevelsRequest("model", FINE_S)
MOST_LATE_END_S: Final = 0.25
"""A detector lets go of a voice at most so long after its sound has ended."""
_STOPS: Final = ("stop_rate", "stop_latency_s")
_GATES: Final = ("not_exercised_rate", *_STOPS)
_RESPONSE: Final = "response_latency_s"
_WANTED: Final = "wanted_rate"
_JUDGED_WANTED: Final = "judged_wanted_rate"
_AGREEMENT: Final = "label_agreement_rate"


class Overlap:
    """What happens when voices overlap, as ``fdbench`` defines it.

    Args:
        behaviour: Which of the four.
    """

    version = 1
    metrics: tuple[str, ...] = (
        _WANTED, *BY_RULE, *_GATES, _RESPONSE, _JUDGED_WANTED, *JUDGED, _AGREEMENT, *BESIDE, *VOICE_METRICS,
    )  # fmt: skip

    def __init__(self, behaviour: str) -> None:
        self._asks = behaviour in ASKING
        self._wanted = RESPOND if self._asks else RESUME

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        of_both: tuple[Request, ...] = (MODEL_SPEECH, MODEL_WORDS)
        needs: Needs = dict.fromkeys(prompts, of_both)
        of_main = (*of_both, MODEL_LEVELS, FINE_LEVELS, user_speech(prompts[MAIN]))
        return with_voice({**needs, MAIN: of_main}, sample)

    def needs_to_ask(self, sample: Sample, prompts: Prompts) -> Needs:
        return dict.fromkeys(prompts, user_transcripts_needed(sample, MODEL_WORDS))

    def question(self, sample: Sample, takes: Takes) -> BehaviourQuestion | Absence:
        return ask_about(sample, takes, dict.fromkeys((MAIN, TWIN), MODEL_WORDS))

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        course = _course_of(sample, takes)
        if isinstance(course, Absence):
            scores = failed(self.metrics, course)
            if course == UNEXPOSED:
                scores = [scored(each.metric, True) if each.metric == _GATES[0] else each for each in scores]
            return scores
        judged = judged_scores(verdict)
        scores = [*_score_gates(course), *judged, score_sound(course.take)]
        label = _label(course)
        scores += failed((_WANTED, *BY_RULE), label) if isinstance(label, Absence) else self._by_rule(label)
        scores.append(self._judged_wanted(verdict, judged[0]))
        scores.append(_agreement(label, verdict, judged[0]))
        scores += voice_scores(sample, takes, label)
        if isinstance(course.model, Absence):
            scores += failed((_RESPONSE, LOST, LOST_WORDED), course.model)
        else:
            scores += [_score_response(course, course.model), *self._score_lost(course, course.model, label)]
        by_metric = {score.metric: score for score in scores}
        return [by_metric[metric] for metric in self.metrics]

    def _by_rule(self, label: str) -> list[Score]:
        return [scored(_WANTED, label == self._wanted), *label_scores(BY_RULE, label)]

    def _judged_wanted(self, verdict: Verdict | Absence, judged: Score) -> Score:
        if judged.value is None or isinstance(verdict, Absence):
            return none_score(_JUDGED_WANTED, judged.reason)
        return scored(_JUDGED_WANTED, verdict.label == self._wanted)

    def _score_lost(self, course: _Course, model: ModelSide, label: str | Absence) -> list[Score]:
        if isinstance(course.context_end_s, Absence):
            return failed((LOST, LOST_WORDED), course.context_end_s)
        turns = [UserTurn(course.overlap, asks=True)] if self._asks else []
        if course.context_end_s is not None:
            turns.insert(0, UserTurn(Span(0.0, course.context_end_s), asks=True))
        undecided = undecided_wait(turns, model)
        if undecided:
            return [none_score(LOST, undecided), none_score(LOST_WORDED, undecided)]
        takeovers = [each for each in (*course.utterances_before, *course.utterances_after) if each.is_takeover]
        spoken = [Takeover(each.span, tuple(burst.span for burst in each.bursts)) for each in takeovers]
        worded = [
            replace(each, ends_wait=len(said.words) >= MIN_REPLY_WORDS) for each, said in zip(spoken, takeovers, strict=True)
        ]
        found = []
        for metric, counted in ((LOST, spoken), (LOST_WORDED, worded)):
            lost = lost_time(turns, counted)
            if not self._asks:
                lost = _with_unasked(lost, course, counted, label)
            found.append(_scored_lost(metric, lost))
        return found if model.listened else [found[0], none_score(LOST_WORDED, "no_words")]


@dataclass(frozen=True, slots=True)
class _Course:
    """What happened around the overlap, as far as detector and recogniser know.

    Attributes:
        overlap: From where it is heard.
        context_end_s: Where the user's last speech before it ends; None where the user said nothing before; or why
            nobody knows.
        outcome: What the model did with the floor.
        has_finished: It fell silent where its clean twin does; or why that is not known.
        model, twin: The model's side of both calls, or why it is not known.
    """

    take: Annotations
    overlap: Span
    context_end_s: float | Absence | None
    recorded_s: float | None
    bursts: tuple[Span, ...]
    outcome: InterruptionOutcome
    has_finished: bool | Absence
    model: ModelSide | Absence
    twin: ModelSide | Absence

    @property
    def utterances_after(self) -> tuple[Utterance, ...]:
        """Grouped afresh behind the stop; where nothing was stopped, those that begin after the overlap does."""
        return find_utterances(self.outcome.after, () if isinstance(self.model, Absence) else self.model.words)

    @property
    def utterances_before(self) -> tuple[Utterance, ...]:
        before = self.bursts[: len(self.bursts) - len(self.outcome.after)]
        return find_utterances(before, () if isinstance(self.model, Absence) else self.model.words)


def _course_of(sample: Sample, takes: Takes) -> _Course | Absence:
    take = main_take(takes)
    if isinstance(take, Absence):
        return take
    overlaps = sample.of_kind(OVERLAP)
    if not overlaps:
        return Absence("no_overlap") if sample.reaction is None else UNEXPOSED
    speech = believed_speech_for(take, MODEL_SPEECH)
    if isinstance(speech, Absence):
        return speech
    user = user_bursts(sample, speech_for(take, user_speech(take.prompt_s)))
    heard = () if isinstance(user, Absence) else user
    annotated = overlaps[0].span
    overlap = annotated if sample.reaction is not None else heard_interruption(annotated, heard) or annotated
    recorded_s = recording_end_s(take, speech)
    bursts = find_bursts(speech.segments)
    outcome = _with_exact_stop(interruption_outcome(bursts, overlap, recorded_s), overlap, take)
    twin = model_side_of(takes, TWIN)
    before_s = [burst.end_s for burst in heard if burst.end_s <= annotated.start_s + ROUNDING_S]
    return _Course(
        take=take,
        overlap=overlap,
        context_end_s=user if isinstance(user, Absence) else max(before_s, default=None),
        recorded_s=recorded_s,
        bursts=bursts,
        outcome=outcome,
        has_finished=twin if isinstance(twin, Absence) else _has_finished(outcome, overlap, twin),
        model=model_side_of(takes),
        twin=twin,
    )


def _with_exact_stop(outcome: InterruptionOutcome, overlap: Span, take: Annotations) -> InterruptionOutcome:
    """The outcome with the stop where the sound ends, as far as its levels are known."""
    levels = take.levels.get(FINE_LEVELS)
    if outcome.stop_latency_s is None or not levels:
        return outcome
    let_go_s = overlap.start_s + outcome.stop_latency_s
    last = min(len(levels), round(let_go_s / FINE_S))
    first = max(0, last - round(MOST_LATE_END_S / FINE_S))
    ends_s = [(index + 1) * FINE_S for index in range(first, last) if levels[index] > LOUD_DBFS]
    if not ends_s:
        return outcome
    return replace(outcome, stop_latency_s=max(0.0, min(ends_s[-1], let_go_s) - overlap.start_s))


def _has_finished(outcome: InterruptionOutcome, overlap: Span, twin: ModelSide) -> bool | Absence:
    """Whether the clean twin falls silent where the model did, for as long as makes it a stop."""
    if outcome.stop_latency_s is None:
        return False
    stop_s = overlap.start_s + outcome.stop_latency_s
    if twin.recorded_s is not None and twin.recorded_s < stop_s + MIN_STOP_S - ROUNDING_S:
        return Absence(TOO_SHORT)
    ends = [burst for burst in twin.bursts if abs(burst.end_s - stop_s) <= SAME_STOP_S + ROUNDING_S]
    return any(
        not any(burst.end_s < other.start_s < burst.end_s + MIN_STOP_S - ROUNDING_S for other in twin.bursts) for burst in ends
    )


def _score_gates(course: _Course) -> list[Score]:
    outcome = course.outcome
    if outcome.gate == "unseen":
        return failed(_GATES, Absence(TOO_SHORT))
    if outcome.gate == "not_exercised":
        return [scored(_GATES[0], True), *failed(_STOPS, Absence("not_exercised"))]
    exercised = scored(_GATES[0], False)
    if outcome.gate == "unknown":
        return [exercised, *failed(_STOPS, Absence(TOO_SHORT))]
    if outcome.gate == "talked_through":
        return [exercised, scored(_STOPS[0], False), none_score(_STOPS[1], "no_stop", censored_at_s=outcome.deadline_s)]
    if isinstance(course.has_finished, Absence):
        return [exercised, *failed(_STOPS, course.has_finished)]
    if course.has_finished or outcome.stop_latency_s is None:
        return [exercised, *failed(_STOPS, Absence("finished"))]
    return [exercised, scored(_STOPS[0], True), scored(_STOPS[1], outcome.stop_latency_s)]


def _label(course: _Course) -> str | Absence:
    """By rule; where that needs what is not known, why there is none."""
    if course.outcome.gate in ("unseen", "unknown"):
        return Absence(TOO_SHORT)
    if course.outcome.gate == "talked_through":
        return label_of(True, None, ())
    if isinstance(course.model, Absence):
        return course.model
    stretch = next((each for each in course.utterances_after if each.is_takeover), None)
    if stretch is None:
        return label_of(False, None, ())
    if not course.model.listened:
        return Absence("no_words")
    if isinstance(course.twin, Absence):
        return course.twin
    since_s = next((each.span.start_s for each in course.twin.utterances if each.span.end_s > course.overlap.start_s), None)
    clean = [word.text for word in course.twin.words if since_s is not None and (word.start_s or 0.0) >= since_s - SAME_STOP_S]
    return label_of(False, stretch.words, clean)


def _agreement(label: str | Absence, verdict: Verdict | Absence, judged: Score) -> Score:
    if judged.value is None or isinstance(verdict, Absence):
        return none_score(_AGREEMENT, judged.reason)
    if isinstance(label, Absence):
        return none_score(_AGREEMENT, label.reason)
    return replace(scored(_AGREEMENT, label == verdict.label), details={"rule": label, "judge": verdict.label})


def _score_response(course: _Course, model: ModelSide) -> Score:
    """The first takeover from 0.3 s before the overlap's end on."""
    if course.outcome.gate == "unseen":
        return none_score(_RESPONSE, TOO_SHORT)
    end_s = course.overlap.end_s
    is_grouped_afresh = course.outcome.gate in ("yielded", "not_exercised")
    utterances = course.utterances_after if is_grouped_afresh else model.utterances
    cut_off = cut_off_of(utterances, course.recorded_s, course.take.right_censored)
    takeovers = [each.span for each in utterances if each.is_takeover]
    return score_latency(_RESPONSE, find_reply(takeovers, end_s, course.recorded_s, cut_off, course.overlap.start_s))


def _with_unasked(lost: LostTime, course: _Course, takeovers: Sequence[Takeover], label: str | Absence) -> LostTime:
    """What an overlap that asks for nothing adds: a reply to it is a break, and a silence for it is waited for."""
    wait_s, breaks, talked_s = lost.wait_s, lost.breaks, lost.talked_over_s
    replies = [each for each in takeovers if each.span.start_s >= course.overlap.start_s - ROUNDING_S]
    if label == RESPOND:
        breaks += 1
        until = Span(course.overlap.start_s, max(course.overlap.start_s, course.overlap.end_s - TERMINAL_OVERLAP_S))
        parts = (burst.clipped(until) for each in replies[:1] for burst in each.bursts)
        talked_s += sum(part.duration_s for part in parts if part is not None)
    stop_s = course.outcome.stop_latency_s
    if stop_s is not None and course.has_finished is False:
        silent_s = course.overlap.start_s + stop_s
        onsets_s = [each.span.start_s for each in takeovers if each.ends_wait and each.span.start_s >= silent_s - ROUNDING_S]
        wait_s += min([MAX_WAIT_S, *(onset_s - silent_s for onset_s in onsets_s)])
    return LostTime(wait_s, talked_s, breaks, max(1, lost.turns))


def _scored_lost(metric: str, lost: LostTime) -> Score:
    parts = {"wait_s": lost.wait_s, "talked_over_s": lost.talked_over_s, "breaks": lost.breaks}
    return scored(metric, lost.lost_s_per_turn, numerator=lost.lost_s, denominator=lost.turns, **parts)
