"""A dialogue with an examiner, from times and words alone: does the model say what it is to say, and how do turns pass?

::

    user     |--T1--|..............|--T2--|.................|again T2|..........|closing|
    model    ........|---------|..............|-------|...............|-----|............
    goals             T1: met?                 T2: met?                T2: met?
                    ^^ floor transfer   ^^ break-in (the user was not done)    ^^^^ silence

Conventions: seconds on the call's timeline; bursts, utterances, takeovers and break-ins as in ``utterance`` and ``latency``.
The user's turns are the utterances of the detector's speech in the user's channel, less backchannels: those that the examiner
says are ones, and, where no examiner says anything about itself, those shorter than 1.0 s that begin while the model speaks.
Each turn asks for a reply, but the closing and what the call ends in. A *reply* is the first takeover from 0.3 s before a
turn's end on and before the next turn begins.

==============================  ============================================================================================
``goal_coverage_rate``          goals met / stages of the dialogue (``core.goal``), in the words that the recogniser heard while
                                the stage was on, in utterances that do not lie for the most part under what the examiner
                                says; a stage that was never reached was not met
``corrections_obeyed_rate``     the same of the stages that take something back
``entities_carried_rate``       the same of those that only refer to something named before
``declined_rate``               the same of requests to be declined
``floor_transfer_offset_s``     median over the turns with a reply: its onset less the turn's end
``no_reply_rate``               turns that ask and have no reply / turns that ask
``interruptions_made_rate``     turns into which the model breaks / turns of the user
``interrupted_rate``            turns of the user that begin while the model has the floor / turns of the user
``competing_overlap``           seconds of overlap, competitive and held (``overlap_kinds``), per minute of the user's speech
``long_silence_share``          of the time from the first word of the call to its last, what lies in silences over 2 s
``talk_share``                  the model's speech / both sides'
==============================  ============================================================================================

What a judge says of it stands beside all that (``dialogue_judged``).

Corpus: sums over sums, so that long dialogues count for more; the offset is the median over dialogues. Lost seconds as
everywhere.

Empty cases: no goals (a dialogue that was held elsewhere): ``no_goals``. Without a recogniser: ``no_words``. A model that never
speaks has no offset (``no_takeover``). A user who says nothing: ``user_speech_unknown``.

Differences from upstream: upstream's judge is asked for all of it, and sees when the model speaks and not when the user does.

References: Full-Duplex-Bench v2; Heldner & Edlund 2010, Pauses, gaps and overlaps in conversations (floor transfer offset).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import CORRECTED_VAD, DialogueQuestion, SpeechRequest, Verdict
from fdbench.core.conversation import Sample
from fdbench.core.dialogue import held_stages
from fdbench.core.event import CLOSING, EXAMINER_BACKCHANNEL, EXAMINER_SPEECH, STAGE_ENTERED
from fdbench.core.goal import Carried, Corrected, Declined, GoalOutcome, goal_met
from fdbench.core.score import Score, none_score
from fdbench.core.span import ROUNDING_S, Span, merged
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Needs, Prompts, Takes, failed, main_take, scored, speech_for
from fdbench.scoring.corrected.beside import BESIDE, score_lost, score_sound
from fdbench.scoring.corrected.conversation import COMPETING, score_overlap
from fdbench.scoring.corrected.lost_time import TERMINAL_OVERLAP_S, UserTurn
from fdbench.scoring.corrected.model_side import ModelSide, model_side_of
from fdbench.scoring.corrected.utterance import UTTERANCE_GAP_S, Utterance, find_bursts, is_short
from fdbench.scoring.corrected.yielding import ONSET_TOLERANCE_S
from fdbench.scoring.dialogue_judged import JUDGED, ask_about_dialogue, judged_scores, words_needed
from fdbench.scoring.requests import MODEL_LEVELS, MODEL_SPEECH, UNBOUNDED_S

LONG_SILENCE_S: Final = 2.0
USER_SPEECH: Final = SpeechRequest("user", None, CORRECTED_VAD)
_GOALS: Final = ("goal_coverage_rate", "corrections_obeyed_rate", "entities_carried_rate", "declined_rate")
_TURNS: Final = ("floor_transfer_offset_s", "no_reply_rate", "interruptions_made_rate", "interrupted_rate")
_FLOOR: Final = (COMPETING, "long_silence_share", "talk_share")


class Dialogue:
    """A dialogue as ``fdbench`` measures it."""

    version = 1
    metrics: tuple[str, ...] = (*_GOALS, *_TURNS, *_FLOOR, *BESIDE, *JUDGED)

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (MODEL_SPEECH, MODEL_LEVELS, USER_SPEECH, *words_needed(sample))}

    def needs_to_ask(self, sample: Sample, prompts: Prompts) -> Needs:
        return {}

    def question(self, sample: Sample, takes: Takes) -> DialogueQuestion | Verdict | Absence:
        return ask_about_dialogue(sample, takes)

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        take = main_take(takes)
        judged = failed(JUDGED, take) if isinstance(take, Absence) else judged_scores(verdict, is_bounded=True)
        return [*self._measured(sample, takes), *judged]

    def _measured(self, sample: Sample, takes: Takes) -> list[Score]:
        """What can be known without a judge."""
        measured = self.metrics[: -len(JUDGED)]
        take, model = main_take(takes), model_side_of(takes)
        if isinstance(take, Absence):
            return failed(measured, take)
        if isinstance(model, Absence):
            return failed(measured, model)
        speech = speech_for(take, USER_SPEECH)
        user = () if isinstance(speech, Absence) else find_bursts(speech.segments)
        if not user:
            return failed(measured, Absence("user_speech_unknown"))
        turns = user_turns(sample, user, model)
        takeovers = [each for each in model.utterances if each.is_takeover]
        return [
            *_score_goals(sample, model),
            *_score_turns(turns, takeovers),
            *_score_floor(user, model),
            *score_lost([turn.as_lost for turn in turns], takeovers, model),
            score_sound(take),
        ]


@dataclass(frozen=True, slots=True)
class ExaminerTurn:
    """A turn of the user's.

    Attributes:
        asks: It asks for a reply.
    """

    span: Span
    asks: bool

    @property
    def as_lost(self) -> UserTurn:
        return UserTurn(self.span, self.asks)


def user_turns(sample: Sample, user: Sequence[Span], model: ModelSide) -> list[ExaminerTurn]:
    """The turns of the user in order of time."""
    says_what_it_does = any(sample.of_kind(kind) for kind in EXAMINER_SPEECH)
    backchannels = [event.span for event in sample.of_kind(EXAMINER_BACKCHANNEL)]
    closings = [event.span for event in sample.of_kind(CLOSING)]
    turns = []
    for utterance in merged(user, UTTERANCE_GAP_S):
        if says_what_it_does:
            is_turn = not any(utterance.overlaps(each) for each in backchannels) or not is_short(utterance)
        else:
            is_turn = not (is_short(utterance) and _has_floor(model.utterances, utterance.start_s))
        if is_turn:
            turns.append(ExaminerTurn(utterance, asks=not any(utterance.overlaps(each) for each in closings)))
    if turns and not says_what_it_does and model.recorded_s is not None:  # what a call ends in waits for nothing
        last = turns[-1]
        turns[-1] = replace(last, asks=last.asks and model.recorded_s - last.span.end_s > LONG_SILENCE_S)
    return turns


def goal_outcomes(sample: Sample, model: ModelSide) -> Mapping[str, GoalOutcome]:
    """By stage, whether its goal is met in what the model says while the stage is on."""
    if sample.dialogue is None:
        return {}
    held = {each.name: each.span for each in held_stages(sample.events, UNBOUNDED_S)}
    lines = merged(
        event.span for event in sample.events if event.kind in EXAMINER_SPEECH and event.kind != EXAMINER_BACKCHANNEL
    )
    answers = [each for each in model.utterances if not _is_said_over(each.span, lines)]
    said = {name: [" ".join(each.words) for each in answers if on.contains(each.span.middle_s)] for name, on in held.items()}
    return {stage.name: goal_met(stage.goal, said.get(stage.name)) for stage in sample.dialogue.stages}


def _is_said_over(span: Span, lines: Sequence[Span]) -> bool:
    """Whether the most of it lies under what the examiner says: an echo is no answer, whatever it says."""
    under_s = sum(max(0.0, min(span.end_s, line.end_s) - max(span.start_s, line.start_s)) for line in lines)
    return under_s > span.duration_s / 2


def _score_goals(sample: Sample, model: ModelSide) -> list[Score]:
    if sample.dialogue is None or not sample.of_kind(STAGE_ENTERED):
        return failed(_GOALS, Absence("no_goals"))
    if not model.listened:
        return failed(_GOALS, Absence("no_words"))
    outcomes = goal_outcomes(sample, model)
    details = {"goals": {name: f"{outcome.state}: {outcome.why}" for name, outcome in outcomes.items()}}
    goals = [stage.goal for stage in sample.dialogue.stages]
    met = [outcomes[stage.name].is_met for stage in sample.dialogue.stages]
    kinds = (object, Corrected, Carried, Declined)
    scores = [
        _share(metric, [is_met for goal, is_met in zip(goals, met, strict=True) if isinstance(goal, kind)], "no_goals")
        for metric, kind in zip(_GOALS, kinds, strict=True)
    ]
    return [replace(scores[0], details=details), *scores[1:]]


def _score_turns(turns: Sequence[ExaminerTurn], takeovers: Sequence[Utterance]) -> list[Score]:
    offsets_s, answered, broken = [], [], []
    for index, turn in enumerate(turns):
        next_s = turns[index + 1].span.start_s if index + 1 < len(turns) else float("inf")
        first_s = turn.span.end_s - TERMINAL_OVERLAP_S - ROUNDING_S
        replies_s = [each.span.start_s for each in takeovers if first_s <= each.span.start_s < next_s]
        broken.append(any(turn.span.start_s - ROUNDING_S <= each.span.start_s < first_s for each in takeovers))
        if turn.asks:
            answered.append(bool(replies_s))
            offsets_s += [replies_s[0] - turn.span.end_s] if replies_s else []
    interrupted = [_has_floor(takeovers, turn.span.start_s) for turn in turns]
    offset = scored(_TURNS[0], statistics.median(offsets_s)) if offsets_s else none_score(_TURNS[0], "no_takeover")
    return [
        offset,
        _share(_TURNS[1], [not each for each in answered], "no_turn"),
        _share(_TURNS[2], broken, "no_turn"),
        _share(_TURNS[3], interrupted, "no_turn"),
    ]


def _has_floor(utterances: Sequence[Utterance], at_s: float) -> bool:
    """Whether one was going on before an instant, and goes on after it."""
    return any(
        each.span.start_s < at_s - ONSET_TOLERANCE_S and at_s + ONSET_TOLERANCE_S < each.span.end_s for each in utterances
    )


def _score_floor(user: Sequence[Span], model: ModelSide) -> list[Score]:
    both = merged((*user, *model.bursts))
    silences_s = [after.start_s - before.end_s for before, after in pairwise(both)]
    long_s = sum(silence_s for silence_s in silences_s if silence_s > LONG_SILENCE_S + ROUNDING_S)
    user_s = math.fsum(burst.duration_s for burst in user)
    model_s = sum(burst.duration_s for burst in model.bursts)
    return [
        score_overlap(user, model),
        _ratio(_FLOOR[1], long_s, both[-1].end_s - both[0].start_s),
        _ratio(_FLOOR[2], model_s, model_s + user_s),
    ]


def _share(metric: str, are: Sequence[bool], reason: str) -> Score:
    return _ratio(metric, sum(are), len(are)) if are else none_score(metric, reason)


def _ratio(metric: str, above: float, below: float) -> Score:
    if below <= 0:  # segments without length are no speech that anybody could speak over
        return none_score(metric, "user_speech_unknown")
    return scored(metric, above / below, numerator=above, denominator=below)
