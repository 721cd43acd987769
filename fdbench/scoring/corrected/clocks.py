"""The three clocks of a reply: when the server decided on it, when it arrived, and when it was heard.

::

    user     |------------|.............................
    decided               ...|D|                            the server begins a reply
    arrived                      |a|b|c|                    its audio comes, faster than it can be played
    played                       |--a--|--b--|--c--|        what a listener hears; the scores are about this one
             turn end ^   |- decided -|
                          |--- arrived -|

A listener hears what is played, so that clock is scored. The other two say where the time went: in the model (until it
decides), in the network and the synthesis (until it arrives), or in a queue (an answer to an interruption that has to wait
for what is still to be played).

Conventions: ``fdbench`` only, on the wall clock only. The reply is the one that ``response_latency_s`` measured (where nothing
was interrupted, ``response_latency_not_exercised_s``): the one that is playing at its onset. Times are those at which the
server's messages arrived here, so half of the network's round trip is in both.

============================================  ==============================================================
case                                          ``decided_latency_s``, ``arrived_latency_s``
============================================  ==============================================================
a reply was measured, and its times are told  time - end of the turn or interruption, signed
... but no reply is known to play there       not applicable, ``not_told``
no reply was measured                         as ``response_latency_s``: its status, reason and components
============================================  ==============================================================

``yield_latency_s``: the first decision to give way at or after the moment from which the interruption is heard (where nobody
is heard: the annotated one), minus that; none: not applicable, ``not_yielded``.

Differences from upstream: upstream has one clock, that of the file that its client wrote.
"""

from __future__ import annotations

from typing import Final

from fdbench.core.absence import Absence
from fdbench.core.annotation import Verdict
from fdbench.core.conversation import Sample
from fdbench.core.event import ARRIVED, DECIDED, INTERRUPTION, PLAYED, TURN_END, YIELDED, Event
from fdbench.core.score import Score, none_score
from fdbench.core.take_id import MAIN
from fdbench.scoring.base import NO_JUDGE, Needs, Prompts, Scorer, Takes, failed, main_take, scored, speech_for
from fdbench.scoring.corrected.interruption import Interruption
from fdbench.scoring.corrected.latency import user_bursts
from fdbench.scoring.corrected.turn import Turn
from fdbench.scoring.corrected.yielding import heard_interruption
from fdbench.scoring.requests import user_speech

LATENCIES: Final = ("response_latency_s", "response_latency_not_exercised_s")
ELSEWHERE: Final = ("exercised", "not_exercised")
"""Reasons that say: this reply is measured under the other name."""

ONSET_S: Final = 0.25
"""Speech begins so long after its audio does, at most: recordings of a voice begin with a breath."""


class ReplyClocks:
    """When the reply that was measured was decided on, and when it arrived."""

    version = 3
    metrics: tuple[str, ...] = ("decided_latency_s", "arrived_latency_s")

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return _behaviour(sample).needs(sample, prompts)

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        take = main_take(takes)
        if isinstance(take, Absence):
            return failed(self.metrics, take)
        scores = {score.metric: score for score in _behaviour(sample).score(sample, takes, NO_JUDGE)}
        measured = next((scores[name] for name in LATENCIES if name in scores and scores[name].value is not None), None)
        if measured is None or measured.value is None:
            own = next((scores[name] for name in LATENCIES if name in scores and scores[name].reason not in ELSEWHERE), None)
            own = own or scores[LATENCIES[0]]
            return [none_score(metric, own.reason, **own.components) for metric in self.metrics]
        end_s = _end_s(sample)
        reply = _playing_at(end_s + measured.value, take.model_events)
        times = [_time_of(kind, reply, take.model_events) for kind in (DECIDED, ARRIVED)]
        return [
            none_score(metric, "not_told") if time_s is None else scored(metric, time_s - end_s)
            for metric, time_s in zip(self.metrics, times, strict=True)
        ]


class YieldClock:
    """When the server decided to give way to an interruption."""

    version = 2
    metrics: tuple[str, ...] = ("yield_latency_s",)

    def needs(self, sample: Sample, prompts: Prompts) -> Needs:
        return {MAIN: (user_speech(prompts[MAIN]),)}

    def score(self, sample: Sample, takes: Takes, verdict: Verdict | Absence) -> list[Score]:
        take, interruptions = main_take(takes), sample.of_kind(INTERRUPTION)
        if isinstance(take, Absence):
            return failed(self.metrics, take)
        if not interruptions:
            return failed(self.metrics, Absence("no_interruption"))
        user = user_bursts(sample, speech_for(take, user_speech(take.prompt_s)))
        heard = None if isinstance(user, Absence) else heard_interruption(interruptions[0].span, user)
        start_s = (heard or interruptions[0].span).start_s
        yields = [each.span.start_s for each in take.model_events if each.kind == YIELDED and each.span.start_s >= start_s]
        return [scored("yield_latency_s", min(yields) - start_s) if yields else none_score("yield_latency_s", "not_yielded")]


def _behaviour(sample: Sample) -> Scorer:
    return Interruption() if sample.of_kind(INTERRUPTION) else Turn()


def _end_s(sample: Sample) -> float:
    """The end of the turn or interruption that was to be answered."""
    interruptions = sample.of_kind(INTERRUPTION)
    return interruptions[0].span.end_s if interruptions else sample.of_kind(TURN_END)[0].span.start_s


def _playing_at(onset_s: float, events: tuple[Event, ...]) -> str | None:
    """The reply whose audio plays at an onset."""
    playing = [e for e in events if e.kind == PLAYED and e.span.start_s - ONSET_S <= onset_s < e.span.end_s]
    return max(playing, key=lambda event: event.span.start_s).text if playing else None


def _time_of(kind: str, reply: str | None, events: tuple[Event, ...]) -> float | None:
    times = [event.span.start_s for event in events if event.kind == kind and event.text == reply]
    return min(times) if reply is not None and times else None
