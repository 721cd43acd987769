"""The model hears itself: does it stop for its own voice, and does it answer itself?

::

    user   |-----|..............................................
    model  ........|##|......|##|......|##|......                 talks: its speech with gaps under 0.5 s closed
    echo   .........|==|......|==|......|==|.....                 what it hears of it
                    |-|       stops 0.5 s after it began to hear itself: it interrupted itself
                       |-----|  talks again although nobody else has spoken: it answered itself

A talk is *alone* where the user is silent from its beginning to its end. The model *interrupts itself* in a talk that is alone
and ends less than 1.0 s after its echo began. It *answers itself* with a talk that begins at most 3.0 s after the end of one
that is alone, with nobody else heard since that began. Where an echo is cancelled, the canceller has to learn the room: talks
that begin in the first 3.0 s of the model's own speech count as ``first``, the others as ``later``.

Conventions: ``fdbench`` only, in calls in which the model could hear itself; ``echo-none`` is such a call without an echo, and
says how often a model does the same for other reasons (a short answer is no interruption of itself). Seconds; speech is the
detector's.

===========================================  ===================  =============  ===========
talks, the echo 0.06 s later; user           interrupts itself    first, later   answers
===========================================  ===================  =============  ===========
none                                         n/a                  n/a, n/a       n/a
4.0-4.6                                      1                    1, n/a         0
4.0-14.0                                     0                    0, n/a         0
4.0-4.6, 5.2-5.8, 9.0-9.5                    1                    1, 1           1
4.0-9.0, 10.0-15.0                           0                    0, 0           1
4.0-9.0, 10.0-15.0; user 9.2-9.8             0                    0, 0           0
4.0-4.6; user 4.2-5.0                        n/a                  n/a, n/a       n/a
4.0-4.6, the recording ends at 4.6           n/a                  n/a, n/a       n/a
4.0-8.0, the recording ends at 8.0           0                    0, n/a         0
4.0-5.0 (0.94 s of echo), then 5.1-6.0       0 (one talk)         0, n/a         0
===========================================  ===================  =============  ===========

Empty cases: no talk that is alone: ``no_own_talk``; the user's speech is not known: ``user_speech_unknown``.

Differences from upstream: upstream knows of no echo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import OWN_ECHO
from fdbench.core.score import Score, none_score
from fdbench.core.span import ROUNDING_S, Span, merged
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import Needs, Prompts, Takes, believed_speech_for, failed, main_take, scored, speech_for
from fdbench.scoring.corrected.latency import recording_end_s, user_bursts
from fdbench.scoring.corrected.model_side import END_S
from fdbench.scoring.requests import MODEL_SPEECH, user_speech

SELF_INTERRUPTION: Final = (
    "self_interruption_rate", "first_self_interruption_rate", "later_self_interruption_rate",
)  # fmt: skip
SELF_ANSWER: Final = "self_answer_rate"
BETWEEN_TALKS_S: Final = 0.5
STOPS_S: Final = 1.0
ANSWERS_S: Final = 3.0
FIRST_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class OwnTalk:
    """A talk of the model that is alone.

    Attributes:
        is_cut: It interrupted itself.
        is_first: It begins in the first seconds of its own speech.
        is_answered: Its own next talk follows, and nobody else has spoken.
    """

    span: Span
    is_cut: bool
    is_first: bool
    is_answered: bool


def own_talks(speech: Sequence[Span], user: Sequence[Span], echo_s: float, recorded_s: float | None) -> tuple[OwnTalk, ...]:
    """The talks that are alone, in order of time; one that the recording's end cut short is none.

    Args:
        speech: The model's, s on the prompt's timeline.
        user: Where the user speaks.
        echo_s: How late the model hears itself.
        recorded_s: Where the recording ends; None where nobody knows.
    """
    talks = merged(speech, BETWEEN_TALKS_S)
    following = [*(later for _, later in pairwise(talks)), *([None] if talks else [])]
    found = []
    for talk, after in zip(talks, following, strict=True):
        heard_s = talk.end_s - talk.start_s - echo_s
        is_short = heard_s < STOPS_S - ROUNDING_S
        if is_short and recorded_s is not None and recorded_s - talk.end_s <= END_S + ROUNDING_S:
            continue
        if any(each.overlaps(talk) for each in user):
            continue
        is_answered = (
            after is not None
            and after.start_s - talk.end_s <= ANSWERS_S + ROUNDING_S
            and not any(each.overlaps(Span(talk.start_s, after.start_s)) for each in user)
        )
        is_first = talk.start_s - talks[0].start_s < FIRST_S - ROUNDING_S
        found.append(OwnTalk(talk, is_short and heard_s > 0, is_first, is_answered))
    return tuple(found)


class OwnEcho:
    """See above."""

    version = 1
    metrics: tuple[str, ...] = (*SELF_INTERRUPTION, SELF_ANSWER)

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (MODEL_SPEECH, user_speech(prompts[MAIN]))}

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        take = main_take(takes)
        if isinstance(take, Absence):
            return failed(self.metrics, take)
        speech = believed_speech_for(take, MODEL_SPEECH)
        user = user_bursts(sample, speech_for(take, user_speech(take.prompt_s)))
        for known in (speech, user):
            if isinstance(known, Absence):
                return failed(self.metrics, known)
        assert not isinstance(speech, Absence) and not isinstance(user, Absence)
        echo_s = next((each.span.duration_s for each in take.model_events if each.kind == OWN_ECHO), 0.0)
        talks = own_talks(speech.segments, user, echo_s, recording_end_s(take, speech))
        parts = talks, [each for each in talks if each.is_first], [each for each in talks if not each.is_first]
        return [
            *(_share(name, [each.is_cut for each in of_part]) for name, of_part in zip(SELF_INTERRUPTION, parts, strict=True)),
            _share(SELF_ANSWER, [each.is_answered for each in talks]),
        ]


def _share(metric: str, happened: Sequence[bool]) -> Score:
    if not happened:
        return none_score(metric, "no_own_talk")
    return scored(metric, any(happened), talks=len(happened), happened=sum(happened))
